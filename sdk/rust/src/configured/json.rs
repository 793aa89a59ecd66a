//! Reads JSON into any serde type. A config is read once and is small, so this is made to be small too: what it links into a
//! filter is a third of what a general reader does. It says where in the value a mistake is, not where in the text.

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, Expected, IntoDeserializer, MapAccess,
    SeqAccess, Unexpected, VariantAccess, Visitor,
};

use super::number::{self, Number};
use super::problem::Problem;

/// Lists and objects within each other.
const DEPTH_MAX: u32 = 64;

type Read<T> = Result<T, Problem>;

/// The whole text must be one value.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Read<T> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Problem::new("something follows the value")),
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> Option<u8> {
        let rest = self.rest();
        let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.at += blank;
        rest.get(blank).copied()
    }

    /// Whether this byte is next; if so it is taken.
    fn takes(&mut self, byte: u8) -> bool {
        let next = self.peek() == Some(byte);
        self.at += usize::from(next);
        next
    }

    fn expect(&mut self, byte: u8) -> Read<()> {
        if self.takes(byte) { Ok(()) } else { Err(invalid()) }
    }

    fn word(&mut self, word: &str) -> Read<()> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(invalid());
        }
        self.at += word.len();
        Ok(())
    }

    fn string(&mut self) -> Read<String> {
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
    fn escaped(&mut self) -> Read<char> {
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

    fn four_hex_digits(&mut self) -> Read<u32> {
        let digits = self.rest().get(..4).ok_or_else(invalid)?;
        self.at += 4;
        digits.iter().try_fold(0, |code, digit| Ok(code << 4 | char::from(*digit).to_digit(16).ok_or_else(invalid)?))
    }

    fn number(&mut self) -> Read<Number> {
        let (number, length) = number::read(self.rest()).ok_or_else(invalid)?;
        self.at += length;
        Ok(number)
    }

    /// Something else stands here than what is expected.
    #[cold]
    fn unexpected(&mut self, expected: &dyn Expected) -> Problem {
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
    fn more(&mut self, read: usize, end: u8) -> Read<More> {
        if self.takes(end) {
            return Ok(More::No);
        }
        if read > 0 {
            self.expect(b',')?;
        }
        Ok(More::Yes)
    }

    /// One list or object deeper, while it is read.
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
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

#[derive(PartialEq, Eq)]
enum More {
    Yes,
    No,
}

fn invalid() -> Problem {
    Problem::new("not valid JSON")
}

/// Methods that read what another reads.
macro_rules! forward {
    ($to:ident: $($method:ident)+) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            self.$to(visitor)
        })+
    };
}

/// Each kind of value is read by a function of its own, so that a type links no more than the kinds it is made of.
impl<'de> Deserializer<'de> for &mut Reader<'_> {
    type Error = Problem;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.peek() {
            Some(b'n') => self.deserialize_unit(visitor),
            Some(b't' | b'f') => self.deserialize_bool(visitor),
            Some(b'"') => self.deserialize_str(visitor),
            Some(b'[') => self.deserialize_seq(visitor),
            Some(b'{') => self.deserialize_map(visitor),
            _ => self.deserialize_u64(visitor),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() != Some(b'n') {
            return Err(self.unexpected(&visitor));
        }
        self.word("null")?;
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        let (word, value) = match self.peek() {
            Some(b't') => ("true", true),
            Some(b'f') => ("false", false),
            _ => return Err(self.unexpected(&visitor)),
        };
        self.word(word)?;
        visitor.visit_bool(value)
    }

    /// Any number.
    fn deserialize_u64<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if let Some(b'"' | b'[' | b'{' | b'n' | b't' | b'f') = self.peek() {
            return Err(self.unexpected(&visitor));
        }
        match self.number()? {
            Number::Positive(value) => visitor.visit_u64(value),
            Number::Negative(value) => visitor.visit_i64(value),
            Number::Float(value) => visitor.visit_f64(value),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected(&visitor));
        }
        let string = self.string()?;
        visitor.visit_string(string)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() != Some(b'[') {
            return Err(self.unexpected(&visitor));
        }
        self.nested(|reader| {
            let mut items = Items { reader, read: 0 };
            let value = visitor.visit_seq(&mut items)?;
            match items.reader.more(items.read, b']')? {
                More::No => Ok(value),
                More::Yes => Err(Problem::new("the list is longer than expected")),
            }
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() != Some(b'{') {
            return Err(self.unexpected(&visitor));
        }
        self.nested(|reader| {
            let mut fields = Fields { reader, read: 0, name: String::new() };
            let value = visitor.visit_map(&mut fields)?;
            match fields.reader.more(fields.read, b'}')? {
                More::No => Ok(value),
                More::Yes => Err(invalid()),
            }
        })
    }

    forward! { deserialize_u64: deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 deserialize_u8
    deserialize_u16 deserialize_u32 deserialize_u128 deserialize_f32 deserialize_f64 }
    forward! { deserialize_str: deserialize_char deserialize_string deserialize_identifier }
    forward! { deserialize_any: deserialize_bytes deserialize_byte_buf deserialize_ignored_any }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(self, _: &'static str, _: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.peek() == Some(b'n') {
            self.word("null")?;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    /// The variant's name alone, or an object of one field: the name, and what belongs to it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        match self.peek() {
            Some(b'"') => {
                let name = self.string()?;
                visitor.visit_enum(name.into_deserializer())
            }
            Some(b'{') => self.nested(|reader| {
                let value = visitor.visit_enum(Variant { reader: &mut *reader, name: String::new() })?;
                reader.expect(b'}').map(|()| value)
            }),
            _ => Err(Problem::new("expected a name, or an object of one field")),
        }
    }
}

/// The items of a list.
struct Items<'r, 'a> {
    reader: &'r mut Reader<'a>,
    read: usize,
}

/// The fields of an object.
struct Fields<'r, 'a> {
    reader: &'r mut Reader<'a>,
    read: usize,
    name: String,
}

impl<'de> SeqAccess<'de> for &mut Items<'_, '_> {
    type Error = Problem;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.reader.more(self.read, b']')? == More::No {
            // Whoever looks again finds the end again.
            self.reader.at -= 1;
            return Ok(None);
        }
        let value = seed.deserialize(&mut *self.reader).map_err(|problem| problem.in_item(self.read))?;
        self.read += 1;
        Ok(Some(value))
    }
}

impl<'de> MapAccess<'de> for &mut Fields<'_, '_> {
    type Error = Problem;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        if self.reader.more(self.read, b'}')? == More::No {
            self.reader.at -= 1;
            return Ok(None);
        }
        self.read += 1;
        self.name = self.reader.string()?;
        let key = seed.deserialize(self.name.as_str().into_deserializer());
        key.map(Some).map_err(|problem: Problem| problem.in_field(&self.name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        self.reader.expect(b':')?;
        seed.deserialize(&mut *self.reader).map_err(|problem| problem.in_field(&self.name))
    }
}

/// A variant with what belongs to it.
struct Variant<'r, 'a> {
    reader: &'r mut Reader<'a>,
    name: String,
}

impl<'de> EnumAccess<'de> for Variant<'_, '_> {
    type Error = Problem;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(mut self, seed: V) -> Read<(V::Value, Self)> {
        self.name = self.reader.string()?;
        self.reader.expect(b':')?;
        Ok((seed.deserialize(self.name.as_str().into_deserializer())?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'_, '_> {
    type Error = Problem;

    fn unit_variant(self) -> Read<()> {
        Err(Problem::custom("nothing belongs to it").in_field(&self.name))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<T::Value> {
        seed.deserialize(self.reader).map_err(|problem| problem.in_field(&self.name))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Read<V::Value> {
        self.reader.deserialize_seq(visitor).map_err(|problem| problem.in_field(&self.name))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Read<V::Value> {
        self.reader.deserialize_map(visitor).map_err(|problem| problem.in_field(&self.name))
    }
}

#[cfg(test)]
mod tests;
