//! Backends that run inside the test: one that echoes, and one whose every connection the test plays itself.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tungstenite::Message;
use tungstenite::protocol::Role;

use super::handshake::{self, Head};
use super::{PATIENCE, ports, soon};

/// A backend whose connections come to the test, one by one. It takes the first subprotocol that is offered.
pub struct Backend {
    /// Where it listens.
    pub address: SocketAddr,
    arrivals: mpsc::UnboundedReceiver<Visit>,
    acceptor: JoinHandle<()>,
}

/// A WebSocket connection that reached the backend.
pub struct Visit {
    /// The handshake's request: target and headers.
    pub request: Head,
    /// Messages; the test says and hears what it likes.
    pub ws: WebSocketStream<TcpStream>,
}

impl Backend {
    /// On a free port.
    pub async fn start() -> Self {
        Self::start_at(ports::free()).await
    }

    /// On a port where another was before.
    pub async fn start_at(address: SocketAddr) -> Self {
        let listener = listen(address);
        let (arrived, arrivals) = mpsc::unbounded_channel();
        let acceptor = tokio::spawn(accept_all(listener, arrived));
        Self { address, arrivals, acceptor }
    }

    /// The next connection.
    pub async fn accept(&mut self) -> Visit {
        soon("a connection to the backend", self.arrivals.recv()).await.expect("the acceptor lives as long as this")
    }

    /// Listens no longer; connections that were accepted stay.
    pub async fn close(self) -> SocketAddr {
        self.acceptor.abort();
        let address = self.address;
        let mut this = self;
        let _ = (&mut this.acceptor).await;
        address
    }
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

impl Visit {
    /// The next text message; pings are answered on the way.
    pub async fn text(&mut self) -> String {
        super::client::next_text(&mut self.ws).await
    }

    /// Says something.
    pub async fn say(&mut self, text: &str) {
        self.ws.send(Message::text(text)).await.unwrap();
    }

    /// Cuts the connection as a crash does: the peer sees a reset.
    pub fn reset(self) {
        let _ = self.ws.get_ref().set_zero_linger();
    }
}

/// Echoes every message of every connection until dropped.
pub struct Echo {
    /// Where it listens.
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Echo {
    /// On a free port.
    pub async fn start() -> Self {
        let address = ports::free();
        let listener = listen(address);
        Self { address, task: tokio::spawn(echo_all(listener)) }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Echoes every message of every connection.
pub async fn echo_all(listener: TcpListener) {
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let mut sessions = tokio::task::JoinSet::new();
    let accept = accept_all(listener, arrived);
    tokio::pin!(accept);
    loop {
        tokio::select! {
            () = &mut accept => return,
            visit = arrivals.recv() => match visit {
                Some(visit) => drop(sessions.spawn(echo(visit.ws))),
                None => return,
            },
        }
    }
}

async fn echo(mut ws: WebSocketStream<TcpStream>) {
    while let Some(Ok(message)) = ws.next().await {
        if (message.is_text() || message.is_binary()) && ws.send(message).await.is_err() {
            return;
        }
    }
}

/// A listener that may follow another on the same port at once. That one may be open for a moment more in a process that is
/// just being started.
pub fn listen(address: SocketAddr) -> TcpListener {
    let begun = Instant::now();
    loop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        match socket.bind(address).and_then(|()| socket.listen(1024)) {
            Ok(listener) => return listener,
            Err(error) if begun.elapsed() > PATIENCE => panic!("{address}: {error}"),
            Err(_) => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}

async fn accept_all(listener: TcpListener, arrived: mpsc::UnboundedSender<Visit>) {
    let mut handshakes = tokio::task::JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        while handshakes.try_join_next().is_some() {}
        let arrived = arrived.clone();
        handshakes.spawn(async move {
            if let Some(visit) = shake_hands(stream).await {
                let _ = arrived.send(visit);
            }
        });
    }
}

async fn shake_hands(mut stream: TcpStream) -> Option<Visit> {
    stream.set_nodelay(true).ok()?;
    let request = handshake::read_head(&mut stream).await.ok()?;
    let mut answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: {}\r\n",
        handshake::accept_of(request.header("sec-websocket-key")?)
    );
    if let Some(first) = request.header("sec-websocket-protocol").and_then(|offered| offered.split(',').next()) {
        answer += &format!("Sec-WebSocket-Protocol: {}\r\n", first.trim());
    }
    answer += "\r\n";
    stream.write_all(answer.as_bytes()).await.ok()?;
    let ws = WebSocketStream::from_raw_socket(stream, Role::Server, Some(handshake::unlimited())).await;
    Some(Visit { request, ws })
}
