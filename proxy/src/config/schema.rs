//! The JSON Schema (draft 2020-12) of the file, made from the wire types and simplified to what an editor and
//! [`super::walk`] need.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use super::wire;

/// The schema of a configuration file. Made once.
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<wire::File>);
    &SCHEMA
}

/// The schema of a file that is read into such wire types.
pub(super) fn schema_of<W: JsonSchema>() -> Value {
    SchemaSettings::draft2020_12()
        .with_transform(RecursiveTransform(simplify))
        .into_generator()
        .into_root_schema_for::<W>()
        .to_value()
}

/// An option that is not given is left out, never null; bounds stand where schemars names Rust's integer types; and only
/// defaults that are words or numbers are worth showing, since a mapping's members have their own.
fn simplify(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Object(properties)) = object.get_mut("properties") {
        for property in properties.values_mut().filter_map(Value::as_object_mut) {
            without_null(property);
            property.retain(|keyword, value| keyword != "default" || is_worth_showing(value));
        }
    }
    if let Some(Value::String(description)) = object.get_mut("description") {
        let paragraphs: Vec<String> = description.split("\n\n").map(|lines| lines.replace('\n', " ")).collect();
        *description = paragraphs.join("\n\n");
    }
    match object.get("format").and_then(Value::as_str) {
        Some("uint32") => {
            object.entry("maximum").or_insert(json!(u32::MAX));
            object.remove("format");
        }
        Some("uint" | "uint16" | "uint64" | "int32" | "double") => drop(object.remove("format")),
        _ => {}
    }
}

fn is_worth_showing(default: &Value) -> bool {
    match default {
        Value::Null | Value::Object(_) => false,
        Value::Array(items) => !items.is_empty(),
        _ => true,
    }
}

fn without_null(property: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = property.get_mut("type") {
        types.retain(|name| name != "null");
        if let [only] = &types[..] {
            let only = only.clone();
            property.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(choices)) = property.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&json!("null")));
        if let [Value::Object(only)] = &mut choices[..] {
            let only = std::mem::take(only);
            property.remove("anyOf");
            for (keyword, value) in only {
                property.entry(keyword).or_insert(value);
            }
        }
    }
}
