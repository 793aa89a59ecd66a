//! `belay probe`: whether something answers, for `helm test`, for probes that run a command and for people without another
//! program at hand, as in an image that holds nothing else.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use http::header::{CONNECTION, HOST, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE};
use http::uri::Authority;
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;

use super::sessions::tell;
use crate::dial;

/// Ask whether something answers, and end with 0 if all do.
///
/// `http://` wants a 2xx, `ws://` a WebSocket handshake that is accepted, `tcp://HOST:PORT` that a connection is.
#[derive(Args)]
pub(super) struct Probe {
    /// What is asked, one after the other.
    #[arg(required = true, value_parser = target)]
    targets: Vec<Target>,
    /// Ask again for so many seconds until it answers.
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    within: u64,
}

/// What one probe asks.
#[derive(Clone)]
struct Target {
    asks: Asks,
    authority: Authority,
    path: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asks {
    Http,
    WebSocket,
    Tcp,
}

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two attempts.
const AGAIN: Duration = Duration::from_millis(250);
/// Of an answer that is shown when it is not what was hoped for.
const ANSWER_BYTES_MAX: usize = 1024;
/// Any 16 bytes.
const KEY: &str = "YmVsYXkgcHJvYmUgLi4uLg==";
/// A close frame with the code 1000, masked with nothing.
const GOODBYE: [u8; 8] = [0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];

fn target(text: &str) -> Result<Target, String> {
    const FORMS: &str = "it is http://HOST[:PORT][/PATH], ws://HOST[:PORT][/PATH] or tcp://HOST:PORT";
    let uri: Uri = text.parse().map_err(|error| format!("{error}; {FORMS}"))?;
    let asks = match uri.scheme_str() {
        Some("http") => Asks::Http,
        Some("ws") => Asks::WebSocket,
        Some("tcp") if uri.port_u16().is_some() => Asks::Tcp,
        _ => return Err(FORMS.to_owned()),
    };
    let authority = uri.authority().cloned().ok_or(FORMS)?;
    let path = uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string);
    Ok(Target { asks, authority, path })
}

/// Asks, and says what came of it.
pub(super) fn run(probe: &Probe) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let until = Instant::now() + Duration::from_secs(probe.within);
    for target in &probe.targets {
        loop {
            match runtime.block_on(target.ask()) {
                Ok(answer) => {
                    tell(&format!("{target}: {answer}"))?;
                    break;
                }
                Err(why) if Instant::now() >= until => return Err(format!("{target}: {why}")),
                Err(_) => std::thread::sleep(AGAIN),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

impl Target {
    async fn ask(&self) -> Result<String, String> {
        tokio::time::timeout(PATIENCE, self.exchange()).await.unwrap_or_else(|_| Err("no answer".to_owned()))
    }

    async fn exchange(&self) -> Result<String, String> {
        let port = self.authority.port_u16().unwrap_or(80);
        let host = self.authority.host().trim_matches(['[', ']']);
        let stream = dial::connect((host, port)).await.map_err(|error| error.to_string())?;
        if self.asks == Asks::Tcp {
            return Ok("connected".to_owned());
        }
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| error.to_string())?;
        tokio::spawn(connection.with_upgrades());
        let request = Request::builder().uri(&self.path).header(HOST, self.authority.as_str());
        let (request, hoped): (_, fn(StatusCode) -> bool) = match self.asks {
            Asks::WebSocket => {
                let request = request.header(CONNECTION, "Upgrade").header(UPGRADE, "websocket");
                let request = request.header(SEC_WEBSOCKET_VERSION, "13").header(SEC_WEBSOCKET_KEY, KEY);
                (request, |status| status == StatusCode::SWITCHING_PROTOCOLS)
            }
            _ => (request.header(CONNECTION, "close"), |status| status.is_success()),
        };
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
        let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
        let status = response.status();
        if hoped(status) {
            if self.asks == Asks::WebSocket
                && let Ok(session) = hyper::upgrade::on(response).await
            {
                // It was let in, which is all that was asked.
                let _ = TokioIo::new(session).write_all(&GOODBYE).await;
            }
            return Ok(status.to_string());
        }
        let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
        let body = body.map(|body| String::from_utf8_lossy(&body.to_bytes()).trim().to_owned()).unwrap_or_default();
        Err(format!("{status} {body}").trim_end().to_owned())
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.asks {
            Asks::Http => "http",
            Asks::WebSocket => "ws",
            Asks::Tcp => "tcp",
        };
        let path = if self.asks == Asks::Tcp { "" } else { &self.path };
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}
