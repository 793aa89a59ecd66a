//! The file as a tree in which each value knows where it stands. saphyr-parser says what stands where, serde_yaml what a
//! plain scalar means; anchors and merge keys are resolved here. What the values mean is the schema's and the wire types'.

mod build;

pub(super) use build::build;

use super::diagnostics::Place;
use super::path::{Path, Segment};

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Scalar {
    Null,
    Bool(bool),
    Number(serde_yaml::Number),
    Text(String),
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Scalar(Scalar),
    List(Vec<Item>),
    Mapping(Vec<Entry>),
}

/// An item of a list.
#[derive(Clone, Debug)]
pub(super) struct Item {
    /// Its index in the file, which stays when items before it are left out.
    pub(super) index: usize,
    pub(super) node: Node,
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

impl Node {
    /// What the user would call it.
    pub(super) fn found(&self) -> String {
        match &self.value {
            Value::Scalar(Scalar::Null) => "nothing".to_owned(),
            Value::Scalar(Scalar::Bool(value)) => value.to_string(),
            Value::Scalar(Scalar::Number(number)) => format!("the number {number}"),
            Value::Scalar(Scalar::Text(text)) if text.chars().count() > 60 => "a long text".to_owned(),
            Value::Scalar(Scalar::Text(text)) => format!("'{text}'"),
            Value::List(_) => "a list".to_owned(),
            Value::Mapping(_) => "a mapping".to_owned(),
        }
    }

    /// Follows a path as far as it goes. Gives the path with the indices of the file, and the place of the value, or of
    /// the last one that is there.
    pub(super) fn locate(&self, path: &Path) -> (Path, Place) {
        self.follow(path, |entry| if entry.node.is_scalar() { entry.node.place } else { entry.key_place })
    }

    /// As [`Self::locate`], but the place of the key.
    pub(super) fn locate_key(&self, path: &Path) -> (Path, Place) {
        self.follow(path, |entry| entry.key_place)
    }

    /// The path as the file has it: items that were cut out are counted again.
    pub(super) fn as_in_file(&self, path: &Path) -> Path {
        let mut node = Some(self);
        let mut shown = Path::default();
        for segment in path.segments() {
            match (segment, node.map(|node| &node.value)) {
                (Segment::Item(index), Some(Value::List(items))) => {
                    let item = items.get(*index);
                    shown = shown.item(item.map_or(*index, |item| item.index));
                    node = item.map(|item| &item.node);
                }
                (Segment::Item(index), _) => shown = shown.item(*index),
                (Segment::Key(key), value) => {
                    shown = shown.key(key);
                    node = match value {
                        Some(Value::Mapping(entries)) => {
                            entries.iter().find(|entry| *entry.key == **key).map(|entry| &entry.node)
                        }
                        _ => None,
                    };
                }
            }
        }
        shown
    }

    fn follow(&self, path: &Path, place_of: fn(&Entry) -> Place) -> (Path, Place) {
        let mut node = self;
        let mut place = self.place;
        let mut shown = Path::default();
        for segment in path.segments() {
            match (segment, &node.value) {
                (Segment::Key(key), Value::Mapping(entries)) => {
                    let Some(entry) = entries.iter().find(|entry| *entry.key == **key) else { break };
                    (node, place) = (&entry.node, place_of(entry));
                    shown = shown.key(key);
                }
                (Segment::Item(index), Value::List(items)) => {
                    let Some(item) = items.get(*index) else { break };
                    (node, place) = (&item.node, item.node.place);
                    shown = shown.item(item.index);
                }
                _ => break,
            }
        }
        (shown, place)
    }

    /// The value, if it is a text.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    fn is_scalar(&self) -> bool {
        matches!(self.value, Value::Scalar(_))
    }
}

impl From<&Node> for serde_yaml::Value {
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::Scalar(Scalar::Null) => Self::Null,
            Value::Scalar(Scalar::Bool(value)) => Self::Bool(*value),
            Value::Scalar(Scalar::Number(number)) => Self::Number(number.clone()),
            Value::Scalar(Scalar::Text(text)) => Self::String(text.clone()),
            Value::List(items) => items.iter().map(|item| Self::from(&item.node)).collect(),
            Value::Mapping(entries) => Self::Mapping(
                entries.iter().map(|entry| (entry.key.as_str().into(), Self::from(&entry.node))).collect(),
            ),
        }
    }
}
