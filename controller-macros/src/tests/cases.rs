//! The programs of `tests/ui` as tokens. The `tests` crate compiles them; here only the attribute runs.

#[path = "../../../tests/ui/right.rs"]
mod right;

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::message::Message;
use crate::path::{Dependency, in_manifest};

/// A refused program.
pub(super) struct Case {
    /// `misspelt-option`
    pub(super) name: String,
    pub(super) source: String,
    /// What the attribute says, and what it says on the way.
    pub(super) mistakes: Vec<Message>,
    pub(super) hints: Vec<Message>,
    /// What the compiler says, its own words included, where it was asked.
    pub(super) told: Option<String>,
}

impl Case {
    fn read(path: &Path) -> Case {
        let source = std::fs::read_to_string(path).expect("a case can be read");
        let (mut mistakes, mut hints) = (Vec::new(), Vec::new());
        for errors in expanded(&source) {
            mistakes.extend(errors.messages().cloned());
            hints.extend(errors.hints().iter().map(|hint| hint.message.clone()));
        }
        Case {
            name: path.file_stem().and_then(|name| name.to_str()).expect("a case has a name").to_owned(),
            told: std::fs::read_to_string(path.with_extension("stderr")).ok(),
            source,
            mistakes,
            hints,
        }
    }

    /// The program as its messages say to write it.
    pub(super) fn mended(&self) -> String {
        right::mended(&self.source)
    }

    /// The part of the program that is wrong, from its first wrong line to its last, with the whole of what these open
    /// and close, and the same part mended. Of `main` nothing, which only uses what is above it.
    pub(super) fn parts(&self) -> (Vec<String>, Vec<String>) {
        let lines: Vec<Line> = Line::all(&self.source);
        let wrong = |line: &Line| line.marked || line.right.is_some();
        let mut first = lines.iter().position(wrong).expect("a case has a mark");
        let last = lines.iter().rposition(wrong).expect("a case has a mark");
        let balance = |part: &[Line]| {
            let braces = |brace| part.iter().map(|line| line.text.matches(brace).count()).sum::<usize>();
            braces('{').cmp(&braces('}'))
        };
        while first > 0 && (first..=last).any(|end| balance(&lines[first..=end]).is_lt()) {
            first -= 1;
        }
        let end = (last..lines.len()).find(|end| balance(&lines[first..=*end]).is_le()).unwrap_or(last);
        let part = &lines[first..=end];
        let mended = part.iter().flat_map(|line| line.right.clone().unwrap_or_else(|| vec![line.text.clone()]));
        (part.iter().map(|line| line.text.clone()).collect(), mended.collect())
    }
}

/// A line of a program.
struct Line {
    text: String,
    marked: bool,
    /// What to write in its place.
    right: Option<Vec<String>>,
}

impl Line {
    /// The lines above `main`.
    fn all(source: &str) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        for line in source.lines().take_while(|line| !line.starts_with("fn main()")) {
            match right::to_write(line) {
                Some(right) => {
                    let above = lines.last_mut().expect("there is a line to write another for");
                    above.right.get_or_insert_default().push(right);
                }
                None => lines.push(Line {
                    text: right::without_marks(line).to_owned(),
                    marked: line.contains("//~"),
                    right: None,
                }),
            }
        }
        lines
    }
}

/// The mistakes in each attribute of a program.
pub(super) fn expanded(source: &str) -> Vec<crate::errors::Errors> {
    let manifest = source.lines().next().and_then(|line| line.strip_prefix("// Cargo.toml: "));
    let dependency = manifest.map_or(Dependency::Named, |line| in_manifest(&format!("[dependencies]\n{line}\n")));
    let attributes = attributes(source).into_iter();
    attributes.map(|(options, item)| crate::expansion(options, item, dependency.clone()).1).collect()
}

/// The refused programs.
pub(super) fn refused() -> Vec<Case> {
    files("fail").iter().chain(&files("manifest")).map(|path| Case::read(path)).collect()
}

/// The programs of a folder, in the order of their names.
pub(super) fn files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/ui").join(folder);
    let entries = std::fs::read_dir(folder).expect("the cases are there");
    let paths = entries.map(|entry| entry.expect("a case can be listed").path());
    let mut files: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|kind| kind == "rs")).collect();
    files.sort();
    files
}

/// The attributes in a program, each with its options and its item.
pub(super) fn attributes(source: &str) -> Vec<(TokenStream, TokenStream)> {
    let mut found = Vec::new();
    collect(source.parse().expect("a case has tokens"), &mut found);
    found
}

fn collect(tokens: TokenStream, found: &mut Vec<(TokenStream, TokenStream)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let TokenTree::Group(group) = token else { continue };
        let Some(options) = options(group) else {
            collect(group.stream(), found);
            continue;
        };
        let ends = |token: &TokenTree| match token {
            TokenTree::Punct(punct) => punct.as_char() == ';',
            TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
            _ => false,
        };
        let length = tokens[at..].iter().position(ends).map_or(tokens.len() - at, |last| last + 1);
        found.push((options, tokens[at..at + length].iter().cloned().collect()));
        at += length;
    }
}

/// The options in `[controller(options)]`.
fn options(attribute: &Group) -> Option<TokenStream> {
    let tokens: Vec<TokenTree> = attribute.stream().into_iter().collect();
    match tokens.as_slice() {
        _ if attribute.delimiter() != Delimiter::Bracket => None,
        [.., TokenTree::Ident(name)] if name == "controller" => Some(TokenStream::new()),
        [.., TokenTree::Ident(name), TokenTree::Group(list)] if name == "controller" => Some(list.stream()),
        _ => None,
    }
}
