//! Owns the page that shows an operator to people. It is drawn here, so it is whole without a script; the script only
//! puts a newer drawing in the place of the one before.
//!
//! Everything that comes from a cluster or a program goes through [`Text`], which leaves it no way to be markup.

use std::fmt::{self, Display, Write as _};
use std::time::Duration;

use super::report::Report;
use super::snapshot::{Controller, Node, Snapshot, State, Watch};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// More children of one supervisor are counted, not shown.
const SHOWN: usize = 200;

/// Text in a page, with what would be markup escaped.
struct Text<T>(T);

impl<T: Display> Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escape(f), "{}", self.0)
    }
}

struct Escape<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            match c {
                '&' => self.0.write_str("&amp;")?,
                '<' => self.0.write_str("&lt;")?,
                '>' => self.0.write_str("&gt;")?,
                '"' => self.0.write_str("&quot;")?,
                '\'' => self.0.write_str("&#39;")?,
                // A line of its own would end a line of a server-sent event.
                '\r' | '\n' => self.0.write_str(" ")?,
                c => self.0.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A time as people say it: its two largest parts.
struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        match secs {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..60 => write!(f, "{secs} s"),
            60..3_600 => write!(f, "{} min {} s", secs / 60, secs % 60),
            3_600..86_400 => write!(f, "{} h {} min", secs / 3_600, secs % 3_600 / 60),
            _ => write!(f, "{} d {} h", secs / 86_400, secs % 86_400 / 3_600),
        }
    }
}

/// The page, for somebody who comes to it.
pub(super) fn whole(snapshot: &Snapshot, report: Option<&Report>, nonce: &str) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let name = Text(&snapshot.operator);
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{name}</title>\n<link rel=\"icon\" href=\"data:,\">\n\
         <noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n\
         <style nonce=\"{nonce}\">\n{STYLE}</style>\n</head>\n<body>\n<main id=\"moving\">\n"
    );
    out.push_str(&moving_part(snapshot));
    out.push_str("</main>\n");
    if let Some(report) = report {
        // Within `pre` a new line is one, and no event carries this part.
        let lines: Vec<String> = report.to_string().lines().map(|line| Text(line).to_string()).collect();
        let _ = write!(out, "<h2>Start</h2>\n<div class=\"sheet\"><pre>{}</pre></div>\n", lines.join("\n"));
    }
    let _ = write!(
        out,
        "<footer><span id=\"link\" class=\"faint\"></span>\
         <a href=\"children\">children</a><a href=\"report\">report</a><a href=\"metrics\">metrics</a>\
         <a href=\"livez?verbose\">livez</a><a href=\"readyz?verbose\">readyz</a><a href=\"startupz?verbose\">startupz</a>\
         </footer>\n<script nonce=\"{nonce}\">\n{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

/// What changes while it is looked at.
pub(super) fn moving_part(snapshot: &Snapshot) -> String {
    let mut out = String::with_capacity(8 * 1024);
    let (class, word) = match snapshot.health {
        State::Starting => ("wait", "starting"),
        State::NotReady => ("wait", "not ready"),
        State::Ready => ("good", "ready"),
        State::Stopping => ("wait", "stopping"),
    };
    let _ = writeln!(
        out,
        "<header class=\"title\"><h1>{}</h1><span class=\"dot {class}\">{word}</span>\
         <span class=\"faint\">up for {}</span><span class=\"faint\">controller-core {}</span></header>",
        Text(&snapshot.operator),
        Span(snapshot.root.uptime.unwrap_or_default()),
        snapshot.version,
    );
    sums(&mut out, snapshot);
    tree(&mut out, &snapshot.root);
    watches(&mut out, &snapshot.watches);
    out
}

/// What all children of a tree come to.
#[derive(Default)]
struct Sums {
    children: usize,
    running: usize,
    restarts: u64,
    queued: usize,
    in_flight: usize,
    retrying: usize,
}

impl Sums {
    fn add(&mut self, children: &[Node]) {
        for node in children {
            self.children += 1;
            self.running += usize::from(node.state == "running");
            self.restarts += node.restarts;
            if let Some(work) = node.controller.as_ref().and_then(|controller| controller.work.as_ref()) {
                self.queued += work.queue_depth;
                self.in_flight += work.in_flight.len();
                self.retrying += work.retrying;
            }
            self.add(node.children.as_deref().unwrap_or_default());
        }
    }
}

fn sums(out: &mut String, snapshot: &Snapshot) {
    let mut sums = Sums::default();
    sums.add(snapshot.root.children.as_deref().unwrap_or_default());
    let healthy = snapshot.watches.iter().filter(|watch| watch.state == "healthy").count();
    let of = |part: usize, whole: usize| format!("{part} <small>of {whole}</small>");
    let figures = [
        ("children running", of(sums.running, sums.children)),
        ("watches healthy", of(healthy, snapshot.watches.len())),
        ("restarts", sums.restarts.to_string()),
        ("queued", sums.queued.to_string()),
        ("in flight", sums.in_flight.to_string()),
        ("waiting for a retry", sums.retrying.to_string()),
    ];
    out.push_str("<dl class=\"sums\">");
    for (name, value) in figures {
        let _ = write!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
    }
    out.push_str("</dl>\n");
}

fn tree(out: &mut String, root: &Node) {
    out.push_str(
        "<h2>Children</h2>\n<div class=\"sheet\"><table>\n<thead><tr><th>child</th><th>state</th>\
         <th class=\"number\">uptime</th><th class=\"number\">restarts</th>\
         <th class=\"number\">queued</th><th class=\"number\">in flight</th><th class=\"number\">retrying</th>\
         <th>oldest key</th><th>last exit</th></tr></thead>\n<tbody>\n",
    );
    row(out, root, "", "");
    out.push_str("</tbody></table></div>\n");
}

/// One child and those below it. `branch` leads to it, `below` to them.
fn row(out: &mut String, node: &Node, branch: &str, below: &str) {
    let class = match (node.state.as_str(), &node.controller) {
        ("running", Some(controller)) if controller.phase == "waits" => "wait",
        ("running", _) => "good",
        ("ended", _) => "faint",
        _ => "bad",
    };
    let _ = write!(
        out,
        "<tr><th scope=\"row\"><span class=\"branch\">{branch}</span>{} <span class=\"faint\">{}</span></th>\
         <td class=\"dot {class}\">{}</td><td class=\"number\">{}</td><td class=\"number\">{}</td>",
        Text(&node.id),
        node.kind,
        Text(&node.state),
        node.uptime.map(|uptime| Span(uptime).to_string()).unwrap_or_default(),
        node.restarts,
    );
    work(out, node.controller.as_ref());
    let _ = writeln!(out, "<td class=\"long\">{}</td></tr>", Text(node.last_exit.as_deref().unwrap_or_default()));
    let children = node.children.as_deref().unwrap_or_default();
    let waits = node.controller.as_ref().and_then(|controller| controller.waits_for.as_deref());
    if let Some(note) = waits.or(node.silent.as_deref()) {
        let bar = if children.is_empty() { below } else { "" };
        let _ = writeln!(
            out,
            "<tr class=\"note\"><td colspan=\"9\" class=\"wait\"><span class=\"branch\">{bar}</span>{}</td></tr>",
            Text(note)
        );
    }
    let hidden = children.len().saturating_sub(SHOWN);
    for (at, child) in children.iter().take(SHOWN).enumerate() {
        let last = at + 1 == children.len();
        let (own, under) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        row(out, child, &format!("{below}{own}"), &format!("{below}{under}"));
    }
    if hidden > 0 {
        let _ = writeln!(
            out,
            "<tr><td colspan=\"9\" class=\"faint\"><span class=\"branch\">{below}└─ </span>and {hidden} more: \
             <a href=\"children\">children</a> has them all</td></tr>"
        );
    }
}

fn work(out: &mut String, controller: Option<&Controller>) {
    let Some(work) = controller.and_then(|controller| controller.work.as_ref()) else {
        out.push_str("<td></td><td></td><td></td><td></td>");
        return;
    };
    let running: Vec<String> = work.in_flight.iter().map(|run| format!("{} {}", run.callback, run.key)).collect();
    let _ = write!(
        out,
        "<td class=\"number\">{}</td><td class=\"number\" title=\"{}\">{} <span class=\"faint\">of {}</span></td>\
         <td class=\"number\">{}</td>",
        work.queue_depth,
        Text(running.join(", ")),
        work.in_flight.len(),
        work.concurrency,
        work.retrying,
    );
    let _ = match &work.oldest {
        Some(oldest) => write!(
            out,
            "<td><span class=\"key\">{}</span> <span class=\"faint\">for {}</span></td>",
            Text(&oldest.key),
            Span(oldest.waits)
        ),
        None => write!(out, "<td></td>"),
    };
}

fn watches(out: &mut String, watches: &[Watch]) {
    out.push_str(
        "<h2>Watches</h2>\n<div class=\"sheet\"><table>\n<thead><tr><th>watch</th><th>state</th>\
         <th class=\"number\">objects</th><th class=\"number\">last sign of life</th><th>serves</th>\
         <th>what is in its way</th></tr></thead>\n<tbody>\n",
    );
    for watch in watches {
        let class = match watch.state {
            "healthy" => "good",
            "syncing" => "wait",
            _ => "bad",
        };
        let _ = writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"dot {class}\">{}</td><td class=\"number\">{}</td>\
             <td class=\"number\">{} ago</td><td>{}</td><td class=\"long\">{}</td></tr>",
            Text(&watch.name),
            watch.state,
            watch.objects,
            Span(watch.quiet),
            Text(watch.serves.join(", ")),
            Text(watch.why.as_deref().unwrap_or_default()),
        );
    }
    if watches.is_empty() {
        out.push_str("<tr><td colspan=\"6\" class=\"faint\">nothing is watched now</td></tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_is_markup() {
        let check = |text: &str, expect: &str| assert_eq!(Text(text).to_string(), expect);
        check("default/web-1", "default/web-1");
        check(
            "<script>alert('a' & \"b\")</script>",
            "&lt;script&gt;alert(&#39;a&#39; &amp; &quot;b&quot;)&lt;/script&gt;",
        );
        check("a\r\ndata: b", "a  data: b");
    }

    fn child(id: &str, children: Option<Vec<Node>>) -> Node {
        Node { id: id.to_owned(), kind: "worker", state: "running".to_owned(), children, ..Node::default() }
    }

    fn snapshot(root: Node) -> Snapshot {
        let operator = root.id.clone();
        Snapshot { operator, version: "1.2.3", health: State::Ready, root, watches: Vec::new() }
    }

    #[test]
    fn the_branches_of_the_tree_lead_to_each_child() {
        let deep = child("deep", Some(vec![child("x", None), child("y", None)]));
        let page = moving_part(&snapshot(child("root", Some(vec![deep, child("last", None)]))));
        let rows = page.lines().filter(|line| line.contains("scope=\"row\""));
        let branch = |line: &str| {
            let (_, rest) = line.split_once("<span class=\"branch\">").expect("it has one");
            let (branch, rest) = rest.split_once("</span>").expect("it ends");
            format!("{branch}{}", rest.split(' ').next().unwrap_or_default())
        };
        let rows: Vec<_> = rows.map(branch).collect();
        assert_eq!(rows, ["root", "├─ deep", "│  ├─ x", "│  └─ y", "└─ last"]);
    }

    #[test]
    fn a_supervisor_of_very_many_is_no_page_of_megabytes() {
        let many = |count: usize| {
            let children = (0..count).map(|number| child(&format!("c{number}"), None)).collect();
            moving_part(&snapshot(child("root", Some(children))))
        };
        assert!(!many(SHOWN).contains("more:"));
        let page = many(10_000);
        assert!(page.contains("<dd>10000 <small>of 10000</small></dd>") && page.contains("and 9800 more:"));
        assert!(page.len() < 100_000, "{}", page.len());
    }

    #[test]
    fn a_time_is_told_in_its_two_largest_parts() {
        let check = |secs: f64, expect: &str| assert_eq!(Span(Duration::from_secs_f64(secs)).to_string(), expect);
        check(0.0125, "12 ms");
        check(59.9, "59 s");
        check(61.0, "1 min 1 s");
        check(7_384.0, "2 h 3 min");
        check(200_000.0, "2 d 7 h");
    }
}
