//! How a refused program is mended: what its comments say to write in place of its lines.

/// What a comment says to write in place of the line above it; more of them are more lines.
pub(crate) fn to_write(line: &str) -> Option<String> {
    let right = line.trim_start().strip_prefix("//~ right:")?;
    let indent = &line[..line.len() - line.trim_start().len()];
    let right = right.strip_prefix(' ').unwrap_or(right);
    Some(if right.is_empty() { String::new() } else { format!("{indent}{right}") })
}

/// A refused program with the right lines in place of the wrong ones.
pub(crate) fn mended(source: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    for line in source.lines() {
        match to_write(line) {
            Some(right) => {
                if !goes_on {
                    lines.pop();
                }
                lines.push(right);
                goes_on = true;
            }
            None => {
                lines.push(without_marks(line).to_owned());
                goes_on = false;
            }
        }
    }
    lines.push(String::new());
    lines.join("\n")
}

/// A line as its author would have written it.
pub(crate) fn without_marks(line: &str) -> &str {
    line.split("//~").next().unwrap_or(line).trim_end()
}
