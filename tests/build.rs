//! Writes the mended form of each refused program as a module: what the messages say to write has to compile.

#[path = "ui/right.rs"]
mod right;

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=ui/fail");
    println!("cargo::rerun-if-changed=ui/right.rs");
    let mut cases: Vec<_> = fs::read_dir("ui/fail")
        .expect("the refused programs are there")
        .map(|entry| entry.expect("a program can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    cases.sort();
    let mut modules = String::new();
    for case in cases {
        let source = fs::read_to_string(&case).expect("a program can be read");
        let name = case.file_stem().and_then(|name| name.to_str()).expect("a program has a name").replace('-', "_");
        write!(modules, "mod {name} {{\n{}}}\n\n", right::mended(&source)).expect("text can be written");
    }
    let folder = env::var("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&folder).join("mended.rs"), modules).expect("the modules can be written");
}
