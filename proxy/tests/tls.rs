//! TLS on every side, through the real binary: clients that people use, certificates chosen, shown, replaced and refused,
//! backends, reports and traces over TLS, and clients that mean no good.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

#[path = "tls/clients.rs"]
mod clients;
#[path = "tls/hostile.rs"]
mod hostile;
#[allow(dead_code, reason = "shared with real_clients.rs")]
#[path = "real_clients/people.rs"]
mod people;
#[path = "tls/rotation.rs"]
mod rotation;
#[path = "tls/upstream.rs"]
mod upstream;

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use belay::tls::{ClientTls, Identity, Stream};
use common::belay::Belay;
use common::{client, soon};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;

/// A listener of HTTP with this pair, in front of this backend; `tls` is more of its `tls`, `more` more of the file.
fn yaml(pair: &Identity, backend: SocketAddr, tls: &str, more: &str) -> String {
    format!(
        "\
listeners:
  - address: '{{listen}}'
    limits: {{ handshake_timeout: 5s, connections: 100 }}
    tls:
      certificates: [{}]
{tls}
admin: {{ address: '{{admin}}' }}
workers: 1
drain: {{ over: 0s }}
{more}
routes:
  - backend: ws://{backend}
",
        files(pair)
    )
}

/// As the YAML names them.
fn files(pair: &Identity) -> String {
    format!("{{ cert: '{}', key: '{}' }}", pair.certificate.display(), pair.key.display())
}

/// A connection with TLS on it.
async fn secure(tls: &ClientTls, address: SocketAddr) -> std::io::Result<Stream> {
    let stream = TcpStream::connect(address).await?;
    soon("a TLS handshake", tls.connect(stream, "127.0.0.1")).await
}

/// A session over TLS.
async fn session(tls: &ClientTls, belay: &Belay) -> WebSocketStream<Stream> {
    let stream = secure(tls, belay.address).await.unwrap();
    let (client, answer) = client::over(stream, belay.address, "/", "").await.unwrap();
    client.unwrap_or_else(|| panic!("not let in: {answer:?}"))
}

/// Runs a program to its end: what it wrote to standard output, and to standard error.
async fn run(program: &Path, arguments: &[&str]) -> (String, String) {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = soon("a program's end", output).await.unwrap().unwrap();
    (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned())
}
