//! Where a request goes: scheme, host and port, in the one form that two spellings of the same origin share (RFC 6454).

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use http::Uri;
use http::uri::Scheme;

/// See the module. No name is resolved: `localhost` and `127.0.0.1` are two.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    scheme: Scheme,
    /// Lower case, without the brackets of an IPv6 address.
    host: Box<str>,
    port: u16,
}

/// Why a text is no origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadOrigin {
    /// Or not a whole one.
    #[error("not a URL")]
    NotAUrl,
    /// What else there is cannot be asked.
    #[error("neither http:// nor https://")]
    Scheme,
    /// They would be sent to whoever answers, and shown in logs.
    #[error("a name and password do not belong in a URL")]
    UserInfo,
    /// Names are letters, digits, hyphens, underscores and dots; others are written as in DNS (RFC 5890).
    #[error("not a host's name or address")]
    Host,
    /// 1 to 65535.
    #[error("not a port")]
    Port,
    /// An origin has no path and no query.
    #[error("a path or query does not belong in an origin")]
    Path,
}

impl Origin {
    /// That of a whole URL.
    pub fn of(url: &Uri) -> Result<Self, BadOrigin> {
        let authority = url.authority().ok_or(BadOrigin::NotAUrl)?;
        let (scheme, default) = match url.scheme_str() {
            Some("http") => (Scheme::HTTP, 80),
            Some("https") => (Scheme::HTTPS, 443),
            _ => return Err(BadOrigin::Scheme),
        };
        if authority.as_str().contains('@') {
            return Err(BadOrigin::UserInfo);
        }
        let host = host(authority.host())?;
        // `http` takes what follows the last colon for a port only if it is one; so `host:` and `host:99999` have none.
        let bracketed = authority.as_str().len() - authority.host().len();
        let port = match authority.port_u16() {
            Some(0) => return Err(BadOrigin::Port),
            Some(port) => port,
            None if bracketed == 0 => default,
            None => return Err(BadOrigin::Port),
        };
        Ok(Self { scheme, host, port })
    }

    /// Whether it is asked over TLS.
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// As a resolver and a certificate want it.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The scheme's own if none was written.
    pub fn port(&self) -> u16 {
        self.port
    }
}

fn host(host: &str) -> Result<Box<str>, BadOrigin> {
    if let Some(address) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        return match address.parse::<Ipv6Addr>() {
            Ok(address) => Ok(address.to_string().into()),
            Err(_) => Err(BadOrigin::Host),
        };
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if host.is_empty() || !host.bytes().all(plain) {
        return Err(BadOrigin::Host);
    }
    Ok(host.to_ascii_lowercase().into())
}

impl FromStr for Origin {
    type Err = BadOrigin;

    /// An origin alone; a slash at its end may stand.
    fn from_str(text: &str) -> Result<Self, BadOrigin> {
        let url: Uri = text.parse().map_err(|_| BadOrigin::NotAUrl)?;
        let origin = Self::of(&url)?;
        match (url.path(), url.query(), text.contains('#')) {
            ("" | "/", None, false) => Ok(origin),
            _ => Err(BadOrigin::Path),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port } = self;
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}"),
            false => write!(f, "{scheme}://{host}:{port}"),
        }
    }
}
