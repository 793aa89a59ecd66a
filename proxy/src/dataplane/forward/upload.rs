//! The body of a request on its way to the backend, and a watch over who of the two lets the other wait.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;
use tokio::time::{Instant, Sleep, sleep};

use super::ANSWER_TIMEOUT;
use super::answer::Failure;
use crate::dataplane::route::Route;

/// A client that waits for `100 Continue` is told to go on after this long whatever the backend says, since many backends
/// say nothing (RFC 9110, section 10.1.1). The same second that curl waits.
const CONTINUE_TIMEOUT: Duration = Duration::from_secs(1);

/// A request's body, handed on frame by frame as the backend takes it.
#[derive(Debug)]
pub(super) struct Upload {
    body: Option<Incoming>,
    /// Until it opens the client is not asked for its body.
    gate: Option<Gate>,
    stage: Arc<Stage>,
    /// Resolves when the [`Watch`] is gone.
    cut: oneshot::Receiver<Infallible>,
}

/// Why a request's body has no end.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    #[error("the client's connection failed")]
    Client(#[source] hyper::Error),
    /// The client is not listened to any more, lest it and the backend wait for each other for ever.
    #[error("the request was over before its body")]
    Over,
}

/// Closed until the backend asks for the body, or for [`CONTINUE_TIMEOUT`]. It opens even after the backend has answered
/// without asking: hyper does not ask the client any more then.
#[derive(Debug)]
struct Gate {
    /// None when nobody will ask any more.
    asked: Option<oneshot::Receiver<()>>,
    at_latest: Pin<Box<Sleep>>,
}

/// What [`Upload`] tells [`Watch`]: whom the request waits for, and since when.
#[derive(Debug)]
struct Stage {
    started: Instant,
    /// [`Waiting`] in the lower two bits, above them the microseconds since the start.
    waiting_since: AtomicU64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waiting {
    /// For more of the body.
    Client,
    /// For the backend to take what there is of it.
    Backend,
    /// For the answer.
    Answer,
}

/// Looks on from where the answer is waited for, and stays with the answer. When it goes, the request is over, and what
/// there may still be of its body is cut off.
#[derive(Debug)]
pub(super) struct Watch {
    stage: Arc<Stage>,
    gate: Arc<Mutex<Option<oneshot::Sender<()>>>>,
    _cut: oneshot::Sender<Infallible>,
}

impl Upload {
    /// No body.
    pub(super) fn none() -> (Self, Watch) {
        Self::new(None, None, Waiting::Answer)
    }

    /// Asks the client for its body as soon as there is a connection.
    pub(super) fn streamed(body: Incoming) -> (Self, Watch) {
        Self::new(Some(body), None, Waiting::Backend)
    }

    /// Asks the client for its body, which waits to be asked, when the backend does.
    pub(super) fn awaited(body: Incoming) -> (Self, Watch) {
        let (open, asked) = oneshot::channel();
        let gate = Gate { asked: Some(asked), at_latest: Box::pin(sleep(CONTINUE_TIMEOUT)) };
        let (upload, mut watch) = Self::new(Some(body), Some(gate), Waiting::Backend);
        watch.gate = Arc::new(Mutex::new(Some(open)));
        (upload, watch)
    }

    fn new(body: Option<Incoming>, gate: Option<Gate>, waiting: Waiting) -> (Self, Watch) {
        let stage = Arc::new(Stage { started: Instant::now(), waiting_since: AtomicU64::new(0) });
        stage.set(waiting);
        let (tell, cut) = oneshot::channel();
        (Self { body, gate, stage: stage.clone(), cut }, Watch { stage, gate: Arc::default(), _cut: tell })
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        if Pin::new(&mut self.cut).poll(cx).is_ready() {
            self.body = None;
            return Poll::Ready(Some(Err(UploadError::Over)));
        }
        if let Some(gate) = &mut self.gate {
            ready!(gate.poll_open(cx));
            self.gate = None;
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(&mut *body).poll_frame(cx);
        let ended = body.is_end_stream();
        self.stage.set(match &frame {
            Poll::Pending => Waiting::Client,
            Poll::Ready(Some(Ok(_))) if !ended => Waiting::Backend,
            Poll::Ready(_) => Waiting::Answer,
        });
        frame.map_err(UploadError::Client)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Gate {
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(asked) = &mut self.asked {
            match Pin::new(asked).poll(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(()),
                Poll::Ready(Err(_)) => self.asked = None,
                Poll::Pending => {}
            }
        }
        self.at_latest.as_mut().poll(cx)
    }
}

impl Stage {
    fn set(&self, waiting: Waiting) {
        self.waiting_since.store(self.micros() << 2 | waiting as u64, Relaxed);
    }

    /// Whom the request waits for, and for how long now.
    fn now(&self) -> (Waiting, Duration) {
        let bits = self.waiting_since.load(Relaxed);
        let waiting = match bits & 0b11 {
            0 => Waiting::Client,
            1 => Waiting::Backend,
            _ => Waiting::Answer,
        };
        (waiting, Duration::from_micros(self.micros().saturating_sub(bits >> 2)))
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX >> 2)
    }
}

impl Watch {
    /// Resolves when somebody has let the request wait for too long, late by no more than the shortest of the limits.
    pub(super) async fn overdue(&self, route: &Route) -> Failure {
        let (client, backend) = (route.slow_client.stall_timeout, route.backend.stall_timeout);
        loop {
            let (waiting, since) = self.stage.now();
            let (limit, failure) = match waiting {
                Waiting::Client => (client, Failure::ClientStalled),
                Waiting::Backend => (backend, Failure::BackendStalled),
                Waiting::Answer => (ANSWER_TIMEOUT, Failure::AnswerTimedOut),
            };
            if since >= limit {
                return failure;
            }
            // Whom it waits for may change meanwhile, so not longer than anybody may be waited for.
            sleep((limit - since).min(client).min(backend).max(Duration::from_millis(1))).await;
        }
    }

    /// To be called before the request is sent, for the sake of clients that wait to be asked for their body.
    pub(super) fn hear_continue(&self, request: &mut Request<Upload>) {
        if request.body().gate.is_none() {
            return;
        }
        let gate = self.gate.clone();
        hyper::ext::on_informational(request, move |answer| {
            let mut gate = gate.lock().unwrap_or_else(PoisonError::into_inner);
            if answer.status() == StatusCode::CONTINUE
                && let Some(open) = gate.take()
            {
                // The body may be gone by now, and needs no gate then.
                let _ = open.send(());
            }
        });
    }

    #[cfg(test)]
    pub(super) fn of_an_answer_awaited_for(time: Duration) -> Self {
        let stage = Stage { started: Instant::now() - time, waiting_since: AtomicU64::new(Waiting::Answer as u64) };
        Self { stage: Arc::new(stage), gate: Arc::default(), _cut: oneshot::channel().0 }
    }
}
