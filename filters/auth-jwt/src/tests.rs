//! The filter in the fake host. Keys and formats have tests of their own, with the RFCs' vectors.

mod bearers;
mod formats;
mod keys;
mod sessions;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belay_filter::testing::{Bench, set_unix_ms, unix_ms};
use belay_filter::{Handshake, Refusal};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::AuthJwt;

const SECRET: &str = "a secret of thirty-two bytes or more";

/// A config with our secret, and what a test adds.
fn config(more: Value) -> String {
    let mut config = json!({ "keys": [{ "secret": SECRET }] });
    let (Value::Object(config_fields), Value::Object(more)) = (&mut config, more) else { panic!("not an object") };
    config_fields.extend(more);
    config.to_string()
}

fn start(more: Value) -> Bench<AuthJwt> {
    Bench::start(&config(more)).unwrap()
}

fn problem(config: &str) -> String {
    Bench::<AuthJwt>::start(config).err().unwrap().to_string()
}

/// Seconds since 1970 on the fake host.
fn now() -> u64 {
    unix_ms() / 1_000
}

fn encoded(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn signed(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = format!("{}.{}", encoded(header.to_string()), encoded(claims.to_string()));
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(&signed).finalize();
    format!("{signed}.{}", encoded(mac.into_bytes()))
}

/// A token by our secret.
fn token(claims: Value) -> String {
    signed(&json!({ "alg": "HS256", "typ": "JWT" }), &claims, SECRET.as_bytes())
}

/// For an hour.
fn token_of(subject: &str) -> String {
    token(json!({ "sub": subject, "exp": now() + 3600 }))
}

fn with(token: &str) -> Handshake {
    Handshake::to("/chat").with_header("authorization", &format!("Bearer {token}"))
}

/// What a refused client is told.
fn challenge(refusal: Refusal) -> String {
    assert_eq!(refusal.status, 401);
    assert_eq!(refusal.headers[0].name, "www-authenticate");
    refusal.headers[0].value.clone()
}

/// Why a client is refused.
fn refused(bench: &mut Bench<AuthJwt>, token: &str) -> String {
    let challenge = challenge(bench.connect(with(token)).unwrap_err());
    let (_, why) = challenge.split_once("error=\"invalid_token\", error_description=\"").unwrap();
    why.trim_end_matches('"').to_owned()
}

/// The time at which the RFCs' examples are good.
fn in_march_2011() {
    set_unix_ms(1_300_819_000_000);
}
