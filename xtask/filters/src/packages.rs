//! The part of Cargo.lock that one crate depends on, so that an update of anything else makes no component stale.

use std::collections::{BTreeMap, BTreeSet};

/// A package and all that it depends on, one a line: name, version, checksum. Not the lock file's own words, for these change
/// when a package elsewhere comes in a second version.
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
            if found.insert(format!("{} {} {}", entry.name, entry.version, entry.checksum)) {
                open.extend(&entry.dependencies);
            }
        }
    }
    Ok(found.into_iter().collect::<Vec<_>>().join("\n"))
}

struct Entry<'a> {
    name: &'a str,
    version: &'a str,
    checksum: &'a str,
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
        let (name, version, checksum) = (value("name"), value("version"), value("checksum"));
        Self { name, version, checksum, dependencies: dependencies.collect() }
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
        assert_eq!(closure(LOCK, "a").unwrap(), "a 1.0.0 \nb 2.0.0 b2\nc 0.1.0 ");
    }

    #[test]
    fn a_package_that_is_not_locked_is_an_error() {
        assert!(super::closure(LOCK, "z").is_err());
    }
}
