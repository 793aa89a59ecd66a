//! Pulls one component: its manifest, then its layer, each from the cache or the registry, each by its digest.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use super::Settings;
use super::cache::Cache;
use super::challenge::Challenge;
use super::credentials::{self, Credentials};
use super::error::{Failure, Looked, PullError};
use super::http::{Answer, Http, Question};
use super::manifest;
use super::reference::{Digest, Reference};
use crate::tls::{ClientSettings, ClientTls, Roots};

/// What a registry must take at least (OCI distribution specification 1.1, "Pushing manifests").
const MANIFEST_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// Tokens are a few kilobytes.
const TOKEN_BYTES_MAX: u64 = 256 * 1024;
/// A registry that is away for a moment is asked again.
const ATTEMPTS_MAX: u32 = 3;
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Pulls components.
pub struct Puller {
    settings: Settings,
    cache: Option<Cache>,
}

/// One pull.
struct Pull<'p> {
    reference: &'p Reference,
    http: Http,
    credentials: Option<Credentials>,
    /// Once the registry has wanted it.
    authorization: Option<String>,
    /// What was asked last, for who waits in vain.
    url: String,
}

impl Puller {
    /// A cache that cannot be had is said to be, in the log; then there is none.
    pub fn new(settings: Settings) -> Self {
        let cache = settings.cache.as_ref().and_then(|folder| {
            Cache::open(folder, settings.cache_bytes_max)
                .inspect_err(|error| {
                    tracing::warn!(folder = %folder.display(), %error, "components that are pulled are not kept");
                })
                .ok()
        });
        Self { settings, cache }
    }

    /// The component's bytes, at most so many. Blocks, on the network unless both manifest and component are in the cache.
    /// Not to be called on a thread of a runtime.
    ///
    /// # Errors
    /// What was tried, and why it did not help.
    pub fn pull(&self, reference: &Reference, bytes_max: u64) -> Result<Vec<u8>, PullError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::Local(error.to_string()));
        let pulled = runtime.and_then(|runtime| runtime.block_on(self.pull_within(reference, bytes_max)));
        let cached = || self.settings.cache.clone().map_or(Looked::Nowhere, Looked::In);
        pulled.map_err(|cause| PullError { reference: reference.clone(), cause: Box::new(cause), cached: cached() })
    }

    async fn pull_within(&self, reference: &Reference, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let mut pull = None;
        let deadline = self.settings.timeout;
        match tokio::time::timeout(deadline, self.pull_by(&mut pull, reference, bytes_max)).await {
            Ok(pulled) => pulled,
            Err(_) => Err(Failure::TimedOut {
                url: pull.map_or_else(|| reference.to_string(), |pull| pull.url),
                seconds: deadline.as_secs(),
            }),
        }
    }

    async fn pull_by<'p>(
        &self,
        pull: &mut Option<Pull<'p>>,
        reference: &'p Reference,
        bytes_max: u64,
    ) -> Result<Vec<u8>, Failure> {
        let manifest = self.get(pull, reference, Kind::Manifest, &reference.digest, MANIFEST_BYTES_MAX).await?;
        let layer = manifest::component(&manifest).map_err(Failure::Manifest)?;
        if layer.bytes > bytes_max {
            let what = format!("the component has {} bytes, and {bytes_max} may be loaded", layer.bytes);
            return Err(Failure::Manifest(what));
        }
        self.get(pull, reference, Kind::Blob, &layer.digest, layer.bytes).await
    }

    /// From the cache, or from the registry and into the cache.
    async fn get<'p>(
        &self,
        pull: &mut Option<Pull<'p>>,
        reference: &'p Reference,
        kind: Kind,
        digest: &Digest,
        bytes_max: u64,
    ) -> Result<Vec<u8>, Failure> {
        if let Some(kept) = self.cache.as_ref().and_then(|cache| cache.get(digest, bytes_max)) {
            return Ok(kept);
        }
        if pull.is_none() {
            *pull = Some(Pull::new(&self.settings, reference)?);
        }
        let Some(pull) = pull else { return Err(Failure::Local("nothing to pull with".to_owned())) };
        let bytes = pull.fetch(kind, digest, bytes_max).await?;
        if let Some(cache) = &self.cache {
            cache.put(digest, &bytes);
        }
        Ok(bytes)
    }
}

/// What is pulled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Manifest,
    Blob,
}

impl<'p> Pull<'p> {
    fn new(settings: &Settings, reference: &'p Reference) -> Result<Self, Failure> {
        let roots = settings.roots.clone().map_or(Roots::System, Roots::File);
        let mut http = Http { tls: None, insecure: settings.insecure.clone() };
        if http.scheme(reference.api_host()) == "https" {
            let tls = ClientTls::load(ClientSettings { roots, ..ClientSettings::default() });
            http.tls = Some(Arc::new(tls.map_err(|error| Failure::Local(error.to_string()))?));
        }
        let credentials = credentials::find(settings.credentials.as_deref(), &reference.host);
        let credentials = credentials.map_err(Failure::Credentials)?;
        Ok(Self { reference, http, credentials, authorization: None, url: String::new() })
    }

    /// What has this digest, and nothing else.
    async fn fetch(&mut self, kind: Kind, digest: &Digest, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let (host, repository) = (self.reference.api_host(), self.reference.api_repository());
        let (place, accept) = match kind {
            Kind::Manifest => ("manifests", manifest::ACCEPT),
            Kind::Blob => ("blobs", "*/*"),
        };
        let url = format!("{}://{host}/v2/{repository}/{place}/{digest}", self.http.scheme(host));
        let mut attempt = 1;
        loop {
            match self.fetch_once(&url, accept, bytes_max).await {
                Ok(bytes) => {
                    let found = Digest::of(&bytes);
                    let is_it = found == *digest;
                    return is_it.then_some(bytes).ok_or(Failure::OtherContent { url, wanted: digest.clone(), found });
                }
                Err(failure) if failure.may_pass() && attempt < ATTEMPTS_MAX => {
                    tracing::debug!(%failure, attempt, "asking a registry again");
                    tokio::time::sleep(AGAIN_AFTER * attempt).await;
                    attempt += 1;
                }
                Err(failure) => return Err(failure),
            }
        }
    }

    async fn fetch_once(&mut self, url: &str, accept: &str, bytes_max: u64) -> Result<Vec<u8>, Failure> {
        let mut asked_again = false;
        loop {
            url.clone_into(&mut self.url);
            let authorization = self.authorization.as_deref();
            let question = Question { url: url.to_owned(), accept, authorization, bytes_max };
            match self.http.ask(&question).await? {
                Answer::Content(bytes) => return Ok(bytes.into()),
                Answer::Challenged(challenges) if !asked_again => {
                    asked_again = true;
                    self.authorization = Some(self.answer(url, &challenges).await?);
                }
                Answer::Challenged(_) => return Err(self.denied(url, StatusCode::UNAUTHORIZED)),
                Answer::Status(status) => return Err(self.refused(url, status)),
            }
        }
    }

    /// What the registry wants to be told.
    async fn answer(&mut self, url: &str, challenges: &[Challenge]) -> Result<String, Failure> {
        let basic = self.credentials.as_ref().map(Credentials::basic);
        for challenge in challenges {
            match challenge {
                Challenge::Bearer { realm, service, scope } => {
                    let url = self.token_url(realm, service.as_deref(), scope.as_deref());
                    return self.token(url, basic.as_deref()).await.map(|token| format!("Bearer {token}"));
                }
                Challenge::Basic => {
                    if let Some(basic) = basic {
                        return Ok(basic);
                    }
                }
            }
        }
        Err(self.denied(url, StatusCode::UNAUTHORIZED))
    }

    fn token_url(&self, realm: &str, service: Option<&str>, scope: Option<&str>) -> String {
        let wanted = format!("repository:{}:pull", self.reference.api_repository());
        let mut url = realm.to_owned();
        let mut mark = if realm.contains('?') { '&' } else { '?' };
        for (name, value) in [("service", service), ("scope", Some(scope.unwrap_or(&wanted)))] {
            if let Some(value) = value {
                url.push(mark);
                url += &format!("{name}={}", encoded(value));
                mark = '&';
            }
        }
        url
    }

    async fn token(&mut self, url: String, basic: Option<&str>) -> Result<String, Failure> {
        let shown = url.split('?').next().unwrap_or_default().to_owned();
        self.url.clone_from(&shown);
        let question = Question { url, accept: "application/json", authorization: basic, bytes_max: TOKEN_BYTES_MAX };
        match self.http.ask(&question).await? {
            Answer::Content(bytes) => {
                let token: Token = serde_json::from_slice(&bytes).unwrap_or_default();
                let no_token = Failure::Answer { url: shown, what: "there is no token in its answer".to_owned() };
                token.token.or(token.access_token).ok_or(no_token)
            }
            Answer::Challenged(_) => Err(self.denied(&shown, StatusCode::UNAUTHORIZED)),
            Answer::Status(status) => Err(self.refused(&shown, status)),
        }
    }

    fn refused(&self, url: &str, status: StatusCode) -> Failure {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => self.denied(url, status),
            StatusCode::NOT_FOUND => Failure::NotFound { url: url.to_owned() },
            status => Failure::Answer { url: url.to_owned(), what: status.to_string() },
        }
    }

    fn denied(&self, url: &str, status: StatusCode) -> Failure {
        Failure::Denied { url: url.to_owned(), status: status.as_u16(), known: self.credentials.is_some() }
    }
}

#[derive(Deserialize, Default)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

/// For a query (RFC 3986, section 2.3); what scopes are made of stays readable.
fn encoded(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' | b':' | b',' => {
                text.push(byte.into());
            }
            byte => text += &format!("%{byte:02X}"),
        }
    }
    text
}
