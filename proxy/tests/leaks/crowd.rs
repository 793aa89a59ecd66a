//! Crowds of clients, and the backend that they are for: no more of WebSocket than it takes to come and to go, so that a
//! hundred thousand of them are a matter of a minute.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::common::handshake::accept_of;
use crate::common::{backend, ports, soon};

/// The frames that are needed: masked with zeros, or not masked.
const CLOSE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
const CLOSE_OF_BACKEND: &[u8] = &[0x88, 0x02, 0x03, 0xe8];
const CLOSE_AND_MEAN_IT: &[u8] = &[0x88, 0x02, 0x0f, 0xa1];
const SEND_ME_AWAY: &[u8] = &[0x81, 0x84, 0, 0, 0, 0, b'a', b'w', b'a', b'y'];
const NOT_MASKED: &[u8] = &[0x81, 0x02, b'n', b'o'];

/// Handshakes under way at a time.
const AT_A_TIME: usize = 64;

/// How a crowd goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Leaving {
    /// Each with a close frame, and waits for its answer.
    ByClosing,
    /// With a reset.
    ByReset,
    /// By breaking the protocol.
    ByMisbehaving,
    /// Sent away by the backend.
    ByOrder,
    /// With a reset or a close frame, while held.
    WhileHeld,
    /// In the middle of its handshake.
    AtTheDoor,
}

impl Leaving {
    pub(crate) const ALL: [Self; 6] =
        [Self::ByClosing, Self::ByReset, Self::ByMisbehaving, Self::ByOrder, Self::WhileHeld, Self::AtTheDoor];
}

/// Clients that are connected.
pub(crate) struct Crowd(Vec<TcpStream>);

impl Crowd {
    /// Comes from many addresses; `target` gives each its path and query.
    pub(crate) async fn comes(address: SocketAddr, size: usize, target: impl Fn(usize) -> String) -> Self {
        let places = Arc::new(Semaphore::new(AT_A_TIME));
        let mut coming = JoinSet::new();
        for number in 0..size {
            let (places, target) = (Arc::clone(&places), target(number));
            coming.spawn(async move {
                let _place = places.acquire_owned().await.unwrap();
                let mut stream = knock(address, number, &target).await;
                let answer = read_head(&mut stream).await.unwrap();
                assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
                stream
            });
        }
        Self(soon("a crowd to come in", coming.join_all()).await)
    }

    /// Asks to come in, and does not wait for the answer.
    pub(crate) async fn knocks(address: SocketAddr, size: usize, target: &str) {
        for number in 0..size {
            let stream = knock(address, number, target).await;
            stream.set_zero_linger().unwrap();
        }
    }

    /// Goes.
    pub(crate) async fn goes(self, leaving: Leaving) {
        let mut going = JoinSet::new();
        for (number, mut stream) in self.0.into_iter().enumerate() {
            let last_words = match leaving {
                Leaving::ByClosing => CLOSE,
                Leaving::ByMisbehaving => NOT_MASKED,
                Leaving::ByOrder => SEND_ME_AWAY,
                Leaving::WhileHeld if number % 2 == 0 => CLOSE,
                Leaving::ByReset | Leaving::WhileHeld | Leaving::AtTheDoor => &[],
            };
            going.spawn(async move {
                stream.set_zero_linger().unwrap();
                if !last_words.is_empty() {
                    stream.write_all(last_words).await.unwrap();
                    if leaving == Leaving::ByOrder {
                        wait_for_close(&mut stream).await;
                        stream.write_all(CLOSE).await.unwrap();
                    }
                    // Until Belay has ended the connection, one way or the other.
                    let _ = stream.read_to_end(&mut Vec::new()).await;
                }
            });
        }
        soon("a crowd to go", going.join_all()).await;
    }
}

async fn knock(address: SocketAddr, number: usize, target: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    let [_, _, high, low] = u32::try_from(number).unwrap().to_be_bytes();
    socket.bind((Ipv4Addr::new(127, 7, high, low.max(1)), 0).into()).unwrap();
    let mut stream = socket.connect(address).await.unwrap();
    let request = format!(
        "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn wait_for_close(stream: &mut TcpStream) {
    let mut byte = [0];
    while stream.read_exact(&mut byte).await.is_ok() && byte != [0x88] {}
}

/// A backend that can go away, with all its connections, and come back.
pub(crate) struct Backend {
    /// Where it listens when it is there.
    pub(crate) address: SocketAddr,
    away: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Backend {
    pub(crate) fn start() -> Self {
        Self::start_at(ports::free())
    }

    fn start_at(address: SocketAddr) -> Self {
        let (away, gone) = watch::channel(());
        let task = tokio::spawn(accept_all(backend::listen(address), gone));
        Self { address, away, task }
    }

    /// All connections are reset, and new ones refused.
    pub(crate) async fn goes(self) -> SocketAddr {
        self.task.abort();
        let _ = self.task.await;
        drop(self.away);
        self.address
    }

    pub(crate) fn is_back(address: SocketAddr) -> Self {
        Self::start_at(address)
    }
}

async fn accept_all(listener: TcpListener, gone: watch::Receiver<()>) {
    while let Ok((stream, _)) = listener.accept().await {
        let mut gone = gone.clone();
        tokio::spawn(async move {
            // Its end leaves nothing behind in the kernel either.
            stream.set_zero_linger().unwrap();
            tokio::select! {
                _ = serve(stream) => {}
                // An error is what says that the backend is gone.
                _ = gone.changed() => {}
            }
        });
    }
}

/// A head, and what may have come with its end.
async fn read_head(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while memchr::memmem::find(&head, b"\r\n\r\n").is_none() {
        if stream.read_buf(&mut head).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(head)
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    const KEY: &[u8] = b"sec-websocket-key: ";
    let request = read_head(&mut stream).await?;
    let key = memchr::memmem::find(&request, KEY).expect("Belay writes names in lower case") + KEY.len();
    let accept = accept_of(std::str::from_utf8(&request[key..key + 24]).unwrap());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let mut bytes = [0; 256];
    loop {
        match stream.read(&mut bytes).await? {
            0 => return Ok(()),
            _ if bytes[0] == 0x88 => stream.write_all(CLOSE_OF_BACKEND).await?,
            _ => stream.write_all(CLOSE_AND_MEAN_IT).await?,
        }
    }
}

/// Takes whatever is reported to it, unread. Runs until dropped.
pub(crate) async fn take_reports(listener: TcpListener) {
    const LENGTH: &[u8] = b"content-length: ";
    while let Ok((mut stream, _)) = listener.accept().await {
        let (mut request, mut wanted) = (Vec::with_capacity(256 * 1024), usize::MAX);
        while request.len() < wanted && stream.read_buf(&mut request).await.is_ok_and(|bytes| bytes > 0) {
            if let Some(head) = memchr::memmem::find(&request, b"\r\n\r\n") {
                let length = memchr::memmem::find(&request, LENGTH).expect("a length") + LENGTH.len();
                let digits = request[length..head].split(|byte| *byte == b'\r').next().unwrap();
                wanted = head + 4 + std::str::from_utf8(digits).unwrap().parse::<usize>().unwrap();
            }
        }
        // A Belay that is gone does not wait for it.
        let _ = stream.write_all(b"HTTP/1.1 204 Taken\r\n\r\n").await;
    }
}
