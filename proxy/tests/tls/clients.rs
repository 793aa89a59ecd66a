//! Clients over TLS: those that people use, certificates by name, and certificates of their own.

use futures_util::SinkExt;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tungstenite::Message;

use crate::common::backend::Echo;
use crate::common::belay::Belay;
use crate::common::handshake::read_head;
use crate::common::pki::{Authority, Leaf};
use crate::common::{client, scratch, soon, tools};
use crate::people::{Library, Person};
use crate::{files, run, secure, session, yaml};

#[tokio::test]
async fn python_and_node_chat_over_tls() {
    let authority = Authority::new(&scratch("tls"), "authority");
    let backend = Echo::start().await;
    let belay = Belay::start(&yaml(&authority.sign("server", Leaf::default()), backend.address, "", "")).await;
    for library in [Library::PythonWebsockets, Library::NodeWs] {
        let test = format!("python_and_node_chat_over_tls ({library:?})");
        let url = format!("wss://{}/chat", belay.address);
        let Some(mut person) = Person::trusting(&test, library, &url, Some(&authority.roots)).await else { continue };
        let long = "x".repeat(100_000);
        for text in ["hello", &long, "bye"] {
            person.says(text);
            person.hears(text).await;
        }
        person.does("close 1000 bye");
        person.sees("closed 1000 bye").await;
    }
    belay.metric_reaches("belay_tls_handshakes_total", 1.0).await;
}

#[tokio::test]
async fn curl_is_forwarded_over_tls_and_the_backend_knows() {
    let Some(curl) = tools::program("curl_is_forwarded_over_tls", "curl") else { return };
    let authority = Authority::new(&scratch("tls"), "authority");
    // Answers with what it is told of the client's side.
    let backend = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = backend.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = backend.accept().await {
            let head = read_head(&mut stream).await.unwrap();
            let scheme = head.header("x-forwarded-proto").unwrap_or("none");
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{scheme}", scheme.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    let belay = Belay::start(&yaml(&authority.sign("server", Leaf::default()), address, "", "")).await;
    let (url, roots) = (format!("https://{}/page", belay.address), authority.roots.display().to_string());
    let (body, told) = run(&curl, &["-sv", "--max-time", "30", "--cacert", &roots, &url]).await;
    assert_eq!(body, "https", "{told}");
    assert!(told.contains("server accepted http/1.1") && told.contains("SSL certificate verify ok"), "{told}");
}

#[tokio::test]
async fn a_client_sees_the_certificate_of_the_name_it_asks_for() {
    let Some(openssl) = tools::program("a_client_sees_the_certificate_of_the_name_it_asks_for", "openssl") else {
        return;
    };
    let authority = Authority::new(&scratch("tls"), "authority");
    let named = |name: &'static str, common_name| Leaf {
        dns: std::slice::from_ref(Box::leak(Box::new(name))),
        common_name: Some(common_name),
        ..Leaf::default()
    };
    let first = authority.sign("first", named("first.example", "first"));
    let exact = authority.sign("exact", named("a.chat.example", "exact"));
    let wildcard = authority.sign("wildcard", named("*.chat.example", "wildcard"));
    let backend = Echo::start().await;
    let text = yaml(&first, backend.address, "      min_version: tls1.3", "")
        .replace(&files(&first), &[&first, &exact, &wildcard].map(files).join(", "));
    let belay = Belay::start(&text).await;
    let (address, roots) = (belay.address.to_string(), authority.roots.display().to_string());
    for (name, expected) in [("a.chat.example", "exact"), ("b.chat.example", "wildcard"), ("x.y.chat.example", "first")]
    {
        let arguments = ["s_client", "-connect", &address, "-servername", name, "-CAfile", &roots, "-alpn", "http/1.1"];
        let (told, _) = run(&openssl, &arguments).await;
        assert!(
            told.contains(&format!("subject=CN = {expected}")) || told.contains(&format!("subject=CN={expected}")),
            "{name}: {told}"
        );
        assert!(told.contains("Verify return code: 0 (ok)") && told.contains("ALPN protocol: http/1.1"), "{told}");
    }
    let (told, _) = run(&openssl, &["s_client", "-connect", &address, "-tls1_2"]).await;
    assert!(told.contains("no peer certificate available"), "{told}");
    let (told, _) = run(&openssl, &["s_client", "-connect", &address, "-alpn", "h2"]).await;
    assert!(told.contains("no peer certificate available"), "{told}");
    belay.log_with("nothing_in_common").await;
}

#[tokio::test]
async fn a_client_is_who_its_certificate_says() {
    let folder = scratch("tls");
    let (authority, stranger) = (Authority::new(&folder, "authority"), Authority::new(&folder, "stranger"));
    let device = Leaf { uri: Some("spiffe://example/device/7"), common_name: Some("device-7"), ..Leaf::default() };
    let backend = Echo::start().await;
    let auth = format!("      client_auth: {{ roots: '{}' }}", authority.roots.display());
    let clients = "clients: { identity: tls.client.san.uri }";
    let belay = Belay::start(&yaml(&authority.sign("server", Leaf::default()), backend.address, &auth, clients)).await;

    let good = authority.client(Some(authority.sign("device", device)), None);
    let mut chat = session(&good, &belay).await;
    chat.send(Message::text("hello")).await.unwrap();
    assert_eq!(client::next_text(&mut chat).await, "hello");
    let found = soon("the client", async {
        loop {
            let (status, found) = belay.get("/clients?identity=spiffe%3A%2F%2Fexample%2Fdevice%2F7").await.unwrap();
            if status == 200 {
                return found;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(serde_json::from_str::<Value>(&found).unwrap()["state"], "connected");

    let expired = Leaf { is_expired: true, ..device };
    for (pair, reason) in [
        (None, "no_certificate"),
        (Some(stranger.sign("unknown", device)), "bad_certificate"),
        (Some(authority.sign("expired", expired)), "bad_certificate"),
    ] {
        let tls = authority.client(pair, None);
        // With TLS 1.3 a client hears of it after its own handshake.
        if let Ok(mut stream) = secure(&tls, belay.address).await {
            let end = soon("the end", stream.read(&mut [0; 1])).await;
            let error = end.expect_err("not let in");
            assert!(belay::tls::explain(&error).is_some_and(|text| text.contains("certificate")), "{error}");
        }
        belay.log_with(reason).await;
    }
    // The log is thinned, and has one line of both bad ones: the last of them may not be over yet.
    for (reason, count) in [("no_certificate", 1.0), ("bad_certificate", 2.0)] {
        belay.metric_becomes(&format!("belay_tls_handshakes_failed_total{{reason=\"{reason}\"}}"), count).await;
    }
}
