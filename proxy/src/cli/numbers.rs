//! Reads `/metrics` again, for those who show a few of its numbers.

use std::time::{Duration, Instant};

/// All numbers at one moment.
pub(super) struct Numbers {
    at: Instant,
    series: Vec<Series>,
}

/// One number.
pub(super) struct Series {
    name: String,
    labels: Vec<(String, String)>,
    pub(super) value: f64,
}

impl Numbers {
    /// Lines that are not understood are left out.
    pub(super) fn read(text: &str, at: Instant) -> Self {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        Self { at, series: lines.filter_map(Series::read).collect() }
    }

    /// The numbers of this name.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Series> {
        self.series.iter().filter(move |series| series.name == name)
    }

    /// Those of this name that have this label, added up; with an empty label, all.
    pub(super) fn sum(&self, name: &str, (label, value): (&str, &str)) -> f64 {
        let wanted = |series: &&Series| label.is_empty() || series.label(label) == value;
        self.of(name).filter(wanted).map(|series| series.value).sum()
    }

    /// By how much it grew each second since then.
    pub(super) fn rate(&self, before: &Self, name: &str, wanted: (&str, &str)) -> f64 {
        let time = self.at.saturating_duration_since(before.at).max(Duration::from_millis(1));
        (self.sum(name, wanted) - before.sum(name, wanted)).max(0.0) / time.as_secs_f64()
    }
}

impl Series {
    fn read(line: &str) -> Option<Self> {
        let (name, value) = line.rsplit_once(' ')?;
        let (name, labels) = name.split_once('{').map_or((name, ""), |(name, rest)| (name, rest.trim_end_matches('}')));
        let mut read = Vec::new();
        let mut rest = labels;
        while let Some((label, after)) = rest.split_once("=\"") {
            let mut value = String::new();
            let mut letters = after.char_indices();
            let end = loop {
                match letters.next()? {
                    (end, '"') => break end,
                    (_, '\\') => value.push(match letters.next()? {
                        (_, 'n') => '\n',
                        (_, letter) => letter,
                    }),
                    (_, letter) => value.push(letter),
                }
            };
            read.push((label.trim_start_matches(',').to_owned(), value));
            rest = &after[end + 1..];
        }
        Some(Self { name: name.to_owned(), labels: read, value: value.parse().ok()? })
    }

    /// Empty if it has no such label.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(label, _)| label == name).map_or("", |(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_values_are_read_as_they_were_written() {
        let text = "# HELP a b\na{x=\"1\",y=\"q\\\"u\\\\o\\n\"} 2.5\na{x=\"2\",y=\"\"} 1\nb 7\nnonsense\n";
        let numbers = Numbers::read(text, Instant::now());
        assert_eq!(numbers.sum("a", ("", "")), 3.5);
        assert_eq!(numbers.sum("a", ("x", "1")), 2.5);
        assert_eq!(numbers.of("a").next().unwrap().label("y"), "q\"u\\o\n");
        assert_eq!(numbers.sum("b", ("", "")), 7.0);
    }
}
