//! A real broker, RabbitMQ with its STOMP plugins, and real clients, made with stomp.py.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::common::puppet::Puppet;
use crate::common::{ports, scratch, tools};

/// Debian's, which runs as whoever starts it; what is on the PATH wants a user of its own.
const SERVER: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// RabbitMQ, with nothing but STOMP. Gone when dropped.
pub(crate) struct Broker {
    /// STOMP over TCP.
    pub(crate) tcp: SocketAddr,
    /// STOMP over WebSocket, at `/ws`.
    pub(crate) websocket: SocketAddr,
    folder: PathBuf,
    child: Child,
    /// Erlang's name server. One that the broker started would outlive it.
    names: Child,
    names_port: u16,
}

impl Broker {
    /// Nothing, said aloud, if there is no RabbitMQ. It takes some seconds to start.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        tools::program(test, "rabbitmq-server")?;
        if !Path::new(SERVER).exists() {
            tools::not_run(test, &format!("there is no {SERVER}"));
            return None;
        }
        let (tcp, websocket, names_address) = (ports::free(), ports::free(), ports::free());
        let folder = scratch("rabbitmq");
        std::fs::write(folder.join("plugins"), "[rabbitmq_stomp,rabbitmq_web_stomp].\n").unwrap();
        let settings = format!(
            "listeners.tcp = none\nstomp.listeners.tcp.1 = {tcp}\nweb_stomp.tcp.ip = {}\nweb_stomp.tcp.port = {}\n",
            websocket.ip(),
            websocket.port()
        );
        std::fs::write(folder.join("rabbitmq.conf"), settings).unwrap();
        let names_port = names_address.port();
        let mut names = Command::new("epmd");
        names.arg("-port").arg(names_port.to_string()).arg("-address").arg(names_address.ip().to_string());
        let names = names.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        listens(names_address).await;
        let child = run(&folder, tcp, names_port);
        let broker = Self { tcp, websocket, folder, child, names, names_port };
        broker.wait().await;
        Some(broker)
    }

    /// Kills it (SIGKILL): its connections end, and new ones are refused.
    pub(crate) fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Runs it again on the same ports.
    pub(crate) async fn restart(&mut self) {
        self.kill();
        self.child = run(&self.folder, self.tcp, self.names_port);
        self.wait().await;
    }

    /// Takes its time away (SIGSTOP): its connections stay, and it does nothing.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Gives it back (SIGCONT).
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    async fn wait(&self) {
        listens(self.tcp).await;
        listens(self.websocket).await;
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        let _ = self.names.kill();
        let _ = self.names.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// On a machine that does other things too a broker may take more than a minute.
async fn listens(address: SocketAddr) {
    let listens = async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(240), listens).await.expect("it listens within 240 s");
}

fn run(folder: &Path, tcp: SocketAddr, names: u16) -> Child {
    let log = std::fs::File::create(folder.join("output")).unwrap();
    let mut server = Command::new(SERVER);
    server.env("HOME", folder).env("ERL_EPMD_PORT", names.to_string());
    server.env("RABBITMQ_NODENAME", format!("belay-{}@localhost", tcp.port()));
    server.env("RABBITMQ_DIST_PORT", ports::free().port().to_string());
    server.env("RABBITMQ_LOGS", "-");
    for (name, file) in [
        ("CONFIG_FILE", "rabbitmq.conf"),
        ("ENABLED_PLUGINS_FILE", "plugins"),
        ("MNESIA_BASE", "data"),
        ("LOG_BASE", "log"),
        ("PID_FILE", "pid"),
        ("SCHEMA_DIR", "schema"),
        ("GENERATED_CONFIG_DIR", "generated"),
    ] {
        server.env(format!("RABBITMQ_{name}"), folder.join(file));
    }
    server.process_group(0).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    server.spawn().unwrap()
}

/// How a client reaches its broker.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Tcp,
    WebSocket,
}

/// So many clients in one process, with heart-beats of a second, the least that RabbitMQ agrees to; each has subscribed to
/// what each is told to say. Nothing, said aloud, if there is no stomp.py.
pub(crate) async fn clients(test: &str, way: Way, address: SocketAddr, clients: u32) -> Option<Puppet> {
    let mut python = Command::new(tools::python(test, &["stomp"])?);
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stomp/client.py"));
    python.arg(match way {
        Way::Tcp => "tcp",
        Way::WebSocket => "ws",
    });
    python.arg(address.ip().to_string()).arg(address.port().to_string());
    python.arg(clients.to_string()).arg("1000");
    let mut crowd = Puppet::start(&mut python);
    for _ in 0..clients {
        crowd.sees("connected").await;
    }
    Some(crowd)
}
