//! The questions of the fuzzer, put to each file of the corpus, to all of their beginnings, and to what is too large
//! to be kept.

use std::fs;
use std::path::Path;

use controller_fuzz::{frame, handle, scan_event, scan_list};

fn each_of(corpus: &str, ask: fn(&[u8])) {
    each_of_in_steps(corpus, 1, ask);
}

/// Of the beginnings, each so many bytes longer than the last.
fn each_of_in_steps(corpus: &str, step: usize, ask: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(corpus);
    let files = fs::read_dir(folder).expect("the corpus is there");
    let mut count = 0;
    for file in files {
        let path = file.expect("a file").path();
        let bytes = fs::read(&path).expect("a file");
        // A file of the corpus may end with a line end, and the line that it holds has none.
        ask(bytes.strip_suffix(b"\n").unwrap_or(&bytes));
        for end in (0..bytes.len()).step_by(step) {
            ask(&bytes[..end]);
        }
        count += 1;
    }
    assert!(count >= 3, "{count} files in {corpus}");
}

#[test]
fn lines_of_the_corpus() {
    each_of("scan_event", scan_event);
}

#[test]
fn lists_of_the_corpus() {
    each_of("scan_list", scan_list);
}

#[test]
fn chunks_of_the_corpus() {
    each_of("frame", frame);
}

#[test]
fn requests_of_the_corpus() {
    each_of_in_steps("handle", 7, handle);
}

/// Text of a length, with all that a scan could stumble over, as JSON writes it.
fn awkward(length: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(7);
    let pieces = ["{", "}", "[", "]", "\"", "\\", "name", "\n", "ü", ",", ":"];
    let mut text = String::with_capacity(length);
    while text.len() < length {
        text.push_str(pieces[rng.usize(..pieces.len())]);
    }
    serde_json::to_string(&text).expect("a text is JSON")
}

fn line(annotation: &str) -> String {
    format!(
        r#"{{"type":"MODIFIED","object":{{"metadata":{{"annotations":{{"a":{annotation}}},"name":"a","resourceVersion":"1","managedFields":[{{"f:x":{annotation}}}]}}}}}}"#
    )
}

#[test]
fn an_annotation_of_one_and_a_half_megabytes() {
    scan_event(line(&awkward(1_500_000)).as_bytes());
}

#[test]
fn a_line_of_sixteen_megabytes() {
    let line = line(&awkward(7 << 20));
    assert!(line.len() > 16 << 20);
    scan_event(line.as_bytes());
    frame(format!("\u{7f}{line}\nnext\n").as_bytes());
    scan_list(
        format!(r#"{{"items":[{{"metadata":{{"name":"a","resourceVersion":"1"}},"x":{}}}]}}"#, awkward(16 << 20))
            .as_bytes(),
    );
}
