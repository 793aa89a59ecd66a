//! Versions that lie about what they keep, or trap when they are handed it: only their own sessions see it, as sessions that
//! begin anew or by the policy.

use super::*;
use crate::guest::{FIRST, Guest, State};

/// What the old version says of each session, and what the new one does with it.
struct Lie {
    name: &'static str,
    snapshot: &'static str,
    restore: &'static str,
    /// What a client of before hears of the new version.
    hears: Hears,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Hears {
    /// That it has said one thing.
    Anew,
    /// 1011.
    Closed,
}

/// Of 64 KiB at 0.
const TOO_LARGE: &str = "
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store (i32.const 8) (i32.const 20000)) (i32.const 0)";
const BEYOND_MEMORY: &str = "
    (i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 65535))
    (i32.store (i32.const 8) (i32.const 16384)) (i32.const 0)";
const GARBAGE: &str = "
    (memory.fill (i32.const 0) (i32.const 0) (i32.const 64)) (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store (i32.const 4) (i32.const 1056)) (i32.store (i32.const 8) (i32.const 3)) (i32.const 0)";
const LOOPS: &str = "(loop $for_ever (br $for_ever)) unreachable";
/// An error whose text is none.
const ERROR_THAT_IS_NO_TEXT: &str = "
    (i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 1056))
    (i32.store (i32.const 8) (i32.const 3)) (i32.const 0)";
const COMPLAINS: &str = "
    (i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (i32.const 1024))
    (i32.store (i32.const 8) (i32.const 13)) (i32.const 0)";

const LIES: &[Lie] = &[
    Lie { name: "snapshot is too large", snapshot: TOO_LARGE, restore: "unreachable", hears: Hears::Anew },
    Lie { name: "snapshot traps", snapshot: "unreachable", restore: "unreachable", hears: Hears::Anew },
    Lie { name: "snapshot loops", snapshot: LOOPS, restore: "unreachable", hears: Hears::Anew },
    Lie { name: "snapshot is beyond memory", snapshot: BEYOND_MEMORY, restore: "unreachable", hears: Hears::Anew },
    Lie { name: "restore complains of garbage", snapshot: GARBAGE, restore: COMPLAINS, hears: Hears::Anew },
    Lie { name: "restore traps", snapshot: GARBAGE, restore: "unreachable", hears: Hears::Closed },
    Lie { name: "restore loops", snapshot: GARBAGE, restore: LOOPS, hears: Hears::Closed },
    Lie {
        name: "restore complains in no text",
        snapshot: GARBAGE,
        restore: ERROR_THAT_IS_NO_TEXT,
        hears: Hears::Closed,
    },
];

/// What came of it. It is asked again while it still compiles, as it does for long on a busy machine, and while workers take
/// up what the file's own watch has found.
async fn reload(belay: &Belay) -> (u16, String) {
    common::soon("a reload", async {
        loop {
            match belay.ask("POST", "/filters/liar/reload").await.unwrap() {
                (202, _) => {}
                (409, told) if told.contains("try again in a moment") => {}
                answer => return answer,
            }
        }
    })
    .await
}

/// Until all workers have this version.
async fn generation(belay: &Belay, generation: u32) {
    let wanted = format!("\"generation\":{generation}");
    common::soon("a reload", async {
        loop {
            let (_, page) = belay.get("/filters").await.unwrap();
            let page = page.replace([' ', '\n'], "");
            let liar = page.split("\"name\":").find(|entry| entry.starts_with("\"liar\"")).unwrap();
            if liar.contains(&wanted) && liar.contains("\"state\":\"serving\"") {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_lies_about_its_state_hurts_its_own_sessions_alone() {
    let (echo, folder) = (Echo::start().await, scratch("liars"));
    std::fs::write(folder.join("honest.wasm"), bystanders::honest().component()).unwrap();
    let liar = |lie: &Lie, name: char| {
        let state = Some(State { snapshot: lie.snapshot, restore: lie.restore });
        let component = Guest { state, ..Guest::counting(name) }.component();
        std::fs::write(folder.join("liar.part"), component).unwrap();
        std::fs::rename(folder.join("liar.part"), folder.join("liar.wasm")).unwrap();
    };
    liar(&LIES[0], 'a');
    let (backend, place) = (format!("ws://{}", echo.address), folder.display());
    let belay = Belay::start(&format!(
        "workers: 2\nlisteners: [{{ address: \"{{listen}}\" }}]\nadmin: {{ address: \"{{admin}}\" }}\n\
         filters:\n  honest: {{ wasm: {place}/honest.wasm }}\n  liar: {{ wasm: {place}/liar.wasm }}\nroutes:\n  \
         - {{ match: {{ path: /bystanders }}, backend: \"{backend}\", filters: [honest] }}\n  \
         - {{ backend: \"{backend}\", filters: [liar] }}\n"
    ))
    .await;
    let mut bystanders = Bystanders::arrive(belay.address, bystanders::OF_SHORT_CALLS).await;
    let mut version = 1;
    for lie in LIES {
        liar(lie, 'a');
        version = taken_up(&belay, version).await;
        let mut clients = Vec::new();
        for _ in 0..8 {
            let mut client = client::connect(belay.address, "/").await;
            client.send("x".into()).await.unwrap();
            assert_eq!(client::next_text(&mut client).await, "a00000001");
            clients.push(client);
        }
        liar(lie, 'b');
        let hostile = async {
            version = taken_up(&belay, version).await;
            for client in &mut clients {
                client.send("x".into()).await.unwrap();
                match lie.hears {
                    Hears::Anew => assert_eq!(client::next_text(client).await, "b00000001", "{}", lie.name),
                    Hears::Closed => {
                        let close = client::closed(client).await;
                        assert_eq!(close.map(|(code, _)| code), Some(1011), "{}", lie.name);
                    }
                }
            }
        };
        bystanders.watch(lie.name, hostile).await;
    }
    // A version that does not even begin is refused.
    let component = Guest { configure: "unreachable", on_message: FIRST, ..Guest::default() }.component();
    std::fs::write(folder.join("liar.wasm"), component).unwrap();
    let (status, told) = bystanders.watch("configure traps", reload(&belay)).await;
    assert!(status == 409 && told.contains("configure"), "{told}");
    belay.metric_reaches("belay_filter_states_lost_total{filter=\"liar\"}", 8.0).await;
    let metrics = belay.metrics().await;
    assert_eq!(metrics["belay_filter_states_carried_total{filter=\"liar\"}"], 0.0);
    bystanders.leave().await;
}

/// The next version serves; its number. The file's own watch may have been first, and a version more is none the worse.
async fn taken_up(belay: &Belay, version: u32) -> u32 {
    generation(belay, version).await;
    let (status, told) = reload(belay).await;
    assert_eq!(status, 200, "{told}");
    let body = told.replace(' ', "");
    let now = body.split_once("\"generation\":").unwrap().1;
    let now = now[..now.find(|c: char| !c.is_ascii_digit()).unwrap()].parse().unwrap();
    generation(belay, now).await;
    now
}
