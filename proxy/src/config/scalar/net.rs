//! Addresses, URLs, hosts, paths and close codes.

use std::fmt;
use std::net::SocketAddr;

use super::{Mistake, text_scalar};
use crate::config::tree::Scalar;

/// An IP address and a port to listen on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) struct Address(pub(in crate::config) SocketAddr);

/// `ws://host:port/base` or `tcp://host:port`, or `wss` and `tls`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct BackendUrl {
    pub(in crate::config) scheme: BackendScheme,
    pub(in crate::config) authority: Box<str>,
    /// Empty or without a trailing slash.
    pub(in crate::config) path_prefix: Box<str>,
}

/// What a backend speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::config) enum BackendScheme {
    Ws,
    /// WebSocket over TLS.
    Wss,
    Tcp,
    /// TCP with TLS over it.
    Tls,
}

/// `http://host:port/path`, or `https`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct HttpUrl(pub(in crate::config) Box<str>);

/// A host's name in lower case, perhaps with a leading `*.`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct Host(pub(in crate::config) Box<str>);

/// The path of a request, without its query.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::config) struct RequestPath(pub(in crate::config) Box<str>);

text_scalar!(Address, "Address", "an IP address and a port", r"^.+:[0-9]+$", ["0.0.0.0:8080", "[::]:8080"]);
text_scalar!(
    BackendUrl,
    "BackendUrl",
    "a ws://, wss://, tcp:// or tls:// URL",
    r"^(wss?://[^/?#]+(/[^?#]*)?|(tcp|tls)://[^/?#]+)$",
    ["ws://127.0.0.1:9000", "wss://chat.example.com"]
);
text_scalar!(HttpUrl, "HttpUrl", "an http:// or https:// URL", r"^https?://[^/?#]+", ["http://127.0.0.1:4317"]);
text_scalar!(Host, "Host", "a host's name", r"^(\*\.)?[^*/: ]+$", ["chat.example.com", "*.example.com"]);
text_scalar!(RequestPath, "RequestPath", "a path", r"^/[^?#*]*$", ["/chat"]);

impl Address {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        text.parse().map(Self).map_err(|_| {
            let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
            let help = match (port, text.rsplit_once(':')) {
                (Some(port), Some(("" | "*", _)) | None) => format!("write 0.0.0.0:{port} for all addresses"),
                (Some(port), Some(("localhost", _))) => format!("names are not resolved here: write 127.0.0.1:{port}"),
                (Some(_), _) => "names are not resolved here: write the IP address, IPv6 in brackets".to_owned(),
                (None, _) => "write the address and the port, a number up to 65535".to_owned(),
            };
            Mistake::new(format!("expected an IP address and a port such as 0.0.0.0:8080, found '{text}'"), help)
        })
    }
}

/// `address: 8080`.
pub(super) fn port_alone(value: &Scalar) -> Option<Result<(), Mistake>> {
    let Scalar::Number(number) = value else { return None };
    let message = format!("expected an IP address and a port such as 0.0.0.0:8080, found the number {number}");
    Some(Err(Mistake::new(message, format!("write 0.0.0.0:{number} for all addresses"))))
}

impl BackendUrl {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let expected = || format!("expected a URL such as ws://127.0.0.1:9000, found '{text}'");
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(Mistake::new(expected(), format!("write ws://{text}")));
        };
        let (scheme, port) = match scheme {
            "ws" => (BackendScheme::Ws, 80),
            "wss" => (BackendScheme::Wss, 443),
            "tcp" => return Self::read_tcp(BackendScheme::Tcp, rest),
            "tls" => return Self::read_tcp(BackendScheme::Tls, rest),
            "http" | "https" => {
                let ws = scheme.replace("http", "ws");
                let help = format!("write {ws}://{rest}; plain HTTP requests on this route go there too");
                return Err(Mistake::new(expected(), help));
            }
            "tcps" | "ssl" => return Err(Mistake::new(expected(), format!("write tls://{rest}"))),
            _ => {
                let help = "the scheme is ws or wss, or tcp or tls behind a raw TCP listener";
                return Err(Mistake::new(expected(), help));
            }
        };
        if let Some(at) = rest.find(['?', '#']) {
            let help = format!("remove '{}': the client's own query is passed on", &rest[at..]);
            return Err(Mistake::new("a backend has no query and no fragment", help));
        }
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority_with_port(authority, port).map_err(|help| Mistake::new(expected(), help))?;
        if path.parse::<http::uri::PathAndQuery>().is_err() && !path.is_empty() {
            return Err(Mistake::new(expected(), "the path has a character that must be percent-encoded"));
        }
        let path_prefix = path.trim_end_matches('/').into();
        Ok(Self { scheme, authority: authority.into(), path_prefix })
    }

    fn read_tcp(scheme: BackendScheme, authority: &str) -> Result<Self, Mistake> {
        let expected = || format!("expected a URL such as {scheme}://127.0.0.1:7001, found '{scheme}://{authority}'");
        if authority.contains(['/', '?', '#']) {
            return Err(Mistake::new(expected(), "write the host and the port alone: raw TCP has no paths"));
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
        if !has_port {
            return Err(Mistake::new(expected(), "add the port: there is no usual one"));
        }
        let authority = authority_with_port(authority, 0).map_err(|help| Mistake::new(expected(), help))?;
        Ok(Self { scheme, authority: authority.into(), path_prefix: "".into() })
    }
}

/// Checks an authority and adds the port if it has none; the error is a help.
fn authority_with_port(text: &str, port: u16) -> Result<String, String> {
    if text.contains('@') {
        return Err("a user and password do not belong here".to_owned());
    }
    let authority: http::uri::Authority =
        text.parse().map_err(|_| "write a host's name or address, ':' and a port; IPv6 in brackets".to_owned())?;
    let given = text.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
    match (given, authority.port_u16()) {
        _ if authority.host().is_empty() => Err("the host is missing".to_owned()),
        (None, _) => Ok(format!("{authority}:{port}")),
        (Some(_), Some(1..)) => Ok(authority.to_string()),
        (Some(given), _) => Err(format!("'{given}' is no port: it is a number from 1 to 65535")),
    }
}

impl HttpUrl {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let expected = || format!("expected a URL such as http://127.0.0.1:4317, found '{text}'");
        let Some((scheme, _)) = text.split_once("://") else {
            return Err(Mistake::new(expected(), format!("write http://{text}")));
        };
        match scheme {
            "http" | "https" => {}
            _ => return Err(Mistake::new(expected(), "the scheme is http or https")),
        }
        let uri: http::Uri = text.parse().map_err(|_| Mistake::new(expected(), "is a character in it not allowed?"))?;
        match uri.host() {
            None | Some("") => Err(Mistake::new(expected(), "the host is missing")),
            Some(_) => Ok(Self(text.into())),
        }
    }
}

impl Host {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let name = text.strip_prefix("*.").unwrap_or(text);
        let help = if name.contains("://") || name.contains('/') {
            "write the host alone, without scheme and path"
        } else if name.contains(':') {
            "leave out the port: a route matches the host on any"
        } else if name.contains('*') {
            "a '*' may only stand first, for one or more labels: *.example.com"
        } else if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)) {
            "letters, digits, '-', '_' and '.' make a host's name; write others in their xn-- form"
        } else {
            return Ok(Self(text.to_ascii_lowercase().into()));
        };
        Err(Mistake::new(format!("expected a host's name such as chat.example.com, found '{text}'"), help))
    }
}

impl RequestPath {
    pub(in crate::config) fn read(text: &str) -> Result<Self, Mistake> {
        let expected = || format!("expected a path such as /chat, found '{text}'");
        if !text.starts_with('/') {
            return Err(Mistake::new(expected(), format!("write /{text}")));
        }
        if let Some(prefix) = text.strip_suffix("/*").filter(|prefix| !prefix.contains('*')) {
            let prefix = if prefix.is_empty() { "/" } else { prefix };
            return Err(Mistake::new(expected(), format!("write path_prefix: {prefix}")));
        }
        if text.contains('*') {
            return Err(Mistake::new(
                expected(),
                "there are no patterns: path is exact, path_prefix takes whole segments",
            ));
        }
        if text.contains('?') {
            return Err(Mistake::new(expected(), "match.query matches the query"));
        }
        match text.parse::<http::uri::PathAndQuery>() {
            Ok(_) if !text.contains('#') => Ok(Self(text.into())),
            _ => Err(Mistake::new(expected(), "it has a character that must be percent-encoded")),
        }
    }
}

macro_rules! display {
    ($type:ident, $value:ident => $($format:tt)*) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let $value = self;
                write!(f, $($format)*)
            }
        }
    };
}

display!(Address, address => "{}", address.0);
display!(BackendUrl, url => "{}://{}{}", url.scheme, url.authority, url.path_prefix);
display!(BackendScheme, scheme => "{}", match scheme {
    BackendScheme::Ws => "ws",
    BackendScheme::Wss => "wss",
    BackendScheme::Tcp => "tcp",
    BackendScheme::Tls => "tls",
});
display!(HttpUrl, url => "{}", url.0);
display!(Host, host => "{}", host.0);
display!(RequestPath, path => "{}", path.0);

/// A code that may stand in a close frame (RFC 6455, section 7.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub(in crate::config) struct CloseCode(pub(in crate::config) u16);

/// A code that ends a connection to a backend: those of close frames, 1005 for one without a code and 1006 for an end
/// without one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Deserialize, serde::Serialize)]
#[serde(transparent)]
pub(in crate::config) struct HoldCode(pub(in crate::config) u16);

/// Without 1004 to 1006 and 1015, which may not be sent, and 1016 to 2999, which nobody has defined.
fn may_be_sent(code: u64) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

impl CloseCode {
    pub(in crate::config) const NAME: &'static str = "CloseCode";

    pub(in crate::config) fn read(code: u64) -> Result<(), Mistake> {
        if may_be_sent(code) {
            return Ok(());
        }
        let help = "known here: 1000 to 1003, 1007 to 1014, 3000 to 4999; 1001 is going away, 1013 try again later";
        Err(Mistake::new(format!("{code} is not a close code that may be sent"), help))
    }
}

impl HoldCode {
    pub(in crate::config) const NAME: &'static str = "HoldCode";

    pub(in crate::config) fn read(code: u64) -> Result<(), Mistake> {
        if may_be_sent(code) || matches!(code, 1005 | 1006) {
            return Ok(());
        }
        let help = "known here: 1000 to 1003, 1005 (no code), 1006 (no close frame), 1007 to 1014, 3000 to 4999";
        Err(Mistake::new(format!("{code} is not a code that a connection ends with"), help))
    }
}

macro_rules! code_schema {
    ($type:ident, $title:literal, [$($own:literal),*]) => {
        impl schemars::JsonSchema for $type {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                Self::NAME.into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({
                    "title": $title,
                    "type": "integer",
                    "anyOf": [
                        { "minimum": 1000, "maximum": 1003 },
                        { "minimum": 1007, "maximum": 1014 },
                        { "minimum": 3000, "maximum": 4999 },
                        $({ "const": $own }),*
                    ],
                    "examples": [1001, 1013],
                })
            }
        }
    };
}

code_schema!(CloseCode, "a close code", []);
code_schema!(HoldCode, "a close code", [1005, 1006]);
