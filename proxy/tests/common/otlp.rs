//! A real OTLP receiver: a Python process on the official protocol definitions, which says each span, metric and record of a
//! log as JSON.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
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
    /// Came while another kind was waited for.
    aside: Mutex<VecDeque<Received>>,
}

/// One span, metric or record as it was received.
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
        Some(Self { address, child, lines, aside: Mutex::default() })
    }

    /// For the YAML, or the environment.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next so many spans, in the order of their coming.
    pub fn spans(&self, count: usize) -> Vec<Received> {
        self.next("span", count)
    }

    /// The next so many lines of a log.
    pub fn records(&self, count: usize) -> Vec<Received> {
        self.next("record", count)
    }

    /// The first line that this is true of; others are still to be had. Records come by who made them, and not by time.
    pub fn record_where(&self, is_it: impl Fn(&Received) -> bool) -> Received {
        let mut others = VecDeque::new();
        let found = loop {
            let record = self.records(1).remove(0);
            if is_it(&record) {
                break record;
            }
            others.push_back(record);
        };
        self.aside.lock().unwrap().extend(others);
        found
    }

    /// The next so many metrics.
    pub fn metrics(&self, count: usize) -> Vec<Received> {
        self.next("metric", count)
    }

    /// The next metric of this name.
    pub fn metric(&self, name: &str) -> Received {
        loop {
            let metric = self.next("metric", 1).remove(0);
            if metric.text("name") == name {
                return metric;
            }
        }
    }

    fn next(&self, kind: &str, count: usize) -> Vec<Received> {
        let deadline = Instant::now() + PATIENCE;
        let mut aside = self.aside.lock().unwrap();
        let mut found = Vec::new();
        while let Some(index) = aside.iter().position(|received| received.0["kind"] == kind)
            && found.len() < count
        {
            found.extend(aside.remove(index));
        }
        while found.len() < count {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left).map(Received) {
                Ok(received) if received.0["kind"] == kind => found.push(received),
                Ok(received) => aside.push_back(received),
                Err(_) => panic!("waited in vain for {count} of {kind}, got {found:#?}"),
            }
        }
        found
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
        self.aside.lock().unwrap().drain(..).chain(self.lines.try_iter().map(Received)).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Received {
    /// A field.
    pub fn field(&self, name: &str) -> &Value {
        &self.0["told"][name]
    }

    /// What made it.
    pub fn scope(&self) -> &str {
        self.0["scope"].as_str().unwrap()
    }

    /// A field that is text.
    pub fn text(&self, name: &str) -> &str {
        self.field(name).as_str().unwrap()
    }

    /// An attribute of a span or a record; `Null` if it has none of that name.
    pub fn attribute(&self, name: &str) -> &Value {
        &self.0["told"]["attributes"][name]
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
