//! The file of counts: a page with a table, a row for each path with the reason for its last change.

use std::fmt;
use std::path::Path;

use crate::Outcome;

/// A path may take so much more before somebody has to say why, in percent.
const RISE_MAX: u64 = 5;
/// What changed by less is not written anew, in permille: what else is in the program moves a few instructions.
const NOISE: u64 = 5;

const HEAD: &str = "\
# Instructions of the hot paths

Each path once, counted by callgrind; `cargo xtask gate` compares, `cargo xtask gate --bless REASON` writes. Belay is built
for speed, what it is made of is not: so these are not the instructions of a release, and the calls of filters are mostly
the runtime's. They are here to be compared with themselves.

";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// The compiler that they are of.
    pub(super) rustc: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    path: String,
    count: u64,
    reason: String,
}

/// What a count is to the one that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Same,
    Less,
    More,
    /// Nobody has said anything about it.
    Unknown,
}

impl Verdict {
    pub(super) fn of(was: Option<u64>, is: u64) -> Self {
        match was {
            None => Self::Unknown,
            Some(was) if is * 100 > was * (100 + RISE_MAX) => Self::More,
            Some(was) if is * 100 < was * (100 - RISE_MAX) => Self::Less,
            Some(_) => Self::Same,
        }
    }

    pub(super) fn fails(self) -> bool {
        matches!(self, Self::More | Self::Unknown)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Same => "",
            Self::Less => "fewer: bless it, so that it stays",
            Self::More => "MORE",
            Self::Unknown => "NOT WRITTEN DOWN",
        })
    }
}

impl Counts {
    pub(super) fn read(file: &Path) -> Option<Self> {
        Self::parse(&std::fs::read_to_string(file).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let rustc = text.lines().find_map(|line| line.strip_prefix("Compiled by ")?.strip_suffix('.'))?.to_owned();
        let cells = |line: &str| -> Option<[String; 3]> {
            let cells: Vec<String> =
                line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
            cells.try_into().ok()
        };
        let rows = text.lines().filter_map(cells).filter_map(|[path, count, reason]| {
            let count = count.parse().ok()?;
            Some(Row { path, count, reason })
        });
        Some(Self { rustc, rows: rows.collect() })
    }

    pub(super) fn of(&self, path: &str) -> Option<u64> {
        self.rows.iter().find(|row| row.path == path).map(|row| row.count)
    }

    /// What was counted, with this reason where it is another count than before.
    pub(super) fn blessed(&self, rustc: &str, counted: &[(String, u64)], reason: &str) -> Self {
        let rows = counted.iter().map(|(path, count)| {
            let known = self.rows.iter().find(|row| row.path == *path);
            let same = known.filter(|row| row.count.abs_diff(*count) * 1_000 <= row.count * NOISE);
            same.cloned().unwrap_or_else(|| Row { path: path.clone(), count: *count, reason: reason.to_owned() })
        });
        Self { rustc: rustc.to_owned(), rows: rows.collect() }
    }

    fn text(&self) -> String {
        let rows = self.rows.iter().map(|row| format!("| {} | {} | {} |\n", row.path, row.count, row.reason));
        let rows: String = rows.collect();
        format!(
            "{HEAD}Compiled by {}.\n\n| path | instructions | why it changed last |\n|---|--:|---|\n{rows}",
            self.rustc
        )
    }

    pub(super) fn write(&self, file: &Path) -> Outcome {
        std::fs::write(file, self.text()).map_err(|error| format!("{}: {error}", file.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Counts {
        let row = |path: &str, count| Row { path: path.into(), count, reason: "first".into() };
        Counts { rustc: "rustc 1.0".into(), rows: vec![row("read", 1_000), row("write, twice", 200)] }
    }

    #[test]
    fn what_is_written_is_read_again() {
        assert_eq!(Counts::parse(&counts().text()), Some(counts()));
    }

    #[test]
    fn a_rise_of_more_than_five_percent_fails_and_so_does_a_path_that_nobody_wrote_down() {
        assert_eq!(Verdict::of(Some(1_000), 1_050), Verdict::Same);
        assert_eq!(Verdict::of(Some(1_000), 1_051), Verdict::More);
        assert_eq!(Verdict::of(Some(1_000), 949), Verdict::Less);
        assert!(Verdict::of(Some(1_000), 1_051).fails());
        assert!(Verdict::of(None, 1).fails());
        assert!(!Verdict::of(Some(1_000), 1).fails());
    }

    #[test]
    fn a_reason_stands_where_a_count_changed_and_nowhere_else() {
        let counted = [("read".to_owned(), 1_004), ("write, twice".to_owned(), 150), ("new".to_owned(), 7)];
        let blessed = counts().blessed("rustc 2.0", &counted, "faster");
        assert_eq!(blessed.rustc, "rustc 2.0");
        let reasons: Vec<&str> = blessed.rows.iter().map(|row| row.reason.as_str()).collect();
        assert_eq!(reasons, ["first", "faster", "faster"]);
        assert_eq!(blessed.of("read"), Some(1_000));
        assert_eq!(blessed.of("write, twice"), Some(150));
    }
}
