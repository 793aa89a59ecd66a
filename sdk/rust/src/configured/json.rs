//! Reads JSON into any serde type. A config is read once and is small, so this is made to be small too: what it links into a
//! filter is a third of what a general reader does. It says where in the value a mistake is, not where in the text.

mod reader;

use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use self::reader::{More, Reader, invalid};
use super::number::Number;
use super::problem::Problem;

type Read<T> = Result<T, Problem>;

/// The whole text must be one value.
pub(super) fn read<T: DeserializeOwned>(text: &str) -> Read<T> {
    let mut reader = Reader::new(text);
    let value = T::deserialize(&mut reader)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => Err(Problem::new("something follows the value")),
    }
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
