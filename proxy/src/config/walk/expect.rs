//! Questions to the schema: what a value may be, in which words to say it, and where a name is at home.

use serde_json::Value as Json;

use crate::config::tree::{Node, Scalar, Value};

/// One shape that a value may have.
pub(super) struct Leaf<'s> {
    /// What the schema calls it, if it has a name.
    pub(super) name: Option<&'s str>,
    pub(super) schema: &'s Json,
}

/// The shapes that a schema allows: its references followed, its choices taken apart.
pub(super) fn leaves<'s>(root: &'s Json, schema: &'s Json) -> Vec<Leaf<'s>> {
    let (name, schema) = resolve(root, schema);
    let choices = ["oneOf", "anyOf"].iter().find_map(|keyword| schema.get(keyword)).and_then(Json::as_array);
    match choices {
        Some(choices) if schema.get("type").is_none() => {
            choices.iter().flat_map(|choice| leaves(root, choice)).collect()
        }
        _ => vec![Leaf { name, schema }],
    }
}

fn resolve<'s>(root: &'s Json, schema: &'s Json) -> (Option<&'s str>, &'s Json) {
    let Some(name) = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix("#/$defs/")) else {
        return (None, schema);
    };
    (Some(name), root.get("$defs").and_then(|definitions| definitions.get(name)).unwrap_or(schema))
}

impl<'s> Leaf<'s> {
    /// Whether a value's type is right. A schema without a type takes anything.
    pub(super) fn accepts(&self, node: &Node) -> bool {
        self.types().is_empty() || self.types().iter().any(|name| is_of(node, name))
    }

    /// The words that a text must be one of; empty if it may be any.
    pub(super) fn words(&self) -> Vec<&'s str> {
        let listed = self.schema.get("enum").and_then(Json::as_array).into_iter().flatten();
        self.schema.get("const").into_iter().chain(listed).filter_map(Json::as_str).collect()
    }

    /// The keys that it knows as a mapping.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'s str> {
        self.schema
            .get("properties")
            .and_then(Json::as_object)
            .into_iter()
            .flat_map(|known| known.keys().map(String::as_str))
    }

    fn types(&self) -> Vec<&'s str> {
        match self.schema.get("type") {
            Some(Json::String(name)) => vec![name],
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        }
    }
}

fn is_of(node: &Node, type_name: &str) -> bool {
    match (&node.value, type_name) {
        (Value::Mapping(_), "object")
        | (Value::List(_), "array")
        | (Value::Scalar(Scalar::Null), "null")
        | (Value::Scalar(Scalar::Bool(_)), "boolean")
        | (Value::Scalar(Scalar::Text(_)), "string")
        | (Value::Scalar(Scalar::Number(_)), "number") => true,
        (Value::Scalar(Scalar::Number(number)), "integer") => !number.is_f64(),
        _ => false,
    }
}

/// Whether any of the shapes is of that type.
pub(super) fn takes(leaves: &[Leaf], type_name: &str) -> bool {
    leaves.iter().any(|leaf| leaf.types().contains(&type_name))
}

/// What may stand here, in words.
pub(super) fn expected(leaves: &[Leaf]) -> String {
    let mut parts: Vec<String> = Vec::new();
    for leaf in leaves {
        let words = leaf.words();
        if words.is_empty() {
            for noun in leaf.types().iter().map(|type_name| noun(leaf, type_name)) {
                if !parts.contains(&noun) {
                    parts.push(noun);
                }
            }
        } else {
            parts.extend(words.iter().map(|word| format!("'{word}'")));
        }
    }
    parts.join(" or ")
}

fn noun(leaf: &Leaf, type_name: &str) -> String {
    let title = leaf.schema.get("title").and_then(Json::as_str);
    let example = leaf.schema.get("examples").and_then(|examples| examples.get(0));
    match (type_name, title, example) {
        ("object", ..) => "a mapping".to_owned(),
        (_, Some(title), Some(Json::String(example))) => format!("{title} such as {example}"),
        (_, Some(title), Some(example)) => format!("{title} such as {example}"),
        ("array", ..) => "a list".to_owned(),
        ("string", ..) => "a text".to_owned(),
        ("integer", ..) => "a whole number".to_owned(),
        ("number", ..) => "a number".to_owned(),
        ("boolean", ..) => "true or false".to_owned(),
        ("null", ..) => "nothing".to_owned(),
        (other, ..) => other.to_owned(),
    }
}

/// The first paragraph of a description.
pub(super) fn about(schema: &Json) -> Option<String> {
    let description = schema.get("description")?.as_str()?;
    Some(description.split("\n\n").next().unwrap_or_default().to_owned())
}

/// The places where a name is known, as a user would write their path.
pub(super) fn homes(root: &Json, name: &str) -> Vec<String> {
    let mut homes = Vec::new();
    search(root, root, name, "", &mut homes);
    homes.retain(|home| !home.is_empty());
    homes
}

fn search(root: &Json, schema: &Json, name: &str, path: &str, homes: &mut Vec<String>) {
    for leaf in leaves(root, schema) {
        if let Some(items) = leaf.schema.get("items") {
            search(root, items, name, &format!("{path}[]"), homes);
        }
        if let Some(values) = leaf.schema.get("additionalProperties").filter(|values| values.is_object()) {
            search(root, values, name, &format!("{path}.*"), homes);
        }
        let Some(properties) = leaf.schema.get("properties").and_then(Json::as_object) else { continue };
        if properties.contains_key(name) {
            homes.push(path.to_owned());
        }
        let dot = if path.is_empty() { "" } else { "." };
        for (key, value) in properties {
            search(root, value, name, &format!("{path}{dot}{key}"), homes);
        }
    }
}
