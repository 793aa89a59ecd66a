//! The admin port of the real binary: what it tells of sessions, what it does to them, and the commands that speak to it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod common;

use std::process::{Command, Output};

use common::backend::Echo;
use common::belay::{Belay, http_ask, http_get, route_to};
use common::client::{self, Client};
use common::{soon, tools};
use futures_util::SinkExt;
use serde_json::Value;

async fn get(belay: &Belay, path: &str) -> Value {
    let (status, body) = soon(path, belay.get(path)).await.unwrap();
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// So many, each of which has said one thing.
async fn clients(belay: &Belay, count: usize) -> Vec<Client> {
    let mut clients = Vec::new();
    for number in 0..count {
        let mut client = client::connect(belay.address, &format!("/room?token=hunter2&number={number}")).await;
        client.send("hello".into()).await.unwrap();
        assert_eq!(client::next_text(&mut client).await, "hello");
        clients.push(client);
    }
    clients
}

fn ids(page: &Value) -> Vec<String> {
    page["sessions"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Runs the binary as an operator does.
async fn command(belay: &Belay, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_belay"));
    command.args(arguments).env("BELAY_ADMIN", format!("http://{}", belay.admin));
    soon("a command", tokio::task::spawn_blocking(move || command.output().unwrap())).await.unwrap()
}

fn said(output: &Output) -> String {
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{out}{error}");
    out.into_owned()
}

#[tokio::test]
async fn sessions_are_listed_a_page_at_a_time_each_once() {
    let echo = Echo::start().await;
    let belay = Belay::start(&format!("{}workers: 2\n", route_to(echo.address, ""))).await;
    let clients = clients(&belay, 200).await;
    let mut seen = Vec::new();
    let mut path = "/sessions?limit=40".to_owned();
    loop {
        let page = get(&belay, &path).await;
        let found = ids(&page);
        assert!(found.len() <= 40);
        seen.extend(found);
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/sessions?limit=40&after={next}");
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 200);
    drop(clients);
}

#[tokio::test]
async fn a_search_finds_what_it_says_and_one_session_is_told_without_its_secrets() {
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let clients = clients(&belay, 3).await;
    let all = get(&belay, "/sessions").await;
    assert_eq!(all["sessions"].as_array().unwrap().len(), 3);
    let row = &all["sessions"][0];
    let peer = row["peer"].as_str().unwrap();
    assert_eq!((&row["state"], &row["path"]), (&"connected".into(), &"/room".into()));
    assert_eq!((&row["messages"]["to_backend"], &row["messages"]["to_client"]), (&1.into(), &1.into()));
    for (search, count) in [
        ("state=connected", 3),
        ("state=holding", 0),
        ("text=ROOM", 3),
        ("peer=127.0.0.1:", 3),
        (&format!("peer={peer}"), 1),
        ("attribute=user", 0),
        ("older_than_s=3600", 0),
        ("younger_than_s=3600", 3),
        ("route=none", 0),
    ] {
        assert_eq!(ids(&get(&belay, &format!("/sessions?{search}")).await).len(), count, "{search}");
    }
    let id = row["id"].as_str().unwrap();
    assert_eq!(ids(&get(&belay, &format!("/sessions?text={id}")).await), [id]);
    let one = get(&belay, &format!("/sessions/{id}")).await;
    assert_eq!(one["backend"]["authority"], echo.address.to_string());
    assert!(one["headers"].as_array().unwrap().iter().any(|header| header[0] == "host"), "{one}");
    assert_eq!(one["query"][0], "token=***");
    assert!(!one.to_string().contains("hunter2"), "{one}");
    drop(clients);
}

#[tokio::test]
async fn one_session_is_closed_with_code_and_reason_and_no_other() {
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let mut clients = clients(&belay, 2).await;
    let address = clients[0].get_ref().local_addr().unwrap();
    let id = ids(&get(&belay, &format!("/sessions?peer={address}")).await).remove(0);
    let path = format!("/sessions/{id}?code=4321&reason=moved+away");
    assert_eq!(belay.get(&path).await.unwrap().0, 400);
    let (status, _) = http_ask(belay.admin, "DELETE", &path, "").await.unwrap();
    assert_eq!(status, 403, "a change needs its header");
    assert_eq!(belay.ask("DELETE", &path).await.unwrap().0, 200);
    assert_eq!(client::closed(&mut clients[0]).await, Some((4321, "moved away".to_owned())));
    clients[1].send("still here".into()).await.unwrap();
    assert_eq!(client::next_text(&mut clients[1]).await, "still here");
    assert_eq!(belay.ask("DELETE", &format!("/sessions/{}", "0".repeat(32))).await.unwrap().0, 404);
}

#[tokio::test]
async fn some_sessions_are_drained_by_a_search() {
    let echo = Echo::start().await;
    let extra = "    name: chat\n    match: { path: /room }\n";
    let yaml = format!("{}  - backend: ws://{}\n    name: rest\n", route_to(echo.address, extra), echo.address);
    let belay = Belay::start(&yaml).await;
    let mut chat = clients(&belay, 5).await;
    let mut other = client::connect(belay.address, "/other").await;
    assert_eq!(get(&belay, "/sessions/drain").await["state"], "none");
    let (status, body) = belay.ask("POST", "/sessions/drain?route=chat&over_s=5&code=1012").await.unwrap();
    assert_eq!(status, 202, "{body}");
    assert_eq!(belay.ask("POST", "/sessions/drain?route=chat").await.unwrap().0, 409);
    for client in &mut chat {
        assert_eq!(client::closed(client).await.map(|(code, _)| code), Some(1012));
    }
    soon("the end of the drain", async {
        while get(&belay, "/sessions/drain").await["state"] != "done" {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(get(&belay, "/sessions/drain").await["closed"], 5);
    other.send("still here".into()).await.unwrap();
    assert_eq!(client::next_text(&mut other).await, "still here");
}

#[tokio::test]
async fn a_drain_takes_no_more_clients_and_tells_how_far_it_is() {
    let echo = Echo::start().await;
    let mut belay = Belay::start(&format!("{}drain: {{ over: 300ms }}\n", route_to(echo.address, ""))).await;
    let mut clients = clients(&belay, 3).await;
    assert_eq!(get(&belay, "/drain").await["state"], "serving");
    let told = said(&command(&belay, &["drain", "--wait"]).await);
    assert!(told.lines().last().unwrap().contains("drained: 0 sessions"), "{told}");
    for client in &mut clients {
        assert_eq!(client::closed(client).await.map(|(code, _)| code), Some(1001));
    }
    assert_eq!(belay.get("/ready").await.unwrap().0, 503);
    assert_eq!(get(&belay, "/drain").await["sessions_at_begin"], 3);
    soon("the listeners to be closed", async {
        while tokio::net::TcpStream::connect(belay.address).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    })
    .await;
    belay.terminate();
    assert!(belay.ended().await.success());
}

#[tokio::test]
async fn the_configuration_is_told_with_its_defaults_and_without_its_secrets() {
    let echo = Echo::start().await;
    let file = common::scratch("secret").join("authorization");
    std::fs::write(&file, "hunter2").unwrap();
    let headers = format!("headers: {{ authorization: '${{file:{}}}' }}", file.display());
    let yaml = route_to(echo.address, "")
        + "filters:\n  auth: { use: auth-jwt, config: { keys: [{ secret: hunter2hunter2hunter2hunter2hunter2 }] } }\n"
        + &format!("telemetry: {{ otlp: {{ endpoint: 'http://127.0.0.1:1', {headers} }} }}\n");
    let belay = Belay::start(&yaml).await;
    let config = get(&belay, "/config").await;
    assert_eq!(config["configuration"]["drain"]["over"], "10s");
    assert_eq!(config["configuration"]["filters"]["auth"]["use"], "auth-jwt");
    assert!(!config.to_string().contains("hunter2"), "{config}");
}

#[tokio::test]
async fn off_loopback_the_token_is_asked_for_and_probes_are_not() {
    let echo = Echo::start().await;
    let file = common::scratch("token").join("token");
    std::fs::write(&file, "hunter2\n").unwrap();
    let admin = common::ports::free();
    let admin = format!("address: 0.0.0.0:{}\n  token: '${{file:{}}}'", admin.port(), file.display());
    let mut yaml = route_to(echo.address, "").replace("address: {admin}", &admin);
    yaml.push_str("x-admin: '{admin}'\n");
    let port = yaml.split("0.0.0.0:").nth(1).unwrap().split('\n').next().unwrap().to_owned();
    let folder = common::scratch("off-loopback");
    let config = folder.join("belay.yaml");
    std::fs::write(&config, yaml.replace("{listen}", "127.0.0.1:0")).unwrap();
    let mut belay = Command::new(env!("CARGO_BIN_EXE_belay")).arg("run").arg(&config).spawn().unwrap();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    soon("the probes", async {
        while !matches!(http_get(address, "/ready").await, Ok((200, _))) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    })
    .await;
    assert_eq!(http_get(address, "/metrics").await.unwrap().0, 200);
    assert_eq!(http_get(address, "/sessions").await.unwrap().0, 401);
    let token = "Authorization: Bearer hunter2\r\n";
    assert_eq!(http_ask(address, "GET", "/sessions", token).await.unwrap().0, 200);
    assert_eq!(http_ask(address, "POST", "/drain", "Belay-Admin: yes\r\n").await.unwrap().0, 401);
    assert_eq!(http_ask(address, "POST", "/drain", token).await.unwrap().0, 202);
    belay.kill().unwrap();
    belay.wait().unwrap();
}

#[tokio::test]
async fn commands_list_show_and_close_sessions() {
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let mut clients = clients(&belay, 2).await;
    let told = said(&command(&belay, &["sessions", "list"]).await);
    assert!(told.starts_with("SESSION") && told.lines().count() == 3, "{told}");
    let rows: Value = serde_json::from_str(&said(&command(&belay, &["sessions", "list", "--json"]).await)).unwrap();
    let id = rows[0]["id"].as_str().unwrap();
    let one = said(&command(&belay, &["sessions", "show", id]).await);
    assert!(one.contains(&echo.address.to_string()), "{one}");
    said(&command(&belay, &["sessions", "close", id, "--code", "4000"]).await);
    let told = said(&command(&belay, &["sessions", "drain", "--all", "--over", "0", "--code", "4000"]).await);
    assert!(told.contains("done: 1 of 1 closed"), "{told}");
    for client in &mut clients {
        assert_eq!(client::closed(client).await.map(|(code, _)| code), Some(4000));
    }
    let refused = command(&belay, &["sessions", "show", id]).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no such session"));
}

/// Runs `belay top` in a terminal of 100 columns and 30 lines, presses keys when what it waits for stands there, and prints
/// what is on the screen at the end.
const TERMINAL: &str = r#"
import fcntl, os, pty, select, struct, sys, termios, time
pid, terminal = pty.fork()
if pid == 0:
    os.environ["TERM"] = "xterm"
    os.execv(sys.argv[1], sys.argv[1:2] + ["top", "--every", "1"])
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
seen, seen_before, end, keys = "", "", time.time() + 25, [("any state", b"s"), ("connected, page 1", b"q")]
while time.time() < end:
    if select.select([terminal], [], [], 0.1)[0]:
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if not part:
            break
        seen += part.decode(errors="replace")
    if keys and keys[0][0] in seen and "SESSION" in seen:
        os.write(terminal, keys.pop(0)[1])
        seen_before, seen = seen, ""
_, status = os.waitpid(pid, 0)
print(seen_before)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

#[tokio::test]
async fn top_shows_the_sessions_in_a_terminal_and_ends_when_told() {
    let Some(python) = tools::program("top_shows_the_sessions_in_a_terminal", "python3") else { return };
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let clients = clients(&belay, 2).await;
    let mut command = Command::new(python);
    command.args(["-c", TERMINAL, env!("CARGO_BIN_EXE_belay")]);
    command.env("BELAY_ADMIN", belay.admin.to_string());
    let output = soon("top", tokio::task::spawn_blocking(move || command.output().unwrap())).await.unwrap();
    let screen = said(&output);
    for shown in ["2 open, 0 holding", "BACKEND", &echo.address.to_string(), "SESSION", "connected, page 1"] {
        assert!(screen.contains(shown), "{shown}: {screen}");
    }
    drop(clients);
}

/// What `go tool pprof` makes of a profile that it fetches itself.
async fn pprof(go: std::path::PathBuf, belay: &Belay, profile: &str) -> String {
    let url = format!("http://{}/debug/pprof/{profile}", belay.admin);
    let mut command = Command::new(go);
    // Names are found in a program that is not optimised, by one that is not: by itself it would not wait so long.
    command.args(["tool", "pprof", "-timeout=100", "-top", "-nodecount=500", &url]).env("PPROF_TMPDIR", &belay.folder);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    said(&tokio::time::timeout(std::time::Duration::from_secs(120), run).await.unwrap().unwrap())
}

#[tokio::test]
async fn a_heap_profile_is_read_by_go_tool_pprof_and_is_off_unless_asked_for() {
    let Some(go) = tools::program("a_heap_profile_is_read_by_go_tool_pprof", "go") else { return };
    let echo = Echo::start().await;
    let plain = Belay::in_front_of(echo.address, "").await;
    let (status, why) = soon("a refusal", plain.get("/debug/pprof/heap")).await.unwrap();
    assert!(status == 409 && why.contains("_RJEM_MALLOC_CONF=prof:true"), "{status} {why}");
    let belay = Belay::start_with(&route_to(echo.address, ""), |command| {
        command.env("_RJEM_MALLOC_CONF", "prof:true,lg_prof_sample:14");
    })
    .await;
    let clients = clients(&belay, 20).await;
    let top = pprof(go, &belay, "heap").await;
    assert!(top.contains("Type: inuse_space") && top.contains("belay::"), "{top}");
    drop(clients);
}

/// Whether the process handles the signal that profiles are made by (proc(5), `SigCgt`).
#[cfg(feature = "cpu-profile")]
fn handles_sigprof(belay: &Belay) -> bool {
    const SIGPROF: u32 = 27;
    let status = std::fs::read_to_string(format!("/proc/{}/status", belay.pid())).unwrap();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(caught.trim(), 16).unwrap() >> (SIGPROF - 1) & 1 == 1
}

#[cfg(feature = "cpu-profile")]
#[tokio::test]
async fn a_cpu_profile_of_a_busy_process_is_read_by_go_tool_pprof_and_there_is_one_at_a_time() {
    let Some(go) = tools::program("a_cpu_profile_is_read_by_go_tool_pprof", "go") else { return };
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let mut client = client::connect(belay.address, "/").await;
    assert!(!handles_sigprof(&belay), "nothing is installed while nobody asks");
    let profile = pprof(go, &belay, "profile?seconds=3");
    let talk = async {
        loop {
            client.send("hello".into()).await.unwrap();
            client::next_text(&mut client).await;
        }
    };
    let second = async {
        soon("a profile under way", async {
            while !handles_sigprof(&belay) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
        })
        .await;
        let (status, why) = belay.get("/debug/pprof/profile?seconds=1").await.unwrap();
        assert!(status == 409 && why.contains("another profile is under way"), "{status} {why}");
        std::future::pending().await
    };
    let top = tokio::select! { top = profile => top, () = talk => unreachable!(), () = second => unreachable!() };
    assert!(top.contains("Type: cpu") && top.contains("Duration: 3"), "{top}");
    // By their names: what drives a session, and the system call that it ends in.
    assert!(top.contains("belay::dataplane::driver::Driver") && top.contains("send"), "{top}");
    assert!(!handles_sigprof(&belay), "and nothing is left behind");
    let (status, why) = belay.get("/debug/pprof/profile?seconds=61").await.unwrap();
    assert_eq!(status, 400, "{why}");
}

#[cfg(not(feature = "cpu-profile"))]
#[tokio::test]
async fn without_its_feature_a_cpu_profile_is_refused_with_the_reason() {
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let (status, why) = belay.get("/debug/pprof/profile?seconds=1").await.unwrap();
    assert!(status == 409 && why.contains("cpu-profile"), "{status} {why}");
}

/// Schemathesis makes requests of all kinds from the description, wrong ones too, and holds the answers against it.
#[tokio::test]
async fn the_port_is_as_its_description_says() {
    let Some(schemathesis) = tools::python_script("the_port_is_as_its_description_says", "schemathesis") else {
        return;
    };
    let echo = Echo::start().await;
    let belay = Belay::in_front_of(echo.address, "").await;
    let _clients = clients(&belay, 3).await;
    let mut command = Command::new(schemathesis);
    // What may stand in a close code, or in a log filter, is more than a schema says. A drain of the process cannot be taken back, and profiles take their time.
    command.args([
        "run",
        "--exclude-path-regex",
        "^/(drain|debug)",
        "--max-examples",
        "20",
        "--seed",
        "1",
        "--no-color",
    ]);
    command.args([
        "--header",
        "Belay-Admin: test",
        "--generation-database",
        "none",
        "--phases",
        "examples,coverage,fuzzing",
    ]);
    command.args(["--exclude-checks", "ignored_auth,unsupported_method,positive_data_acceptance"]);
    command.arg(format!("http://{}/openapi.json", belay.admin)).current_dir(&belay.folder);
    let run = tokio::task::spawn_blocking(move || command.output().unwrap());
    let output = tokio::time::timeout(std::time::Duration::from_secs(120), run).await.unwrap().unwrap();
    said(&output);
    assert_eq!(belay.get("/live").await.unwrap().0, 200);
}
