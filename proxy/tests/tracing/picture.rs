//! Draws spans as they were received: a row each, under its parent, by time. For docs/tracing.md.

use std::fmt::Write;

use crate::common::otlp::Received;

const WIDTH: f64 = 960.0;
/// Where names end and times begin.
const LEFT: f64 = 300.0;
/// Room for what is written behind the last bar.
const RIGHT: f64 = 130.0;
const ROW: f64 = 24.0;
const TOP: f64 = 40.0;

/// A span where it is drawn.
struct Row<'a> {
    span: &'a Received,
    depth: usize,
}

/// The order and depth of the picture's rows: what stays the same each time the trace is made.
pub(crate) fn outline(spans: &[Received]) -> String {
    rows(spans).iter().map(|row| format!("{}{}\n", "  ".repeat(row.depth), row.span.text("name"))).collect()
}

/// What an earlier picture shows, as [`outline`] tells it.
pub(crate) fn outline_of(picture: &str) -> String {
    let rows = picture.lines().filter_map(|line| line.split_once("<!-- ")?.1.split_once(" -->"));
    rows.map(|(row, _)| format!("{row}\n")).collect()
}

/// The SVG, for light and dark.
pub(crate) fn draw(spans: &[Received]) -> String {
    let rows = rows(spans);
    let number = |span: &Received, field: &str| span.field(field).as_u64().unwrap_or_default() as f64;
    let begin = spans.iter().map(|span| number(span, "start_ns")).fold(f64::MAX, f64::min);
    let end = spans.iter().map(|span| number(span, "end_ns")).fold(0.0, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / (end - begin);
    let x = |at: f64| LEFT + (at - begin) * scale;
    let height = TOP + rows.len() as f64 * ROW + 40.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"13\" role=\"img\"\n     aria-label=\"A real trace: a handshake with a filter and a connect under it, a hold with a \
         connect that failed and one that did not, and the trace of a message that is linked to it.\">\n{STYLE}"
    );
    for tick in 0..=4 {
        let at = begin + (end - begin) * f64::from(tick) / 4.0;
        let shown = (at - begin) / 1e6;
        let _ = writeln!(svg, "  <path class=\"grid\" d=\"M{:.1} {TOP} V{:.1}\"/>", x(at), height - 28.0);
        let _ = writeln!(
            svg,
            "  <text class=\"quiet\" x=\"{:.1}\" y=\"26\" text-anchor=\"middle\">{shown:.0} ms</text>",
            x(at)
        );
    }
    for (index, Row { span, depth }) in rows.iter().enumerate() {
        let top = TOP + index as f64 * ROW;
        let (from, to) = (x(number(span, "start_ns")), x(number(span, "end_ns")));
        let width = (to - from).max(3.0);
        let failed = span.field("status")["code"] == "error";
        let class = if failed { "error" } else { span.text("kind") };
        let lasted = (number(span, "end_ns") - number(span, "start_ns")) / 1e6;
        let said = if failed { format!("{lasted:.1} ms, {}", error(span)) } else { format!("{lasted:.1} ms") };
        let (name, text) = (span.text("name"), top + 16.0);
        let _ = writeln!(svg, "  <!-- {}{name} -->", "  ".repeat(*depth));
        let _ = writeln!(svg, "  <text x=\"{:.0}\" y=\"{text}\">{name}</text>", 10.0 + *depth as f64 * 18.0);
        let _ = writeln!(
            svg,
            "  <rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{width:.1}\" height=\"12\" rx=\"2\"/>",
            top + 6.0
        );
        let _ = writeln!(svg, "  <text class=\"quiet\" x=\"{:.1}\" y=\"{text}\">{said}</text>", from + width + 6.0);
        let is_linked = |other: &Row<'_>| span.field("links")[0]["span_id"] == *other.span.field("span_id");
        if let Some(linked) = rows.iter().position(is_linked) {
            let (there, left) = (TOP + linked as f64 * ROW + 12.0, from - 6.0);
            // Behind what is written there.
            let right = x(number(rows[linked].span, "end_ns")) + 62.0;
            let y = top + 12.0;
            let _ =
                writeln!(svg, "  <path class=\"link\" d=\"M{from:.1} {y:.1} H{left:.1} V{there:.1} H{right:.1}\"/>");
        }
    }
    for (index, kind) in ["server", "client", "internal", "consumer", "error"].into_iter().enumerate() {
        let (left, top) = (LEFT + index as f64 * 110.0, height - 18.0);
        let _ =
            writeln!(svg, "  <rect class=\"{kind}\" x=\"{left}\" y=\"{top}\" width=\"12\" height=\"12\" rx=\"2\"/>");
        let _ = writeln!(svg, "  <text class=\"quiet\" x=\"{}\" y=\"{}\">{kind}</text>", left + 18.0, top + 11.0);
    }
    svg + "</svg>\n"
}

const STYLE: &str = "  <style>
    text { fill: #20232a; } .quiet { fill: #62666f; } .grid { stroke: #d9d7d2; }
    .server { fill: #1d5fae; } .client { fill: #1c7a45; } .internal { fill: #9a5b00; } .consumer { fill: #6b4fbb; } .error { fill: #b3261e; }
    .link { stroke: #6b4fbb; fill: none; stroke-width: 1.4; stroke-dasharray: 3 3; marker-end: url(#tip); } .tip { fill: #6b4fbb; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e7e5e0; } .quiet { fill: #9aa0aa; } .grid { stroke: #3a3d44; }
      .server { fill: #7ab4f5; } .client { fill: #5fcf8e; } .internal { fill: #f0b152; } .consumer { fill: #b9a6f2; } .error { fill: #ff8a80; }
      .link { stroke: #b9a6f2; } .tip { fill: #b9a6f2; }
    }
  </style>
  <defs>
    <marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"tip\" d=\"M0 0 L8 4 L0 8 z\"/></marker>
  </defs>
";

fn error(span: &Received) -> &str {
    span.attribute("error.type").as_str().unwrap_or("error")
}

/// The session's trace first, then those of its messages; each span's children under it, in the order of their beginning.
fn rows(spans: &[Received]) -> Vec<Row<'_>> {
    let is_root = |span: &&Received| !spans.iter().any(|other| span.is_child_of(other));
    let mut roots: Vec<&Received> = spans.iter().filter(is_root).collect();
    roots.sort_by_key(|root| root.field("start_ns").as_u64());
    let mut rows = Vec::new();
    roots.into_iter().for_each(|root| add(root, 0, spans, &mut rows));
    rows
}

fn add<'a>(span: &'a Received, depth: usize, spans: &'a [Received], rows: &mut Vec<Row<'a>>) {
    rows.push(Row { span, depth });
    let mut children: Vec<&Received> = spans.iter().filter(|child| child.is_child_of(span)).collect();
    children.sort_by_key(|child| child.field("start_ns").as_u64());
    children.into_iter().for_each(|child| add(child, depth + 1, spans, rows));
}
