//! Copies the supervisor's policy and its tests, once as they are and once for each mutant.

use std::path::{Path, PathBuf};
use std::{env, fs};

mod mutants;

use mutants::{MUTANTS, Mutant};

fn main() {
    let source = Path::new("../../controller-core/src/supervisor");
    println!("cargo::rerun-if-changed={}", source.join("policy").display());
    println!("cargo::rerun-if-changed={}", source.join("policy.rs").display());
    println!("cargo::rerun-if-changed=mutants.rs");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    copy(source, &out.join("policy_as_it_is"), None);
    let mut modules = module(&out, "policy_as_it_is");
    let mut finds = String::new();
    for (number, mutant) in MUTANTS.iter().enumerate() {
        let name = format!("mutant_{number}");
        copy(source, &out.join(&name), Some(mutant));
        modules += &module(&out, &name);
        finds += &format!("({:?}, {name}::find), ", mutant.name);
    }
    let text = format!(
        "{modules}\n/// What looks for a difference in each mutant.\nconst FINDS: &[(&str, Find)] = &[{finds}];\n"
    );
    fs::write(out.join("subjects.rs"), text).expect("the folder is there");
}

fn module(out: &Path, name: &str) -> String {
    format!("#[path = {:?}]\nmod {name};\n", out.join(name).join("mod.rs"))
}

/// The files of the room that a mutant is made of. What they leave unused is used in the room.
fn copy(source: &Path, to: &Path, mutant: Option<&Mutant>) {
    let mut done = mutant.is_none();
    let mut files = vec![PathBuf::from("rule.rs"), PathBuf::from("policy.rs"), PathBuf::from("policy/tests.rs")];
    for folder in ["policy", "policy/tests"] {
        let entries = fs::read_dir(source.join(folder)).expect("the room is there").flatten();
        let names =
            entries.filter(|entry| entry.path().is_file()).map(|entry| Path::new(folder).join(entry.file_name()));
        files.extend(names);
        fs::create_dir_all(to.join(folder)).expect("a folder can be made");
    }
    for file in files {
        let mut text = fs::read_to_string(source.join(&file)).expect("a source is text").replace("#[cfg(test)]\n", "");
        if let Some(mutant) = mutant.filter(|mutant| Path::new(mutant.file) == file) {
            let found = text.matches(mutant.from).count();
            assert!(found == 1, "mutant `{}`: {} has {found} times: {}", mutant.name, mutant.file, mutant.from);
            text = text.replace(mutant.from, mutant.to);
            done = true;
        }
        fs::write(to.join(&file), text).expect("a file can be written");
    }
    assert!(done, "a mutant names a file that is not there");
    let module = "#![allow(warnings, reason = \"a copy of a part of a room\")]\nmod policy;\nmod rule;\npub(crate) use policy::tests::find;\n";
    fs::write(to.join("mod.rs"), module).expect("a file can be written");
}
