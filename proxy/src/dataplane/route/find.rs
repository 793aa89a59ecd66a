//! Choosing a route for a request. Nothing is precomputed, and nothing allocated but for paths with percent signs: a table of
//! routes is read through once a connection.

use std::borrow::Cow;
use std::net::Ipv6Addr;
use std::sync::Arc;

use http::HeaderMap;

use super::{Match, PathMatch, Route, Routes};

#[cfg(test)]
mod tests;

impl Routes {
    /// The route that a request takes; nothing if none matches. `path` and `query` are as the client sent them.
    ///
    /// Of the routes that match, the one is taken that says most about the request: first by whether it names the
    /// listener, then by the name in its TLS handshake, then by its host (an exact one, then the longest wildcard, then none), then by its path (an exact one, then the longest prefix, then any), then by how
    /// many headers and query parameters it asks for. Of routes that say as much, the first in the YAML.
    ///
    /// Paths are compared in normal form: `/%61dmin` is `/admin` (RFC 9110, section 4.2.3). Nothing else is decoded, merged or
    /// resolved, and the backend gets what was sent. A backend that takes `//admin` or `/admin%2Fusers` for what is under
    /// `/admin` does so behind the routes' back; what must be guarded there is guarded on every route to it. A path that
    /// [has dot segments](has_dot_segments) takes no route.
    pub fn find(&self, came: Came<'_>, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<&Arc<Route>> {
        if has_dot_segments(path) {
            return None;
        }
        let came = Came { host: came.host.map(host_name), ..came };
        let path = &normal(path);
        let mut best: Option<(Rank, &Arc<Route>)> = None;
        for route in &self.0 {
            if route.matches.listener.is_some() && route.matches.listener.as_deref() != came.listener {
                continue;
            }
            let Some(rank) = route.matches.rank(came, path, query, headers) else { continue };
            if best.as_ref().is_none_or(|(least, _)| rank > *least) {
                best = Some((rank, route));
            }
        }
        best.map(|(_, route)| route)
    }

    /// The route of a raw TCP listener's connection: of those that name the listener, the one for the name in the client's
    /// TLS handshake, by the rules of hosts.
    pub fn of_listener(&self, listener: &str, server_name: Option<&str>) -> Option<&Arc<Route>> {
        let named = self.0.iter().filter(|route| route.matches.listener.as_deref() == Some(listener));
        let ranked =
            named.filter_map(|route| Some((host_rank(route.matches.server_name.as_deref(), server_name)?, route)));
        // Of equals the first, where `max_by` would take the last.
        ranked.rev().max_by(|(one, _), (other, _)| one.cmp(other)).map(|(_, route)| route)
    }
}

/// How a request came to us.
#[derive(Clone, Copy, Debug, Default)]
pub struct Came<'a> {
    /// The name of the listener it came to.
    pub listener: Option<&'a str>,
    /// The name in its client's TLS handshake.
    pub server_name: Option<&'a str>,
    /// The Host header, port and all.
    pub host: Option<&'a str>,
}

/// Whether a backend that resolves a path could end up elsewhere than the path's beginning says: `/chat/../admin` begins
/// with `/chat`. Looks for `.` and `..` as segments, in clear or percent-encoded, between slashes or backslashes, in clear
/// or percent-encoded, and before a `;`, as some backends cut segments there. Browsers never send such paths.
pub fn has_dot_segments(path: &str) -> bool {
    // A segment so far: nothing, one dot, two, or too much to be one of the two.
    let mut dots = Some(0);
    let mut after_parameter = false;
    for byte in decoded(path, Plus::IsPlus) {
        match byte {
            b'/' | b'\\' => {
                if matches!(dots, Some(1 | 2)) {
                    return true;
                }
                dots = Some(0);
                after_parameter = false;
            }
            _ if after_parameter => {}
            b';' => after_parameter = true,
            b'.' => dots = dots.map(|count| count + 1),
            _ => dots = None,
        }
    }
    matches!(dots, Some(1 | 2))
}

/// A path as RFC 3986, section 6.2.2, has it: what needs no percent-encoding has none, and the digits of others are in upper case.
fn normal(path: &str) -> Cow<'_, str> {
    let mut normal = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        normal += before;
        let digits = after.as_bytes().first_chunk().and_then(|[high, low]| Some((hex(*high)?, hex(*low)?)));
        let Some((high, low)) = digits else {
            normal.push('%');
            rest = after;
            continue;
        };
        let decoded = char::from(high << 4 | low);
        if decoded.is_ascii_alphanumeric() || "-._~".contains(decoded) {
            normal.push(decoded);
        } else {
            normal.push('%');
            normal += &after[..2].to_ascii_uppercase();
        }
        rest = &after[2..];
    }
    if normal.is_empty() {
        return path.into();
    }
    normal += rest;
    normal.into()
}

/// How much a route says about a request, in order of weight.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    names_listener: bool,
    server_name: HostRank,
    host: HostRank,
    path: PathRank,
    conditions: usize,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum HostRank {
    Any,
    Wildcard { length: usize },
    Exact,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum PathRank {
    Any,
    Prefix { length: usize },
    Exact,
}

impl Match {
    /// Nothing if it does not match.
    fn rank(&self, came: Came<'_>, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Rank> {
        let rank = Rank {
            names_listener: self.listener.is_some(),
            server_name: host_rank(self.server_name.as_deref(), came.server_name)?,
            host: host_rank(self.host.as_deref(), came.host)?,
            path: self.path.rank(path)?,
            conditions: self.headers.len() + self.query.len(),
        };
        let headers_match = self.headers.iter().all(|(name, value)| header_matches(headers, name, value.as_deref()));
        let query_matches = self.query.iter().all(|(name, value)| parameter_matches(query, name, value.as_deref()));
        (headers_match && query_matches).then_some(rank)
    }
}

impl PathMatch {
    fn rank(&self, path: &str) -> Option<PathRank> {
        match self {
            Self::Any => Some(PathRank::Any),
            Self::Exact(exact) => (normal(exact) == path).then_some(PathRank::Exact),
            Self::Prefix(prefix) => {
                let prefix = normal(prefix);
                let rest = path.strip_prefix(&*prefix)?;
                let whole_segments = rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/');
                whole_segments.then_some(PathRank::Prefix { length: prefix.len() })
            }
        }
    }
}

fn host_rank(wanted: Option<&str>, host: Option<&str>) -> Option<HostRank> {
    let Some(wanted) = wanted else { return Some(HostRank::Any) };
    let host = host?;
    if let Some(parent) = wanted.strip_prefix("*.") {
        // At least one character and a dot before the parent.
        let labels = host.len().checked_sub(parent.len() + 1).filter(|length| *length > 0)?;
        let (dot, end) = (host.as_bytes()[labels], &host.as_bytes()[labels + 1..]);
        let matches = dot == b'.' && end.eq_ignore_ascii_case(parent.as_bytes());
        return matches.then_some(HostRank::Wildcard { length: parent.len() });
    }
    let wanted = unbracketed(wanted);
    let same = wanted.eq_ignore_ascii_case(host)
        || match (wanted.parse::<Ipv6Addr>(), host.parse::<Ipv6Addr>()) {
            (Ok(wanted), Ok(host)) => wanted == host,
            _ => false,
        };
    same.then_some(HostRank::Exact)
}

/// A Host header without its port, an IPv6 address also without its brackets, a name without the root's dot.
fn host_name(host: &str) -> &str {
    if let Some((address, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    let name = host.split_once(':').map_or(host, |(name, _)| name);
    name.strip_suffix('.').unwrap_or(name)
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

fn header_matches(headers: &HeaderMap, name: &str, wanted: Option<&str>) -> bool {
    headers.get_all(name).iter().any(|value| wanted.is_none_or(|wanted| value.as_bytes() == wanted.as_bytes()))
}

fn parameter_matches(query: Option<&str>, name: &str, wanted: Option<&str>) -> bool {
    let decodes_to = |sent: &str, plain: &str| decoded(sent, Plus::IsSpace).eq(plain.bytes());
    query.unwrap_or_default().split('&').any(|pair| {
        let (sent_name, value) = pair.split_once('=').unwrap_or((pair, ""));
        !pair.is_empty() && decodes_to(sent_name, name) && wanted.is_none_or(|wanted| decodes_to(value, wanted))
    })
}

/// The value of a query's first parameter of that name, decoded; nothing if there is none or it is no UTF-8.
pub fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(sent, _)| decoded(sent, Plus::IsSpace).eq(name.bytes())).map(|(_, value)| value);
    String::from_utf8(decoded(values.next()?, Plus::IsSpace).collect()).ok()
}

/// A query's parameters, decoded; those that are no UTF-8 are left out.
pub fn parameters(query: &str) -> impl Iterator<Item = (String, String)> {
    query.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let text = |sent| String::from_utf8(decoded(sent, Plus::IsSpace).collect()).ok();
        Some((text(name)?, text(value)?))
    })
}

/// What a `+` stands for: a space in queries, as forms write them, and itself in paths.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Plus {
    IsPlus,
    IsSpace,
}

/// Percent-decoded; a `%` without two hexadecimal digits stands for itself.
fn decoded(text: &str, plus: Plus) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        rest = after;
        match first {
            b'%' => {
                let digits = after.first_chunk().and_then(|[high, low]| Some((hex(*high)?, hex(*low)?)));
                let Some((high, low)) = digits else { return Some(b'%') };
                rest = &after[2..];
                Some(high << 4 | low)
            }
            b'+' if plus == Plus::IsSpace => Some(b' '),
            _ => Some(first),
        }
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
