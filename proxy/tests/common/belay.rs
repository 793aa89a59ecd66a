//! The real binary, from a YAML text to its metrics.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use super::{PATIENCE, ports, scratch, soon};

/// A running `belay`. Killed when dropped; its log is shown if the test fails.
pub struct Belay {
    /// Where clients connect.
    pub address: SocketAddr,
    /// Where `/live`, `/ready` and `/metrics` are.
    pub admin: SocketAddr,
    /// Holds `belay.yaml`, `log`, and what the test puts there.
    pub folder: PathBuf,
    child: Child,
}

impl Belay {
    /// Runs the binary on this YAML, in which `{listen}` and `{admin}` stand for free addresses, and waits until it is
    /// ready.
    pub async fn start(yaml: &str) -> Self {
        Self::start_with(yaml, |_| ()).await
    }

    /// The same, with a hand on the command (arguments and environment) before it runs.
    pub async fn start_with(yaml: &str, prepare: impl FnOnce(&mut Command)) -> Self {
        let (address, admin) = (ports::free(), ports::free());
        let yaml = yaml.replace("{listen}", &address.to_string()).replace("{admin}", &admin.to_string());
        let folder = scratch("belay");
        let file = folder.join("belay.yaml");
        std::fs::write(&file, yaml).unwrap();
        let log = File::create(folder.join("log")).unwrap();
        let mut command = Command::new(binary());
        command.arg("run").arg(&file).current_dir(&folder).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        prepare(&mut command);
        let child = command.spawn().unwrap();
        let mut belay = Self { address, admin, folder, child };
        belay.wait_until_ready().await;
        belay
    }

    /// One route for everything to this backend; `extra` is more of the route, indented by four.
    pub async fn in_front_of(backend: SocketAddr, extra: &str) -> Self {
        Self::start(&route_to(backend, extra)).await
    }

    async fn wait_until_ready(&mut self) {
        let begun = Instant::now();
        while !matches!(self.get("/ready").await, Ok((200, _))) {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("belay ended before it was ready ({status})");
            }
            assert!(begun.elapsed() < PATIENCE, "belay was not ready after {PATIENCE:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The `ws:` address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// Asks the admin listener: status and body.
    pub async fn get(&self, path: &str) -> std::io::Result<(u16, String)> {
        http_get(self.admin, path).await
    }

    /// Asks it with another method, as one that may change something.
    pub async fn ask(&self, method: &str, path: &str) -> std::io::Result<(u16, String)> {
        http_ask(self.admin, method, path, "Belay-Admin: test\r\n").await
    }

    /// Asks the admin listener to do something: status, and what it answers in JSON.
    pub async fn post(&self, path: &str) -> (u16, Value) {
        let (status, body) = soon("the answer to a POST", self.ask("POST", path)).await.unwrap();
        (status, serde_json::from_str(&body).unwrap_or(Value::Null))
    }

    /// Has it read this YAML from now on, in which `{listen}` and `{admin}` stand for its addresses. The file is replaced as
    /// a whole.
    pub fn write(&self, yaml: &str) {
        let part = self.folder.join("belay.yaml.part");
        let yaml = yaml.replace("{listen}", &self.address.to_string()).replace("{admin}", &self.admin.to_string());
        std::fs::write(&part, yaml).unwrap();
        std::fs::rename(&part, self.folder.join("belay.yaml")).unwrap();
    }

    /// `/metrics`, each series by its name with its labels as written, such as `belay_lost_total{reason="drained"}`.
    pub async fn metrics(&self) -> BTreeMap<String, f64> {
        let (status, text) = soon("the metrics", self.get("/metrics")).await.unwrap();
        assert_eq!(status, 200, "{text}");
        let series = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.rsplit_once(' '));
        series.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect()
    }

    /// Waits until this series of `/metrics` has this value. What a test has seen may be counted only a moment later: a
    /// delivery, say, once its answer has come back. A number that must be right at once is asked of [`Self::metrics`].
    pub async fn metric_becomes(&self, series: &str, value: f64) {
        self.metric_until(series, &value.to_string(), |now| now == value).await;
    }

    /// Waits until this series has at least this value, and says which.
    pub async fn metric_reaches(&self, series: &str, at_least: f64) -> f64 {
        self.metric_until(series, &format!("at least {at_least}"), |now| now >= at_least).await
    }

    /// Waits until this is true of the series, and says its value; `wanted` is for whoever reads of the failure.
    pub async fn metric_until(&self, series: &str, wanted: &str, is_it: impl Fn(f64) -> bool) -> f64 {
        let begun = Instant::now();
        loop {
            let now = self.metrics().await.get(series).copied();
            if let Some(now) = now.filter(|&now| is_it(now)) {
                return now;
            }
            assert!(begun.elapsed() < PATIENCE, "{series} is {now:?} after {PATIENCE:?}, and not {wanted}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// The log, once it says this: lines are written by a thread of their own, a moment after what they tell of.
    pub async fn log_with(&self, what: &str) -> String {
        soon(what, async {
            loop {
                let log = self.log();
                if log.contains(what) {
                    return log;
                }
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    }

    /// Waits until one line of the log says all of this.
    pub async fn logs_line(&self, words: &[&str]) {
        soon(&words.join(" and "), async {
            while !self.log().lines().any(|line| words.iter().all(|word| line.contains(word))) {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Its process, as the system knows it.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to go (SIGTERM).
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits until it is gone.
    pub async fn ended(&mut self) -> ExitStatus {
        soon("the end of belay", async {
            loop {
                if let Some(status) = self.child.try_wait().unwrap() {
                    return status;
                }
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await
    }
}

/// `BELAY_BINARY`, such as an optimised build, or that of the tests.
fn binary() -> std::ffi::OsString {
    std::env::var_os("BELAY_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_belay").into())
}

impl Drop for Belay {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- belay's log ({}) ---\n{}", self.folder.display(), self.log());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// A YAML with one route for everything to this backend; `extra` is more of the route, indented by four.
pub fn route_to(backend: SocketAddr, extra: &str) -> String {
    format!(
        "\
listeners:
  - address: {{listen}}
admin:
  address: {{admin}}
routes:
  - backend: ws://{backend}
{extra}"
    )
}

/// A plain HTTP GET that closes its connection: status and body.
pub async fn http_get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    http_ask(address, "GET", path, "").await
}

/// The same with any method and more headers (whole lines), without a body.
pub async fn http_ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let length = if method == "GET" { "" } else { "Content-Length: 0\r\n" };
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{length}{headers}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.get(9..12).and_then(|code| code.parse().ok());
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let body = if chunked { unchunk(body) } else { body.to_owned() };
    status.map(|status| (status, body)).ok_or_else(|| std::io::Error::other(answer.clone()))
}

fn unchunk(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
        if size == 0 || after.len() < size {
            break;
        }
        body.push_str(&after[..size]);
        rest = after[size..].trim_start_matches("\r\n");
    }
    body
}
