//! A profile as protobuf: the few messages of `profile.proto` that are needed, and no more of protobuf than they take.

use std::collections::HashMap;

/// Stacks and their values, named as they come.
pub(super) struct Profile {
    strings: HashMap<String, u64>,
    functions: HashMap<(u64, u64), u64>,
    locations: HashMap<Place, u64>,
    /// Parts of the message, in its order but for the strings, which are known last.
    written: Vec<u8>,
    order: Vec<String>,
}

/// A line of code in a stack.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Place {
    /// Of the instruction; 0 if it is not known.
    pub(super) address: u64,
    /// The functions there, the innermost first: more than one where some were inlined.
    pub(super) lines: Vec<Line>,
}

/// See [`Place`].
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Line {
    pub(super) function: String,
    pub(super) file: String,
    pub(super) line: u32,
}

// Field numbers of the message Profile.
const SAMPLE_TYPE: u64 = 1;
const SAMPLE: u64 = 2;
const LOCATION: u64 = 4;
const FUNCTION: u64 = 5;
const STRING_TABLE: u64 = 6;
#[cfg(feature = "cpu-profile")]
const DURATION_NANOS: u64 = 10;
const PERIOD_TYPE: u64 = 11;
const PERIOD: u64 = 12;

impl Profile {
    /// Of values of these types and units, taken every so many of the last.
    pub(super) fn new(types: &[(&str, &str)], period: u64) -> Self {
        let mut profile = Self {
            strings: HashMap::new(),
            functions: HashMap::new(),
            locations: HashMap::new(),
            written: Vec::new(),
            order: Vec::new(),
        };
        // The first string is the empty one.
        profile.string("");
        for &(name, unit) in types {
            let value_type = profile.value_type(name, unit);
            message(&mut profile.written, SAMPLE_TYPE, &value_type);
        }
        if let Some(&(name, unit)) = types.last() {
            let period_type = profile.value_type(name, unit);
            message(&mut profile.written, PERIOD_TYPE, &period_type);
        }
        number(&mut profile.written, PERIOD, period);
        profile
    }

    /// It took so long.
    #[cfg(feature = "cpu-profile")]
    pub(super) fn lasted(&mut self, time: std::time::Duration) {
        number(&mut self.written, DURATION_NANOS, u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// One stack, the innermost place first, and a value of each type.
    pub(super) fn add(&mut self, stack: Vec<Place>, values: &[u64]) {
        let locations: Vec<u64> = stack.into_iter().map(|place| self.location(place)).collect();
        let mut sample = Vec::new();
        packed(&mut sample, 1, &locations);
        packed(&mut sample, 2, values);
        message(&mut self.written, SAMPLE, &sample);
    }

    /// The whole message.
    pub(super) fn finish(mut self) -> Vec<u8> {
        for string in &self.order {
            message(&mut self.written, STRING_TABLE, string.as_bytes());
        }
        self.written
    }

    fn string(&mut self, text: &str) -> u64 {
        if let Some(&index) = self.strings.get(text) {
            return index;
        }
        let index = self.order.len() as u64;
        self.order.push(text.to_owned());
        self.strings.insert(text.to_owned(), index);
        index
    }

    fn value_type(&mut self, name: &str, unit: &str) -> Vec<u8> {
        let mut value_type = Vec::new();
        number(&mut value_type, 1, self.string(name));
        number(&mut value_type, 2, self.string(unit));
        value_type
    }

    fn location(&mut self, place: Place) -> u64 {
        if let Some(&id) = self.locations.get(&place) {
            return id;
        }
        let id = self.locations.len() as u64 + 1;
        let mut location = Vec::new();
        number(&mut location, 1, id);
        number(&mut location, 3, place.address);
        for line in &place.lines {
            let mut inner = Vec::new();
            number(&mut inner, 1, self.function(line));
            number(&mut inner, 2, line.line.into());
            message(&mut location, 4, &inner);
        }
        message(&mut self.written, LOCATION, &location);
        self.locations.insert(place, id);
        id
    }

    fn function(&mut self, line: &Line) -> u64 {
        let key = (self.string(&line.function), self.string(&line.file));
        if let Some(&id) = self.functions.get(&key) {
            return id;
        }
        let id = self.functions.len() as u64 + 1;
        let mut function = Vec::new();
        number(&mut function, 1, id);
        // Without a system_name beside it, which would have pprof take the name for one of C++ and cut all between < and >.
        number(&mut function, 2, key.0);
        number(&mut function, 4, key.1);
        message(&mut self.written, FUNCTION, &function);
        self.functions.insert(key, id);
        id
    }
}

/// Base 128, the least first (protobuf, "Encoding").
fn varint(into: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            return into.push(low);
        }
        into.push(low | 0x80);
    }
}

fn number(into: &mut Vec<u8>, field: u64, value: u64) {
    varint(into, field << 3);
    varint(into, value);
}

fn message(into: &mut Vec<u8>, field: u64, content: &[u8]) {
    varint(into, field << 3 | 2);
    varint(into, content.len() as u64);
    into.extend_from_slice(content);
}

fn packed(into: &mut Vec<u8>, field: u64, values: &[u64]) {
    let mut content = Vec::new();
    values.iter().for_each(|&value| varint(&mut content, value));
    message(into, field, &content);
}
