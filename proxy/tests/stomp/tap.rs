//! A wire that is listened to: a relay that counts the line ends between the STOMP frames that pass it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::common::{backend, ports};

/// See the file.
pub(crate) struct Tap {
    /// Where it is to be connected to.
    pub(crate) address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    to_backend: AtomicU64,
    to_client: AtomicU64,
    ended: AtomicU64,
}

impl Tap {
    /// Between whoever connects and this address.
    pub(crate) fn before(target: SocketAddr) -> Self {
        let (address, counts) = (ports::free(), Arc::<Counts>::default());
        let (listener, shared) = (backend::listen(address), Arc::clone(&counts));
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target).await else { continue };
                let (near_reads, near_writes) = near.into_split();
                let (far_reads, far_writes) = far.into_split();
                let counts = Arc::clone(&shared);
                tokio::spawn(async move {
                    relay(near_reads, far_writes, &counts.to_backend).await;
                    counts.ended.fetch_add(1, Relaxed);
                });
                let counts = Arc::clone(&shared);
                tokio::spawn(async move { relay(far_reads, near_writes, &counts.to_client).await });
            }
        });
        Self { address, counts }
    }

    /// Line ends on their way to the backend.
    pub(crate) fn to_backend(&self) -> u64 {
        self.counts.to_backend.load(Relaxed)
    }

    /// Line ends on their way to the client.
    pub(crate) fn to_client(&self) -> u64 {
        self.counts.to_client.load(Relaxed)
    }

    /// Connections that the side which made them has ended.
    pub(crate) fn ended(&self) -> u64 {
        self.counts.ended.load(Relaxed)
    }
}

async fn relay(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, line_ends: &AtomicU64) {
    let (mut buffer, mut is_in_frame) = ([0; 4096], false);
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        for byte in &buffer[..length] {
            match byte {
                b'\n' if !is_in_frame => _ = line_ends.fetch_add(1, Relaxed),
                b'\r' if !is_in_frame => {}
                byte => is_in_frame = *byte != 0,
            }
        }
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
    let _ = to.shutdown().await;
}
