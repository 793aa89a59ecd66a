//! How others ask for a reload, and wait for what comes of it.

use std::pin::Pin;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use tokio::sync::oneshot;

use crate::admin::{Acted, Action};

/// Requests that wait for one that is under way.
pub(super) const REQUESTS_MAX: usize = 16;
/// The admin port answers that it is not done yet after so long; compiling goes on.
const ANSWER_AFTER: Duration = Duration::from_secs(8);

/// What the thread is asked for.
pub(super) enum Request {
    Filter { name: Box<str>, answer: oneshot::Sender<Acted> },
    Config { trigger: &'static str, answer: Option<oneshot::Sender<Acted>> },
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
    pub(in crate::app) fn actions(&self) -> Vec<Action> {
        let (filters, config) = (self.clone(), self.clone());
        let reload_filter = move |name: &str| {
            let name = name.into();
            filters.ask("compiling; see /filters", |answer| Request::Filter { name, answer })
        };
        let reload_config = move |_: &str| {
            config
                .ask("under way; see /config", |answer| Request::Config { trigger: "admin port", answer: Some(answer) })
        };
        vec![
            Action { before: "/filters/", after: "/reload", act: Box::new(reload_filter) },
            Action { before: "/config/reload", after: "", act: Box::new(reload_config) },
        ]
    }

    fn ask(
        &self,
        not_yet: &'static str,
        request: impl FnOnce(oneshot::Sender<Acted>) -> Request,
    ) -> Pin<Box<dyn Future<Output = Acted> + Send>> {
        let (answer, answered) = oneshot::channel();
        let sent = self.0.try_send(request(answer));
        Box::pin(async move {
            if sent.is_err() {
                return acted(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "too many reloads at a time" }));
            }
            match tokio::time::timeout(ANSWER_AFTER, answered).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(_)) => acted(StatusCode::SERVICE_UNAVAILABLE, json!({ "error": "going away" })),
                Err(_) => acted(StatusCode::ACCEPTED, json!({ "state": not_yet })),
            }
        })
    }
}

fn acted(status: StatusCode, body: Value) -> Acted {
    Acted { status, body }
}
