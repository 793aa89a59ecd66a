//! A connection to a raw TCP backend, and what it is told of the client before the client's first byte, if it wants to be:
//! version 2 of the PROXY protocol (<https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>, section 2.2).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Attempt, DialError, Dialled};
use crate::dataplane::route::{Backend, Preface};
use crate::id::SessionId;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// Version 2, a connection made on behalf of another.
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;
/// The first type for applications (section 2.2.7): here the session's id, in 32 hexadecimal digits.
const TLV_SESSION: u8 = 0xE0;

pub(super) async fn dial(backend: &Backend, preface: &[u8]) -> Result<Dialled, DialError> {
    let mut stream = super::connect(backend).await?;
    let unreachable = |cause| DialError::unreachable(backend, cause);
    watch(&stream, backend.stall_timeout).map_err(unreachable)?;
    stream.write_all(preface).await.map_err(unreachable)?;
    let stream = super::secure(backend, stream).await?;
    Ok(Dialled { stream, early: Bytes::new(), answer: None })
}

/// A WebSocket backend proves by pongs that it is there. Of this one the kernel finds out: what was written must be
/// acknowledged in time, and so must a keepalive after as long a silence.
fn watch(stream: &TcpStream, stall_timeout: Duration) -> io::Result<()> {
    // The kernel counts in whole seconds.
    let time = stall_timeout.max(Duration::from_secs(1));
    let socket = SockRef::from(stream);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(time).with_interval((time / 3).max(Duration::from_secs(1))),
    )?;
    socket.set_tcp_user_timeout(Some(stall_timeout))
}

pub(super) fn preface(attempt: &Attempt<'_>) -> Vec<u8> {
    match attempt.route.backend.preface {
        Preface::None => Vec::new(),
        Preface::ProxyV2 => proxy_v2(attempt.handshake.peer, attempt.door, attempt.handshake.session),
    }
}

/// An end of which nothing is known is all zeros.
fn proxy_v2(client: SocketAddr, door: Option<SocketAddr>, session: SessionId) -> Vec<u8> {
    let door = door.unwrap_or(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0));
    let (family, mut body) = match (client.ip().to_canonical(), door.ip().to_canonical()) {
        (IpAddr::V4(client), IpAddr::V4(door)) => (TCP_OVER_IPV4, [client.octets(), door.octets()].concat()),
        (client, door) => (TCP_OVER_IPV6, [as_ipv6(client), as_ipv6(door)].concat()),
    };
    body.extend_from_slice(&client.port().to_be_bytes());
    body.extend_from_slice(&door.port().to_be_bytes());
    let session = session.to_string();
    body.push(TLV_SESSION);
    body.extend_from_slice(&length(session.len()));
    body.extend_from_slice(session.as_bytes());
    [&SIGNATURE[..], &[PROXY, family], &length(body.len()), &body].concat()
}

fn as_ipv6(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}

/// All that is said here is a few dozen bytes long.
fn length(bytes: usize) -> [u8; 2] {
    u16::try_from(bytes).unwrap_or(u16::MAX).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(client: &str, door: Option<&str>) -> Vec<u8> {
        proxy_v2(client.parse().unwrap(), door.map(|door| door.parse().unwrap()), SessionId::from(7))
    }

    #[tokio::test]
    async fn a_backend_that_dies_without_a_word_is_found_out() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let backend = Backend::at(listener.local_addr().unwrap().to_string());
        let dialled = dial(&backend, b"").await.unwrap();
        let socket = SockRef::from(dialled.stream.tcp());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), backend.stall_timeout);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(backend.stall_timeout));
    }

    #[test]
    fn the_header_says_who_came_where_and_as_whom() {
        let header = header("192.0.2.1:5000", Some("198.51.100.2:7000"));
        let (fixed, body) = header.split_at(16);
        assert_eq!(fixed, [&SIGNATURE[..], &[0x21, 0x11, 0, 12 + 35]].concat());
        assert_eq!(body[..12], [192, 0, 2, 1, 198, 51, 100, 2, 0x13, 0x88, 0x1B, 0x58]);
        assert_eq!(body[12..15], [0xE0, 0, 32]);
        assert_eq!(body[15..], *b"00000000000000000000000000000007");
    }

    #[test]
    fn a_client_of_a_dual_socket_is_what_it_is() {
        assert_eq!(header("[::ffff:192.0.2.1]:1", Some("[::ffff:192.0.2.2]:2"))[13], TCP_OVER_IPV4);
        assert_eq!(header("[2001:db8::1]:1", Some("192.0.2.2:2"))[13..16], [TCP_OVER_IPV6, 0, 36 + 35]);
        assert_eq!(header("192.0.2.1:1", None)[13], TCP_OVER_IPV4);
    }
}
