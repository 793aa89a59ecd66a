//! Raw TCP: the binary in front of a backend, and ends of connections that speak in lines.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::belay::Belay;
use super::{backend, soon};

/// A listener with this framer, and its route to this backend; `extra` is more of the route, indented by four.
pub async fn in_front_of(framer: &str, backend: SocketAddr, extra: &str) -> Belay {
    let yaml = format!(
        "\
listeners:
  - {{ name: raw, address: {{listen}}, protocol: tcp, framer: {framer} }}
admin:
  address: {{admin}}
routes:
  - match: {{ listener: raw }}
    backend: tcp://{backend}
{extra}"
    );
    Belay::start(&yaml).await
}

/// One end of a connection.
pub struct Line {
    stream: BufReader<TcpStream>,
}

impl Line {
    /// A client's.
    pub async fn connect(address: SocketAddr) -> Self {
        Self::of(soon("a connection", TcpStream::connect(address)).await.unwrap())
    }

    /// A backend's: the next that comes.
    pub async fn accept(listener: &TcpListener) -> Self {
        Self::of(soon("a connection to the backend", listener.accept()).await.unwrap().0)
    }

    fn of(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream) }
    }

    /// As it is.
    pub async fn send(&mut self, bytes: &[u8]) {
        soon("room to write", self.stream.write_all(bytes)).await.unwrap();
    }

    /// One line, without its end.
    pub async fn say(&mut self, line: &str) {
        self.send(format!("{line}\n").as_bytes()).await;
    }

    /// The next line, without its end.
    pub async fn line(&mut self) -> String {
        let mut line = String::new();
        soon("a line", self.stream.read_line(&mut line)).await.unwrap();
        assert!(line.ends_with('\n'), "the stream ends after {line:?}");
        line.pop();
        line
    }

    /// So many bytes.
    pub async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        soon("bytes", self.stream.read_exact(&mut bytes)).await.unwrap();
        bytes
    }

    /// All that comes until the stream ends.
    pub async fn rest(&mut self) -> String {
        let mut rest = String::new();
        soon("the end of the stream", self.stream.read_to_string(&mut rest)).await.unwrap();
        rest
    }

    /// Says no more, and still reads.
    pub async fn end(&mut self) {
        self.stream.shutdown().await.unwrap();
    }

    /// Cuts it as a crash does: the peer sees a reset.
    pub fn reset(self) {
        let _ = self.stream.get_ref().set_zero_linger();
    }
}

/// A backend's listener on this port, which another may have had before.
pub fn listen(address: SocketAddr) -> TcpListener {
    backend::listen(address)
}
