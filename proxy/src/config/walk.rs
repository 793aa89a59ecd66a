//! Holds the tree against the schema and notes every difference. What does not fit is cut out, so that the rest can be
//! converted and its own mistakes be found in the same run.
//!
//! It knows as much of JSON Schema as [`super::schema()`] uses, and leans on one property of it: where there is a choice of
//! shapes, the value's type decides.

mod expect;

use serde_json::{Map, Value as Json};

use super::diagnostics::{Diagnostic, Place};
use super::path::Path;
use super::tree::{Entry, Node, Scalar, Value};
use super::{nearest, scalar};
use expect::Leaf;

/// Notes what does not fit and cuts it out. [`Fit::Bad`] if the whole tree is of the wrong type.
pub(super) fn walk(tree: &mut Node, schema: &Json, found: &mut Vec<Diagnostic>) -> Fit {
    Walk { root: schema, found }.node(tree, schema, &Path::default())
}

/// Whether a value can stay in the tree.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fit {
    Good,
    Bad,
}

struct Walk<'s, 'f> {
    root: &'s Json,
    found: &'f mut Vec<Diagnostic>,
}

impl<'s> Walk<'s, '_> {
    fn node(&mut self, node: &mut Node, schema: &'s Json, path: &Path) -> Fit {
        let leaves = expect::leaves(self.root, schema);
        let Some(leaf) = self.choose(node, &leaves) else {
            return self.mismatch(node, &leaves, path);
        };
        match &mut node.value {
            Value::Mapping(entries) => self.mapping(entries, leaf.schema, path, node.place),
            Value::List(items) => {
                if let Some(schema) = leaf.schema.get("items") {
                    items.retain_mut(|item| self.node(&mut item.node, schema, &path.item(item.index)) == Fit::Good);
                }
                let least = leaf.schema.get("minItems").and_then(Json::as_u64).unwrap_or(0);
                if items.is_empty() && least > 0 {
                    self.note(
                        path,
                        "the list is empty".to_owned(),
                        Some("it takes one at least".to_owned()),
                        node.place,
                    );
                }
                Fit::Good
            }
            Value::Scalar(value) => match leaf.name.and_then(|name| scalar::check(name, value)) {
                Some(Err(mistake)) => self.note(path, mistake.message, mistake.help, node.place),
                Some(Ok(())) => Fit::Good,
                None => self.range(value, leaf.schema, path, node.place),
            },
        }
    }

    /// The shape that a value is meant for: by its type, for texts by being one of the words, and where more than one
    /// mapping is known by having one of its keys.
    fn choose<'l>(&self, node: &Node, leaves: &'l [Leaf<'s>]) -> Option<&'l Leaf<'s>> {
        let fitting: Vec<_> = leaves.iter().filter(|leaf| leaf.accepts(node)).collect();
        let is_meant = |leaf: &Leaf| match &node.value {
            Value::Mapping(entries) => {
                fitting.len() == 1 || entries.iter().any(|entry| leaf.keys().any(|key| key == entry.key))
            }
            _ => leaf.words().is_empty() || node.text().is_some_and(|text| leaf.words().contains(&text)),
        };
        fitting.iter().copied().find(|leaf| is_meant(leaf))
    }

    fn mismatch(&mut self, node: &Node, leaves: &[Leaf<'s>], path: &Path) -> Fit {
        if let Value::Scalar(value) = &node.value {
            let mistake = leaves.iter().find_map(|leaf| scalar::check(leaf.name?, value)?.err());
            if let Some(mistake) = mistake {
                return self.note(path, mistake.message, mistake.help, node.place);
            }
        }
        let keys: Vec<&str> = leaves.iter().flat_map(Leaf::keys).collect();
        if let (Value::Mapping(entries), [_, ..]) = (&node.value, &keys[..])
            && let Some(entry) = entries.first()
        {
            let message = format!("unknown field '{}'", entry.key);
            let help = nearest::help(&entry.key, keys);
            return self.note(&path.key(&entry.key), message, Some(help), entry.key_place);
        }
        let words: Vec<&str> = leaves.iter().flat_map(Leaf::words).collect();
        let message = format!("expected {}, found {}", expect::expected(leaves), node.found());
        let help = match (&node.value, node.text()) {
            (_, Some(text)) if !words.is_empty() => Some(nearest::help(text, words)),
            (Value::Scalar(Scalar::Null), _) => Some("give it a value, or remove the key".to_owned()),
            (Value::Scalar(Scalar::Bool(false)), _) if words.contains(&"off") => Some("write off".to_owned()),
            (Value::Scalar(Scalar::Bool(_) | Scalar::Number(_)), _) if expect::takes(leaves, "string") => {
                Some("put it in quotes".to_owned())
            }
            (Value::Scalar(_) | Value::Mapping(_), _) if expect::takes(leaves, "array") => {
                Some("put it in a list: [a, b], or one item a line, each after '- '".to_owned())
            }
            _ => None,
        };
        self.note(path, message, help, node.place)
    }

    fn mapping(&mut self, entries: &mut Vec<Entry>, schema: &'s Json, path: &Path, place: Place) -> Fit {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Json::as_object);
        let known: Vec<&str> = properties.unwrap_or(&empty).keys().map(String::as_str).collect();
        let mut meant = Vec::new();
        let is_ignored = |key: &str| schema.get("patternProperties").is_some() && key.starts_with("x-");
        let present: Vec<String> = entries.iter().map(|entry| entry.key.clone()).collect();
        entries.retain_mut(|entry| {
            let path = path.key(&entry.key);
            let value = properties.and_then(|properties| properties.get(&entry.key));
            match (value, schema.get("additionalProperties")) {
                (Some(schema), _) => self.node(&mut entry.node, schema, &path) == Fit::Good,
                _ if is_ignored(&entry.key) => false,
                (None, Some(Json::Bool(false))) => {
                    meant.extend(nearest::nearest(&entry.key, &known));
                    self.unknown(entry, &known, &path);
                    false
                }
                (None, Some(schema)) => self.node(&mut entry.node, schema, &path) == Fit::Good,
                (None, None) => true,
            }
        });
        let required = schema.get("required").and_then(Json::as_array);
        for name in required.into_iter().flatten().filter_map(Json::as_str) {
            if !present.iter().any(|key| key == name) && !meant.contains(&name) {
                let about = properties.and_then(|properties| properties.get(name)).and_then(expect::about);
                let help = about.map(|about| format!("{name}: {about}"));
                self.note(path, format!("missing field '{name}'"), help, place);
            }
        }
        // Nothing is left of a kind that is named by its only key.
        if entries.is_empty() && known.len() == 1 && required.is_some() { Fit::Bad } else { Fit::Good }
    }

    fn unknown(&mut self, entry: &Entry, known: &[&str], path: &Path) {
        let elsewhere = expect::homes(self.root, &entry.key);
        if let Some(help) = nearest::renamed(&path.to_string()) {
            self.note(path, format!("unknown field '{}'", entry.key), Some(help.to_owned()), entry.key_place);
            return;
        }
        let help = match (nearest::nearest(&entry.key, known), &elsewhere[..]) {
            (None, [_, ..]) => {
                format!("'{}' belongs in {}; known here: {}", entry.key, elsewhere.join(" or "), known.join(", "))
            }
            _ => nearest::help(&entry.key, known.iter().copied()),
        };
        self.note(path, format!("unknown field '{}'", entry.key), Some(help), entry.key_place);
    }

    fn range(&mut self, value: &Scalar, schema: &Json, path: &Path, place: Place) -> Fit {
        let Scalar::Number(number) = value else { return Fit::Good };
        let value = number.as_f64().unwrap_or(f64::NAN);
        let bound = |keyword: &str| schema.get(keyword).filter(|bound| bound.is_number());
        let breaks = |bound: &Json, breaks: fn(&f64, &f64) -> bool| bound.as_f64().is_some_and(|b| breaks(&value, &b));
        if let Some(least) = bound("minimum").filter(|least| breaks(least, f64::lt)) {
            return self.note(path, format!("must be at least {least}, is {number}"), None, place);
        }
        if let Some(most) = bound("maximum").filter(|most| breaks(most, f64::gt)) {
            return self.note(path, format!("must be at most {most}, is {number}"), None, place);
        }
        Fit::Good
    }

    /// Notes a mistake; what it is about does not fit.
    fn note(&mut self, path: &Path, message: String, help: Option<String>, place: Place) -> Fit {
        self.found.push(Diagnostic { path: path.to_string(), message, help, place: Some(place) });
        Fit::Bad
    }
}
