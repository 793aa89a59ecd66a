//! One request to a registry and its answer, over a connection of its own: pulls are rare, and what keeps connections would be
//! more than what makes them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_LENGTH, HOST, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::uri::Scheme;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;

use super::challenge::Challenge;
use super::error::Failure;
use super::reference::is_loopback;
use crate::dial;
use crate::tls::{ClientTls, Stream, explain};

/// For all addresses of a host.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// From the registry to where it keeps its blobs, and perhaps once more.
const REDIRECTS_MAX: usize = 5;

/// How registries are reached.
pub(super) struct Http {
    /// Made when it is first needed: the system's roots are not everywhere.
    pub(super) tls: Option<Arc<ClientTls>>,
    pub(super) insecure: Vec<Box<str>>,
}

/// What is asked for.
pub(super) struct Question<'a> {
    pub(super) url: String,
    pub(super) accept: &'a str,
    /// The value of `Authorization`. Told to the host of the URL and to no other.
    pub(super) authorization: Option<&'a str>,
    /// The most that may come.
    pub(super) bytes_max: u64,
}

/// What came.
pub(super) enum Answer {
    Content(Bytes),
    /// 401, and what the registry wants to be told.
    Challenged(Vec<Challenge>),
    /// Any other.
    Status(StatusCode),
}

impl Http {
    /// `https`, unless the host may be spoken to without TLS.
    pub(super) fn scheme(&self, host: &str) -> &'static str {
        let is_plain = is_loopback(host) || self.insecure.iter().any(|insecure| **insecure == *host);
        if is_plain { "http" } else { "https" }
    }

    /// Follows redirects.
    pub(super) async fn ask(&self, question: &Question<'_>) -> Result<Answer, Failure> {
        let mut url = self.read(&question.url)?;
        let mut authorization = question.authorization;
        for _ in 0..=REDIRECTS_MAX {
            let response = self.request(&url, question.accept, authorization).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED {
                let values = response.headers().get_all(WWW_AUTHENTICATE).iter();
                let challenges = values.filter_map(|value| Challenge::parse(value.to_str().ok()?));
                return Ok(Answer::Challenged(challenges.collect()));
            }
            if status.is_redirection() {
                let next = self.redirected(&url, &response)?;
                if next.authority() != url.authority() {
                    authorization = None;
                }
                url = next;
                continue;
            }
            if status != StatusCode::OK {
                return Ok(Answer::Status(status));
            }
            return content(&url, response, question.bytes_max).await.map(Answer::Content);
        }
        Err(answer(&url, format!("more than {REDIRECTS_MAX} redirects")))
    }

    /// An address of a registry's own choice has to be as safe as the registry's.
    fn read(&self, url: &str) -> Result<Uri, Failure> {
        let bad = |what: &str| Failure::Answer { url: url.to_owned(), what: what.to_owned() };
        let uri: Uri = url.parse().map_err(|_| bad("it is not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            return Err(bad("it is not a URL"));
        };
        if *scheme != Scheme::HTTPS && self.scheme(authority.as_str()) == "https" {
            return Err(bad("http without TLS, to a host that registries.insecure does not name"));
        }
        Ok(uri)
    }

    fn redirected(&self, from: &Uri, response: &Response<Incoming>) -> Result<Uri, Failure> {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let location = location.ok_or_else(|| answer(from, format!("{} without a place to go", response.status())))?;
        if location.starts_with('/') && !location.starts_with("//") {
            let authority = from.authority().map_or("", |authority| authority.as_str());
            return self.read(&format!("{}://{authority}{location}", from.scheme_str().unwrap_or("https")));
        }
        self.read(location)
    }

    async fn request(
        &self,
        url: &Uri,
        accept: &str,
        authorization: Option<&str>,
    ) -> Result<Response<Incoming>, Failure> {
        let broken = |error: hyper::Error| unreachable(url, explained(&error));
        let stream = self.connect(url).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // It ends with the answer, or with the runtime.
        tokio::spawn(connection);
        let target = url.path_and_query().map_or("/", |target| target.as_str());
        let host = url.authority().map_or("", |authority| authority.as_str());
        let agent = concat!("belay/", env!("CARGO_PKG_VERSION"));
        let mut request = Request::get(target).header(HOST, host).header(USER_AGENT, agent).header(ACCEPT, accept);
        if let Some(Ok(mut value)) = authorization.map(HeaderValue::try_from) {
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| answer(url, error.to_string()))?;
        sender.send_request(request).await.map_err(broken)
    }

    async fn connect(&self, url: &Uri) -> Result<Stream, Failure> {
        let failed = |error: std::io::Error| unreachable(url, error.to_string());
        let is_tls = url.scheme() == Some(&Scheme::HTTPS);
        let (host, port) = (url.host().unwrap_or_default(), url.port_u16().unwrap_or(if is_tls { 443 } else { 80 }));
        let name = host.trim_matches(['[', ']']);
        let tcp = tokio::time::timeout(CONNECT_TIMEOUT, dial::connect((name, port))).await;
        let tcp = tcp.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(failed)?;
        match &self.tls {
            Some(tls) if is_tls => tls.connect(tcp, host).await.map_err(failed),
            None if is_tls => Err(unreachable(url, "there are no roots to trust".to_owned())),
            _ => Ok(Stream::Plain(tcp)),
        }
    }
}

async fn content(url: &Uri, response: Response<Incoming>, bytes_max: u64) -> Result<Bytes, Failure> {
    let too_long = || answer(url, format!("it is longer than {bytes_max} bytes"));
    let announced = response.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max) {
        return Err(too_long());
    }
    let limit = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    match Limited::new(response.into_body(), limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long()),
        Err(error) => Err(unreachable(url, format!("it broke off: {error}"))),
    }
}

fn explained(error: &hyper::Error) -> String {
    explain(error).unwrap_or_else(|| {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    })
}

fn unreachable(url: &Uri, cause: String) -> Failure {
    Failure::Unreachable { url: shown(url), cause }
}

fn answer(url: &Uri, what: String) -> Failure {
    Failure::Answer { url: shown(url), what }
}

/// Without its query, where storage has its signatures.
fn shown(url: &Uri) -> String {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    format!("{}://{authority}{}", url.scheme_str().unwrap_or("https"), url.path())
}
