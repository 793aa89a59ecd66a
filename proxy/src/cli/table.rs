//! Tables and numbers for people at a terminal.

/// Columns as wide as what is in them.
pub(super) fn table<const N: usize>(heads: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = [heads.map(str::to_owned)].into_iter().chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..N).map(width).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// Seconds, in two units at most.
pub(super) fn age(seconds: Option<u64>) -> String {
    match seconds {
        None => "–".to_owned(),
        Some(seconds @ 0..60) => format!("{seconds}s"),
        Some(seconds @ 60..3_600) => format!("{}m{}s", seconds / 60, seconds % 60),
        Some(seconds @ 3_600..86_400) => format!("{}h{}m", seconds / 3_600, seconds / 60 % 60),
        Some(seconds) => format!("{}d{}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

/// A rate or an amount, in three digits or so.
pub(super) fn short(number: f64) -> String {
    let (number, unit) = match number {
        n if n >= 1e9 => (n / 1e9, "G"),
        n if n >= 1e6 => (n / 1e6, "M"),
        n if n >= 1e4 => (n / 1e3, "k"),
        n => (n, ""),
    };
    if number >= 100.0 || number.fract() < 0.05 { format!("{number:.0}{unit}") } else { format!("{number:.1}{unit}") }
}

/// Bytes in binary units.
pub(super) fn bytes(number: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut number, mut unit) = (number, 0);
    while number >= 1024.0 && unit < units.len() - 1 {
        number /= 1024.0;
        unit += 1;
    }
    format!("{} {}", short(number), units[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [["a".to_owned(), "long one".to_owned()], ["bee".to_owned(), "–".to_owned()]];
        assert_eq!(table(["X", "Y"], rows.into_iter()), "X    Y\na    long one\nbee  –\n");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([short(0.0), short(7.25), short(123.4), short(45_678.0)], ["0", "7.2", "123", "45.7k"]);
        assert_eq!([bytes(512.0), bytes(1536.0)], ["512 B", "1.5 KiB"]);
        assert_eq!([age(Some(59)), age(Some(61)), age(Some(90_000)), age(None)], ["59s", "1m1s", "1d1h", "–"]);
    }
}
