//! Names and values that a session keeps for long, in one allocation of their own length: most are a few letters, and as texts
//! of their own four of them would take as much memory again as all else that filters know of a session.

/// See the module. In the order in which they were first set; a name is there once.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Pairs {
    /// Of each pair the lengths of its name and value, then name and value.
    bytes: Box<[u8]>,
}

/// Longer names and values are cut to it. Whoever sets them has bounds of his own, and far below.
const TEXT_BYTES_MAX: usize = u16::MAX as usize;

impl Pairs {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut rest = &*self.bytes;
        std::iter::from_fn(move || {
            let (name_bytes, after) = rest.split_first_chunk()?;
            let (value_bytes, after) = after.split_first_chunk()?;
            let (name, after) = after.split_at_checked(u16::from_ne_bytes(*name_bytes).into())?;
            let (value, after) = after.split_at_checked(u16::from_ne_bytes(*value_bytes).into())?;
            rest = after;
            Some((text(name), text(value)))
        })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.iter().count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Sets the value of that name, in place of an earlier one.
    pub fn set(&mut self, name: &str, value: &str) {
        let is_known = self.get(name).is_some();
        let new = (!is_known).then_some((name, value));
        let all = self.iter().map(|(known, before)| (known, if known == name { value } else { before })).chain(new);
        self.bytes = written(all);
    }

    /// Forgets that name.
    pub fn remove(&mut self, name: &str) {
        self.bytes = written(self.iter().filter(|(known, _)| *known != name));
    }
}

impl std::fmt::Debug for Pairs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

fn written<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Box<[u8]> {
    let mut bytes = Vec::new();
    for (name, value) in pairs {
        let (name, value) = (cut(name), cut(value));
        for length in [name.len(), value.len()] {
            bytes.extend_from_slice(&u16::try_from(length).unwrap_or_default().to_ne_bytes());
        }
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes.into_boxed_slice()
}

fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

/// What was text when it was written.
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_set_replaced_and_forgotten() {
        let mut pairs = Pairs::default();
        for (name, value) in [("user", "alice"), ("empty", ""), ("room", "七"), ("user", "bob")] {
            pairs.set(name, value);
        }
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("user", "bob"), ("empty", ""), ("room", "七")]);
        assert_eq!((pairs.get("room"), pairs.get("rooms"), pairs.len()), (Some("七"), None, 3));
        for name in ["empty", "user", "nobody"] {
            pairs.remove(name);
        }
        assert_eq!(pairs.iter().collect::<Vec<_>>(), [("room", "七")]);
    }

    #[test]
    fn what_is_too_long_is_cut_between_letters() {
        let mut pairs = Pairs::default();
        pairs.set("long", &"é".repeat(40_000));
        pairs.set("next", "one");
        assert_eq!(pairs.get("long").map(str::len), Some(65_534));
        assert_eq!(pairs.get("next"), Some("one"));
    }
}
