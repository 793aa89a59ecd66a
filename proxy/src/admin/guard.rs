//! Who may ask. On loopback whoever can reach the port may, but no page in a browser that has come from elsewhere; off
//! loopback, or where a token is configured, it takes the token. [`Access::Open`] is for everybody.

use std::net::{IpAddr, SocketAddr};

use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::{HeaderMap, HeaderName, StatusCode};
use sha2::{Digest, Sha256};

use super::endpoint::{Access, Answered};

/// A change needs this header, whatever its value: a page from elsewhere cannot send it without asking first (CORS), and
/// nobody answers that here.
pub(crate) const CHANGE_HEADER: HeaderName = HeaderName::from_static("belay-admin");
/// Set by browsers: where the page stands that asks (W3C, Fetch Metadata).
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// See the module.
pub(super) struct Guard {
    /// Its digest: comparing digests tells nothing of how much of a guess was right.
    token: Option<[u8; 32]>,
    reach: Reach,
}

/// Who can reach the port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// This machine; in a pod, its containers.
    Loopback,
    Everybody,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: Option<&str>) -> Self {
        let reach = if address.ip().is_loopback() { Reach::Loopback } else { Reach::Everybody };
        Self { token: token.map(|token| Sha256::digest(token).into()), reach }
    }

    /// Whether this may be asked, or what to say.
    pub(super) fn check(&self, access: Access, headers: &HeaderMap) -> Result<(), Answered> {
        if access == Access::Open {
            return Ok(());
        }
        let refuse = |detail: &str| Err(Answered::problem(StatusCode::FORBIDDEN, detail));
        if is_from_elsewhere(headers) {
            return refuse("a page from elsewhere may not ask this");
        }
        match (&self.token, self.reach) {
            (Some(token), _) => match bearer(headers) {
                Some(given) if <[u8; 32]>::from(Sha256::digest(given)) == *token => Ok(()),
                _ => {
                    let detail = "this needs the token of the YAML's admin.token: 'Authorization: Bearer …'";
                    Err(Answered::problem(StatusCode::UNAUTHORIZED, detail))
                }
            },
            (None, Reach::Everybody) => refuse(
                "the admin port is not on loopback, and there it answers this only with a token: set admin.token",
            ),
            (None, Reach::Loopback) if !has_own_host(headers) => {
                refuse("ask for the port by its IP address or as localhost: other names may be somebody else's")
            }
            (None, Reach::Loopback) if access == Access::Change && !headers.contains_key(CHANGE_HEADER) => {
                refuse("a change needs the header 'Belay-Admin: yes'")
            }
            (None, Reach::Loopback) => Ok(()),
        }
    }
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = text(headers, AUTHORIZATION)?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// Whether a browser says that it asks for a page that is not ours.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let host = text(headers, HOST).unwrap_or_default();
    let is_ours = |origin: &str| origin.split_once("://").is_some_and(|(_, authority)| authority == host);
    let comes_from = |site: &str| !["same-origin", "none"].contains(&site);
    headers.contains_key(ORIGIN) && !text(headers, ORIGIN).is_some_and(is_ours)
        || text(headers, SEC_FETCH_SITE).is_some_and(comes_from)
}

/// A name that somebody's DNS leads here could be that of a page from elsewhere; an address is nobody's.
fn has_own_host(headers: &HeaderMap) -> bool {
    let authority = text(headers, HOST).unwrap_or_default();
    let is_port = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if is_port(port) => host,
        _ => authority,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
}
