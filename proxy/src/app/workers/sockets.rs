//! Listening sockets: one for each worker on each address, so that the kernel spreads connections over them.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

use super::StartError;

/// Connections that the kernel keeps for us until we accept them: a reconnecting crowd comes at once.
const BACKLOG: i32 = 4096;

/// Whether several sockets may listen on one address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    /// `SO_REUSEPORT`: the kernel spreads connections over them.
    BetweenWorkers,
}

/// One for each worker, and the address that they really have if it was given with port 0. Fails if anybody listens there,
/// which `SO_REUSEPORT` would hide if it were another of us.
pub(super) fn open(address: SocketAddr, workers: usize) -> Result<(SocketAddr, Vec<TcpListener>), StartError> {
    let refused = |cause| refused(address, cause);
    let address = bind(address, Sharing::Alone).and_then(|socket| socket.local_addr()).map_err(refused)?;
    let sockets = (0..workers).map(|_| bind(address, Sharing::BetweenWorkers).map_err(refused));
    Ok((address, sockets.collect::<Result<_, _>>()?))
}

fn bind(address: SocketAddr, sharing: Sharing) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if sharing == Sharing::BetweenWorkers {
        socket.set_reuse_port(true)?;
    }
    socket.set_nonblocking(true)?;
    // Linux hands it on to the connections that are accepted, which saves each a call.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn refused(address: SocketAddr, cause: io::Error) -> StartError {
    StartError::Listen { address, hint: hint(&cause), cause }
}

/// What to do when an address cannot be listened on.
pub fn hint(cause: &io::Error) -> &'static str {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "; another process listens there: stop it, or choose another address",
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege: choose a higher one",
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address",
        _ => "",
    }
}
