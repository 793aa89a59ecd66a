//! A real broker, Mosquitto, with a listener for TCP and one for WebSocket, whose log tells every packet.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::common::{ports, scratch, soon, tools};

/// A running Mosquitto that keeps what it must on disk. Gone when dropped.
pub(crate) struct Broker {
    pub(crate) tcp: SocketAddr,
    pub(crate) websocket: SocketAddr,
    program: PathBuf,
    folder: PathBuf,
    child: Option<Child>,
}

impl Broker {
    /// Runs it and waits until it listens; nothing, said aloud, if it is not there.
    pub(crate) async fn start(test: &str) -> Option<Self> {
        let program = tools::program(test, "mosquitto")?;
        let (tcp, websocket, folder) = (ports::free(), ports::free(), scratch("mosquitto"));
        // As root it would become another user, who could not write here.
        let config = format!(
            "user root\nallow_anonymous true\nlog_type all\nlog_dest stderr\npersistence true\n\
             persistence_location {}/\nautosave_on_changes true\nautosave_interval 1\n\
             listener {} 127.0.0.1\nlistener {} 127.0.0.1\nprotocol websockets\n",
            folder.display(),
            tcp.port(),
            websocket.port()
        );
        std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { tcp, websocket, program, folder, child: None };
        broker.run().await;
        Some(broker)
    }

    /// Runs it again where it was, and waits until it listens.
    pub(crate) async fn run(&mut self) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.folder.join("log")).unwrap();
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(self.folder.join("mosquitto.conf")).stdin(Stdio::null());
        self.child = Some(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        soon("mosquitto", async {
            while tokio::net::TcpStream::connect(self.tcp).await.is_err()
                || tokio::net::TcpStream::connect(self.websocket).await.is_err()
            {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    /// Ends it as an upgrade does (SIGTERM): it writes down what it must, and tells its clients.
    pub(crate) fn stop(&mut self) {
        self.end(Signal::TERM);
    }

    /// Ends it as a crash does (SIGKILL), once it has written down that someone is subscribed to this.
    pub(crate) async fn crash(&mut self, topic: &str) {
        let database = self.folder.join("mosquitto.db");
        soon("the subscription on disk", async {
            let knows = |bytes: Vec<u8>| bytes.windows(topic.len()).any(|window| window == topic.as_bytes());
            while !std::fs::read(&database).is_ok_and(knows) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
        self.end(Signal::KILL);
    }

    /// Takes its time away: its connections stay, and it answers nothing.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Gives it back.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// How often it has said this of a client.
    pub(crate) fn count(&self, what: &str) -> usize {
        self.log().matches(what).count()
    }

    /// Everything it has said.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn end(&mut self, signal: Signal) {
        self.signal(signal);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            let _ = kill_process(Pid::from_child(child), signal);
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.end(Signal::KILL);
        if std::thread::panicking() {
            eprintln!("--- mosquitto's log ({}) ---\n{}", self.folder.display(), self.log());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
