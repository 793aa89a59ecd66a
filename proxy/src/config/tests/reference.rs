//! docs/configuration.md: its reference is made from the schema, its examples are read as files.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::*;

const BEGIN: &str = "<!-- From here on made from the schema: BELAY_BLESS=1 cargo test -p belay config -->\n";

fn page() -> PathBuf {
    docs().join("configuration.md")
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs")
}

#[test]
fn the_documentation_has_every_option_as_the_schema_has_it() {
    let text = super::read(&page());
    let (prose, _) = text.split_once(BEGIN).expect("the page has the line where the reference begins");
    is_current(&page(), &format!("{prose}{BEGIN}{}", reference())).unwrap();
}

#[test]
fn the_documentation_s_examples_have_no_mistakes() {
    let pages = ["configuration.md", "connection-state.md", "heartbeats.md", "tcp.md", "tls.md"];
    let text: String = pages.map(|page| super::read(&docs().join(page))).concat();
    let examples: Vec<&str> =
        text.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(examples.len() > 8);
    let origin = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/files/docs.yaml");
    for example in examples {
        // An example that shows a part is completed by what every file needs.
        let mut whole = example.to_owned();
        if !example.contains("listeners:") {
            whole += "\nlisteners: [{ address: 127.0.0.1:0 }]\n";
        }
        if !example.contains("routes:") {
            whole += "\nroutes: [{ backend: ws://127.0.0.1:9000 }]\n";
        }
        parse(&whole, &origin).unwrap_or_else(|mistakes| panic!("{mistakes}\n{whole}"));
    }
}

fn reference() -> String {
    let mut out = String::new();
    section("", schema(), &mut out);
    out
}

/// A mapping's options as a table, then the mappings in it.
fn section(path: &str, schema: &Json, out: &mut String) {
    let shape = mapping(schema);
    let title = if path.is_empty() { "The file".to_owned() } else { format!("`{path}`") };
    let _ = write!(out, "\n## {title}\n\n{}\n\n", about(shape).0);
    out.push_str("| option | value | default | meaning | when to change |\n|---|---|---|---|---|\n");
    let required: Vec<&str> = shape["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let mut inner = Vec::new();
    for (name, property) in shape["properties"].as_object().unwrap() {
        let (meaning, when) = about(property);
        let default = match property.get("default") {
            _ if required.contains(&name.as_str()) => "must be given".to_owned(),
            Some(Json::String(word)) => format!("`{word}`"),
            Some(value) => format!("`{}`", value.to_string().replace('"', "").replace(',', ", ")),
            None => String::new(),
        };
        let words = words(property).map(|words| format!(" {words}")).unwrap_or_default();
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let sections = inside(&path, property);
        let kind = kind(property);
        let mut parts = kind.split("mapping");
        let mut kind = parts.next().unwrap_or_default().to_owned();
        for ((path, _), part) in sections.iter().zip(parts) {
            let _ = write!(kind, "[mapping](#{}){part}", anchor(path));
        }
        let _ = writeln!(out, "| `{name}` | {kind} | {default} | {meaning}{words} | {when} |");
        inner.extend(sections);
    }
    for (path, schema) in inner {
        section(&path, schema, out);
    }
}

/// The mappings with options of their own that a value has.
fn inside<'s>(path: &str, schema: &'s Json) -> Vec<(String, &'s Json)> {
    let schema = resolved(schema);
    if schema["properties"].is_object() {
        return vec![(path.to_owned(), schema)];
    }
    if let Some(items) = schema.get("items") {
        return inside(&format!("{path}[]"), items);
    }
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        return inside(&format!("{path}.<name>"), values);
    }
    let choices = choices(schema).iter();
    choices
        .flat_map(|choice| {
            wrapped(choice)
                .map_or_else(|| inside(path, choice), |(name, inner)| inside(&format!("{path}.{name}"), inner))
        })
        .collect()
}

/// `{ text: … }` in a list of words: what has one of some names, by that name.
fn wrapped(shape: &Json) -> Option<(&String, &Json)> {
    let is_word_s_peer =
        shape["type"] == "object" && shape["required"].as_array().is_some_and(|names| names.len() == 1);
    match shape["properties"].as_object() {
        Some(properties) if is_word_s_peer && properties.len() == 1 && shape.get("$ref").is_none() => {
            properties.iter().next()
        }
        _ => None,
    }
}

/// What GitHub makes of a heading.
fn anchor(path: &str) -> String {
    path.chars().filter(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn mapping(schema: &Json) -> &Json {
    let schema = resolved(schema);
    choices(schema).iter().map(mapping).find(|choice| choice["properties"].is_object()).unwrap_or(schema)
}

fn resolved(schema: &Json) -> &Json {
    match schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        Some(name) => &super::schema()["$defs"][name],
        None => schema,
    }
}

fn choices(schema: &Json) -> &[Json] {
    let choices = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Json::as_array);
    choices.filter(|_| schema.get("type").is_none()).map_or(&[], Vec::as_slice)
}

/// Meaning, and when to change it.
fn about(schema: &Json) -> (String, String) {
    let text = schema["description"].as_str().unwrap_or_default().replace('|', "\\|");
    let (meaning, when) = text.split_once("\n\n").unwrap_or((&text, ""));
    (meaning.to_owned(), when.to_owned())
}

/// What kind of value it takes.
fn kind(schema: &Json) -> String {
    let schema = resolved(schema);
    if let Some(title) = schema["title"].as_str().filter(|_| schema["type"] != "object") {
        return title.trim_start_matches("an ").trim_start_matches("a ").to_owned();
    }
    if let Some(word) = schema["const"].as_str() {
        return format!("`{word}`");
    }
    let choices = choices(schema);
    if !choices.is_empty() {
        let kinds = choices.iter().map(|choice| match wrapped(choice) {
            Some((name, inner)) => format!("`{name}:` {}", kind(inner)),
            None => kind(choice),
        });
        return kinds.collect::<Vec<_>>().join(" or ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of: {}", kind(&schema["items"])),
        Some("object") if schema["properties"].is_object() => "mapping".to_owned(),
        Some("object") => format!("name: {}", kind(&schema["additionalProperties"])),
        Some("integer") => "whole number".to_owned(),
        Some("string") => "text".to_owned(),
        Some(other) => other.to_owned(),
        None if schema["type"].is_array() => "text or nothing".to_owned(),
        None => "anything".to_owned(),
    }
}

/// What each word means that an option takes.
fn words(schema: &Json) -> Option<String> {
    let choices = choices(resolved(schema));
    if choices.len() < 2 || !choices.iter().all(|choice| choice["const"].is_string()) {
        return None;
    }
    let each = choices.iter().map(|choice| {
        let meaning = about(choice).0;
        format!("`{}`: {}", choice["const"].as_str().unwrap_or_default(), meaning.trim_end_matches('.'))
    });
    Some(each.collect::<Vec<_>>().join("; ") + ".")
}
