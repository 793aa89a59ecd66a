//! Demo tokens: JSON Web Tokens signed with a secret that everybody knows. A real service has its users log in first.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The secret that `belay.yaml` checks these tokens with.
const SECRET: &[u8] = b"belay-demo-secret-known-to-everybody";

/// How long a token is good for.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// The token of a user of this name.
pub(crate) fn issue(name: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let claims = serde_json::json!({
        "sub": name,
        "iss": "chat",
        "iat": now.as_secs(),
        "exp": (now + LIFETIME).as_secs(),
    });
    sign(&claims.to_string())
}

/// RFC 7515, section 3.1, with HS256.
fn sign(claims: &str) -> String {
    let head = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","typ":"JWT"}"#);
    let signed = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims));
    let mut mac = Hmac::<Sha256>::new(&hmac::digest::Key::<Hmac<Sha256>>::from(key_block()));
    mac.update(signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// HMAC fills a shorter key with zeros to one block of its hash: RFC 2104, section 2.
fn key_block() -> [u8; 64] {
    let mut block = [0; 64];
    block[..SECRET.len()].copy_from_slice(SECRET);
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_carries_the_name_and_a_signature_of_32_bytes() {
        let token = issue("ada");
        let parts: Vec<&str> = token.split('.').collect();
        let [_, claims, signature] = parts[..] else { panic!("three parts") };
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).unwrap()).unwrap();
        assert_eq!(claims["sub"], "ada");
        assert_eq!(URL_SAFE_NO_PAD.decode(signature).unwrap().len(), 32);
    }
}
