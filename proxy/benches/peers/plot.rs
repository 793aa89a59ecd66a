//! The plot: what each proxy takes of memory and of processor time. A dot for each on a scale of powers of ten, since the
//! worst takes hundreds of times what the best does. Drawn for light and for dark pages.

use crate::figures::{Figures, Row, middle};
use crate::table::figure;

const WIDTH: f64 = 330.0;
const TOP: f64 = 62.0;
const STEP: f64 = 30.0;
/// Between a panel's left edge and its frame, where names stand.
const NAMES: f64 = 108.0;

const STYLE: &str = "\
text { fill: #20232a; } .quiet { fill: #62666f; } .grid { stroke: #d9d7d2; } .frame { stroke: #8a8f99; fill: none; }
    .ours { fill: #1d5fae; } .rival { fill: #b3261e; } .ours-too { stroke: #1d5fae; fill: none; stroke-width: 2; }
    .rival-too { stroke: #b3261e; fill: none; stroke-width: 2; } .name { font-weight: 600; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e7e5e0; } .quiet { fill: #9aa0aa; } .grid { stroke: #3a3d44; } .frame { stroke: #6c727d; }
      .ours { fill: #7ab4f5; } .rival { fill: #ff8a80; } .ours-too { stroke: #7ab4f5; } .rival-too { stroke: #ff8a80; }
    }";

/// One of the two.
struct Panel {
    title: &'static str,
    note: &'static str,
    from: f64,
    to: f64,
    ticks: &'static [(f64, &'static str)],
    /// What it shows of a row, a full dot and a ring.
    of: fn(&Row) -> Vec<f64>,
}

const MEMORY: Panel = Panel {
    title: "memory of an idle session",
    note: "bytes, resident; ● fresh, ○ after 16 KiB each way",
    from: 500.0,
    to: 250_000.0,
    ticks: &[(1e3, "1 KB"), (1e4, "10 KB"), (1e5, "100 KB")],
    of: |row| row.idle.as_ref().map_or_else(Vec::new, |idle| vec![idle.fresh_bytes, idle.after_message_bytes]),
};
const PROCESSOR: Panel = Panel {
    title: "processor time of an echo",
    note: "µs, user and system; ● 64 connections, ○ 1,000",
    from: 4.0,
    to: 2_000.0,
    ticks: &[(1e1, "10 µs"), (1e2, "100 µs"), (1e3, "1 ms")],
    of: |row| row.echo.values().filter_map(|rounds| middle(rounds, |echo| echo.cpu_us())).collect(),
};

pub(crate) fn svg(figures: &Figures) -> String {
    let is_shown =
        |row: &&Row| row.name != "direct" && !((MEMORY.of)(row).is_empty() && (PROCESSOR.of)(row).is_empty());
    let rows: Vec<&Row> = figures.rows.iter().filter(is_shown).collect();
    let height = TOP + STEP * rows.len() as f64 + 50.0;
    let mut drawing = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 960 {height}" font-family="system-ui, sans-serif" font-size="12" role="img"
     aria-label="Belay and its peers: memory of an idle session, and processor time of an echo. Further left is better.">
  <style>
    {STYLE}
  </style>
"#
    );
    MEMORY.draw(&mut drawing, 10.0, &rows);
    PROCESSOR.draw(&mut drawing, 490.0, &rows);
    drawing.push_str("</svg>\n");
    drawing
}

impl Panel {
    fn draw(&self, drawing: &mut String, edge: f64, rows: &[&Row]) {
        let left = edge + NAMES;
        let height = STEP * rows.len() as f64;
        let mut add = |text: String| drawing.push_str(&text);
        add(format!("  <text x=\"{left}\" y=\"24\" font-weight=\"600\" font-size=\"14\">{}</text>\n", self.title));
        add(format!("  <text x=\"{left}\" y=\"44\" class=\"quiet\">{}</text>\n", self.note));
        for (tick, name) in self.ticks {
            let x = left + self.place(*tick);
            add(format!("  <path class=\"grid\" d=\"M{x:.1} {TOP} v{height}\"/>\n"));
            let y = TOP + height + 18.0;
            add(format!("  <text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"middle\" class=\"quiet\">{name}</text>\n"));
        }
        add(format!("  <rect class=\"frame\" x=\"{left}\" y=\"{TOP}\" width=\"{WIDTH}\" height=\"{height}\"/>\n"));
        for (at, row) in rows.iter().enumerate() {
            let y = TOP + STEP * (at as f64 + 0.5);
            let class = if row.name.starts_with("belay") { "ours" } else { "rival" };
            let (x, text) = (left - 10.0, y + 4.0);
            add(format!(
                "  <text x=\"{x}\" y=\"{text}\" text-anchor=\"end\" class=\"{class} name\">{}</text>\n",
                row.name
            ));
            let values = (self.of)(row);
            let places: Vec<f64> = values.iter().map(|value| left + self.place(*value)).collect();
            for (place, ring) in places.iter().zip([false, true]) {
                let (class, r) = if ring { (format!("{class}-too"), 6.5) } else { (class.to_owned(), 4.5) };
                add(format!("  <circle class=\"{class}\" cx=\"{place:.1}\" cy=\"{y}\" r=\"{r}\"/>\n"));
            }
            if let Some(last) = places.iter().copied().reduce(f64::max) {
                let said: Vec<String> = values.iter().map(|value| figure(*value)).collect();
                // Inside the frame on whichever side there is room.
                let first = places.iter().copied().fold(last, f64::min);
                let (x, anchor) =
                    if last > left + WIDTH * 0.62 { (first - 12.0, "end") } else { (last + 12.0, "start") };
                let said = said.join(" · ");
                add(format!(
                    "  <text x=\"{x:.1}\" y=\"{text}\" text-anchor=\"{anchor}\" class=\"quiet\">{said}</text>\n"
                ));
            }
        }
        let y = TOP + height + 38.0;
        add(format!("  <text x=\"{left}\" y=\"{y}\" class=\"quiet\">further left is better</text>\n"));
    }

    /// Pixels from the frame's left.
    fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.from, self.to);
        WIDTH * (value.ln() - self.from.ln()) / (self.to.ln() - self.from.ln())
    }
}
