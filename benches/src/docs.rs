//! The blocks of docs/performance.md that a run writes: what stands between `<!-- bench: NAME -->` and `<!-- end -->`.

use std::path::Path;

use anyhow::Context;

/// Where the page and its plot are, from the root of the repository.
const FOLDER: &str = "docs";

/// Writes the blocks and the plot.
pub fn write(root: &Path, blocks: &[(&str, &str)], plot: &str) -> anyhow::Result<()> {
    let path = root.join(FOLDER).join("performance.md");
    let mut page = std::fs::read_to_string(&path).with_context(|| format!("{} can't be read", path.display()))?;
    for (name, content) in blocks {
        page = filled(&page, name, content).with_context(|| format!("{} has no block {name}", path.display()))?;
    }
    std::fs::write(&path, page)?;
    std::fs::write(root.join(FOLDER).join("performance.svg"), plot)?;
    Ok(())
}

/// The page with another content of the block. None if it has no such block.
pub fn filled(page: &str, name: &str, content: &str) -> Option<String> {
    let (before, rest) = page.split_once(&format!("<!-- bench: {name} -->\n"))?;
    let (_, after) = rest.split_once("<!-- end -->")?;
    Some(format!("{before}<!-- bench: {name} -->\n\n{}\n\n<!-- end -->{after}", content.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_replaced_and_the_rest_is_kept() {
        let page = "a\n<!-- bench: x -->\nold\n<!-- end -->\nb\n<!-- bench: y -->\n<!-- end -->\n";
        let once = filled(page, "x", "new").expect("there is a block");
        assert_eq!(once, "a\n<!-- bench: x -->\n\nnew\n\n<!-- end -->\nb\n<!-- bench: y -->\n<!-- end -->\n");
        assert_eq!(filled(&once, "x", "new").as_deref(), Some(&*once));
        assert_eq!(filled(page, "z", "new"), None);
    }

    #[test]
    fn the_page_has_the_blocks_that_a_run_writes() {
        let page = include_str!("../../docs/performance.md");
        for name in crate::command::BLOCKS {
            assert!(filled(page, name, "").is_some(), "no block {name}");
        }
    }
}
