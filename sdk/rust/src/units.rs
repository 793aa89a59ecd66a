//! What has a unit in a config is written with it: `30s`, `10/s`, `64KiB`. These read such strings.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// A time, in milliseconds: `250ms`, `30s`, `5m`, `2h`, `1d`, or several in a row, `1m30s`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span {
    /// So many milliseconds.
    pub ms: u64,
}

/// A number of bytes: `512B`, `64KiB`, `1MiB`, `1GiB`, or `kB`, `MB`, `GB` for powers of 1000. At most 4 GiB.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Size {
    /// So many bytes.
    pub bytes: u32,
}

/// So much in a period, either a count, `10/s`, `100/m`, `5/10s`, or a size, `64KiB/s`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rate {
    /// How much; at least 1.
    pub amount: u32,
    /// In how many milliseconds; at least 1.
    pub period_ms: u64,
    /// What is counted.
    pub of: Counted,
}

/// What a rate counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Counted {
    /// Things.
    Items,
    /// Their bytes.
    Bytes,
}

const SPAN: &str = "a time with its unit, like 250ms, 30s, 5m, 2h or 1d";
const SIZE: &str = "a size with its unit, like 512B, 64KiB or 1MiB, below 4GiB";
const RATE: &str = "a rate above zero, like 10/s, 100/m, 5/10s or 64KiB/s";

impl Span {
    /// None if it is not one, or beyond 64 bits.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut ms = 0_u64;
        loop {
            let (number, tail) = number(rest)?;
            let unit_length = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
            let (unit, tail) = tail.split_at(unit_length);
            ms = ms.checked_add(number.checked_mul(span_unit_ms(unit)?)?)?;
            if tail.is_empty() {
                return Some(Self { ms });
            }
            rest = tail;
        }
    }
}

impl Size {
    /// None if it is not one, or 4 GiB and more.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, unit) = number(text.trim())?;
        let factor = match unit.trim_start() {
            "B" => 1,
            "kB" | "KB" => 1_000,
            "KiB" => 1 << 10,
            "MB" => 1_000_000,
            "MiB" => 1 << 20,
            "GB" => 1_000_000_000,
            "GiB" => 1 << 30,
            _ => return None,
        };
        Some(Self { bytes: u32::try_from(number.checked_mul(factor)?).ok()? })
    }
}

impl Rate {
    /// None if it is not one, or zero.
    pub fn parse(text: &str) -> Option<Self> {
        let (amount, period) = text.split_once('/')?;
        let period = period.trim();
        // `/s` is short for `/1s`.
        let period_ms = span_unit_ms(period).or_else(|| Some(Span::parse(period)?.ms)).filter(|&ms| ms > 0)?;
        let (amount, of) = match amount.trim().parse() {
            Ok(items) => (items, Counted::Items),
            Err(_) => (Size::parse(amount)?.bytes, Counted::Bytes),
        };
        (amount > 0).then_some(Self { amount, period_ms, of })
    }
}

fn span_unit_ms(unit: &str) -> Option<u64> {
    Some(match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    })
}

/// The digits that a text begins with, and what follows.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

/// Reads a string by a function that knows its unit.
struct Reads<T>(&'static str, fn(&str) -> Option<T>);

impl<T> Visitor<'_> for Reads<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.1)(text).ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reads(SPAN, Self::parse))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reads(SIZE, Self::parse))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Reads(RATE, Self::parse))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        for (text, ms) in [("250ms", 250), ("30s", 30_000), ("1m30s", 90_000), ("2h", 7_200_000), ("1d", 86_400_000)] {
            assert_eq!(Span::parse(text), Some(Span { ms }), "{text}");
        }
        for text in ["", "30", "s", "30 parsecs", "-1s", "1.5s", "1s-", "99999999999999999999s", "999999999999999999d"]
        {
            assert_eq!(Span::parse(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [("0B", 0), ("512 B", 512), ("64KiB", 65_536), ("1MB", 1_000_000), ("3GiB", 3 << 30)] {
            assert_eq!(Size::parse(text), Some(Size { bytes }), "{text}");
        }
        for text in ["", "64", "64kib", "KiB", "4GiB", "-1B"] {
            assert_eq!(Size::parse(text), None, "{text}");
        }
    }

    #[test]
    fn rates_are_read() {
        let rate = |amount, period_ms, of| Some(Rate { amount, period_ms, of });
        assert_eq!(Rate::parse("10/s"), rate(10, 1_000, Counted::Items));
        assert_eq!(Rate::parse("100 / m"), rate(100, 60_000, Counted::Items));
        assert_eq!(Rate::parse("5/10s"), rate(5, 10_000, Counted::Items));
        assert_eq!(Rate::parse("64KiB/s"), rate(65_536, 1_000, Counted::Bytes));
        for text in ["", "10", "0/s", "10/", "10/0s", "/s", "10/fortnight", "-1/s", "4294967296/s"] {
            assert_eq!(Rate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_wrong_unit_is_told_with_what_was_expected() {
        let error = serde_json::from_str::<Span>("\"30\"").unwrap_err().to_string();
        assert!(
            error.starts_with("invalid value: string \"30\", expected a time with its unit, like 250ms"),
            "{error}"
        );
        let error = serde_json::from_str::<Rate>("10").unwrap_err().to_string();
        assert!(error.starts_with("invalid type: integer `10`, expected a rate above zero, like 10/s"), "{error}");
    }
}
