//! Backends, reports and traces over TLS.

use std::process::{Command, Stdio};

use futures_util::SinkExt;
use tungstenite::Message;

use crate::common::backend::Echo;
use crate::common::belay::{Belay, http_get, route_to};
use crate::common::otlp::Collector;
use crate::common::pki::{Authority, Leaf};
use crate::common::webhook::{Endpoint, SECRET};
use crate::common::{PATIENCE, client, ports, scratch, soon, tools};
use crate::{files, secure, yaml};

/// One Belay in front of another, as a gateway is in front of sidecars.
#[tokio::test]
async fn a_backend_is_trusted_and_trusts_by_certificates() {
    let authority = Authority::new(&scratch("tls"), "authority");
    let backend = Echo::start().await;
    let auth = format!("      client_auth: {{ roots: '{}' }}", authority.roots.display());
    let inner = Leaf { dns: &["inner.example"], ..Leaf::default() };
    let inner = Belay::start(&yaml(&authority.sign("inner", inner), backend.address, &auth, "")).await;
    let (roots, identity) = (authority.roots.display(), authority.sign("gateway", Leaf::default()));
    let outer = |tls: &str| {
        let backend = format!("{{ url: 'wss://{}', tls: {tls} }}", inner.address);
        route_to(inner.address, "").replace(&format!("ws://{}", inner.address), &backend)
    };

    let good = format!("{{ roots: '{roots}', server_name: inner.example, identity: {} }}", files(&identity));
    let belay = Belay::start(&outer(&good)).await;
    let mut chat = client::connect(belay.address, "/").await;
    let long = "x".repeat(300_000);
    for text in ["hello", &long] {
        chat.send(Message::text(text)).await.unwrap();
        assert_eq!(client::next_text(&mut chat).await, text);
    }
    // A plain request takes the same way.
    assert!(http_get(belay.address, "/plain").await.is_ok());

    // In place of the system's authorities, which a machine may have or not.
    let stranger = Authority::new(&scratch("tls"), "stranger").roots;
    let trusting_a_stranger = |command: &mut Command| {
        command.env("SSL_CERT_FILE", &stranger);
    };
    for (tls, said) in [
        ("{}".to_owned(), "signed by no authority that is trusted here"),
        (format!("{{ roots: '{roots}', server_name: other.example }}"), "set 'server_name' if one of these is meant"),
        (format!("{{ roots: '{roots}' }}"), "it wants a certificate from us; give it one by 'identity'"),
    ] {
        let belay = Belay::start_with(&outer(&tls), trusting_a_stranger).await;
        let (session, answer) = client::open(belay.address, "/", "").await.unwrap();
        assert!(session.is_none() && answer.target() == "502", "{answer:?}");
        belay.log_with(said).await;
    }
    let clear = Belay::start(&route_to(backend.address, "")).await;
    let plain = route_to(clear.address, "").replace("ws://", "wss://");
    let plain = Belay::start_with(&plain, trusting_a_stranger).await;
    assert!(client::open(plain.address, "/", "").await.unwrap().0.is_none());
    plain.log_with("it does not speak TLS").await;
}

/// The backends are OpenSSL's own server, which sends each line back in reverse.
#[tokio::test]
async fn raw_tcp_goes_by_name_to_backends_over_tls() {
    let Some(openssl) = tools::program("raw_tcp_goes_by_name_to_backends_over_tls", "openssl") else { return };
    let authority = Authority::new(&scratch("tls"), "authority");
    let pair = authority.sign("server", Leaf { dns: &["a.example", "b.example"], ..Leaf::default() });
    let port = ports::free().port();
    let mut reverser = Command::new(openssl)
        .args(["s_server", "-rev", "-quiet", "-accept", &port.to_string(), "-cert"])
        .arg(&pair.certificate)
        .arg("-key")
        .arg(&pair.key)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let echo = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let plain = echo.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = echo.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                drop(tokio::io::copy(&mut read, &mut write).await);
            });
        }
    });
    let belay = Belay::start(&format!(
        "\
listeners:
  - {{ name: raw, address: '{{listen}}', protocol: tcp, framer: lines, tls: {{ certificates: [{}] }} }}
admin: {{ address: '{{admin}}' }}
routes:
  - {{ match: {{ listener: raw, sni: a.example }}, backend: {{ url: 'tls://127.0.0.1:{port}', tls: {{ roots: '{}' }} }} }}
  - {{ match: {{ listener: raw }}, backend: 'tcp://{plain}' }}
",
        files(&pair),
        authority.roots.display()
    ))
    .await;
    for (name, expected) in [("a.example", "olleh\n"), ("b.example", "hello\n")] {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = secure(&authority.client(None, Some(name)), belay.address).await.unwrap();
        stream.write_all(b"hello\n").await.unwrap();
        let mut heard = [0; 6];
        soon(name, stream.read_exact(&mut heard)).await.unwrap();
        assert_eq!(heard, expected.as_bytes(), "{name}");
    }
    reverser.kill().unwrap();
    reverser.wait().unwrap();
}

#[tokio::test]
async fn reports_are_delivered_over_tls() {
    let authority = Authority::new(&scratch("tls"), "authority");
    let backend = Echo::start().await;
    let mut endpoint = Endpoint::start().await;
    // In front of the endpoint, what makes TLS of it.
    let secure = Belay::start(&yaml(&authority.sign("server", Leaf::default()), endpoint.address, "", "")).await;
    let report = format!(
        "report: {{ endpoint: 'https://{}/hook', secret: '${{env:SECRET}}', events: [session], batch: {{ every: 10ms }}, tls: {{ roots: '{}' }} }}\n",
        secure.address,
        authority.roots.display()
    );
    let yaml = route_to(backend.address, "") + &report;
    let belay = Belay::start_with(&yaml, |command| {
        command.env("SECRET", SECRET);
    })
    .await;
    let _session = client::connect(belay.address, "/").await;
    assert_eq!(endpoint.told(1).await, ["session.connected -"]);
}

#[tokio::test]
async fn traces_go_to_a_collector_over_tls_and_its_token_is_shown_nowhere() {
    let authority = Authority::new(&scratch("tls"), "authority");
    let backend = Echo::start().await;
    let pair = authority.sign("server", Leaf::default());
    let token = authority.roots.with_file_name("token");
    std::fs::write(&token, "hunter2-of-the-collector\n").unwrap();
    for protocol in ["grpc", "http"] {
        let test = format!("traces_go_to_a_collector_over_tls ({protocol})");
        let Some(collector) = Collector::start_secure(&test, protocol, &pair) else { return };
        let telemetry = format!(
            "telemetry: {{ log: {{ level: debug }}, otlp: {{ endpoint: 'https://{}', protocol: {protocol}, headers: {{ authorization: 'Bearer ${{file:{}}}' }}, tls: {{ roots: '{}' }} }} }}\n",
            collector.address,
            token.display(),
            authority.roots.display()
        );
        let yaml = route_to(backend.address, "") + &telemetry;
        let belay = Belay::start_with(&yaml, |command| {
            command.env("OTEL_BSP_SCHEDULE_DELAY", "50");
        })
        .await;
        drop(client::connect(belay.address, "/").await);
        let span = tokio::task::spawn_blocking(move || collector.spans(1).remove(0));
        let span = tokio::time::timeout(PATIENCE, span).await.unwrap().unwrap();
        assert_eq!(span.header("authorization"), "Bearer hunter2-of-the-collector");
        assert!(!belay.log().contains("hunter2"), "{}", belay.log());
    }
}
