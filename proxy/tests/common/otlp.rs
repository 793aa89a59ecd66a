//! A real OTLP receiver: a Python process on the official protocol definitions, which says each span as JSON.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use belay::tls::Identity;
use serde_json::Value;

use super::{PATIENCE, ports, tools};

/// A running receiver. Gone when dropped.
pub struct Collector {
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    lines: Receiver<Value>,
}

/// One span as it was received.
#[derive(Clone, Debug)]
pub struct Received(Value);

impl Collector {
    /// Of this protocol (`grpc` or `http`) on a free port; nothing, said aloud, if there is no Python for it.
    pub fn start(test: &str, protocol: &str) -> Option<Self> {
        Self::start_at(test, protocol, ports::free(), 0.0)
    }

    /// On a port where another was before, or that keeps each request waiting for some seconds.
    pub fn start_at(test: &str, protocol: &str, address: SocketAddr, seconds: f64) -> Option<Self> {
        Self::run(test, protocol, address, &[seconds.to_string().into()])
    }

    /// One that is spoken to by TLS only.
    pub fn start_secure(test: &str, protocol: &str, pair: &Identity) -> Option<Self> {
        Self::run(test, protocol, ports::free(), &["0".into(), pair.certificate.clone(), pair.key.clone()])
    }

    fn run(test: &str, protocol: &str, address: SocketAddr, more: &[PathBuf]) -> Option<Self> {
        let python = tools::python(test, &["grpc", "opentelemetry.proto.collector.trace.v1.trace_service_pb2"])?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tools/otlp_receiver.py");
        let mut command = Command::new(python);
        command.arg(script).arg(protocol).arg(address.port().to_string()).args(more);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (say, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if say.send(serde_json::from_str(&line).unwrap()).is_err() {
                    return;
                }
            }
        });
        let listening: Value = lines.recv_timeout(PATIENCE).expect("the receiver says where it listens");
        assert_eq!(listening["listening"], address.port());
        Some(Self { address, child, lines })
    }

    /// For the YAML, or the environment.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next so many spans, in the order of their coming.
    pub fn spans(&self, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + PATIENCE;
        let mut spans = Vec::new();
        while spans.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(span) => spans.push(Received(span)),
                Err(_) => panic!("waited in vain for {count} spans, got {spans:#?}"),
            }
        }
        spans
    }

    /// The next span that this is true of; those before it are forgotten.
    pub fn span_where(&self, is_it: impl Fn(&Received) -> bool) -> Received {
        loop {
            let span = self.spans(1).remove(0);
            if is_it(&span) {
                return span;
            }
        }
    }

    /// What has come and was not asked for yet.
    pub fn rest(&self) -> Vec<Received> {
        self.lines.try_iter().map(Received).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Received {
    /// A field of the span.
    pub fn field(&self, name: &str) -> &Value {
        &self.0["span"][name]
    }

    /// A field of the span that is text.
    pub fn text(&self, name: &str) -> &str {
        self.field(name).as_str().unwrap()
    }

    /// An attribute of the span; `Null` if it has none of that name.
    pub fn attribute(&self, name: &str) -> &Value {
        &self.0["span"]["attributes"][name]
    }

    /// An attribute of the resource.
    pub fn resource(&self, name: &str) -> &Value {
        &self.0["resource"][name]
    }

    /// A header of the request that it came in.
    pub fn header(&self, name: &str) -> &Value {
        &self.0["headers"][name]
    }

    /// Whether it hangs under the other.
    pub fn is_child_of(&self, parent: &Self) -> bool {
        self.text("trace_id") == parent.text("trace_id") && self.text("parent_span_id") == parent.text("span_id")
    }
}

/// The only span of this name.
pub fn named<'a>(spans: &'a [Received], name: &str) -> &'a Received {
    let mut found = spans.iter().filter(|span| span.text("name") == name);
    let span = found.next().unwrap_or_else(|| panic!("no span {name:?} in {spans:#?}"));
    assert!(found.next().is_none(), "more than one span {name:?}");
    span
}
