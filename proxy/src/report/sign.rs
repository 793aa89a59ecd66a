//! Signs batches as Standard Webhooks (<https://www.standardwebhooks.com>) says: HMAC-SHA256 over id, time and body.

use std::fmt::Write;
use std::path::PathBuf;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Where the secret is. Never in the YAML, which is in a repository.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Secret {
    /// A file: a mounted Kubernetes Secret. Read anew for each batch, so that a new secret needs no restart.
    File(PathBuf),
    /// An environment variable.
    Variable(Box<str>),
}

/// A secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BadSecret {
    /// It is not there.
    #[error("cannot read the secret in {place}: {cause}")]
    Unreadable {
        /// The file or the variable.
        place: String,
        /// What the system said.
        cause: String,
    },
    /// It is not what the scheme asks for.
    #[error("the secret in {0} is not 'whsec_' and 24 to 64 bytes in base64; 'openssl rand -base64 32' makes one")]
    Malformed(String),
}

/// Several at a time sign each batch with each, while receivers move from one to the next. At most [`KEYS_MAX`].
#[derive(Clone)]
pub(super) struct Keys(Vec<Vec<u8>>);

const KEYS_MAX: usize = 4;
const PREFIX: &str = "whsec_";

impl Keys {
    pub(super) fn read(secret: &Secret) -> Result<Self, BadSecret> {
        let (place, text) = match secret {
            Secret::File(path) => {
                (path.display().to_string(), std::fs::read_to_string(path).map_err(|error| error.to_string()))
            }
            Secret::Variable(name) => (format!("${name}"), std::env::var(&**name).map_err(|error| error.to_string())),
        };
        match text {
            Ok(text) => Self::parse(&text).ok_or(BadSecret::Malformed(place)),
            Err(cause) => Err(BadSecret::Unreadable { place, cause }),
        }
    }

    /// Secrets parted by white space.
    fn parse(text: &str) -> Option<Self> {
        let decode = |word: &str| {
            let key = BASE64_STANDARD.decode(word.strip_prefix(PREFIX).unwrap_or(word)).ok()?;
            (24..=64).contains(&key.len()).then_some(key)
        };
        let keys: Vec<_> = text.split_whitespace().map(decode).collect::<Option<_>>()?;
        (1..=KEYS_MAX).contains(&keys.len()).then_some(Self(keys))
    }

    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut signatures = String::new();
        for key in &self.0 {
            // A key of any length will do for HMAC.
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { continue };
            mac.update(format!("{id}.{timestamp}.").as_bytes());
            mac.update(body);
            let space = if signatures.is_empty() { "" } else { " " };
            // Writing to a string does not fail.
            let _ = write!(signatures, "{space}v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        }
        signatures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_of_the_specification() {
        // From the scheme's own test vectors.
        let keys = Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = keys.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn two_secrets_sign_side_by_side() {
        let one = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let two = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
        let both = Keys::parse(&format!("{one}\n{two}\n")).unwrap().sign("a", 1, b"b");
        let alone = [one, two].map(|secret| Keys::parse(secret).unwrap().sign("a", 1, b"b"));
        assert_eq!(both, alone.join(" "));
    }

    #[test]
    fn what_is_no_secret_is_refused() {
        for text in ["", "whsec_", "whsec_c2hvcnQ=", "not base64 at all", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw short"] {
            assert!(Keys::parse(text).is_none(), "{text:?}");
        }
    }
}
