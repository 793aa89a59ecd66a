//! Who asks a registry: from a file as Docker writes it, read at each pull, so that a mounted Secret may change.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

/// A name and a password, as `Authorization: Basic` has them.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials(Box<str>);

impl Credentials {
    /// The value of the header.
    pub(super) fn basic(&self) -> String {
        format!("Basic {}", self.0)
    }
}

/// They are nobody's business.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    #[serde(default)]
    auths: std::collections::BTreeMap<String, Entry>,
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: std::collections::BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// For the registry of this host. `given` is the file of the configuration; without it, Docker's own place.
///
/// # Errors
/// A file that cannot be used.
pub(super) fn find(given: Option<&Path>, host: &str) -> Result<Option<Credentials>, String> {
    let Some(file) = given.map(Path::to_owned).or_else(usual) else { return Ok(None) };
    let cannot = |why: &dyn fmt::Display| format!("registries.credentials: cannot use {}: {why}", file.display());
    let text = std::fs::read(&file).map_err(|error| cannot(&error))?;
    // Of what is in it nothing is shown.
    let read: File = serde_json::from_slice(&text)
        .map_err(|error| cannot(&format!("line {}: not as Docker has it", error.line())))?;
    let Some((_, entry)) = read.auths.iter().find(|(key, _)| host_of(key) == canonical(host)) else {
        if read.cred_helpers.contains_key(host) || read.creds_store.is_some() {
            let why = "it names a program that has the credentials, and Belay runs none: write them under 'auths'";
            return Err(cannot(&why));
        }
        return Ok(None);
    };
    if !entry.auth.is_empty() {
        return match STANDARD.decode(&entry.auth) {
            Ok(pair) if pair.contains(&b':') => Ok(Some(Credentials(entry.auth.as_str().into()))),
            _ => Err(cannot(&format!("the 'auth' for {host} is not NAME:PASSWORD in base64"))),
        };
    }
    if !entry.username.is_empty() {
        let pair = STANDARD.encode(format!("{}:{}", entry.username, entry.password));
        return Ok(Some(Credentials(pair.into())));
    }
    if !entry.identitytoken.is_empty() {
        return Err(cannot(&format!("for {host} it has an identity token; write a name and a password, or 'auth'")));
    }
    Ok(None)
}

/// Docker's own, if it is there.
fn usual() -> Option<PathBuf> {
    let folder = match std::env::var_os("DOCKER_CONFIG") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(&std::env::var_os("HOME")?).join(".docker"),
    };
    Some(folder.join("config.json")).filter(|file| file.exists())
}

/// Keys are hosts, or URLs as old Docker wrote them: `https://index.docker.io/v1/`.
fn host_of(key: &str) -> &str {
    let rest = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    canonical(rest.split('/').next().unwrap_or(rest))
}

/// Docker Hub has three names.
fn canonical(host: &str) -> &str {
    if ["index.docker.io", "registry-1.docker.io"].contains(&host) { "docker.io" } else { host }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, host: &str) -> Result<Option<String>, String> {
        let file = std::env::temp_dir().join(format!(
            "belay-credentials-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::write(&file, text).unwrap();
        let found = find(Some(&file), host).map(|found| found.map(|credentials| credentials.basic()));
        std::fs::remove_file(&file).unwrap();
        found
    }

    #[test]
    fn they_are_found_as_docker_writes_them() {
        let file = r#"{ "auths": { "https://index.docker.io/v1/": { "auth": "YTpi" }, "r:5000": { "username": "c", "password": "d" } } }"#;
        assert_eq!(found(file, "docker.io"), Ok(Some("Basic YTpi".to_owned())));
        assert_eq!(found(file, "r:5000"), Ok(Some("Basic Yzpk".to_owned())));
        assert_eq!(found(file, "r"), Ok(None));
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_not_shown() {
        for file in ["secret", r#"{ "auths": { "r": { "auth": "secret" } } }"#, r#"{ "credsStore": "secret" }"#] {
            let error = found(file, "r").unwrap_err();
            assert!(error.contains("registries.credentials: cannot use /"), "{error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(find(Some(Path::new("/nowhere")), "r").unwrap_err().contains("No such file"));
    }
}
