//! Belay as it is measured: with filters and without, with TLS, and with what one scenario alone asks for.

use std::fmt::Write as _;
use std::fs;
use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

use super::{Ends, Proxy, WORKERS};
use crate::filters::FILTERS;
use crate::guest::Guest;
use crate::options::Scenario;

/// Beside the peers.
pub(super) const ALL: [(&str, Option<Proxy>); 4] = [
    ("belay", Some(Proxy::new(plain))),
    ("belay+filters", Some(WITH_FILTERS)),
    ("belay+tls", Some(Proxy { front: Some(to_tls), scenarios: TLS, ..Proxy::new(with_tls) })),
    ("belay+jwt", Some(Proxy { headers: ES256, scenarios: &[Scenario::Accept], ..Proxy::new(with_jwt) })),
];

pub(super) const WITH_FILTERS: Proxy = Proxy { headers: HS256, ..Proxy::new(with_filters) };
const TLS: &[Scenario] = &[Scenario::Idle, Scenario::Echo];

/// `{"sub":"bench","exp":…}`, signed by HS256 with [`SECRET`], good until the year 2100.
const HS256: &str = "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJiZW5jaCIsImV4cCI6NDEwMjQ0NDgwMH0.CdAtwxLXCEGz7s4FIuFWINGIimmEnFGE_8CqGPnZ06E\r\n";
const SECRET: &str = "known to everybody who reads this bench";

/// The same, by ES256. [`JWKS`] knows it; the key itself was thrown away.
const ES256: &str = "Authorization: Bearer eyJhbGciOiJFUzI1NiIsImtpZCI6ImJlbmNoIiwidHlwIjoiSldUIn0.eyJzdWIiOiJiZW5jaCIsImV4cCI6NDEwMjQ0NDgwMH0.bcWsM_JN-USph1tPxXkG5puH28nykg0nSGYkNWM5CiLvruY13S_8meTHgRrFKUZCfQULUR3tBMAkBKnoEmCelg\r\n";
const JWKS: &str = r#"{ "keys": [{ "kid": "bench", "kty": "EC", "crv": "P-256",
  "x": "NKzGWm6xIQZNiFqEg00eg3X_IJdViSQLMDBwxoRy760", "y": "imEZqurT4OjrQvIIblxbeTHdMxNPVBijMFxpuF5pNBQ" }] }"#;

/// Each looks at every message of the client, and the rate limit at those of the backend too. None ever has anything to
/// say against one: that would be another measurement.
fn three_filters() -> String {
    format!(
        "\
filters:
  auth:
    use: auth-jwt
    config:
      keys: [{{ secret: {SECRET} }}]
      refresh: {{ prefix: 'token ' }}
  limit:
    use: rate-limit
    config:
      rules:
        - {{ on: to-backend, rate: 1000000/s }}
        - {{ on: to-client, rate: 1000000/s }}
  breaker:
    use: circuit-breaker
    config: {{ results: 1000, failures: 100, losses: ignore, messages: drop }}
"
    )
}
const THREE: &str = "    filters: [auth, limit, breaker]\n";

pub(super) fn plain(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    run(program, folder, ends, "", "")
}

fn with_filters(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    run(program, folder, ends, &three_filters(), THREE)
}

/// Keys as they come from a file that is read once.
fn with_jwt(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    fs::write(folder.join("jwks.json"), JWKS)?;
    let filters =
        "filters: { auth: { use: auth-jwt, files: { jwks: jwks.json }, config: { keys: [{ file: jwks }] } } }\n";
    run(program, folder, ends, filters, "    filters: [auth]\n")
}

/// With what it takes from a cache, and an operators' port that says when it is ready.
pub(super) fn cached(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let filters = format!("filter_cache: cache\n{}", three_filters());
    run(program, folder, ends, &filters, THREE)
}

/// One filter, from a file that is there to be replaced.
pub(super) fn counting(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    fs::write(folder.join("count.wasm"), crate::reload::version(0))?;
    run(program, folder, ends, "filters: { count: { wasm: count.wasm } }\n", "    filters: [count]\n")
}

/// Asks for handshakes and nothing else.
const UNSUBSCRIBED: &str = "
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 20) (i32.const 1))
    (i32.const 0)";
/// Asks for the size of every message.
const WITHOUT_PAYLOAD: &str = "
    (i32.store8 (i32.const 0) (i32.const 0))
    (i32.store8 (i32.const 4) (i32.const 1))
    (i32.store8 (i32.const 12) (i32.const 1))
    (i32.const 0)";

pub(super) fn unsubscribed(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    with_many(program, folder, ends, UNSUBSCRIBED)
}

pub(super) fn without_payload(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    with_many(program, folder, ends, WITHOUT_PAYLOAD)
}

fn with_many(program: &Path, folder: &Path, ends: Ends, configure: &'static str) -> Result<Command> {
    fs::write(folder.join("one.wasm"), Guest { configure, ..Guest::default() }.component())?;
    let (mut filters, mut names) = ("filters:\n".to_owned(), Vec::new());
    for number in 0..FILTERS {
        names.push(format!("f{number}"));
        writeln!(filters, "  f{number}: {{ wasm: one.wasm }}").map_err(Error::other)?;
    }
    run(program, folder, ends, &filters, &format!("    filters: [{}]\n", names.join(", ")))
}

const CERTIFICATE: &str = "localhost.pem";
const KEY: &str = "localhost.key";

/// Its clients speak TLS 1.3.
fn with_tls(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).map_err(Error::other)?;
    fs::write(folder.join(CERTIFICATE), made.cert.pem())?;
    fs::write(folder.join(KEY), made.signing_key.serialize_pem())?;
    let tls = format!("    tls: {{ min_version: tls1.3, certificates: [{{ cert: {CERTIFICATE}, key: {KEY} }}] }}\n");
    run(program, folder, ends, &tls, "")
}

/// Speaks to it for clients that do not.
fn to_tls(program: &Path, folder: &Path, ends: Ends) -> Result<Command> {
    let Ends { listen, backend, .. } = ends;
    let roots = folder.join(CERTIFICATE);
    let yaml = format!(
        "\
workers: {WORKERS}
listeners:
  - address: {listen}
routes:
  - backend: {{ url: 'wss://{backend}', tls: {{ roots: '{}', server_name: localhost }} }}
",
        roots.display()
    );
    command(program, &folder.join("front.yaml"), &yaml)
}

/// `more` stands after the first listener's address, `route` at the end of the only route.
fn run(program: &Path, folder: &Path, ends: Ends, more: &str, route: &str) -> Result<Command> {
    let Ends { listen, backend, admin } = ends;
    let yaml = format!(
        "\
workers: {WORKERS}
admin: {{ address: '{admin}' }}
listeners:
  - address: {listen}
{more}routes:
  - backend: ws://{backend}
    heartbeat: {{ answer: [websocket, {{ text: {{ ping: ping, pong: pong }} }}] }}
{route}"
    );
    command(program, &folder.join("belay.yaml"), &yaml)
}

fn command(program: &Path, file: &Path, yaml: &str) -> Result<Command> {
    fs::write(file, yaml)?;
    let mut command = Command::new(program);
    command.arg("run").arg(file).env("RUST_LOG", "error");
    Ok(command)
}
