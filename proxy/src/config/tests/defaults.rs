//! The defaults that the schema, and with it the documentation, promises are those that the code has.

use serde_json::Value as Json;

use super::*;

/// A file that says every default aloud does what a file does that says nothing.
#[test]
fn documented_defaults_are_the_code_s_defaults() {
    let silent = "listeners: [{ address: 127.0.0.1:0 }]\n\
                  filters: { limit: { use: rate-limit } }\n\
                  telemetry: { otlp: { endpoint: http://127.0.0.1:4317 } }\n\
                  clients: {}\n\
                  report: { endpoint: http://127.0.0.1:9000, secret: { environment: S }, spool: { folder: s } }\n\
                  routes: [{ backend: { url: ws://127.0.0.1:9000 } }]\n";
    let mut aloud: Json = serde_yaml::from_str(silent).unwrap();
    let mut count = 0;
    say(&mut aloud, schema(), &mut count);
    assert!(count > 30, "only {count} defaults were found");
    let aloud = serde_yaml::to_string(&aloud).unwrap();
    let origin = Path::new("belay.yaml");
    let read = |text: &str| {
        let config = parse(text, origin).unwrap_or_else(|m| panic!("{m}"));
        format!("{:#?}", Config { origin: Origin::default(), said: Json::Null, ..config })
    };
    assert_eq!(read(&aloud), read(silent), "{aloud}");
}

/// Fills in every default below a value, and makes the mappings that have some.
fn say(value: &mut Json, schema: &Json, count: &mut usize) {
    let schema = shape(schema);
    if let (Json::Array(items), Some(schema)) = (&mut *value, schema.get("items")) {
        items.iter_mut().for_each(|item| say(item, schema, count));
    }
    let Json::Object(entries) = value else { return };
    if let Some(values) = schema.get("additionalProperties").filter(|values| values.is_object()) {
        entries.values_mut().for_each(|value| say(value, values, count));
    }
    for (name, property) in schema.get("properties").and_then(Json::as_object).into_iter().flatten() {
        if let Some(default) = property.get("default") {
            entries.insert(name.clone(), default.clone());
            *count += 1;
        } else if !["admin", "framer", "tls"].contains(&name.as_str()) && shape(property).get("properties").is_some() {
            let entry = entries.entry(name.clone()).or_insert_with(|| Json::Object(Default::default()));
            say(entry, property, count);
        } else if let Some(entry) = entries.get_mut(name) {
            say(entry, property, count);
        }
    }
}

/// The mapping that a schema is about, its references followed.
fn shape(schema: &Json) -> &Json {
    if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
        return shape(&super::schema()["$defs"][name]);
    }
    let choices = schema["anyOf"].as_array().filter(|_| schema.get("type").is_none());
    choices.into_iter().flatten().map(shape).find(|choice| choice["type"] == "object").unwrap_or(schema)
}
