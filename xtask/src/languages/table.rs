//! The table of `docs/languages.md`, made of what `belay filter bench --json` says.

use super::Language;
use crate::{Outcome, workspace};

/// What the bench says of a component.
pub(super) struct Figures {
    bytes: f64,
    compile_ms: f64,
    first_bytes: f64,
    further_bytes: f64,
    /// Of a message of 64 bytes, and of one of 1 KiB.
    nanos: [f64; 2],
}

pub(super) enum Row<'a> {
    Measured { language: &'a Language, toolchain: String, figures: Figures },
    NotHere { language: &'a Language, why: String },
}

/// What the table stands between.
const BEGIN: &str = "<!-- made by `cargo xtask languages` -->\n";
const END: &str = "<!-- end -->\n";

impl Figures {
    pub(super) fn read(json: &str) -> Option<Self> {
        let (head, messages) = json.split_once("\"messages\"")?;
        let mut nanos = messages.match_indices("\"ns\"").filter_map(|(at, _)| number(&messages[at..], "ns"));
        Some(Self {
            bytes: number(head, "bytes")?,
            compile_ms: number(json, "compile_ms")?,
            first_bytes: number(json, "resident_first_bytes")?,
            further_bytes: number(json, "resident_further_bytes")?,
            nanos: [nanos.next()?, nanos.next()?],
        })
    }
}

/// The number of a field. The objects are the bench's own, so nothing is quoted that could look like one.
fn number(json: &str, field: &str) -> Option<f64> {
    let (_, rest) = json.split_once(&format!("\"{field}\":"))?;
    let rest = rest.trim_start();
    let end = rest.find(|c: char| !matches!(c, '0'..='9' | '.' | '-' | 'e')).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

pub(super) fn table(rows: &[Row<'_>]) -> String {
    let mut table = String::from(
        "| language | toolchain | component | compiled in | first instance | each further | message of 64 B | of 1 KiB |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for row in rows {
        match row {
            Row::Measured { language, toolchain, figures } => {
                let Figures { bytes, compile_ms, first_bytes, further_bytes, nanos: [small, large] } = figures;
                let kib = |bytes: &f64| format!("{:.0} KiB", bytes / 1024.0);
                let cells = [
                    language.name.to_owned(),
                    toolchain.clone(),
                    kib(bytes),
                    format!("{compile_ms:.0} ms"),
                    kib(first_bytes),
                    kib(further_bytes),
                    format!("{small:.0} ns"),
                    format!("{large:.0} ns"),
                ];
                table += &format!("| {} |\n", cells.join(" | "));
            }
            Row::NotHere { language, why } => {
                table += &format!("| {} | not run here: {why} | | | | | | |\n", language.name);
            }
        }
    }
    table
}

/// Puts it in the place of the last one.
pub(super) fn write(table: &str) -> Outcome {
    let path = workspace::root().join("docs/languages.md");
    let page = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let place = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = place.ok_or_else(|| format!("{} has no place for the table", path.display()))?;
    std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}"))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    println!("written to {}", path.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_of_the_bench_are_read() {
        let json = r#"{ "name": "x", "bytes": 2048, "compile_ms": 12.5, "instantiate_us": 3.0, "memory_bytes": 1,
            "resident_first_bytes": 4096, "resident_further_bytes": 1024,
            "messages": [ { "bytes": 64, "ns": 300.0, "verdict": "continue" }, { "bytes": 1024, "ns": 900.0 } ] }"#;
        let figures = Figures::read(json).unwrap();
        assert_eq!((figures.bytes, figures.compile_ms, figures.nanos), (2048.0, 12.5, [300.0, 900.0]));
        let language = &super::super::LANGUAGES[0];
        let table = table(&[
            Row::Measured { language, toolchain: "rustc 1".into(), figures },
            Row::NotHere { language, why: "there is none".into() },
        ]);
        assert!(table.contains("| Rust | rustc 1 | 2 KiB | 12 ms | 4 KiB | 1 KiB | 300 ns | 900 ns |"), "{table}");
        assert!(table.contains("not run here: there is none"));
    }
}
