//! What a component is called: `oci://registry/repository@sha256:…`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::digest::sha256;

/// What it begins with.
pub const SCHEME: &str = "oci://";

/// A component in a registry, by the digest of its manifest.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reference {
    /// As it was written: host, and port if it has one.
    pub(super) host: Box<str>,
    pub(super) repository: Box<str>,
    pub(super) digest: Digest,
}

/// A SHA-256 sum, 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Digest(Box<str>);

/// Not a [`Reference`]: what is wrong, and what to do.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct BadReference {
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

impl Digest {
    /// Of the whole of this.
    pub(super) fn of(bytes: &[u8]) -> Self {
        Self(sha256(bytes).into())
    }

    pub(super) fn hex(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let digits = text.strip_prefix("sha256:").filter(|digits| digits.len() == 64);
        match digits.filter(|digits| digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))) {
            Some(digits) => Ok(Self(digits.into())),
            None => Err(BadReference {
                message: format!("'{text}' is not a digest"),
                help: "a digest is 'sha256:' and 64 hexadecimal digits in lower case".to_owned(),
            }),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = |message: &str| BadReference {
            message: message.to_owned(),
            help: "write oci://registry/repository@sha256:…".to_owned(),
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| bad("it does not begin with oci://"))?;
        let (name, digest) = rest.split_once('@').map_or((rest, None), |(name, digest)| (name, Some(digest)));
        let (host, repository) = name.split_once('/').ok_or_else(|| bad("there is no repository in it"))?;
        let (repository, tag) = repository.split_once(':').map_or((repository, None), |(name, tag)| (name, Some(tag)));
        let is_name = |part: &str| {
            let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
            !part.is_empty() && part.bytes().all(allowed) && part.bytes().any(|byte| byte != b'.')
        };
        if host.is_empty() || host.parse::<http::uri::Authority>().is_err() || host.contains('@') {
            return Err(bad(&format!("'{host}' is not a registry's host")));
        }
        if !repository.split('/').all(is_name) {
            return Err(bad(&format!("'{repository}' is not a repository's name")));
        }
        match (digest, tag) {
            (Some(digest), None) => {
                Ok(Self { host: host.into(), repository: repository.into(), digest: digest.parse()? })
            }
            (Some(_), Some(tag)) => Err(BadReference {
                message: format!("it has a tag, '{tag}', beside the digest"),
                help: format!("leave ':{tag}' out: the digest alone says which component is meant"),
            }),
            (None, tag) => {
                let tag = tag.unwrap_or("latest");
                Err(BadReference {
                    message: format!("'{tag}' is a tag: whoever can push there can put another component behind it"),
                    help: format!(
                        "name the digest: 'crane digest {host}/{repository}:{tag}' or 'oras resolve \
                         {host}/{repository}:{tag}' says it; then write oci://{host}/{repository}@sha256:…"
                    ),
                })
            }
        }
    }
}

impl Reference {
    /// Where its registry's API is: Docker Hub's has a name of its own.
    pub(super) fn api_host(&self) -> &str {
        if self.is_docker_hub() { "registry-1.docker.io" } else { &self.host }
    }

    /// As that API has it: Docker Hub's own repositories have a longer name there.
    pub(super) fn api_repository(&self) -> String {
        let is_official = self.is_docker_hub() && !self.repository.contains('/');
        if is_official { format!("library/{}", self.repository) } else { self.repository.to_string() }
    }

    fn is_docker_hub(&self) -> bool {
        &*self.host == "docker.io"
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}@{}", self.host, self.repository, self.digest)
    }
}

/// Whether a host, with its port if it has one, is this machine itself.
pub(super) fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<http::uri::Authority>() else { return false };
    let name = authority.host().trim_matches(['[', ']']);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_reference_is_written_as_it_was_read() {
        for name in ["ghcr.io/acme/filters/mask", "127.0.0.1:5000/mask", "[::1]:5000/mask", "docker.io/mask"] {
            let text = format!("oci://{name}@{DIGEST}");
            assert_eq!(text.parse::<Reference>().unwrap().to_string(), text);
        }
        let hub: Reference = format!("oci://docker.io/mask@{DIGEST}").parse().unwrap();
        assert_eq!((hub.api_host(), &*hub.api_repository()), ("registry-1.docker.io", "library/mask"));
    }

    #[test]
    fn a_tag_is_refused_with_the_way_to_its_digest() {
        let error = "oci://ghcr.io/acme/mask:v1".parse::<Reference>().unwrap_err();
        assert!(error.message.contains("'v1' is a tag"), "{error:?}");
        assert!(error.help.contains("crane digest ghcr.io/acme/mask:v1"), "{error:?}");
        let error = "oci://ghcr.io/acme/mask".parse::<Reference>().unwrap_err();
        assert!(error.help.contains("ghcr.io/acme/mask:latest"), "{error:?}");
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let bad =
            ["oci://", "oci://host", "oci:///mask", "oci://host/", "oci://host/../x", "oci://host/Mask", "oci://u@h/x"];
        for name in bad {
            assert!(format!("{name}@{DIGEST}").parse::<Reference>().is_err(), "{name}");
        }
        for digest in ["sha256:5da5", "sha512:00", &DIGEST.to_uppercase(), &format!("{DIGEST}0")] {
            assert!(format!("oci://host/mask@{digest}").parse::<Reference>().is_err(), "{digest}");
        }
        assert!(format!("oci://host/mask:v1@{DIGEST}").parse::<Reference>().is_err());
    }

    #[test]
    fn this_machine_is_known_by_name_and_address() {
        for host in ["localhost", "localhost:5000", "127.0.0.1:5000", "127.8.8.8", "[::1]:5000"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["localhost.example", "10.0.0.1:5000", "127.0.0.1.example:5000", "ghcr.io"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
