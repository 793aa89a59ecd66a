//! What a client asks for when it connects, and the answer to one that is not let in. Reading a token, a cookie or a
//! query parameter out of it is here, for every filter needs one of them.

use crate::callout::Request;

/// A header of HTTP.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// In lower case.
    pub name: String,
    /// As it came.
    pub value: String,
}

/// What the client asked for when it connected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Handshake {
    /// Stable for the life of the session, and what the backend sees as `Belay-Session`.
    pub session_id: String,
    /// The name of the route that matched.
    pub route: String,
    /// The client's IP address, without port.
    pub peer_address: String,
    /// The client's port.
    pub peer_port: u16,
    /// The Host header, empty if there was none.
    pub host: String,
    /// As it came, percent signs and all.
    pub path: String,
    /// Without the question mark.
    pub query: String,
    /// In their order.
    pub headers: Vec<Header>,
    /// What the client offers in Sec-WebSocket-Protocol, in its order.
    pub subprotocols: Vec<String>,
}

impl Handshake {
    /// One for tests: this path and query, all else empty.
    pub fn to(path_and_query: &str) -> Self {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        Self { path: path.to_owned(), query: query.to_owned(), ..Self::default() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(Header { name: name.to_ascii_lowercase(), value: value.to_owned() });
        self
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers_named(name).next()
    }

    /// All headers of this name, in any case.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| &*header.value)
    }

    /// The first query parameter of this name, decoded (`+` is a space). None too if it is not UTF-8.
    pub fn query_value(&self, name: &str) -> Option<String> {
        let pairs = self.query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let mut values = pairs.filter(|(key, _)| percent_decoded(key).as_deref() == Some(name));
        percent_decoded(values.next()?.1)
    }

    /// The value of the first cookie of this name (RFC 6265, section 5.4), without quotes around it.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let pairs =
            self.headers_named("cookie").flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
        let value = pairs.map(|(key, value)| (key.trim(), value.trim())).find(|(key, _)| *key == name)?.1;
        Some(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
    }
}

/// Undoes the encoding of `application/x-www-form-urlencoded`; what is no valid escape stays as it is.
fn percent_decoded(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escape = bytes.get(at + 1..at + 3).filter(|_| byte == b'%');
        let value = escape.and_then(|hex| Some(hex_digit(hex[0])? << 4 | hex_digit(hex[1])?));
        decoded.push(match value {
            Some(value) => value,
            None if byte == b'+' => b' ',
            None => byte,
        });
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The answer to a client that is not refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Let in, as far as this filter goes.
    Accept,
    /// Ask this first: [`on_handshake_answer`](crate::Filter::on_handshake_answer) decides. The client waits.
    CallOut(Request),
}

impl From<Request> for Admission {
    fn from(request: Request) -> Self {
        Self::CallOut(request)
    }
}

/// The answer to a client that is not let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    /// 300 to 599.
    pub status: u16,
    /// Besides those that the server sets itself.
    pub headers: Vec<Header>,
    /// Text.
    pub body: String,
}

impl Refusal {
    /// This status (300 to 599) and text.
    pub fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// The same with one header more.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.to_owned(), value: value.into() });
        self
    }

    /// The same with `Retry-After`, in whole seconds, rounded up (RFC 9110, section 10.2.3).
    #[must_use]
    pub fn retry_after_ms(self, ms: u64) -> Self {
        self.with_header("retry-after", ms.div_ceil(1000).max(1).to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_parameter_is_found_and_decoded() {
        let handshake = Handshake::to("/x?a=1&to%6ben=a%2Bb+c%zz&token=second&flag");
        assert_eq!(handshake.query_value("token").as_deref(), Some("a+b c%zz"));
        assert_eq!(handshake.query_value("flag").as_deref(), Some(""));
        assert_eq!(handshake.query_value("b"), None);
        assert_eq!(Handshake::to("/x?a=%ff").query_value("a"), None);
    }

    #[test]
    fn a_cookie_is_found_in_any_cookie_header() {
        let handshake = Handshake::to("/").with_header("Cookie", "a=1; b=\"two\"").with_header("cookie", "c=x=y");
        assert_eq!(handshake.cookie("b"), Some("two"));
        assert_eq!(handshake.cookie("c"), Some("x=y"));
        assert_eq!(handshake.cookie("d"), None);
    }
}
