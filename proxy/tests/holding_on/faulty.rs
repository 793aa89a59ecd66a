//! A backend whose connections end at random moments, in every way that a connection can end. It numbers what it says, and
//! writes down what it hears and how each connection ended.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use super::Session;
use super::client::MESSAGES;
use super::common::backend::{Backend, Visit};

/// Messages of the backend to each client.
const SAID_MAX: u32 = 40;

/// What the backend knows of a session.
#[derive(Default)]
pub(crate) struct Book {
    pub(crate) connections: Vec<Connection>,
    said: u32,
}

/// One of the connections that a session had.
#[derive(Default)]
pub(crate) struct Connection {
    /// The client's numbers as they came.
    pub(crate) heard: Vec<u32>,
    /// Our numbers.
    pub(crate) said: Vec<u32>,
    pub(crate) end: End,
}

/// How a connection ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum End {
    /// Everything that was on its way may be gone.
    #[default]
    Abrupt,
    /// All that was said on it can be read before the end.
    Orderly,
}

/// The ways to end a connection.
#[derive(Clone, Copy, Debug)]
enum Cut {
    Reset,
    Fin,
    HalfAFrame,
    Close(u16),
}

type Books = Arc<Mutex<BTreeMap<Session, Book>>>;

pub(crate) struct FaultyBackend {
    books: Books,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl FaultyBackend {
    /// On this address, where another one may have been before.
    pub(crate) fn start(address: SocketAddr, seed: u64) -> Self {
        let books = Books::default();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(address, seed, Arc::clone(&books), stopped));
        Self { books, stop, task }
    }

    /// When all sessions have ended.
    pub(crate) async fn stop(self) -> BTreeMap<Session, Book> {
        let _ = self.stop.send(());
        self.task.await.unwrap();
        std::mem::take(&mut *self.books.lock().unwrap())
    }
}

/// Twice in its life the whole of it dies, and is away for a while.
async fn run(address: SocketAddr, seed: u64, books: Books, mut stopped: oneshot::Receiver<()>) {
    let mut random = StdRng::seed_from_u64(seed);
    let mut backend = Backend::start_at(address).await;
    let mut visits = JoinSet::new();
    let mut deaths = 2;
    let mut death = Instant::now() + millis(&mut random, 20..60);
    loop {
        tokio::select! {
            visit = backend.accept() => drop(visits.spawn(receive(visit, Arc::clone(&books)))),
            () = sleep_until(death), if deaths > 0 => {
                deaths -= 1;
                backend.close().await;
                visits.shutdown().await;
                tokio::time::sleep(millis(&mut random, 10..60)).await;
                backend = Backend::start_at(address).await;
                death = Instant::now() + millis(&mut random, 20..100);
            }
            _ = &mut stopped => break,
        }
    }
    // What is still read of connections that are closed already.
    while visits.join_next().await.is_some() {}
}

fn millis(random: &mut StdRng, range: std::ops::Range<u64>) -> Duration {
    Duration::from_millis(random.random_range(range))
}

async fn receive(mut visit: Visit, books: Books) {
    let session = Session::of_path(visit.request.target());
    let with_book = |edit: &mut dyn FnMut(&mut Book)| edit(books.lock().unwrap().entry(session).or_default());
    let mut index = 0;
    with_book(&mut |book| {
        index = book.connections.len();
        book.connections.push(Connection::default());
    });
    let mut random = StdRng::seed_from_u64(session.seed * 1_000 + index as u64);
    let mut cut = plan(session, index, &mut random);
    let mut next_word = Instant::now();
    let mut asked_to_end = false;
    loop {
        let cut_at = cut.map_or_else(Instant::now, |(_, at)| at);
        let mut next = None;
        tokio::select! {
            message = visit.ws.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    let number = text.parse().unwrap();
                    with_book(&mut |book| book.connections[index].heard.push(number));
                    if number >= MESSAGES {
                        // The client waits for the end; no more faults of this connection's own.
                        (asked_to_end, cut) = (true, None);
                    }
                }
                Some(Ok(Message::Close(_))) => with_book(&mut |book| book.connections[index].end = End::Orderly),
                Some(Ok(_)) => (),
                None | Some(Err(_)) => return,
            },
            () = sleep_until(next_word) => {
                with_book(&mut |book| next = (book.said < SAID_MAX).then_some(book.said + 1));
                next_word = Instant::now() + Duration::from_micros(random.random_range(0..2_000));
            }
            () = sleep_until(cut_at), if cut.is_some() => break,
        }
        if let Some(number) = next {
            with_book(&mut |book| {
                book.said = number;
                book.connections[index].said.push(number);
            });
            let _ = visit.ws.send(Message::text(number.to_string())).await;
        } else if asked_to_end && books.lock().unwrap()[&session].said == SAID_MAX {
            asked_to_end = false;
            let _ = visit.ws.send(Message::text("end")).await;
        }
    }
    let Some((cut, _)) = cut else { return };
    if !matches!(cut, Cut::Reset) {
        with_book(&mut |book| book.connections[index].end = End::Orderly);
    }
    end(visit, cut, |number| with_book(&mut |book| book.connections[index].heard.push(number))).await;
}

/// The first few connections of each session end early.
fn plan(session: Session, index: usize, random: &mut StdRng) -> Option<(Cut, Instant)> {
    if index > (session.seed % 4) as usize {
        return None;
    }
    let cut = match random.random_range(0..8) {
        0..3 => Cut::Reset,
        3..5 => Cut::Fin,
        5 => Cut::HalfAFrame,
        _ => Cut::Close([1001, 1011, 1012, 1013][random.random_range(0..4)]),
    };
    Some((cut, Instant::now() + millis(random, 0..25)))
}

/// Ends the connection in that way. Unless it is reset, what still comes is read.
async fn end(mut visit: Visit, cut: Cut, mut heard: impl FnMut(u32)) {
    let ended = match cut {
        Cut::Reset => return visit.reset(),
        Cut::Fin => visit.ws.get_mut().shutdown().await.is_ok(),
        Cut::HalfAFrame => {
            let stream = visit.ws.get_mut();
            // A text frame of five bytes, of which one comes.
            stream.write_all(&[0x81, 5, b'h']).await.is_ok() && stream.shutdown().await.is_ok()
        }
        Cut::Close(code) => {
            let frame = CloseFrame { code: code.into(), reason: "".into() };
            visit.ws.close(Some(frame)).await.is_ok()
        }
    };
    while let (true, Some(Ok(message))) = (ended, visit.ws.next().await) {
        if let Message::Text(text) = message {
            heard(text.parse().unwrap());
        }
    }
}
