//! One request to the endpoint, and what its answer means.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, RETRY_AFTER, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::rt::TokioIo;

use super::outbox::Batch;
use super::sign::Keys;
use crate::tls::{self, ClientTls, Dialer};

/// Where batches go.
pub(super) struct Endpoint {
    authority: String,
    path: String,
    dialer: Dialer,
}

/// What became of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// 2xx.
    Taken,
    /// It may go better next time, but not before this wait, if one is given.
    Later { cause: String, after: Option<Duration> },
    /// It was understood and not wanted: it will go no better next time, unless somebody mends the endpoint.
    Refused(StatusCode),
}

/// The media type of the CloudEvents JSON format's batch mode.
const BATCH: &str = "application/cloudevents-batch+json; charset=utf-8";
/// The longest that an endpoint can make us wait.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(600);

impl Endpoint {
    /// The URL is known to be one.
    pub(super) fn new(url: &str, tls: Option<Arc<ClientTls>>) -> Self {
        let uri: Uri = url.parse().unwrap_or_default();
        let host = uri.host().unwrap_or_default();
        Self {
            authority: format!("{host}:{}", uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 })),
            dialer: Dialer::new(tls),
            path: uri.path_and_query().map_or("/", |path| path.as_str()).to_owned(),
        }
    }

    /// Sends a batch on a connection of its own.
    pub(super) async fn post(&self, batch: &Batch, keys: &Keys, timeout: Duration) -> Answer {
        let later = |cause: String| Answer::Later { cause, after: None };
        match tokio::time::timeout(timeout, self.exchange(batch, keys)).await {
            Ok(Ok((status, headers))) => read(status, &headers),
            Ok(Err(cause)) => later(cause),
            Err(_) => later(format!("no answer within {timeout:?}")),
        }
    }

    async fn exchange(&self, batch: &Batch, keys: &Keys) -> Result<(StatusCode, HeaderMap), String> {
        let uri = self.authority.parse().map_err(|error: http::uri::InvalidUri| error.to_string())?;
        let stream = self.dialer.clone().dial(uri).await.map_err(|error| error.to_string())?;
        let connected = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = connected.map_err(|error| error.to_string())?;
        let request = self.request(batch, keys).map_err(|error| error.to_string())?;
        let exchange = async {
            let response = sender.send_request(request).await;
            let response = response.map_err(|error| tls::explain(&error).unwrap_or_else(|| error.to_string()))?;
            Ok((response.status(), response.headers().clone()))
        };
        tokio::pin!(exchange, connection);
        tokio::select! {
            answer = &mut exchange => answer,
            // Its outcome is the exchange's too.
            _ = &mut connection => exchange.await,
        }
    }

    fn request(&self, batch: &Batch, keys: &Keys) -> Result<Request<Full<Bytes>>, http::Error> {
        let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        Request::post(&self.path)
            .header(HOST, &self.authority)
            .header(CONNECTION, "close")
            .header(USER_AGENT, concat!("belay/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, BATCH)
            .header("webhook-id", &batch.id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", keys.sign(&batch.id, timestamp, &batch.body))
            .body(Full::new(Bytes::copy_from_slice(&batch.body)))
    }
}

fn read(status: StatusCode, headers: &HeaderMap) -> Answer {
    if status.is_success() {
        return Answer::Taken;
    }
    // 408 and 429 are the client errors that pass; 425 is about the connection.
    if status.is_server_error() || [408, 425, 429].contains(&status.as_u16()) {
        // Its other form, a date, is left to our own backoff.
        let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let after = seconds.map(|seconds| Duration::from_secs(seconds).min(RETRY_AFTER_MAX));
        return Answer::Later { cause: format!("it answered {status}"), after };
    }
    Answer::Refused(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_whether_to_come_again() {
        let answer = |status: u16, retry_after: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, retry_after.parse().unwrap());
            read(StatusCode::from_u16(status).unwrap(), &headers)
        };
        let seconds = |answer| match answer {
            Answer::Later { after, .. } => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(answer(204, "5"), Answer::Taken);
        assert_eq!(seconds(answer(429, "5")), Some(5));
        assert_eq!(seconds(answer(503, "86400")), Some(600));
        assert_eq!(seconds(answer(500, "Wed, 21 Oct 2026 07:28:00 GMT")), None);
        assert_eq!(answer(400, "5"), Answer::Refused(StatusCode::BAD_REQUEST));
        assert_eq!(answer(301, "5"), Answer::Refused(StatusCode::MOVED_PERMANENTLY));
    }
}
