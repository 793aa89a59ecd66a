//! The part of Cargo.lock that one crate depends on, so that an update of anything else makes no component stale.

use std::collections::{BTreeMap, BTreeSet};

/// The entries of a package and of all that it depends on, in the lock file's own words and order.
pub(crate) fn closure(lock: &str, package: &str) -> Result<String, String> {
    let mut by_name: BTreeMap<&str, Vec<Entry<'_>>> = BTreeMap::new();
    let normal = lock.split("[[package]]").skip(1);
    for entry in normal.map(str::trim).map(Entry::read) {
        by_name.entry(entry.name).or_default().push(entry);
    }
    let mut found = BTreeSet::new();
    let mut open = vec![package];
    while let Some(wanted) = open.pop() {
        let (name, version) =
            wanted.split_once(' ').map_or((wanted, None), |(name, rest)| (name, rest.split(' ').next()));
        let entries = by_name.get(name).ok_or_else(|| format!("Cargo.lock has no package {name}; run cargo check"))?;
        for entry in entries.iter().filter(|entry| version.is_none_or(|version| version == entry.version)) {
            if found.insert(entry.text) {
                open.extend(&entry.dependencies);
            }
        }
    }
    Ok(found.into_iter().collect::<Vec<_>>().join("\n\n"))
}

struct Entry<'a> {
    text: &'a str,
    name: &'a str,
    version: &'a str,
    /// `name`, or `name version` where there are several.
    dependencies: Vec<&'a str>,
}

impl<'a> Entry<'a> {
    fn read(text: &'a str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='));
            line.map_or("", |value| value.trim().trim_matches('"'))
        };
        let list = text.split_once("dependencies = [").map_or("", |(_, list)| list.split(']').next().unwrap_or(""));
        let dependencies =
            list.lines().map(|line| line.trim().trim_matches([',', '"'])).filter(|line| !line.is_empty());
        Self { text, name: value("name"), version: value("version"), dependencies: dependencies.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"version = 4

[[package]]
name = "a"
version = "1.0.0"
dependencies = [
 "b 2.0.0",
 "c",
]

[[package]]
name = "b"
version = "1.0.0"

[[package]]
name = "b"
version = "2.0.0"
checksum = "b2"

[[package]]
name = "c"
version = "0.1.0"
dependencies = [
 "a",
]

[[package]]
name = "unrelated"
version = "0.1.0"
"#;

    #[test]
    fn what_a_package_needs_is_there_and_nothing_else() {
        let closure = closure(LOCK, "a").unwrap();
        assert!(closure.contains("checksum = \"b2\"") && closure.contains("name = \"c\""), "{closure}");
        assert!(!closure.contains("unrelated"), "{closure}");
        assert_eq!(closure.matches("name = \"b\"").count(), 1, "{closure}");
    }

    #[test]
    fn a_package_that_is_not_locked_is_an_error() {
        assert!(super::closure(LOCK, "z").is_err());
    }
}
