//! A TCP connection to a name: to the first of its addresses that answers. One that says nothing keeps nobody from the
//! others, as RFC 8305 ("Happy Eyeballs") has it. How long to try is the caller's.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, ToSocketAddrs, lookup_host};
use tokio::task::JoinSet;
use tokio::time::sleep;

/// An address has so long to answer until the next is tried beside it (RFC 8305, section 5).
const NEXT_AFTER: Duration = Duration::from_millis(250);

/// Resolves a name and connects. Of many addresses, no more are tried than one in 250 ms besides those that refuse.
///
/// # Errors
/// What the system said of the name, or of the address that was given up last.
pub(crate) async fn connect(to: impl ToSocketAddrs) -> io::Result<TcpStream> {
    let addresses: Vec<_> = lookup_host(to).await?.collect();
    match addresses[..] {
        [only] => TcpStream::connect(only).await,
        _ => first(in_turns(addresses), NEXT_AFTER, TcpStream::connect).await,
    }
}

/// IPv6 and IPv4 by turns, each in the resolver's order, whose first stays the first (section 4).
fn in_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let family = addresses.first().map(SocketAddr::is_ipv4);
    let (one, other): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|it| Some(it.is_ipv4()) == family);
    let (mut one, mut other) = (one.into_iter(), other.into_iter());
    let mut turns = Vec::with_capacity(one.len() + other.len());
    while one.len() + other.len() > 0 {
        turns.extend(one.next().into_iter().chain(other.next()));
    }
    turns
}

/// Those that are under way when one has answered are given up.
async fn first<T, F>(addresses: Vec<SocketAddr>, next_after: Duration, dial: impl Fn(SocketAddr) -> F) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut waiting = addresses.into_iter();
    let mut under_way = JoinSet::new();
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = waiting.next() {
            under_way.spawn(dial(address));
        }
        tokio::select! {
            outcome = under_way.join_next() => match outcome {
                Some(Ok(Ok(connected))) => return Ok(connected),
                Some(Ok(Err(error))) => failure = error,
                Some(Err(error)) => failure = io::Error::other(error),
                None => return Err(failure),
            },
            () = sleep(next_after), if waiting.len() > 0 => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::net::{Ipv4Addr, Ipv6Addr};
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;

    const SOON: Duration = Duration::from_millis(1);
    const NEVER: Duration = Duration::from_hours(24);

    fn v4(last: u8) -> SocketAddr {
        (Ipv4Addr::new(192, 0, 2, last), 80).into()
    }

    fn v6(last: u16) -> SocketAddr {
        (Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last), 80).into()
    }

    #[test]
    fn families_take_turns_and_the_resolvers_first_stays_first() {
        assert_eq!(in_turns(vec![v6(1), v6(2), v6(3), v4(1)]), [v6(1), v4(1), v6(2), v6(3)]);
        assert_eq!(in_turns(vec![v4(2), v4(1)]), [v4(2), v4(1)]);
        assert_eq!(in_turns(vec![]), []);
    }

    #[tokio::test]
    async fn an_address_that_says_nothing_keeps_nobody_from_the_next() {
        let dial = |address| async move { if address == v4(3) { Ok(address) } else { pending().await } };
        assert_eq!(first(vec![v4(1), v4(2), v4(3)], SOON, dial).await.unwrap(), v4(3));
    }

    #[tokio::test]
    async fn one_that_is_slow_is_still_waited_for_beside_the_next() {
        let next_is_tried = Arc::new(Notify::new());
        let dial = |address| {
            let next_is_tried = Arc::clone(&next_is_tried);
            async move {
                if address == v4(2) {
                    next_is_tried.notify_one();
                    pending::<()>().await;
                }
                next_is_tried.notified().await;
                Ok(address)
            }
        };
        assert_eq!(first(vec![v4(1), v4(2)], SOON, dial).await.unwrap(), v4(1));
    }

    #[tokio::test]
    async fn one_that_refuses_costs_no_time() {
        let dial = |address| async move {
            if address == v4(9) { Ok(()) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
        };
        first((1..=9).map(v4).collect(), NEVER, dial).await.unwrap();
        let refused = first((1..=8).map(v4).collect(), NEVER, dial).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let nowhere = first(Vec::new(), NEVER, dial).await.unwrap_err();
        assert_eq!(nowhere.kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test]
    async fn a_name_is_connected_to_at_whichever_address_listens() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let there = listener.local_addr().unwrap();
        // Nobody listens on port 1.
        let stream = connect(&[SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), there][..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
    }
}
