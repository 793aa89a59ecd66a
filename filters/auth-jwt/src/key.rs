//! Keys, as they are written (in the config, a PEM, a JWK or a JWKS) and as they verify.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rsa::pkcs1::DecodeRsaPublicKey;
use rsa::pkcs1v15;
use rsa::pkcs8::DecodePublicKey;
use rsa::traits::PublicKeyParts;
use rsa::{BigUint, RsaPublicKey};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

use crate::jws::decoded;

/// A key in the config.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrittenKey {
    /// For HS256, as text.
    Secret(String),
    /// For HS256, its bytes in base64.
    SecretBase64(String),
    /// A PEM: `PUBLIC KEY` or `RSA PUBLIC KEY`.
    Pem(String),
    Jwk(Value),
    Jwks(Value),
    /// A PEM or a JWKS in the file of this name in the filter's `files`.
    File(String),
}

/// A key that verifies.
pub(crate) struct Key {
    /// `kid`. A key without one is tried for every token.
    pub(crate) id: Option<String>,
    pub(crate) public: Public,
}

/// Each kind goes with one algorithm.
pub(crate) enum Public {
    Secret(Vec<u8>),
    Rsa(pkcs1v15::VerifyingKey<Sha256>),
    P256(p256::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

/// More in one file or set are not looked at.
pub(crate) const KEYS_MAX: usize = 64;
/// RFC 7518, section 3.2: as long as the hash.
const SECRET_BYTES_MIN: usize = 32;
/// RFC 7518, section 3.3.
const RSA_BYTES_MIN: usize = 256;

impl Public {
    pub(crate) fn secret(bytes: Vec<u8>) -> Result<Self, &'static str> {
        if bytes.len() < SECRET_BYTES_MIN {
            return Err("a secret for HS256 has at least 32 bytes");
        }
        Ok(Self::Secret(bytes))
    }

    fn rsa(key: RsaPublicKey) -> Result<Self, &'static str> {
        if key.size() < RSA_BYTES_MIN {
            return Err("an RSA key for RS256 has at least 2048 bits");
        }
        Ok(Self::Rsa(pkcs1v15::VerifyingKey::new(key)))
    }

    fn p256(x: &[u8], y: &[u8]) -> Result<Self, &'static str> {
        let point = [&[4], x, y].concat();
        p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).map(Self::P256).map_err(|_| "it is no point of P-256")
    }

    fn ed25519(x: &[u8]) -> Result<Self, &'static str> {
        let bytes = x.try_into().map_err(|_| "an Ed25519 key has 32 bytes")?;
        ed25519_dalek::VerifyingKey::from_bytes(bytes).map(Self::Ed25519).map_err(|_| "it is no key of Ed25519")
    }

    pub(crate) fn pem(text: &str) -> Result<Self, &'static str> {
        let (label, der) = armoured(text).ok_or("it is no PEM")?;
        if label == "RSA PUBLIC KEY" {
            let key = RsaPublicKey::from_pkcs1_der(&der);
            return key.map_err(|_| "it is no RSA key of at most 4096 bits").and_then(Self::rsa);
        }
        if label != "PUBLIC KEY" {
            return Err("a PEM must be a PUBLIC KEY or an RSA PUBLIC KEY");
        }
        if let Ok(key) = RsaPublicKey::from_public_key_der(&der) {
            return Self::rsa(key);
        }
        if let Ok(key) = p256::PublicKey::from_public_key_der(&der) {
            return Ok(Self::P256(key.into()));
        }
        let key = ed25519_dalek::VerifyingKey::from_public_key_der(&der);
        key.map(Self::Ed25519).map_err(|_| "the key is none of RSA, P-256 and Ed25519")
    }
}

/// The label and the content of a PEM's first block (RFC 7468).
fn armoured(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (label, rest) = rest.split_once("-----")?;
    let (base64, rest) = rest.split_once("-----END ")?;
    let base64: String = base64.split_ascii_whitespace().collect();
    rest.starts_with(label).then_some(())?;
    Some((label, STANDARD.decode(base64).ok()?))
}

/// The fields that matter here of RFC 7517 and RFC 7518, section 6.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    k: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Key {
    pub(crate) fn jwk(json: &Value) -> Result<Self, &'static str> {
        let jwk = Jwk::deserialize(json).map_err(|_| "it is no JWK")?;
        let bytes = |field: &Option<String>| {
            field.as_deref().and_then(decoded).ok_or("a field of the JWK is missing or no base64url")
        };
        if jwk.usage.as_deref().is_some_and(|usage| usage != "sig") {
            return Err("the JWK is not for signatures");
        }
        if jwk.key_ops.as_ref().is_some_and(|operations| !operations.iter().any(|operation| operation == "verify")) {
            return Err("the JWK is not for verifying");
        }
        let (algorithm, public) = match (&*jwk.kty, jwk.crv.as_deref()) {
            ("oct", _) => ("HS256", Public::secret(bytes(&jwk.k)?)?),
            ("RSA", _) => {
                let (n, e) = (BigUint::from_bytes_be(&bytes(&jwk.n)?), BigUint::from_bytes_be(&bytes(&jwk.e)?));
                let key = RsaPublicKey::new(n, e).map_err(|_| "it is no RSA key of at most 4096 bits")?;
                ("RS256", Public::rsa(key)?)
            }
            ("EC", Some("P-256")) => ("ES256", Public::p256(&bytes(&jwk.x)?, &bytes(&jwk.y)?)?),
            ("OKP", Some("Ed25519")) => ("EdDSA", Public::ed25519(&bytes(&jwk.x)?)?),
            _ => return Err("the JWK's type is none of oct, RSA, EC with P-256 and OKP with Ed25519"),
        };
        // RFC 9864 calls EdDSA with this curve Ed25519.
        if jwk.alg.as_deref().is_some_and(|named| named != algorithm && !(algorithm == "EdDSA" && named == "Ed25519")) {
            return Err("the JWK's alg does not go with its type");
        }
        Ok(Self { id: jwk.kid, public })
    }

    /// All keys of a set that can be used here; who makes a set may put others in (RFC 7517, section 5).
    pub(crate) fn jwks(json: &Value) -> Result<Vec<Self>, &'static str> {
        let keys = json.get("keys").and_then(Value::as_array).ok_or("it is no JWKS: there is no list of keys")?;
        let usable: Vec<Self> = keys.iter().take(KEYS_MAX).filter_map(|key| Self::jwk(key).ok()).collect();
        if usable.is_empty() { Err("the JWKS has no key that can be used here") } else { Ok(usable) }
    }

    /// The content of a file: a JWKS, a JWK, or a PEM.
    pub(crate) fn file(bytes: &[u8]) -> Result<Vec<Self>, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "it is no text")?;
        if text.contains("-----BEGIN ") {
            return Ok(vec![Self { id: None, public: Public::pem(text)? }]);
        }
        let json: Value = serde_json::from_str(text).map_err(|_| "it is neither a PEM nor JSON")?;
        if json.get("kty").is_some() { Ok(vec![Self::jwk(&json)?]) } else { Self::jwks(&json) }
    }
}

impl WrittenKey {
    /// Its keys; none yet of a file.
    pub(crate) fn keys(&self) -> Result<Vec<Key>, &'static str> {
        let single = |public| vec![Key { id: None, public }];
        match self {
            Self::Secret(text) => Public::secret(text.as_bytes().to_vec()).map(single),
            Self::SecretBase64(text) => {
                let bytes = STANDARD.decode(text).map_err(|_| "it is no base64")?;
                Public::secret(bytes).map(single)
            }
            Self::Pem(text) => Public::pem(text).map(single),
            Self::Jwk(json) => Key::jwk(json).map(|key| vec![key]),
            Self::Jwks(json) => Key::jwks(json),
            Self::File(_) => Ok(Vec::new()),
        }
    }
}
