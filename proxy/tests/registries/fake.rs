//! A registry that the test plays itself: to be slow, to lie, to die, to want tokens.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// What it answers, by path: raw HTTP. `None` keeps silent.
pub(crate) type Answers = dyn Fn(&Asked) -> Option<Vec<u8>> + Send + Sync;

/// A request, as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query.
    pub(crate) target: String,
    /// The value of `Authorization`.
    pub(crate) authorization: Option<String>,
}

/// See the module. It ends with the runtime.
pub(crate) struct Registry {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Registry {
    pub(crate) fn start(answers: impl Fn(&Asked) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (answers, log): (Arc<Answers>, _) = (Arc::new(answers), Arc::clone(&asked));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                loop {
                    let (mut stream, _) = listener.accept().await.unwrap();
                    let (answers, log) = (Arc::clone(&answers), Arc::clone(&log));
                    tokio::spawn(async move {
                        let mut head = Vec::new();
                        while !head.ends_with(b"\r\n\r\n") {
                            let Ok(byte) = stream.read_u8().await else { return };
                            head.push(byte);
                        }
                        let head = String::from_utf8(head).unwrap();
                        let header = |line: &str| {
                            line.to_lowercase().starts_with("authorization: ").then(|| line[15..].to_owned())
                        };
                        let target = head.split(' ').nth(1).unwrap().to_owned();
                        let asked = Asked { target, authorization: head.lines().find_map(header) };
                        log.lock().unwrap().push(asked.clone());
                        match answers(&asked) {
                            Some(answer) => drop(stream.write_all(&answer).await),
                            None => std::future::pending().await,
                        }
                    });
                }
            });
        });
        Self { address, asked }
    }

    /// What it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// One artifact: its manifest, and its only layer.
#[derive(Clone)]
pub(crate) struct Artifact {
    pub(crate) manifest: String,
    pub(crate) layer: Vec<u8>,
}

impl Artifact {
    pub(crate) fn of(layer: &[u8]) -> Self {
        let manifest = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"{0}","size":2}},"layers":[{{"mediaType":"application/wasm","digest":"{1}","size":{2}}}]}}"#,
            digest(b"{}"),
            digest(layer),
            layer.len()
        );
        Self { manifest, layer: layer.to_vec() }
    }

    /// Of its manifest.
    pub(crate) fn digest(&self) -> String {
        digest(self.manifest.as_bytes())
    }

    /// As an honest registry answers.
    pub(crate) fn answer(&self, asked: &Asked) -> Vec<u8> {
        if asked.target.ends_with(&format!("/manifests/{}", self.digest())) {
            ok(self.manifest.as_bytes())
        } else if asked.target.ends_with(&format!("/blobs/{}", digest(&self.layer))) {
            ok(&self.layer)
        } else {
            status("404 Not Found", "")
        }
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    let digits: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{digits}")
}

pub(crate) fn ok(body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    answer
}

/// With more headers, each with its line's end.
pub(crate) fn status(status: &str, headers: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}
