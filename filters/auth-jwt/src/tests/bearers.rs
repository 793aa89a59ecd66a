//! Who is let in, where the token may be, and what the backend learns.

use super::*;

#[test]
fn without_a_token_a_client_is_told_what_is_needed() {
    let mut bench = start(json!({ "realm": "chat" }));
    assert_eq!(challenge(bench.connect(Handshake::to("/chat")).unwrap_err()), "Bearer realm=\"chat\"");
    let basic = Handshake::to("/chat").with_header("authorization", "Basic eDp5");
    assert_eq!(challenge(bench.connect(basic).unwrap_err()), "Bearer realm=\"chat\"");
}

#[test]
fn a_bad_token_is_told_why() {
    let mut bench = start(json!({}));
    let refusal = bench.connect(with("x")).unwrap_err();
    let expected = "Bearer realm=\"belay\", error=\"invalid_token\", error_description=\"the token is no JWS\"";
    assert_eq!(challenge(refusal), expected);
}

#[test]
fn the_scheme_may_be_written_in_any_case() {
    let mut bench = start(json!({}));
    let handshake = Handshake::to("/").with_header("Authorization", &format!("bEARER {}", token_of("alice")));
    bench.connect(handshake).unwrap();
}

#[test]
fn the_token_is_found_where_the_config_says() {
    let token = token_of("alice");
    let query = Handshake::to(&format!("/chat?room=1&access_token={token}"));
    let cookie = Handshake::to("/chat").with_header("cookie", &format!("a=b; session={token}"));
    let mut subprotocol = Handshake::to("/chat");
    subprotocol.subprotocols = vec!["bearer".into(), token.clone()];
    for (place, handshake) in [
        (json!("header"), with(&token)),
        (json!({ "query": "access_token" }), query),
        (json!({ "cookie": "session" }), cookie),
        (json!({ "subprotocol": "bearer" }), subprotocol),
    ] {
        let mut bench = start(json!({ "token": [place] }));
        bench.connect(handshake).unwrap();
        let elsewhere = if place == "header" { Handshake::to("/") } else { with(&token) };
        assert_eq!(bench.connect(elsewhere).unwrap_err().status, 401, "{place}");
    }
}

#[test]
fn a_token_among_the_subprotocols_does_not_reach_the_backend() {
    let token = token_of("alice");
    let behind_a_dot = format!("bearer.{token}");
    for (offered, rest, accepted) in [
        (vec!["bearer", &token], vec![], "bearer"),
        (vec!["chat.v2", "bearer", &token, "chat.v1"], vec!["chat.v2", "chat.v1"], "bearer"),
        (vec!["chat.v1", &behind_a_dot], vec!["chat.v1"], &*behind_a_dot),
    ] {
        let mut bench = start(json!({ "token": [{ "subprotocol": "bearer" }] }));
        let subprotocols = offered.into_iter().map(str::to_owned).collect();
        let client = bench.connect(Handshake { subprotocols, ..Handshake::to("/chat") }).unwrap();
        let facts = bench.facts(client);
        assert_eq!(facts.offered_subprotocols.unwrap(), rest);
        assert_eq!(facts.default_subprotocol.as_deref(), Some(accepted));
    }
}

#[test]
fn subprotocols_without_a_token_are_let_be() {
    let mut bench = start(json!({ "token": ["header", { "subprotocol": "bearer" }] }));
    let subprotocols = vec!["chat.v1".to_owned(), "bearer".to_owned()];
    let client = bench.connect(Handshake { subprotocols, ..with(&token_of("alice")) }).unwrap();
    assert_eq!(bench.facts(client).offered_subprotocols, None);
}

#[test]
fn the_subject_is_the_user() {
    let mut bench = start(json!({}));
    let client = bench.connect(with(&token_of("alice"))).unwrap();
    assert_eq!(bench.facts(client).attributes["user"], "alice");
}

#[test]
fn claims_become_attributes_and_headers() {
    let mut bench = start(json!({ "claims": {
        "attributes": { "tenant": "org", "user": "sub" },
        "headers": { "X-User": "sub", "x-roles": "roles", "x-admin": "admin", "x-level": "level" }
    } }));
    let claims = json!({ "sub": "alice", "org": "acme", "roles": ["a", "b"], "level": 7, "exp": now() + 60 });
    let client = bench.connect(with(&token(claims))).unwrap();
    let facts = bench.facts(client);
    assert_eq!((&*facts.attributes["tenant"], &*facts.attributes["user"]), ("acme", "alice"));
    let headers: Vec<_> = facts.upstream_headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(headers, [("x-admin", ""), ("x-level", "7"), ("x-roles", "a,b"), ("x-user", "alice")]);
}

#[test]
fn nobody_can_spoof_the_headers() {
    let mut bench = start(json!({ "claims": { "headers": { "x-user": "sub", "x-admin": "admin" } } }));
    let handshake = with(&token_of("alice"))
        .with_header("X-User", "root")
        .with_header("x_user", "root")
        .with_header("X_Admin", "yes")
        .with_header("x-admin", "yes")
        .with_header("x-other", "kept");
    let client = bench.connect(handshake).unwrap();
    let facts = bench.facts(client);
    let headers: Vec<_> = facts.upstream_headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(headers, [("x-admin", ""), ("x-user", "alice"), ("x_admin", ""), ("x_user", "")]);
}

#[test]
fn a_claim_cannot_smuggle_a_header() {
    let mut bench = start(json!({ "claims": { "headers": { "x-user": "sub" } } }));
    let client = bench.connect(with(&token_of("alice\r\nx-admin: yes"))).unwrap();
    assert_eq!(bench.facts(client).upstream_headers["x-user"], "");
}

#[test]
fn issuer_and_audience_must_fit_where_they_are_named() {
    let mut bench = start(json!({ "issuer": ["https://a", "https://b"], "audience": "chat" }));
    let with_claims = |issuer: Value, audience: Value| {
        token(json!({ "iss": issuer, "aud": audience, "sub": "alice", "exp": now() + 60 }))
    };
    bench.connect(with(&with_claims(json!("https://b"), json!("chat")))).unwrap();
    bench.connect(with(&with_claims(json!("https://a"), json!(["games", "chat"])))).unwrap();
    for issuer in [json!("https://c"), json!(null), json!(7)] {
        let why = refused(&mut bench, &with_claims(issuer, json!("chat")));
        assert_eq!(why, "the token's issuer is not accepted");
    }
    for audience in [json!("games"), json!([]), json!(null)] {
        let why = refused(&mut bench, &with_claims(json!("https://a"), audience));
        assert_eq!(why, "the token is for another audience");
    }
    assert_eq!(refused(&mut bench, &token_of("alice")), "the token's issuer is not accepted");
}

#[test]
fn a_token_is_good_in_its_time_and_the_leeway() {
    let mut bench = start(json!({ "leeway": "5s" }));
    bench.connect(with(&token(json!({ "exp": now() - 4 })))).unwrap();
    assert_eq!(refused(&mut bench, &token(json!({ "exp": now() - 5 }))), "the token has expired");
    bench.connect(with(&token(json!({ "exp": now() + 60, "nbf": now() + 5 })))).unwrap();
    let early = token(json!({ "exp": now() + 60, "nbf": now() + 6 }));
    assert_eq!(refused(&mut bench, &early), "the token is not valid yet");
    assert_eq!(refused(&mut bench, &token(json!({ "exp": -1 }))), "the token has expired");
    bench.connect(with(&token(json!({ "exp": now() as f64 + 0.5 })))).unwrap();
    bench.connect(with(&token(json!({ "exp": 1e300 })))).unwrap();
}

#[test]
fn a_token_without_end_needs_leave() {
    let endless = token(json!({ "sub": "alice" }));
    assert_eq!(refused(&mut start(json!({})), &endless), "the token has no expiry");
    start(json!({ "unlimited": "allow" })).connect(with(&endless)).unwrap();
}

#[test]
fn a_wrong_config_is_told() {
    for (more, why) in [
        (json!({ "issuer": 7 }), "issuer: expected a text or a list of texts"),
        (json!({ "token": [] }), "token: names no place to look in"),
        (json!({ "claims": { "headers": { "x y": "sub" } } }), "claims.headers: `x y` is no header's name"),
        (json!({ "claims": { "headers": { "Host": "sub" } } }), "claims.headers: `Host` is not a filter's to set"),
        (
            json!({ "claims": { "attributes": { "auth.expires": "sub" } } }),
            "claims.attributes: `auth.expires` is this filter's own, or empty",
        ),
        (json!({ "refresh": {} }), "refresh: takes either a prefix or a field"),
        (json!({ "refresh": { "prefix": "a", "field": "b" } }), "refresh: takes either a prefix or a field"),
        (json!({ "refresh": { "prefix": "" } }), "refresh: the prefix or field has 1 to 256 bytes"),
        (json!({ "realm": "a\"b" }), "realm: must have no quotes, backslashes or control characters"),
    ] {
        assert_eq!(problem(&config(more)), why);
    }
    assert!(problem(&config(json!({ "expirey": "ignore" }))).starts_with("expirey: unknown field `expirey`"));
    assert!(problem(&config(json!({ "leeway": 5 }))).starts_with("leeway: invalid type"));
}
