//! An endpoint of reports inside the test, which takes batches, or behaves as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::handshake::read_head;
use super::{backend, ports, soon};

/// What signs here; 32 bytes, and no secret.
pub const SECRET: &str = "whsec_YmVsYXktdGVzdHMtc2lnbi13aXRoLXRoaXMtb25lISE=";

/// An endpoint. Gone when dropped.
pub struct Endpoint {
    /// Where it listens.
    pub address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Delivery>,
    /// Events of batches that were taken and not asked for yet.
    events: VecDeque<Value>,
    task: JoinHandle<()>,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Behaviour {
    /// Taken.
    Take,
    /// This status, and perhaps a `Retry-After` in seconds.
    Answer(u16, Option<u64>),
    /// Taken after so long.
    Slow(Duration),
    /// The connection ends within the answer's head.
    DieMidAnswer,
    /// Never answered.
    Hang,
}

/// A request, whatever became of it.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// `webhook-id`.
    pub id: String,
    /// The events.
    pub events: Vec<Value>,
    /// As it was sent.
    pub body: Vec<u8>,
    /// What became of it.
    pub answer: Behaviour,
    /// When it came.
    pub at: std::time::Instant,
}

impl Endpoint {
    /// Takes everything.
    pub async fn start() -> Self {
        Self::start_at(ports::free(), &[]).await
    }

    /// Behaves so for the first requests, and then takes everything; or, if the last is to hang, hangs for ever.
    pub async fn start_at(address: SocketAddr, behaviours: &[Behaviour]) -> Self {
        let listener = backend::listen(address);
        let (said, requests) = mpsc::unbounded_channel();
        let script: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(behaviours.iter().copied().collect()));
        let last = behaviours.last().copied().filter(|last| matches!(last, Behaviour::Hang)).unwrap_or(Behaviour::Take);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (said, script) = (said.clone(), Arc::clone(&script));
                tokio::spawn(async move {
                    let next = || script.lock().unwrap().pop_front().unwrap_or(last);
                    // Whoever tests may have heard enough, and a Belay that is killed may break off.
                    let _ = serve(stream, next, said).await;
                });
            }
        });
        Self { address, requests, events: VecDeque::new(), task }
    }

    /// The next request.
    pub async fn request(&mut self) -> Delivery {
        soon("a report", self.requests.recv()).await.unwrap()
    }

    /// The next request, if one has come.
    pub fn request_that_came(&mut self) -> Option<Delivery> {
        self.requests.try_recv().ok()
    }

    /// The next event of a batch that was taken.
    pub async fn event(&mut self) -> Value {
        loop {
            if let Some(event) = self.events.pop_front() {
                return event;
            }
            let request = self.request().await;
            if matches!(request.answer, Behaviour::Take | Behaviour::Slow(_)) {
                self.events.extend(request.events);
            }
        }
    }

    /// The next so many, as `alice connected`: subject or session, and state.
    pub async fn told(&mut self, count: usize) -> Vec<String> {
        let mut told = Vec::new();
        for _ in 0..count {
            told.push(words(&self.event().await));
        }
        told
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An event in few words.
pub fn words(event: &Value) -> String {
    let kind = event["type"].as_str().unwrap().trim_start_matches("belay.");
    let who = event["data"]["identity"].as_str().unwrap_or("-");
    let reason = event["data"]["reason"].as_str().map_or(String::new(), |reason| format!(" {reason}"));
    format!("{kind} {who}{reason}")
}

async fn serve(
    mut stream: TcpStream,
    next: impl FnOnce() -> Behaviour,
    said: mpsc::UnboundedSender<Delivery>,
) -> std::io::Result<()> {
    let head = read_head(&mut stream).await?;
    let header = |name: &str| head.header(name).unwrap_or_default().to_owned();
    let mut body = vec![0; header("content-length").parse().unwrap()];
    stream.read_exact(&mut body).await?;
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    assert_eq!(header("webhook-signature"), signature(&id, &timestamp, &body));
    let answer = next();
    let events = serde_json::from_slice(&body).unwrap();
    let at = std::time::Instant::now();
    let _ = said.send(Delivery { id, events, body, answer, at });
    match answer {
        Behaviour::Take => stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await,
        Behaviour::Answer(status, retry_after) => {
            let wait = retry_after.map_or(String::new(), |seconds| format!("retry-after: {seconds}\r\n"));
            stream.write_all(format!("HTTP/1.1 {status} No\r\ncontent-length: 0\r\n{wait}\r\n").as_bytes()).await
        }
        Behaviour::Slow(time) => {
            tokio::time::sleep(time).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await
        }
        Behaviour::DieMidAnswer => stream.write_all(b"HTTP/1.1 200 OK\r\ncont").await,
        Behaviour::Hang => std::future::pending().await,
    }
}

fn signature(id: &str, timestamp: &str, body: &[u8]) -> String {
    let key = BASE64_STANDARD.decode(SECRET.trim_start_matches("whsec_")).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update([id.as_bytes(), b".", timestamp.as_bytes(), b".", body].concat().as_slice());
    format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
}
