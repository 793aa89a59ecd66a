//! Signed tokens as the RFCs show them, and what must never pass for one.

use super::*;
use crate::jws::Jws;
use crate::key::Key;

/// RFC 7515, appendix A.1, and RFC 7519, section 3.1.
const CLAIMS: &str = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const HS256: (&str, &str) = ("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
/// Appendix A.2.
const RS256: (&str, &str) = (
    "eyJhbGciOiJSUzI1NiJ9",
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1d\
     nZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwu\
     sC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
);
/// Appendix A.3.
const ES256: (&str, &str) =
    ("eyJhbGciOiJFUzI1NiJ9", "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q");

fn hs256_key() -> Value {
    json!({ "kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow" })
}

fn rs256_key() -> Value {
    json!({
        "kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ\
              S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa\
              2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PA\
              cDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB"
    })
}

fn es256_key() -> Value {
    json!({
        "kty": "EC", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    })
}

fn start_with(keys: &[Value]) -> Bench<AuthJwt> {
    in_march_2011();
    let keys: Vec<Value> = keys.iter().map(|key| json!({ "jwk": key })).collect();
    Bench::start(&json!({ "keys": keys, "issuer": "joe" }).to_string()).unwrap()
}

#[test]
fn the_examples_of_rfc_7515_are_let_in() {
    for ((header, signature), key) in [(HS256, hs256_key()), (RS256, rs256_key()), (ES256, es256_key())] {
        let mut bench = start_with(&[key]);
        bench.connect(with(&format!("{header}.{CLAIMS}.{signature}"))).unwrap();
    }
}

#[test]
fn the_example_of_rfc_8037_is_signed() {
    let x = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    let x: Vec<u8> = (0..64).step_by(2).map(|at| u8::from_str_radix(&x[at..at + 2], 16).unwrap()).collect();
    let key = Key::jwk(&json!({ "kty": "OKP", "crv": "Ed25519", "x": encoded(x) })).unwrap();
    let token = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
                 hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    assert!(Jws::read(token).unwrap().is_signed_by(&key.public));
    let other = token.replace("RXh", "RXg");
    assert!(!Jws::read(&other).unwrap().is_signed_by(&key.public));
}

#[test]
fn a_signature_that_was_touched_is_refused() {
    for ((header, signature), key) in [(HS256, hs256_key()), (RS256, rs256_key()), (ES256, es256_key())] {
        let mut bench = start_with(&[key]);
        let other = if signature.starts_with('c') { "d" } else { "c" };
        let touched = format!("{header}.{CLAIMS}.{other}{}", &signature[1..]);
        assert_eq!(refused(&mut bench, &touched), "the token's signature is by no known key");
        let none = format!("{header}.{CLAIMS}.");
        assert_eq!(refused(&mut bench, &none), "the token's signature is by no known key");
        let changed = format!("{header}.{}.{signature}", encoded(r#"{"iss":"joe","exp":1300819380,"sub":"root"}"#));
        assert_eq!(refused(&mut bench, &changed), "the token's signature is by no known key");
    }
}

#[test]
fn the_unsecured_example_of_rfc_7519_is_refused() {
    let mut bench = start_with(&[hs256_key(), rs256_key()]);
    let unsecured = format!("eyJhbGciOiJub25lIn0.{CLAIMS}.");
    assert_eq!(refused(&mut bench, &unsecured), "the token's algorithm is not accepted");
    for alg in ["none", "None", "NONE", "nOnE", "", "hs256", "HS512", "RS384", "PS256", "ES256K"] {
        let token = format!("{}.{CLAIMS}.", encoded(json!({ "alg": alg }).to_string()));
        assert_eq!(refused(&mut bench, &token), "the token's algorithm is not accepted", "{alg}");
    }
}

#[test]
fn a_public_key_is_no_secret() {
    // Whoever knows the public key could else sign with it.
    let pem = include_str!("rsa.pem");
    let mut bench: Bench<AuthJwt> = Bench::start(&json!({ "keys": [{ "pem": pem }] }).to_string()).unwrap();
    let claims = json!({ "sub": "root", "exp": now() + 60 });
    for secret in [pem, pem.trim_end()] {
        for alg in ["HS256", "RS256", "ES256", "EdDSA"] {
            let token = signed(&json!({ "alg": alg }), &claims, secret.as_bytes());
            assert_eq!(refused(&mut bench, &token), "the token's signature is by no known key", "{alg}");
        }
    }
}

#[test]
fn an_algorithm_goes_with_its_own_kind_of_key_only() {
    let all = [(HS256, hs256_key()), (RS256, rs256_key()), (ES256, es256_key())];
    for ((header, _), _) in &all {
        for ((_, signature), key) in all.iter().filter(|((other, _), _)| other != header) {
            let mut bench = start_with(std::slice::from_ref(key));
            let token = format!("{header}.{CLAIMS}.{signature}");
            assert_eq!(refused(&mut bench, &token), "the token's signature is by no known key");
        }
    }
}

#[test]
fn what_is_no_signed_token_is_refused() {
    let mut bench = start(json!({}));
    let good = token_of("alice");
    let (signed_part, signature) = good.rsplit_once('.').unwrap();
    for (token, why) in [
        ("x".to_owned(), "the token is no JWS"),
        ("a.b".to_owned(), "the token is no JWS"),
        ("a.b.c.d.e".to_owned(), "the token is no JWS"),
        ("..".to_owned(), "the token's header cannot be read"),
        (format!("{good}="), "the token's signature cannot be read"),
        (format!("{signed_part}.+{signature}"), "the token's signature cannot be read"),
        ("x".repeat(16 * 1024 + 1), "the token is too long"),
        (
            signed(&json!({ "alg": "HS256", "crit": ["b64"], "b64": false }), &json!({}), SECRET.as_bytes()),
            "the token uses extensions",
        ),
        (signed(&json!({ "alg": "HS256" }), &json!([1]), SECRET.as_bytes()), "the token's claims cannot be read"),
        (token(json!({ "exp": "soon" })), "a date of the token is no number"),
    ] {
        assert_eq!(refused(&mut bench, &token), why, "{token}");
    }
}
