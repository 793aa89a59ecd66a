//! Numbers of JSON (RFC 8259, section 6). The standard library's reader of floats would be a sixth of a small filter.

/// As serde knows them.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Number {
    Positive(u64),
    /// Below zero.
    Negative(i64),
    /// With a fraction, an exponent, or beyond 64 bits. Exact with up to 15 digits and 22 decimal places.
    Float(f64),
}

/// The number that these bytes begin with, and how long it is.
pub(super) fn read(text: &[u8]) -> Option<(Number, usize)> {
    let mut rest = Digits(text);
    let negative = rest.skips(b'-');
    let leading_zero = rest.0.first() == Some(&b'0');
    let mut mantissa = Mantissa::default();
    let whole = rest.take(|digit| mantissa.push(digit, Place::Whole));
    if whole == 0 || (leading_zero && whole > 1) {
        return None;
    }
    let mut kind = Kind::Integer;
    if rest.skips(b'.') {
        kind = Kind::Float;
        if rest.take(|digit| mantissa.push(digit, Place::Fraction)) == 0 {
            return None;
        }
    }
    if rest.skips(b'e') || rest.skips(b'E') {
        kind = Kind::Float;
        let down = rest.skips(b'-');
        if !down {
            rest.skips(b'+');
        }
        let mut exponent = 0_i32;
        if rest.take(|digit| exponent = exponent.saturating_mul(10).saturating_add(i32::from(digit))) == 0 {
            return None;
        }
        mantissa.exponent = mantissa.exponent.saturating_add(if down { -exponent } else { exponent });
    }
    let length = text.len() - rest.0.len();
    let number = match kind {
        Kind::Integer if mantissa.exponent == 0 && !negative => Number::Positive(mantissa.value),
        Kind::Integer if mantissa.exponent == 0 && mantissa.value <= 1 << 63 => {
            Number::Negative(0_i64.wrapping_sub_unsigned(mantissa.value))
        }
        _ => {
            let float = mantissa.float()?;
            Number::Float(if negative { -float } else { float })
        }
    };
    Some((number, length))
}

enum Kind {
    Integer,
    Float,
}

enum Place {
    Whole,
    Fraction,
}

struct Digits<'a>(&'a [u8]);

impl Digits<'_> {
    fn skips(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// Gives all digits that come next; says how many.
    fn take(&mut self, mut give: impl FnMut(u8)) -> usize {
        let mut count = 0;
        while let Some((digit @ b'0'..=b'9', rest)) = self.0.split_first() {
            give(digit - b'0');
            self.0 = rest;
            count += 1;
        }
        count
    }
}

/// `value` times ten to the `exponent`.
#[derive(Default)]
struct Mantissa {
    value: u64,
    exponent: i32,
}

impl Mantissa {
    fn push(&mut self, digit: u8, place: Place) {
        let more = self.value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit)));
        // Once a digit has found no room none has: the exponent tells.
        match (more.filter(|_| self.exponent <= 0), place) {
            (Some(value), Place::Whole) => self.value = value,
            (Some(value), Place::Fraction) => {
                self.value = value;
                self.exponent -= 1;
            }
            (None, Place::Whole) => self.exponent += 1,
            (None, Place::Fraction) => {}
        }
    }

    fn float(&self) -> Option<f64> {
        let mut float = self.value as f64;
        let mut left = self.exponent;
        if float == 0.0 {
            return Some(0.0);
        }
        while left != 0 && float.is_finite() && float != 0.0 {
            // Powers of ten up to 22 are floats themselves.
            let step = left.unsigned_abs().min(22);
            let power = (0..step).fold(1.0, |power: f64, _| power * 10.0);
            if left > 0 {
                float *= power;
                left -= step as i32;
            } else {
                float /= power;
                left += step as i32;
            }
        }
        float.is_finite().then_some(float)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Option<Number> {
        let (number, length) = read(text.as_bytes())?;
        (length == text.len()).then_some(number)
    }

    #[test]
    fn integers_are_exact_to_the_ends_of_their_range() {
        assert_eq!(whole("0"), Some(Number::Positive(0)));
        assert_eq!(whole("18446744073709551615"), Some(Number::Positive(u64::MAX)));
        assert_eq!(whole("-9223372036854775808"), Some(Number::Negative(i64::MIN)));
    }

    #[test]
    fn floats_are_what_the_standard_library_reads() {
        for text in
            ["0.5", "-0.25", "1e3", "1.5E-3", "3.141592653589793", "99.9", "0.1", "18446744073709551616", "1e22"]
        {
            assert_eq!(whole(text), Some(Number::Float(text.parse().unwrap())), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_of_json_is_none() {
        for text in ["", "-", "01", "1.", ".5", "1e", "+1", "NaN", "1e999", "0x10"] {
            assert_eq!(whole(text), None, "{text}");
        }
    }
}
