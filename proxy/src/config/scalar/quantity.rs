//! Durations and sizes. Both need their unit: a bare number is a question, not an answer.

use std::fmt;
use std::time::Duration;

use super::{Mistake, text_scalar};
use crate::config::tree::Scalar;

/// A duration that is more than nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Time(pub(in crate::config) Duration);

/// A duration that may be nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct TimeOrZero(pub(in crate::config) Duration);

/// So many in a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Rate {
    pub(in crate::config) count: u32,
    pub(in crate::config) period: Duration,
}

/// A number of bytes that is more than none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Size(pub(in crate::config) usize);

text_scalar!(Time, "Duration", "a duration", r"^([0-9]+(h|m|s|ms|us))+$", ["30s", "100ms", "1m30s"]);
text_scalar!(
    TimeOrZero,
    "DurationOrZero",
    "a duration, 0s if none",
    r"^([0-9]+(h|m|s|ms|us))+$",
    ["30s", "100ms", "0s"]
);
text_scalar!(Rate, "Rate", "a rate", r"^[0-9]+/([0-9]*(h|m|s|ms))+$", ["100/s", "30/m", "5/10s"]);
text_scalar!(Size, "Size", "a size", r"^[0-9]+(B|KB|KiB|MB|MiB|GB|GiB)$", ["64KiB", "1MB", "512B"]);

/// From large to small, in microseconds.
const TIME_UNITS: [(&str, u64); 5] =
    [("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)];
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("KB", 1_000),
    ("B", 1),
];
/// A year: longer is a slip of the hand.
const TIME_MAX: Duration = Duration::from_secs(366 * 24 * 3_600);
/// A pebibyte, for the same reason.
const SIZE_MAX: u64 = 1 << 50;

impl Time {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let duration = duration(text)?;
        if duration.is_zero() {
            return Err(Mistake::new("must be more than nothing", "write a duration such as 30s or 100ms"));
        }
        Ok(Self(duration))
    }
}

impl Rate {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let expected = || {
            let help = "write how many and in which time: 100/s, 30/m, 5/10s";
            Mistake::new(format!("expected a rate such as 100/s, found '{text}'"), help)
        };
        let (count, time) = text.split_once('/').ok_or_else(expected)?;
        let count = count.parse().map_err(|_| expected())?;
        let time = if time.starts_with(|c: char| c.is_ascii_digit()) { time.to_owned() } else { format!("1{time}") };
        let period = duration(&time).map_err(|_| expected())?;
        if count == 0 || period.is_zero() {
            return Err(expected());
        }
        Ok(Self { count, period })
    }

    /// In a second, at least one.
    pub(in crate::config) fn a_second(self) -> u32 {
        let count = f64::from(self.count) / self.period.as_secs_f64();
        (count.ceil() as u32).max(1)
    }
}

impl TimeOrZero {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        duration(text).map(Self)
    }
}

impl Size {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let (count, unit) = digits(text);
        let factor = SIZE_UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let (Some(count), Some(factor)) = (count, factor) else {
            return Err(not_a_size(text, count, unit));
        };
        let bytes = count.checked_mul(factor).filter(|bytes| *bytes <= SIZE_MAX).and_then(|n| usize::try_from(n).ok());
        match bytes {
            Some(0) => Err(Mistake::new("must be more than nothing", "write a size such as 64KiB or 1MB")),
            Some(bytes) => Ok(Self(bytes)),
            None => Err(Mistake::new(format!("{text} is more than there is"), "the most is 1048576GiB")),
        }
    }
}

fn not_a_size(text: &str, count: Option<u64>, unit: &str) -> Mistake {
    let expected = format!("expected a size such as 64KiB or 1MB, found '{text}'");
    match (count, unit) {
        (Some(count), "") => Mistake::new(
            format!("the unit is missing after {text}"),
            format!("write {count}B, {count}KB, {count}KiB, {count}MB or {count}MiB"),
        ),
        (Some(count), _) => {
            let meant = SIZE_UNITS.iter().find(|(name, _)| {
                let (name, unit) = (name.to_lowercase(), unit.to_lowercase());
                name == unit || name.starts_with(&unit)
            });
            match meant {
                Some((name, _)) => Mistake::new(expected, format!("did you mean {count}{name}?")),
                None => Mistake::new(expected, "known units: B, KB, KiB, MB, MiB, GB, GiB"),
            }
        }
        (None, _) => Mistake::new(expected, "write a whole number and its unit, without a space"),
    }
}

/// One or more of number and unit, the units from large to small: `1m30s`.
fn duration(text: &str) -> Result<Duration, Mistake> {
    let expected = || format!("expected a duration such as 30s, 100ms or 1m30s, found '{text}'");
    let mut rest = text;
    let mut micros: u64 = 0;
    let mut allowed = &TIME_UNITS[..];
    while !rest.is_empty() || allowed.len() == TIME_UNITS.len() {
        let (count, tail) = digits(rest);
        let unit = &tail[..tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len())];
        let Some(count) = count else {
            return Err(Mistake::new(expected(), "write whole numbers, each followed by h, m, s, ms or us"));
        };
        let Some(index) = allowed.iter().position(|(name, _)| *name == unit) else {
            return Err(wrong_unit(expected(), count, unit, text));
        };
        let more = count.checked_mul(allowed[index].1).and_then(|more| micros.checked_add(more));
        micros = more.filter(|micros| Duration::from_micros(*micros) <= TIME_MAX).ok_or_else(|| {
            Mistake::new(format!("{text} is longer than a year"), "is it another unit that is meant?")
        })?;
        allowed = &allowed[index + 1..];
        rest = &tail[unit.len()..];
    }
    Ok(Duration::from_micros(micros))
}

fn wrong_unit(expected: String, count: u64, unit: &str, text: &str) -> Mistake {
    match unit {
        "" if text.bytes().all(|b| b.is_ascii_digit()) => Mistake::new(
            format!("the unit is missing after {text}"),
            format!("write {count}s for seconds, {count}ms for milliseconds"),
        ),
        "" => Mistake::new(expected, "write whole numbers, each followed by its unit, without spaces"),
        "d" | "day" | "days" => Mistake::new(expected, format!("the largest unit is the hour: {}h", count * 24)),
        _ => Mistake::new(expected, "known units: h, m, s, ms, us; each once, the larger first"),
    }
}

/// The number that a text begins with, and what follows it.
fn digits(text: &str) -> (Option<u64>, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    (text[..end].parse().ok(), &text[end..])
}

/// A number where a quantity is expected.
pub(super) fn unit_missing(value: &Scalar, one: &str, other: &str) -> Option<Result<(), Mistake>> {
    let Scalar::Number(number) = value else { return None };
    let unit = |example: &str| example.trim_start_matches(|c: char| c.is_ascii_digit()).to_owned();
    let help = if number.is_u64() {
        format!("write {number}{} or {number}{}, as it is meant", unit(one), unit(other))
    } else {
        format!("write a whole number and its unit, such as {one} or {other}")
    };
    Some(Err(Mistake::new(format!("the unit is missing after {number}"), help)))
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_duration(self.0, f)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.count)?;
        write_duration(self.period, f)
    }
}

impl fmt::Display for TimeOrZero {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_duration(self.0, f)
    }
}

fn write_duration(duration: Duration, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    if micros == 0 {
        return f.write_str("0s");
    }
    // Whole seconds up to two minutes read better as they are: 60s, 90s.
    let units = if micros <= 120_000_000 { &TIME_UNITS[2..] } else { &TIME_UNITS[..] };
    for (name, factor) in units {
        if micros >= *factor {
            write!(f, "{}{name}", micros / factor)?;
            micros %= factor;
        }
    }
    Ok(())
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as u64;
        let units = [SIZE_UNITS[0], SIZE_UNITS[1], SIZE_UNITS[2], SIZE_UNITS[6]];
        match units.iter().find(|(_, factor)| bytes.is_multiple_of(*factor)) {
            Some((name, factor)) => write!(f, "{}{name}", bytes / factor),
            None => write!(f, "{bytes}B"),
        }
    }
}
