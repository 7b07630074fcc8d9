//! The plot of docs/performance.md: an SVG by hand, readable on light and on dark, and without a script.

use std::fmt::Write;

use crate::contender::Contender;
use crate::figure::{Figures, Spread};
use crate::report::number;
use crate::workload::what;

const WIDTH: u32 = 760;
/// Where bars begin: names stand before.
const LEFT: u32 = 210;
/// How long the longest bar is: numbers stand behind.
const LONGEST: f64 = 430.0;
const ROW: u32 = 24;
const BAR: u32 = 14;
const HEAD: u32 = 44;

/// Bars for one figure.
struct Panel {
    title: String,
    bars: Vec<(Contender, Spread)>,
}

/// CPU per event and memory per object, by subject. Its tones are between those of light and dark pages: not every
/// viewer tells an image which of the two it stands on.
pub fn svg(figures: &Figures) -> String {
    let panel = |workload, what: &'static str, title: &str| {
        let (case, bars) = bars(figures, workload, what)?;
        Some(Panel { title: format!("{title} ({case})"), bars })
    };
    let panels: Vec<_> = [
        panel("w2", what::CPU_EVENT, "CPU per firehose event, µs"),
        panel("w1", what::MEMORY_OBJECT, "Memory per cached object, KB"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let height: u32 = panels.iter().map(|panel| HEAD + ROW * panel.bars.len() as u32).sum::<u32>() + 16;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" font-family=\"system-ui, sans-serif\" font-size=\"13\">\n\
         <title>CPU per event and memory per object, by subject: shorter is better</title>\n\
         <style>\n\
         text {{ fill: #757d86 }} .title {{ font-weight: 600 }} .ours {{ fill: #2f81f7 }} .peer {{ fill: #8c959f }}\n\
         line {{ stroke: #c4680c; stroke-width: 1.5 }}\n\
         </style>\n"
    );
    let mut top = 0;
    for panel in &panels {
        draw(panel, top, &mut out);
        top += HEAD + ROW * panel.bars.len() as u32;
    }
    out += "</svg>\n";
    out
}

/// The subjects of the last case that the most of them have.
fn bars(figures: &Figures, workload: &str, what: &str) -> Option<(String, Vec<(Contender, Spread)>)> {
    let large = |case: &&str| case.contains("pod-large");
    let cases = figures.0.iter().filter(|f| f.workload == workload && f.what == what).map(|f| &*f.case);
    let cases = crate::figure::distinct(cases.filter(large));
    let of = |case: &str| -> Vec<_> {
        let spread = |c: Contender| Some((c, figures.spread(workload, case, c.name(), what)?));
        Contender::ALL.into_iter().filter_map(spread).collect()
    };
    let case = cases.into_iter().max_by_key(|case| of(case).len())?;
    Some((case.to_owned(), of(case)))
}

fn draw(panel: &Panel, top: u32, out: &mut String) {
    let greatest = panel.bars.iter().map(|(_, spread)| spread.most).fold(f64::MIN_POSITIVE, f64::max);
    let _ = writeln!(out, "<text class=\"title\" x=\"12\" y=\"{}\">{}</text>", top + 28, panel.title);
    for (index, (contender, spread)) in panel.bars.iter().enumerate() {
        let y = top + HEAD + ROW * index as u32;
        let length = |value: f64| value / greatest * LONGEST;
        let class = if contender.is_ours() { "ours" } else { "peer" };
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y}\" width=\"{:.1}\" height=\"{BAR}\" rx=\"2\"/>",
            LEFT - 8,
            y + 12,
            contender.name(),
            length(spread.median).max(1.0),
        );
        if spread.most > spread.least {
            let (from, to) = (f64::from(LEFT) + length(spread.least), f64::from(LEFT) + length(spread.most));
            let middle = y + BAR / 2;
            let _ = writeln!(out, "<line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle}\" y2=\"{middle}\"/>");
        }
        let behind = f64::from(LEFT) + length(spread.most) + 8.0;
        let _ = writeln!(out, "<text x=\"{behind:.1}\" y=\"{}\">{}</text>", y + 12, number(spread.median));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figure::Figure;

    #[test]
    fn bars_are_as_long_as_their_figures() {
        let figure = |subject: &str, round, value| Figure {
            workload: "w2".into(),
            case: "10000 pod-large".into(),
            subject: subject.into(),
            what: what::CPU_EVENT.into(),
            round,
            value,
        };
        let figures =
            Figures(vec![figure("lazy", 0, 10.0), figure("kube-runtime", 0, 80.0), figure("kube-runtime", 1, 120.0)]);
        let svg = svg(&figures);
        assert!(svg.contains(r#"class="ours" x="210" y="44" width="35.8""#), "{svg}");
        assert!(svg.contains(r#"class="peer" x="210" y="68" width="358.3""#), "{svg}");
        assert_eq!(svg.matches("<line").count(), 1, "one of them has a spread: {svg}");
        assert_eq!(svg.matches("<rect").count(), 2, "what was not measured has no bar: {svg}");
    }
}
