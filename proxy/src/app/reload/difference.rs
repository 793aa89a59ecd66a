//! What one file says otherwise than another, key by key, and from when each change counts. Routes are told apart by their
//! names, listeners by their addresses.

use serde_json::{Map, Value, json};

/// One key that differs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Changed {
    /// `routes.chat.hold.for`.
    pub(super) key: String,
    pub(super) how: How,
    pub(super) effect: Effect,
}

/// How it differs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    Added,
    Removed,
    Changed,
}

/// From when a change counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// At once, for open sessions too.
    Live,
    /// For clients that come from now on.
    NewSessions,
    /// When the process is started anew.
    Restart,
}

/// By the beginning of a key, `*` standing for one name; the longest that fits decides. docs/reload.md says it in more words.
pub(super) const EFFECTS: [(&str, Effect); 19] = [
    ("admin", Effect::Restart),
    ("clients", Effect::Restart),
    ("drain", Effect::Live),
    ("filter_cache", Effect::Restart),
    ("filters", Effect::Live),
    ("limits", Effect::Live),
    ("listeners", Effect::NewSessions),
    ("listeners.*.limits.accept_burst", Effect::Live),
    ("listeners.*.limits.accept_rate", Effect::Live),
    ("listeners.*.limits.connections", Effect::Live),
    ("listeners.*.limits.peer", Effect::Live),
    ("networks", Effect::Restart),
    ("registries", Effect::Live),
    ("report", Effect::Restart),
    ("routes", Effect::Live),
    ("routes.*.match", Effect::NewSessions),
    ("telemetry", Effect::Restart),
    ("telemetry.log.level", Effect::Live),
    ("workers", Effect::Restart),
];

/// In the order of the keys, those of the second file first.
pub(super) fn difference(before: &Value, after: &Value) -> Vec<Changed> {
    let mut changed = Vec::new();
    compare(&mut Vec::new(), &named(before), &named(after), &mut changed);
    changed
}

impl Changed {
    fn at(path: &[String], how: How) -> Self {
        // A route that comes or goes says nothing to the sessions of others, and its own go on.
        let is_one_of_many = path.len() == 2 && path[0] == "routes";
        let effect = if is_one_of_many && how != How::Changed { Effect::NewSessions } else { effect(path) };
        Self { key: path.join("."), how, effect }
    }

    /// For people and scripts.
    pub(super) fn to_json(&self) -> Value {
        let how = match self.how {
            How::Added => "added",
            How::Removed => "removed",
            How::Changed => "changed",
        };
        let effect = match self.effect {
            Effect::Live => "live",
            Effect::NewSessions => "new sessions",
            Effect::Restart => "needs a restart",
        };
        json!({ "key": self.key, "how": how, "effect": effect })
    }
}

fn effect(path: &[String]) -> Effect {
    let fits = |pattern: &str| {
        let mut keys = path.iter();
        pattern.split('.').all(|part| keys.next().is_some_and(|key| part == "*" || part == key))
    };
    let rows = EFFECTS.iter().filter(|(pattern, _)| fits(pattern));
    // What nobody thought of is not promised.
    rows.max_by_key(|(pattern, _)| pattern.split('.').count()).map_or(Effect::Restart, |(_, effect)| *effect)
}

fn compare(path: &mut Vec<String>, before: &Value, after: &Value, changed: &mut Vec<Changed>) {
    let (Value::Object(before), Value::Object(after)) = (before, after) else {
        if before != after {
            let how = match (before, after) {
                (Value::Null, _) => How::Added,
                (_, Value::Null) => How::Removed,
                _ => How::Changed,
            };
            changed.push(Changed::at(path, how));
        }
        return;
    };
    // What a filter's own config says is the filter's: it is told all of it.
    if path.len() == 3 && path[0] == "filters" && path[2] == "config" {
        if before != after {
            changed.push(Changed::at(path, How::Changed));
        }
        return;
    }
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    for key in after.keys().chain(gone) {
        path.push(key.clone());
        let (old, new) = (before.get(key).unwrap_or(&Value::Null), after.get(key).unwrap_or(&Value::Null));
        compare(path, old, new, changed);
        path.pop();
    }
}

/// With routes by their names and listeners by their addresses, and their order as a key of its own.
fn named(file: &Value) -> Value {
    let mut file = file.clone();
    let Value::Object(top) = &mut file else { return file };
    for (key, name) in [("routes", "name"), ("listeners", "address")] {
        let Some(Value::Array(items)) = top.get_mut(key).map(Value::take) else { continue };
        let mut by_name = Map::new();
        for item in items {
            let mut name = item[name].as_str().unwrap_or_default().to_owned();
            while by_name.contains_key(&name) {
                name.push('\'');
            }
            by_name.insert(name, item);
        }
        top.insert(key.to_owned(), Value::Object(by_name));
    }
    file
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn said(yaml: &str) -> Value {
        crate::config::parse(yaml, Path::new("belay.yaml")).unwrap().said
    }

    fn changes(before: &str, after: &str) -> Vec<(String, How, Effect)> {
        let changed = difference(&said(before), &said(after));
        changed.into_iter().map(|Changed { key, how, effect }| (key, how, effect)).collect()
    }

    const BEFORE: &str = "
listeners: [{ address: 127.0.0.1:8080 }]
filters: { limit: { use: rate-limit, config: { rate: 5/s } } }
routes:
  - { name: chat, match: { path: /chat }, backend: ws://127.0.0.1:9000, filters: [limit] }
  - { match: { path: /feed }, backend: ws://127.0.0.1:9001 }
";

    #[test]
    fn each_key_that_differs_is_named_with_what_it_takes() {
        let after = "
listeners: [{ address: 127.0.0.1:8080, limits: { connections: 7 } }, { address: 127.0.0.1:8081 }]
filters: { limit: { use: rate-limit, config: { rate: 6/s, burst: 9 } } }
workers: 2
telemetry: { log: { level: debug } }
routes:
  - { name: other, backend: ws://127.0.0.1:9001 }
  - { name: chat, match: { path: /talk }, backend: ws://127.0.0.1:9000, hold: { for: 5s } }
";
        let mut changed = changes(BEFORE, after);
        changed.sort_by(|a, b| a.0.cmp(&b.0));
        let expected = [
            ("filters.limit.config", How::Changed, Effect::Live),
            ("listeners.127.0.0.1:8080.limits.connections", How::Changed, Effect::Live),
            ("listeners.127.0.0.1:8081", How::Added, Effect::NewSessions),
            ("routes./feed", How::Removed, Effect::NewSessions),
            ("routes.chat.filters", How::Changed, Effect::Live),
            ("routes.chat.hold.for", How::Changed, Effect::Live),
            ("routes.chat.match.path", How::Changed, Effect::NewSessions),
            ("routes.other", How::Added, Effect::NewSessions),
            ("telemetry.log.level", How::Changed, Effect::Live),
            ("workers", How::Added, Effect::Restart),
        ];
        let expected: Vec<_> = expected.into_iter().map(|(key, how, effect)| (key.to_owned(), how, effect)).collect();
        assert_eq!(changed, expected);
    }

    #[test]
    fn another_text_of_the_same_meaning_differs_in_nothing() {
        assert_eq!(changes(BEFORE, &format!("# a comment\n{BEFORE}\ndrain: {{ over: 10s }}\n")), []);
    }

    #[test]
    fn every_key_of_the_file_is_spoken_of() {
        let schema = crate::config::schema();
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reload.md");
        let page = std::fs::read_to_string(page).unwrap();
        for key in schema["properties"].as_object().unwrap().keys() {
            assert!(EFFECTS.iter().any(|(pattern, _)| pattern == key), "{key} has no effect");
            assert!(page.contains(&format!("| `{key}")), "docs/reload.md has no row for {key}");
        }
        for (pattern, _) in EFFECTS {
            let key = pattern.replace("*", "…");
            assert!(page.contains(&format!("`{key}`")), "docs/reload.md does not speak of {key}");
        }
    }
}
