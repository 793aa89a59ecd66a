//! The plot: what each way costs, against what it brings. Drawn for light and for dark pages.

use crate::askers::Way;
use crate::figures::Figures;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 62.0;
const TOP: f64 = 46.0;

/// One side of an axis after the other, in powers of ten.
struct Axis {
    title: &'static str,
    from: f64,
    to: f64,
    ticks: &'static [f64],
}

const PROBES: Axis =
    Axis { title: "probes for each client and hour", from: 7.0, to: 300.0, ticks: &[10.0, 30.0, 100.0, 300.0] };
const DETECTED: Axis = Axis {
    title: "seconds until a dead client is found (p99)",
    from: 22.0,
    to: 900.0,
    ticks: &[30.0, 60.0, 120.0, 300.0, 600.0],
};
const LOST: Axis = Axis {
    title: "connections lost to NAT, for each client and day",
    from: 0.05,
    to: 120.0,
    ticks: &[0.1, 1.0, 10.0, 100.0],
};

const STYLE: &str = "\
text { fill: #20232a; } .quiet { fill: #62666f; } .grid { stroke: #d9d7d2; } .frame { stroke: #8a8f99; fill: none; }
    .ours { fill: #1d5fae; } .line { stroke: #1d5fae; fill: none; stroke-width: 1.6; } .rival { fill: #b3261e; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e7e5e0; } .quiet { fill: #9aa0aa; } .grid { stroke: #3a3d44; } .frame { stroke: #6c727d; }
      .ours { fill: #7ab4f5; } .line { stroke: #7ab4f5; } .rival { fill: #ff8a80; }
    }";

pub(crate) fn svg(all: &[(Way, Figures)]) -> String {
    let mut drawing = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 420" font-family="system-ui, sans-serif" font-size="12" role="img"
     aria-label="Ways to find dead clients: probes an hour against the time to find the dead, and against connections lost to NAT.">
  <style>
    {STYLE}
  </style>
"#
    );
    panel(&mut drawing, LEFT, &DETECTED, all, beside_detected, |figures| figures.detected(0.99).as_secs_f64());
    panel(&mut drawing, LEFT + 480.0, &LOST, all, beside_lost, Figures::lost_per_day);
    drawing.push_str("</svg>\n");
    drawing
}

/// Where a name stands beside its dot, so that none covers another: to the right, down, and which end of it that is.
type Beside = fn(&str, usize) -> (f64, f64, &'static str);

fn beside_detected(name: &str, _: usize) -> (f64, f64, &'static str) {
    match name {
        "mars" | "fixed 270 s" => (0.0, -10.0, "middle"),
        "fixed 30 s" => (8.0, 4.0, "start"),
        "loss-aware rule" => (28.0, -12.0, "end"),
        _ => (-8.0, 4.0, "end"),
    }
}

fn beside_lost(name: &str, index: usize) -> (f64, f64, &'static str) {
    match name {
        "mars" => (-8.0, 4.0, "end"),
        "fixed 270 s" | "fixed 30 s" => (8.0, 4.0, "start"),
        "loss-aware rule" => (8.0, -28.0, "end"),
        _ if index.is_multiple_of(2) => (0.0, -10.0, "middle"),
        _ => (0.0, 18.0, "middle"),
    }
}

fn panel(
    drawing: &mut String,
    left: f64,
    axis: &Axis,
    all: &[(Way, Figures)],
    beside: Beside,
    value: impl Fn(&Figures) -> f64,
) {
    let mut add = |text: String| drawing.push_str(&text);
    add(format!("  <text x=\"{left}\" y=\"{}\" font-weight=\"600\">{}</text>\n", TOP - 16.0, axis.title));
    for tick in PROBES.ticks {
        let x = left + PROBES.place(*tick) * WIDTH;
        add(format!("  <path class=\"grid\" d=\"M{x:.1} {TOP} v{HEIGHT}\"/>\n"));
        let y = TOP + HEIGHT + 18.0;
        add(format!("  <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\" class=\"quiet\">{tick}</text>\n"));
    }
    for tick in axis.ticks {
        let y = TOP + HEIGHT - axis.place(*tick) * HEIGHT;
        add(format!("  <path class=\"grid\" d=\"M{left} {y:.1} h{WIDTH}\"/>\n"));
        let (x, y) = (left - 8.0, y + 4.0);
        add(format!("  <text x=\"{x}\" y=\"{y:.1}\" text-anchor=\"end\" class=\"quiet\">{tick}</text>\n"));
    }
    add(format!("  <rect class=\"frame\" x=\"{left}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n"));
    let (x, y) = (left + WIDTH / 2.0, TOP + HEIGHT + 40.0);
    add(format!("  <text x=\"{x}\" y=\"{y}\" text-anchor=\"middle\">{}</text>\n", PROBES.title));
    let place = |figures: &Figures| {
        let x = left + PROBES.place(figures.probes_per_hour()) * WIDTH;
        (x, TOP + HEIGHT - axis.place(value(figures)) * HEIGHT)
    };
    let line: Vec<_> = all.iter().filter(|(way, _)| way.is_ours()).map(|(_, figures)| place(figures)).collect();
    let points: Vec<String> = line.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    add(format!("  <polyline class=\"line\" points=\"{}\"/>\n", points.join(" ")));
    for (index, (way, figures)) in all.iter().enumerate() {
        let (x, y) = place(figures);
        let class = if way.is_ours() { "ours" } else { "rival" };
        add(format!("  <circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4.5\"/>\n"));
        let name = way.name.strip_prefix("adaptive, ").unwrap_or(&way.name);
        let (right, down, anchor) = beside(name, index);
        let (x, y) = (x + right, y + down);
        add(format!("  <text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" class=\"{class}\">{name}</text>\n"));
    }
    let (x, y) = (left, TOP + HEIGHT + 62.0);
    add(format!("  <circle class=\"ours\" cx=\"{}\" cy=\"{}\" r=\"4.5\"/>\n", x + 5.0, y - 4.0));
    add(format!(
        "  <text x=\"{}\" y=\"{y}\">adaptive, by detect_within: lower and further left is better</text>\n",
        x + 16.0
    ));
}

impl Axis {
    /// From 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value.clamp(self.from, self.to).ln() - self.from.ln()) / (self.to.ln() - self.from.ln())
    }
}
