//! A client that numbers what it says and writes down what it hears.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep, sleep_until};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use super::Session;
use super::common::client::open;

/// Messages of a client until it asks for the end; each further one asks again.
pub(crate) const MESSAGES: u32 = 60;

/// What a client sent and was told.
#[derive(Default)]
pub(crate) struct Told {
    /// It sent the numbers up to this one.
    pub(crate) sent: u32,
    /// Numbers of the backend.
    pub(crate) heard: Vec<u32>,
    /// How often the backend said that all is said.
    pub(crate) ends: u64,
    /// Messages that the notices called unconfirmed, added up.
    pub(crate) reported: u64,
    /// The close code that it saw, and anything that it should not have seen.
    pub(crate) end: String,
}

/// Talks until the backend says that it has heard and said everything, then closes.
pub(crate) async fn talk(address: SocketAddr, session: Session) -> Told {
    let mut random = StdRng::seed_from_u64(session.seed);
    let mut told = Told::default();
    let mut ws = loop {
        // While the whole backend is away, nobody is let in.
        if let Ok((Some(ws), _)) = open(address, &session.path(), "").await {
            break ws;
        }
        sleep(Duration::from_millis(5)).await;
    };
    let mut next = Instant::now();
    loop {
        tokio::select! {
            () = sleep_until(next), if told.ends == 0 => {
                told.sent += 1;
                if let Err(error) = ws.send(Message::text(told.sent.to_string())).await {
                    told.end = error.to_string();
                    return told;
                }
                next = Instant::now() + pause(&mut random, told.sent);
            }
            message = ws.next() => match message {
                Some(Ok(Message::Text(text))) => hear(&mut told, &text),
                Some(Ok(Message::Close(frame))) => {
                    told.end = frame.map_or_else(|| "empty".to_owned(), |frame| u16::from(frame.code).to_string());
                }
                Some(Ok(_)) => (),
                None => return told,
                Some(Err(error)) => {
                    told.end = format!("{} {error}", told.end);
                    return told;
                }
            }
        }
        if told.ends == 1 && told.end.is_empty() {
            told.end = "closing".to_owned();
            let _ = ws.close(Some(CloseFrame { code: 1000.into(), reason: "done".into() })).await;
        }
    }
}

/// In bursts and with gaps; at the end slowly, until the backend has heard enough.
fn pause(random: &mut StdRng, sent: u32) -> Duration {
    if sent >= MESSAGES {
        Duration::from_millis(30)
    } else if random.random_bool(0.6) {
        Duration::ZERO
    } else {
        Duration::from_micros(random.random_range(0..3_000))
    }
}

fn hear(told: &mut Told, text: &str) {
    if text == "end" {
        told.ends += 1;
    } else if let Some(count) = text.strip_prefix("away ") {
        told.reported += count.parse::<u64>().unwrap();
    } else {
        told.heard.push(text.parse().unwrap());
    }
}
