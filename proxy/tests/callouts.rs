//! Filters that ask an HTTP service, in the real binary, and a service (Python's own) that is slow, wrong, away, redirects, says
//! too much, or stops in the middle. Whoever waits, waits alone.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr, reason = "tests")]

mod common;
#[path = "support/guest.rs"]
mod guest;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::backend::{Backend, Echo};
use common::belay::{Belay, http_get};
use common::client::{self, Client};
use common::puppet::Puppet;
use common::{ports, scratch, tools};
use futures_util::{SinkExt, StreamExt};
use guest::Guest;
use tokio::time::timeout;

/// The service, and where it listens.
async fn service(test: &str) -> Option<(Puppet, u16)> {
    let python = tools::program(test, "python3")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callouts/service.py");
    let mut service = Puppet::start(Command::new(python).arg(script));
    let port = service.next().await.parse().unwrap();
    Some((service, port))
}

/// The next request that the service sees, over whichever connection.
async fn request(service: &mut Puppet) -> String {
    loop {
        match service.next().await {
            line if line == "connection" => {}
            line => return line,
        }
    }
}

/// Asks the service at this origin about each message that begins with a slash, by that path. A message passes if the answer is
/// 200; otherwise its sender is told the status or the number of the error.
fn asking(prefix: &str) -> Vec<u8> {
    let at = 2000 + prefix.len();
    Guest {
        items: format!(
            "(data (i32.const 1900) \"GET\") (data (i32.const 1920) \"error  \") (data (i32.const 2000) \"{prefix}\")"
        )
        .leak(),
        configure: "
            (i32.store8 (i32.const 0) (i32.const 0)) (i32.store8 (i32.const 4) (i32.const 3)) (i32.const 0)",
        on_message: format!(
            "(memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 47)) (then
              (memory.copy (i32.const {at}) (local.get $at) (local.get $len))
              (i32.store8 (i32.const 0) (i32.const 7))
              (i32.store (i32.const 4) (i32.const 1900)) (i32.store (i32.const 8) (i32.const 3))
              (i32.store (i32.const 12) (i32.const 2000))
              (i32.store (i32.const 16) (i32.add (i32.const {}) (local.get $len)))))
            (i32.const 0)",
            prefix.len()
        )
        .leak(),
        on_message_answer: "
            (memory.fill (i32.const 0) (i32.const 0) (i32.const 64))
            (if (i32.or (local.get $failed) (i32.ne (local.get $status) (i32.const 200))) (then
              (i32.store8 (i32.const 1926) (i32.add (i32.const 48) (i32.rem_u (local.get $status) (i32.const 10))))
              (i32.store8 (i32.const 0) (i32.const 3))
              (i32.store (i32.const 8) (i32.const 1920)) (i32.store (i32.const 12) (i32.const 7))
              (if (i32.eqz (local.get $failed)) (then (i32.store8 (i32.const 1926)
                (i32.add (i32.const 48) (i32.div_u (local.get $status) (i32.const 100))))))))
            (i32.const 0)",
        ..Guest::default()
    }
    .component()
}

/// The errors as the guest tells them: by their place in the WIT, and by the status's first digit.
const BUSY: &str = "error 1";
const TIMEOUT: &str = "error 2";
const UNREACHABLE: &str = "error 3";
const TOO_LARGE: &str = "error 4";
const REDIRECTED: &str = "error 3";
const WRONG: &str = "error 5";
const FORBIDDEN: &str = "error 0";

async fn asking_before(echo: &Echo, port: u16, callouts: &str) -> Belay {
    asking_of(&format!("http://127.0.0.1:{port}"), echo, callouts, |_| ()).await
}

async fn asking_of(origin: &str, echo: &Echo, callouts: &str, prepare: impl FnOnce(&mut Command)) -> Belay {
    let wasm = scratch("asking").join("asking.wasm");
    std::fs::write(&wasm, asking(origin)).unwrap();
    let yaml = format!(
        "listeners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n\
         filters: {{ ask: {{ wasm: {}, limits: {{ deadline: 1s }}, callouts: {{ {callouts} }} }} }}\n\
         routes: [{{ backend: \"ws://{}\", filters: [ask] }}]\n",
        wasm.display(),
        echo.address
    );
    Belay::start_with(&yaml, prepare).await
}

async fn says(client: &mut Client, text: &str) -> String {
    client.send(text.to_owned().into()).await.unwrap();
    client::next_text(client).await
}

#[tokio::test]
async fn a_message_waits_for_a_service_and_what_it_answers_is_what_the_filter_hears() {
    let Some((mut service, port)) = service("callouts").await else { return };
    let echo = Echo::start().await;
    let allow = format!("allow: [\"http://127.0.0.1:{port}\"], timeout: 20s");
    let belay = asking_before(&echo, port, &allow).await;
    let mut client = client::connect(belay.address, "/").await;
    let mut bystander = client::connect(belay.address, "/").await;

    for (path, heard) in [
        ("/ok", "/ok"),
        ("/wrong", WRONG),
        ("/redirect", REDIRECTED),
        ("/long", TOO_LARGE),
        ("/endless", TOO_LARGE),
        ("/cut", UNREACHABLE),
        ("/nonsense", UNREACHABLE),
    ] {
        assert_eq!(says(&mut client, path).await, heard, "{path}");
    }

    // Behind a slow one, which answers when it is told to, all stays in order, and nobody else waits.
    for text in ["/slow", "after it", "/ok"] {
        client.feed(text.to_owned().into()).await.unwrap();
    }
    client.flush().await.unwrap();
    for _ in 0..20 {
        assert_eq!(says(&mut bystander, "hello").await, "hello");
    }
    assert!(timeout(Duration::from_millis(200), client.next()).await.is_err(), "heard before the service has answered");
    service.does("answer");
    for text in ["/slow", "after it", "/ok"] {
        assert_eq!(client::next_text(&mut client).await, text);
    }

    for (outcome, count) in [("answered", 5.0), ("too_large", 2.0), ("unreachable", 2.0)] {
        let series = format!("belay_filter_callouts_total{{filter=\"ask\",outcome=\"{outcome}\"}}");
        belay.metric_becomes(&series, count).await;
    }
    belay.metric_becomes("belay_filter_callouts_in_flight{filter=\"ask\"}", 0.0).await;
}

#[tokio::test]
async fn one_connection_serves_one_callout_after_the_other() {
    let Some((mut service, port)) = service("callouts").await else { return };
    let echo = Echo::start().await;
    let belay = asking_before(&echo, port, &format!("allow: [\"http://127.0.0.1:{port}\"]")).await;
    let mut client = client::connect(belay.address, "/").await;
    for _ in 0..5 {
        assert_eq!(says(&mut client, "/ok").await, "/ok");
    }
    service.sees("connection").await;
    for _ in 0..5 {
        assert!(service.next().await.starts_with("GET /ok"), "it is asked over the connection that is there");
    }
}

#[tokio::test]
async fn what_takes_too_long_is_away_too_much_or_not_allowed_is_told_at_once() {
    let Some((_service, port)) = service("callouts").await else { return };
    let echo = Echo::start().await;
    let away = ports::free().port();
    let allow = format!("allow: [\"http://127.0.0.1:{away}\"]");
    let belay = asking_before(&echo, away, &allow).await;
    assert_eq!(says(&mut client::connect(belay.address, "/").await, "/ok").await, UNREACHABLE);

    // A listed origin and no other; `localhost` is another.
    let belay = asking_before(&echo, port, &format!("allow: [\"http://localhost:{port}\"]")).await;
    assert_eq!(says(&mut client::connect(belay.address, "/").await, "/ok").await, FORBIDDEN);

    let allow = format!("allow: [\"http://127.0.0.1:{port}\"], timeout: 3s, in_flight: 1");
    let belay = asking_before(&echo, port, &allow).await;
    let (mut one, mut two) = (client::connect(belay.address, "/").await, client::connect(belay.address, "/").await);
    one.send("/slow".into()).await.unwrap();
    belay.metric_until("belay_filter_callouts_in_flight{filter=\"ask\"}", "more than none", |now| now > 0.0).await;
    assert_eq!(says(&mut two, "/ok").await, BUSY);
    assert_eq!(client::next_text(&mut one).await, TIMEOUT);
}

#[tokio::test]
async fn a_service_is_asked_over_tls_if_it_can_be_trusted() {
    let Some(python) = tools::program("callouts", "python3") else { return };
    let folder = scratch("callouts-tls");
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&certificate, pair.cert.pem()).unwrap();
    std::fs::write(&key, pair.signing_key.serialize_pem()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/callouts/service.py");
    let mut service = Puppet::start(Command::new(python).arg(script).args([&certificate, &key]));
    let origin = format!("https://127.0.0.1:{}", service.next().await);
    let echo = Echo::start().await;
    let allow = format!("allow: [\"{origin}\"]");

    let belay = asking_of(&origin, &echo, &allow, |command| {
        command.env("SSL_CERT_FILE", &certificate);
    })
    .await;
    assert_eq!(says(&mut client::connect(belay.address, "/").await, "/ok").await, "/ok");
    let belay = asking_of(&origin, &echo, &allow, |_| ()).await;
    assert_eq!(says(&mut client::connect(belay.address, "/").await, "/ok").await, UNREACHABLE);
}

/// `auth-http` before this backend, with more of its config.
async fn guarded(backend: std::net::SocketAddr, port: u16, config: &str) -> Belay {
    Belay::start(&format!(
        "listeners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n\
         filters:\n  auth:\n    use: auth-http\n    limits: {{ deadline: 1s }}\n    \
         callouts: {{ allow: [\"http://127.0.0.1:{port}\"], timeout: 4s }}\n    \
         config: {{ url: \"http://127.0.0.1:{port}/auth\", upstream_headers: [x-user], attributes: {{ user: x-user }}, {config} }}\n\
         routes: [{{ backend: \"ws://{backend}\", filters: [auth] }}]\n",
    ))
    .await
}

async fn status(belay: &Belay, headers: &str) -> u16 {
    let (_, answer) = client::open(belay.address, "/chat?a=1", headers).await.unwrap();
    answer.target().parse().unwrap()
}

#[tokio::test]
async fn auth_http_lets_in_whom_its_service_lets_in() {
    let Some((mut service, port)) = service("auth-http").await else { return };
    let mut backend = Backend::start().await;
    let belay = guarded(backend.address, port, "cache: { ttl: 1m }").await;

    let (client, answer) =
        client::open(belay.address, "/chat?a=1", "Authorization: Bearer alice\r\nX-User: root\r\n").await.unwrap();
    assert!(client.is_some(), "{answer:?}");
    let visit = backend.accept().await;
    assert_eq!(visit.request.header("x-user"), Some("alice"));
    assert!(request(&mut service).await.starts_with("GET /auth 'Bearer alice' ''"));

    // The same client is known, and the service not asked.
    assert_eq!(status(&belay, "Authorization: Bearer alice\r\n").await, 101);
    let (_, answer) = client::open(belay.address, "/", "").await.unwrap();
    assert_eq!((answer.target(), answer.header("www-authenticate")), ("401", Some("Bearer")));
    assert_eq!(answer.header("x-secret"), None);
    assert!(request(&mut service).await.starts_with("GET /auth '' ''"));
    let (_, answer) = client::open(belay.address, "/", "Authorization: Bearer login\r\n").await.unwrap();
    assert_eq!((answer.target(), answer.header("location")), ("302", Some("https://login.example/")));

    // What the route keeps from WebSockets it keeps from plain requests.
    let (status, body) = http_get(belay.address, "/page").await.unwrap();
    assert_eq!((status, &*body), (401, "who are you?"));
}

#[tokio::test]
async fn auth_http_answers_for_a_service_that_is_slow_wrong_or_away() {
    let Some((mut service, port)) = service("auth-http").await else { return };
    let echo = Echo::start().await;
    let strict = guarded(echo.address, port, "on_error: deny").await;
    let lenient = guarded(echo.address, port, "on_error: allow").await;
    for who in ["wrong", "slow"] {
        let headers = format!("Authorization: Bearer {who}\r\n");
        let begun = Instant::now();
        // Who waits, waits alone.
        let (refused, bystander) = tokio::join!(status(&strict, &headers), async {
            let status = status(&strict, "Authorization: Bearer alice\r\n").await;
            (status, begun.elapsed())
        });
        assert_eq!((refused, bystander.0), (503, 101), "{who}");
        if who == "slow" {
            assert!(bystander.1 < begun.elapsed(), "{bystander:?}");
        }
        assert_eq!(status(&lenient, &headers).await, 101, "{who}");
    }
    service.kill();
    assert_eq!(status(&strict, "Authorization: Bearer alice\r\n").await, 503);
    assert_eq!(status(&lenient, "Authorization: Bearer alice\r\n").await, 101);
}

#[tokio::test]
async fn auth_http_closes_whom_its_service_does_not_let_in_any_more() {
    let Some((mut service, port)) = service("auth-http").await else { return };
    let echo = Echo::start().await;
    let belay = guarded(echo.address, port, "recheck: 1s").await;
    let (client, _) = client::open(belay.address, "/", "Authorization: Bearer alice\r\n").await.unwrap();
    let mut client = client.unwrap();
    assert_eq!(says(&mut client, "hello").await, "hello");
    request(&mut service).await;
    // It is asked again, and still says yes.
    assert!(request(&mut service).await.starts_with("GET /auth 'Bearer alice'"));
    assert_eq!(says(&mut client, "hello").await, "hello");
    // The service comes back as another, which knows nobody.
    service.kill();
    let python = tools::program("auth-http", "python3").unwrap();
    let nobody = format!(
        "import http.server as h\n\
         class No(h.BaseHTTPRequestHandler):\n  def do_GET(self): self.send_error(403)\n\
         h.HTTPServer.allow_reuse_address = True\nh.HTTPServer((\"127.0.0.1\", {port}), No).serve_forever()"
    );
    let _nobody = Puppet::start(Command::new(python).args(["-c", &nobody]));
    assert_eq!(client::closed(&mut client).await, Some((4401, "not let in any more".to_owned())));
}

#[tokio::test]
async fn a_client_that_leaves_while_it_waits_ends_the_wait() {
    let Some((mut service, port)) = service("auth-http").await else { return };
    let echo = Echo::start().await;
    let belay = guarded(echo.address, port, "on_error: deny").await;
    let open = client::open(belay.address, "/", "Authorization: Bearer slow\r\n");
    tokio::select! {
        _ = open => panic!("the service has not answered"),
        () = service.sees("connection") => {}
    }
    belay.metric_becomes("belay_filter_callouts_in_flight{filter=\"auth\"}", 0.0).await;
    // The filter was told.
    belay.metric_becomes("belay_filter_sessions{filter=\"auth\"}", 0.0).await;
    assert_eq!(belay.metrics().await["belay_filter_callouts_total{filter=\"auth\",outcome=\"timeout\"}"], 0.0);
}
