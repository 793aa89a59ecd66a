//! Bytes, written as a text with escapes.

use std::fmt;

use super::{Mistake, text_scalar};

/// What ends a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct Delimiter(pub(in crate::config) Box<[u8]>);

text_scalar!(Delimiter, "Delimiter", "the bytes that end a message", r"^[\s\S]+$", ["\\0", "\\r\\n\\r\\n"]);

/// More is no delimiter.
const BYTES_MAX: usize = 16;

impl Delimiter {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let mistake = |help: &str| Mistake::new(format!("expected the bytes that end a message, found '{text}'"), help);
        let mut bytes = Vec::new();
        let mut rest = text.chars();
        while let Some(character) = rest.next() {
            if character != '\\' {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            bytes.push(match rest.next() {
                Some('0') => 0,
                Some('n') => b'\n',
                Some('r') => b'\r',
                Some('t') => b'\t',
                Some('\\') => b'\\',
                Some('x') => {
                    let digits: String = rest.by_ref().take(2).collect();
                    let byte = u8::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 2);
                    byte.ok_or_else(|| mistake("after \\x come two hexadecimal digits"))?
                }
                _ => {
                    return Err(mistake(
                        "the escapes are \\0, \\n, \\r, \\t, \\\\ and \\x with two hexadecimal digits",
                    ));
                }
            });
        }
        match bytes.len() {
            0 => Err(mistake("it is empty: give it a byte at least, such as \\0")),
            1..=BYTES_MAX => Ok(Self(bytes.into())),
            _ => Err(mistake("it is longer than 16 bytes")),
        }
    }
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}
