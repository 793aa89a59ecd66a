//! Keys: how they are written, how they rotate, and which are refused.

use std::time::Duration;

use belay_filter::testing::{counter, move_clock, remove_file, set_file};

use super::*;

fn with_key(key: Value) -> String {
    json!({ "keys": [key] }).to_string()
}

fn jwk(id: &str, secret: &str) -> Value {
    json!({ "kty": "oct", "kid": id, "k": encoded(secret) })
}

fn jwks(keys: &[Value]) -> Vec<u8> {
    json!({ "keys": keys }).to_string().into_bytes()
}

/// By the key of this id.
fn token_by(id: &str, secret: &str) -> String {
    signed(&json!({ "alg": "HS256", "kid": id }), &json!({ "sub": "alice", "exp": now() + 3600 }), secret.as_bytes())
}

const ONE: &str = "the first of two secrets, long enough";
const TWO: &str = "the second of two secrets, long enough";

#[test]
fn public_keys_are_read_from_pem() {
    for pem in
        [include_str!("rsa.pem"), include_str!("rsa-pkcs1.pem"), include_str!("p256.pem"), include_str!("ed25519.pem")]
    {
        Bench::<AuthJwt>::start(&with_key(json!({ "pem": pem }))).unwrap();
    }
}

#[test]
fn a_key_that_cannot_be_used_is_told() {
    for (key, why) in [
        (json!({ "secret": "short" }), "keys[0]: a secret for HS256 has at least 32 bytes"),
        (json!({ "secret_base64": "?" }), "keys[0]: it is no base64"),
        (json!({ "pem": "x" }), "keys[0]: it is no PEM"),
        (json!({ "pem": include_str!("rsa-1024.pem") }), "keys[0]: an RSA key for RS256 has at least 2048 bits"),
        (
            json!({ "pem": include_str!("rsa.pem").replace("PUBLIC", "PRIVATE") }),
            "keys[0]: a PEM must be a PUBLIC KEY or an RSA PUBLIC KEY",
        ),
        (json!({ "jwk": { "kty": "oct" } }), "keys[0]: a field of the JWK is missing or no base64url"),
        (
            json!({ "jwk": { "kty": "EC", "crv": "P-256", "x": "AAAA", "y": "AAAA" } }),
            "keys[0]: it is no point of P-256",
        ),
        (
            json!({ "jwk": { "kty": "oct", "k": encoded(ONE), "alg": "RS256" } }),
            "keys[0]: the JWK's alg does not go with its type",
        ),
        (json!({ "jwk": { "kty": "oct", "k": encoded(ONE), "use": "enc" } }), "keys[0]: the JWK is not for signatures"),
        (json!({ "jwks": { "keys": [{ "kty": "x" }] } }), "keys[0]: the JWKS has no key that can be used here"),
        (json!({ "file": "jwks" }), "keys[0].file: the file cannot be read; is it listed under `files`?"),
    ] {
        assert_eq!(problem(&with_key(key)), why);
    }
    assert_eq!(problem(r#"{ "keys": [] }"#), "keys: there must be one at least");
    assert_eq!(problem("null"), "missing field `keys`");
}

#[test]
fn the_key_of_a_token_is_found_by_its_id() {
    let keys = json!({ "keys": [jwk("one", ONE), { "kty": "unknown" }, jwk("two", TWO)] });
    let mut bench: Bench<AuthJwt> = Bench::start(&with_key(json!({ "jwks": keys }))).unwrap();
    bench.connect(with(&token_by("one", ONE))).unwrap();
    bench.connect(with(&token_by("two", TWO))).unwrap();
    assert_eq!(refused(&mut bench, &token_by("one", TWO)), "the token's signature is by no known key");
    assert_eq!(refused(&mut bench, &token_by("three", ONE)), "the token's signature is by no known key");
}

#[test]
fn keys_rotate_in_their_file() {
    set_file("jwks", &jwks(&[jwk("one", ONE)]));
    let mut bench: Bench<AuthJwt> = Bench::start(&with_key(json!({ "file": "jwks" }))).unwrap();
    bench.connect(with(&token_by("one", ONE))).unwrap();
    set_file("jwks", &jwks(&[jwk("two", TWO)]));
    bench.connect(with(&token_by("two", TWO))).unwrap();
    assert_eq!(refused(&mut bench, &token_by("one", ONE)), "the token's signature is by no known key");
}

#[test]
fn a_file_that_cannot_be_read_for_a_while_locks_nobody_out() {
    set_file("jwks", &jwks(&[jwk("one", ONE)]));
    let mut bench: Bench<AuthJwt> = Bench::start(&with_key(json!({ "file": "jwks" }))).unwrap();
    remove_file("jwks");
    bench.connect(with(&token_by("one", ONE))).unwrap();
    set_file("jwks", b"half a fi");
    bench.connect(with(&token_by("one", ONE))).unwrap();
    assert_eq!(counter("unreadable-keys"), 2);
    move_clock(Duration::from_secs(5));
    set_file("jwks", &jwks(&[jwk("two", TWO)]));
    bench.connect(with(&token_by("two", TWO))).unwrap();
}

#[test]
fn an_unknown_key_is_looked_for_now_and_then() {
    set_file("jwks", b"{}");
    set_file("jwks", &jwks(&[jwk("one", ONE)]));
    let mut bench: Bench<AuthJwt> = Bench::start(&with_key(json!({ "file": "jwks" }))).unwrap();
    remove_file("jwks");
    for _ in 0..10 {
        refused(&mut bench, &token_by("two", TWO));
    }
    assert_eq!(counter("unreadable-keys"), 1, "only its change was a reason to look");
    move_clock(Duration::from_secs(5));
    refused(&mut bench, &token_by("two", TWO));
    assert_eq!(counter("unreadable-keys"), 2);
}

#[test]
fn a_file_may_hold_a_pem() {
    set_file("key", include_bytes!("p256.pem"));
    Bench::<AuthJwt>::start(&with_key(json!({ "file": "key" }))).unwrap();
}
