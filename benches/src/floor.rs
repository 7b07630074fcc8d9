//! What no engine goes below: a thread that reads a watch's bytes, finds the ends of its lines and two annotations in
//! each, and keeps nothing. What it costs is the machine's, the kernel's and the server's.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use anyhow::Context as _;
use memchr::{memchr_iter, memmem};

use crate::subject::Options;
use crate::tally::Tally;

/// As much as a read may bring.
const ROOM: usize = 1 << 20;

/// Reads until the server ends.
pub fn read(options: &Options, tally: &Tally) -> anyhow::Result<()> {
    let address = options.server.trim_start_matches("http://").trim_end_matches('/');
    let kind = if options.configmaps { "configmaps" } else { "pods" };
    let query = "watch=true&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
    let mut stream = TcpStream::connect(address).with_context(|| format!("nobody listens on {address}"))?;
    write!(stream, "GET /api/v1/{kind}?{query} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\r\n")?;
    let marks = ["bench/at", "bench/event"].map(|key| memmem::Finder::new(&format!("\"{key}\":\"")).into_owned());
    let mut bytes = vec![0; ROOM];
    let mut filled = 0;
    loop {
        let read = match stream.read(&mut bytes[filled..]) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error).context("the watch broke off"),
        };
        let end = filled + read;
        let mut begin = 0;
        for newline in memchr_iter(b'\n', &bytes[filled..end]) {
            let line = &bytes[begin..filled + newline];
            begin = filled + newline + 1;
            // What frames the chunks are lines too; they name no change.
            let [at, event] = marks.each_ref().map(|mark| value(line, mark));
            if event.is_some() {
                tally.note(at, event);
            }
        }
        bytes.copy_within(begin..end, 0);
        filled = end - begin;
        anyhow::ensure!(filled < bytes.len(), "a line is longer than {ROOM} bytes");
    }
}

fn value<'a>(line: &'a [u8], mark: &memmem::Finder<'_>) -> Option<&'a str> {
    let rest = &line[mark.find(line)? + mark.needle().len()..];
    std::str::from_utf8(rest.split(|byte| *byte == b'"').next()?).ok()
}
