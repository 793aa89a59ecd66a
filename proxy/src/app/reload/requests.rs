//! How others ask for a reload, and wait for what comes of it.

use std::sync::mpsc::SyncSender;
use std::time::Duration;

use http::{Method, StatusCode};
use serde_json::json;
use tokio::sync::oneshot;

use crate::admin::{Access, Answered, Answering, Asked, Endpoint};

/// Requests that wait for one that is under way.
pub(super) const REQUESTS_MAX: usize = 16;
/// The admin port answers that it is not done yet after so long; compiling goes on.
const ANSWER_AFTER: Duration = Duration::from_secs(8);

/// What the thread is asked for.
pub(super) enum Request {
    Filter { name: Box<str>, answer: oneshot::Sender<Answered> },
    Config { trigger: &'static str, answer: Option<oneshot::Sender<Answered>> },
}

/// Makes requests.
#[derive(Clone)]
pub(in crate::app) struct Requests(pub(super) SyncSender<Request>);

impl Requests {
    /// Has the configuration read again. What comes of it is logged; `trigger` is named there.
    pub(in crate::app) fn reload(&self, trigger: &'static str) {
        if self.0.try_send(Request::Config { trigger, answer: None }).is_err() {
            tracing::warn!(trigger, "the configuration is not reloaded: too many reloads at a time");
        }
    }

    /// `POST /filters/NAME/reload` and `POST /config/reload`.
    pub(in crate::app) fn endpoints(&self) -> [Endpoint; 2] {
        let (filters, config) = (self.clone(), self.clone());
        let reload_filter = move |asked: Asked| {
            let name = asked.name;
            filters.ask("compiling; see /filters", |answer| Request::Filter { name, answer })
        };
        let reload_config = move |_| {
            config
                .ask("under way; see /config", |answer| Request::Config { trigger: "admin port", answer: Some(answer) })
        };
        let filter = "Loads a filter's component anew, from where it came from.";
        let whole = "Reads the configuration anew, and serves by it.";
        [
            Endpoint::new(Method::POST, "/filters/{name}/reload", Access::Change, filter, reload_filter).outcomes(&[
                (200, "The version that serves now."),
                (202, "It is still compiling."),
                (404, "There is no such filter."),
                (409, "It was refused, and the one before serves on."),
            ]),
            Endpoint::new(Method::POST, "/config/reload", Access::Change, whole, reload_config).outcomes(&[
                (200, "What changed."),
                (202, "It is under way."),
                (409, "It was refused, and the one before serves on."),
            ]),
        ]
    }

    fn ask(&self, not_yet: &'static str, request: impl FnOnce(oneshot::Sender<Answered>) -> Request) -> Answering {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.try_send(request(answer));
        Box::pin(async move {
            if sent.is_err() {
                return Answered::problem(StatusCode::SERVICE_UNAVAILABLE, "too many reloads at a time");
            }
            match tokio::time::timeout(ANSWER_AFTER, answered).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => Answered::problem(StatusCode::SERVICE_UNAVAILABLE, "going away"),
                Err(_) => Answered::json(StatusCode::ACCEPTED, &json!({ "state": not_yet })),
            }
        })
    }
}
