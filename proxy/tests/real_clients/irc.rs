//! IRC over raw TCP, with a server and clients of others: a protocol whose server keeps a session for each connection, so
//! that `docs/tcp.md` says not to hold it. The clients are told what to do as those of `people.rs` are.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::belay::Belay;
use crate::common::puppet::Puppet;
use crate::common::{ports, scratch, soon, tools};

/// ngIRCd, which writes no files. Gone when dropped.
struct Server {
    address: SocketAddr,
    program: PathBuf,
    folder: PathBuf,
    process: Puppet,
}

impl Server {
    /// Runs it and waits until it listens; nothing, said aloud, if it is not there.
    async fn start(test: &str) -> Option<Self> {
        let program = tools::program(test, "ngircd")?;
        let (address, folder) = (ports::free(), scratch("ngircd"));
        let config = format!(
            "[Global]\nName = irc.example.test\nListen = {}\nPorts = {}\n[Limits]\nMaxPenaltyTime = 0\n\
             [Options]\nDNS = no\nIdent = no\nPAM = no\n",
            address.ip(),
            address.port()
        );
        std::fs::write(folder.join("ngircd.conf"), config).unwrap();
        let process = run(&program, &folder);
        let server = Self { address, program, folder, process };
        server.listens().await;
        Some(server)
    }

    async fn restart(&mut self) {
        self.process.kill();
        self.process = run(&self.program, &self.folder);
        self.listens().await;
    }

    async fn listens(&self) {
        soon("ngircd", async {
            while tokio::net::TcpStream::connect(self.address).await.is_err() {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// In the foreground. Standard output is its log.
fn run(program: &Path, folder: &Path) -> Puppet {
    Puppet::start(Command::new(program).arg("--nodaemon").arg("--config").arg(folder.join("ngircd.conf")))
}

fn chatter(test: &str, name: &str, door: SocketAddr) -> Option<Puppet> {
    let mut python = Command::new(tools::python(test, &["irc.bot"])?);
    python.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real_clients/chatter.py"));
    Some(Puppet::start(python.arg(name).arg(door.port().to_string())))
}

/// It may try some times while its server begins.
async fn comes_back(chatter: &mut Puppet) {
    chatter.sees("gone").await;
    loop {
        match &*chatter.next().await {
            "gone" => {}
            "joined" => return,
            other => panic!("it sees {other:?}"),
        }
    }
}

#[tokio::test]
async fn irc_is_answered_at_the_edge_and_its_clients_come_back_with_their_server() {
    let test = "irc_is_answered_at_the_edge_and_its_clients_come_back_with_their_server";
    let Some(mut server) = Server::start(test).await else { return };
    let belay = Belay::start(&format!(
        "listeners:\n  - {{ name: irc, address: \"{{listen}}\", protocol: tcp, framer: lines }}\n\
         admin: {{ address: \"{{admin}}\" }}\n\
         routes:\n  - match: {{ listener: irc }}\n    backend: tcp://{}\n    hold: off\n    \
         heartbeat: {{ answer: [{{ text: {{ prefix: \"PING \", pong: \"PONG {{rest}}\", from: either }} }}] }}\n",
        server.address
    ))
    .await;
    let Some(mut ada) = chatter(test, "ada", belay.address) else { return };
    ada.sees("joined").await;
    let Some(mut bob) = chatter(test, "bob", belay.address) else { return };
    bob.sees("joined").await;
    bob.does("say hello");
    ada.sees("heard hello").await;

    server.process.freeze();
    ada.does("ping are-you-there");
    ada.sees("pong").await;
    server.process.thaw();

    server.restart().await;
    comes_back(&mut ada).await;
    comes_back(&mut bob).await;
    ada.does("say and back");
    bob.sees("heard and back").await;
}
