//! The compact form of a signed token (RFC 7515): its parts, and whether a key has signed it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use rsa::pkcs1v15;
use serde::Deserialize;
use sha2::Sha256;
use signature::Verifier;

use p256::ecdsa::signature;

use crate::key::Public;

/// A longer one is not looked at. Servers take 8 KiB of headers; a token of more carries what it should not.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What a token says of its own signature.
#[derive(Debug, Deserialize)]
pub(crate) struct Header {
    alg: Algorithm,
    pub(crate) kid: Option<String>,
    /// Extensions that must be understood; none is.
    crit: Option<serde_json::Value>,
}

/// RFC 7518, section 3.1, and RFC 8037. What is not here is not verified, `none` least of all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub(crate) enum Algorithm {
    #[serde(rename = "HS256")]
    Hs256,
    #[serde(rename = "RS256")]
    Rs256,
    #[serde(rename = "ES256")]
    Es256,
    #[serde(rename = "EdDSA")]
    EdDsa,
    #[serde(other)]
    Other,
}

/// A token taken apart, its signature not checked yet.
pub(crate) struct Jws<'a> {
    pub(crate) header: Header,
    signed: &'a str,
    payload: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    pub(crate) fn read(token: &'a str) -> Result<Self, &'static str> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err("the token is too long");
        }
        let (signed, signature) = token.rsplit_once('.').ok_or("the token is no JWS")?;
        let (header, payload) = signed.split_once('.').ok_or("the token is no JWS")?;
        if payload.contains('.') {
            return Err("the token is no JWS");
        }
        let header: Header = decoded(header)
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or("the token's header cannot be read")?;
        if header.alg == Algorithm::Other {
            return Err("the token's algorithm is not accepted");
        }
        if header.crit.is_some() {
            return Err("the token uses extensions");
        }
        let signature = decoded(signature).ok_or("the token's signature cannot be read")?;
        Ok(Self { header, signed, payload, signature })
    }

    /// Whether this key can have signed a token of this algorithm, and did. An RSA key is no secret for HS256.
    pub(crate) fn is_signed_by(&self, key: &Public) -> bool {
        let (message, signature) = (self.signed.as_bytes(), &*self.signature);
        match (self.header.alg, key) {
            (Algorithm::Hs256, Public::Secret(secret)) => Hmac::<Sha256>::new_from_slice(secret)
                .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok()),
            (Algorithm::Rs256, Public::Rsa(key)) => {
                pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            (Algorithm::Es256, Public::P256(key)) => p256::ecdsa::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            (Algorithm::EdDsa, Public::Ed25519(key)) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
            (Algorithm::Hs256 | Algorithm::Rs256 | Algorithm::Es256 | Algorithm::EdDsa | Algorithm::Other, _) => false,
        }
    }

    /// What was signed. Only to be asked once it is known who did.
    pub(crate) fn payload(&self) -> Option<Vec<u8>> {
        decoded(self.payload)
    }
}

pub(crate) fn decoded(base64url: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(base64url).ok()
}
