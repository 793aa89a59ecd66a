//! `examples/heartbeat-tcp` as its README has it: its file, its backend and each of its clients, with a shorter interval.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::belay::Belay;
use common::puppet::Puppet;
use common::{ports, scratch, soon, tools};

fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("examples/heartbeat-tcp").join(file)
}

async fn backend(python: &Path, address: SocketAddr) -> Puppet {
    let backend = Puppet::start(Command::new(python).arg(example("backend.py")).arg(address.port().to_string()));
    soon("the backend", async {
        while tokio::net::TcpStream::connect(address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
    backend
}

/// Reads on to the next answer.
async fn pong(client: &mut Puppet) {
    loop {
        match &*client.next().await {
            "PONG" => return,
            "(gone)" => panic!("the client is gone"),
            _ => {}
        }
    }
}

/// A client hears PONG, with its backend and without; the backend hears its greeting alone.
async fn beats(test: &str, greeting: &str, client: impl FnOnce(SocketAddr) -> Option<Command>) {
    let Some(python) = tools::program(test, "python3") else { return };
    let address = ports::free();
    let yaml = std::fs::read_to_string(example("belay.yaml")).unwrap();
    let yaml = yaml.replace("127.0.0.1:7000", "{listen}").replace("127.0.0.1:7001", &address.to_string());
    let belay = Belay::start(&format!("{yaml}admin: {{ address: {{admin}} }}\n")).await;
    let Some(mut command) = client(belay.address) else { return };

    let mut first = backend(&python, address).await;
    let mut client = Puppet::start(&mut command);
    let (mut pongs, mut is_greeted) = (0, false);
    while pongs < 2 || !is_greeted {
        let answer = client.next().await;
        if answer == "PONG" {
            pongs += 1;
        } else {
            assert!(!is_greeted && answer.starts_with("backend ") && answer.ends_with(greeting), "{answer}");
            is_greeted = true;
        }
    }
    first.sees(greeting).await;

    first.kill();
    pong(&mut client).await;
    while belay.metrics().await["belay_sessions_holding"] < 1.0 {
        pong(&mut client).await;
    }
    pong(&mut client).await;
    let mut second = backend(&python, address).await;
    while belay.metrics().await["belay_sessions_holding"] > 0.0 {
        pong(&mut client).await;
    }
    second.kill();
    for backend in [&mut first, &mut second] {
        assert_eq!(backend.next().await, "(gone)", "a heartbeat reached the backend");
    }
}

#[tokio::test]
async fn a_client_in_go_beats() {
    let test = "a_client_in_go_beats";
    let client = |address: SocketAddr| {
        let go = tools::program(test, "go")?;
        let program = scratch("go-client").join("client");
        let built = Command::new(go).arg("build").arg("-o").arg(&program).arg(example("client.go")).status();
        assert!(built.unwrap().success());
        let mut command = Command::new(program);
        command.arg(address.to_string()).arg("50ms");
        Some(command)
    };
    beats(test, "hello from Go", client).await;
}

#[tokio::test]
async fn a_client_in_c_beats() {
    let test = "a_client_in_c_beats";
    let client = |address: SocketAddr| {
        let cc = tools::program(test, "cc")?;
        let program = scratch("c-client").join("client");
        let mut compile = Command::new(cc);
        compile.args(["-Wall", "-Wextra", "-Werror", "-std=c11", "-o"]).arg(&program).arg(example("client.c"));
        assert!(compile.status().unwrap().success());
        let mut command = Command::new(program);
        command.args([address.ip().to_string(), address.port().to_string(), "0.05".to_owned()]);
        Some(command)
    };
    beats(test, "hello from C", client).await;
}

#[tokio::test]
async fn netcat_beats() {
    let test = "netcat_beats";
    let client = |address: SocketAddr| {
        let nc = tools::program(test, "nc")?;
        let line = "mkfifo \"$0\"; \
                    (echo hello from a shell; while sleep 0.05; do echo PING; done) > \"$0\" & \
                    exec \"$1\" \"$2\" \"$3\" < \"$0\"";
        let mut command = Command::new("sh");
        command.args(["-c", line]).arg(scratch("nc-client").join("said")).arg(nc);
        command.args([address.ip().to_string(), address.port().to_string()]);
        Some(command)
    };
    beats(test, "hello from a shell", client).await;
}
