//! The text of a config, read a word at a time (RFC 8259).

use serde::de::{Error as _, Expected, Unexpected};

use super::{Problem, Read};
use crate::configured::number::{self, Number};

/// Lists and objects within each other.
const DEPTH_MAX: u32 = 64;

/// How far the text has been read.
pub(super) struct Reader<'a> {
    text: &'a str,
    pub(super) at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not white space.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    /// Whether this byte is next; if so it is taken.
    pub(super) fn takes(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    pub(super) fn expect(&mut self, byte: u8) -> Read<()> {
        if self.takes(byte) { Ok(()) } else { Err(invalid()) }
    }

    pub(super) fn word(&mut self, word: &str) -> Read<()> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(invalid());
        }
        self.at += word.len();
        Ok(())
    }

    pub(super) fn string(&mut self) -> Read<String> {
        self.expect(b'"')?;
        let mut string = String::new();
        loop {
            let rest = self.rest();
            let plain = rest.iter().position(|&byte| matches!(byte, b'"' | b'\\' | 0..0x20)).ok_or_else(invalid)?;
            // Between two ASCII characters of a text there are whole characters.
            string.push_str(self.text.get(self.at..self.at + plain).ok_or_else(invalid)?);
            self.at += plain + 1;
            match rest[plain] {
                b'"' => return Ok(string),
                b'\\' => string.push(self.escaped()?),
                _ => return Err(invalid()),
            }
        }
    }

    /// What stands behind a backslash (RFC 8259, section 7).
    pub(super) fn escaped(&mut self) -> Read<char> {
        let escape = *self.rest().first().ok_or_else(invalid)?;
        self.at += 1;
        Ok(match escape {
            b'"' | b'\\' | b'/' => char::from(escape),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.four_hex_digits()?;
                if (0xd800..0xdc00).contains(&code) {
                    self.word("\\u")?;
                    let low = self.four_hex_digits()?.checked_sub(0xdc00).filter(|low| *low < 0x400);
                    code = 0x1_0000 + ((code - 0xd800) << 10) + low.ok_or_else(invalid)?;
                }
                char::from_u32(code).ok_or_else(invalid)?
            }
            _ => return Err(invalid()),
        })
    }

    pub(super) fn four_hex_digits(&mut self) -> Read<u32> {
        let digits = self.rest().get(..4).ok_or_else(invalid)?;
        self.at += 4;
        digits.iter().try_fold(0, |code, digit| Ok(code << 4 | char::from(*digit).to_digit(16).ok_or_else(invalid)?))
    }

    pub(super) fn number(&mut self) -> Read<Number> {
        let (number, length) = number::read(self.rest()).ok_or_else(invalid)?;
        self.at += length;
        Ok(number)
    }

    /// Something else stands here than what is expected.
    #[cold]
    pub(super) fn unexpected(&mut self, expected: &dyn Expected) -> Problem {
        let string;
        let found = match self.peek() {
            Some(b'n') => Unexpected::Unit,
            Some(b't') => Unexpected::Bool(true),
            Some(b'f') => Unexpected::Bool(false),
            Some(b'[') => Unexpected::Seq,
            Some(b'{') => Unexpected::Map,
            Some(b'"') => match self.string() {
                Ok(read) => {
                    string = read;
                    Unexpected::Str(&string)
                }
                Err(problem) => return problem,
            },
            _ => match self.number() {
                Ok(Number::Positive(number)) => Unexpected::Unsigned(number),
                Ok(Number::Negative(number)) => Unexpected::Signed(number),
                Ok(Number::Float(number)) => Unexpected::Float(number),
                Err(problem) => return problem,
            },
        };
        Problem::invalid_type(found, expected)
    }

    /// Whether another item or field begins, after those that were read; otherwise the end is taken.
    pub(super) fn more(&mut self, read: usize, end: u8) -> Read<More> {
        if self.takes(end) {
            return Ok(More::No);
        }
        if read > 0 {
            self.expect(b',')?;
        }
        Ok(More::Yes)
    }

    /// One list or object deeper, while it is read.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth == DEPTH_MAX {
            return Err(Problem::new("nested too deep"));
        }
        self.at += 1;
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }
}

/// Whether something more is in a list or an object.
#[derive(PartialEq, Eq)]
pub(super) enum More {
    Yes,
    No,
}

pub(super) fn invalid() -> Problem {
    Problem::new("not valid JSON")
}
