//! The HTTP service that a filter under test asks. Answers at once.

use super::bench_host::with;
use crate::{Answer, CalloutError, Request};

/// Callouts of one event that are answered; one more is told that it is too many.
pub(super) const ANSWERS_AN_EVENT_MAX: usize = 4;

type Play = Box<dyn FnMut(&Request) -> Answer>;

/// What answers callouts, and what it was asked.
#[derive(Default)]
pub(super) struct Service {
    answer: Option<Play>,
    asked: Vec<Request>,
}

/// From now on callouts are answered by this. Until then no service is there: they are
/// [`Unreachable`](CalloutError::Unreachable).
///
/// ```
/// # use belay_filter::{Response, testing};
/// testing::serve(|request| match request.url.as_str() {
///     "http://127.0.0.1:9000/ok" => Ok(Response::new(200)),
///     _ => Ok(Response::new(404).with_body("no such page")),
/// });
/// ```
pub fn serve(answer: impl FnMut(&Request) -> Answer + 'static) {
    with(|host| host.service.answer = Some(Box::new(answer)));
}

/// What was asked since this was last called, in order.
pub fn asked() -> Vec<Request> {
    with(|host| std::mem::take(&mut host.service.asked))
}

/// What comes of a request of an event that has had so many answers.
pub(super) fn answered(request: Request, before: usize) -> Answer {
    if before >= ANSWERS_AN_EVENT_MAX {
        return Err(CalloutError::Busy);
    }
    // It may look at the host itself.
    let mut service = with(|host| host.service.answer.take());
    let answer = service.as_mut().map_or(Err(CalloutError::Unreachable), |service| service(&request));
    with(|host| {
        host.service.asked.push(request);
        host.service.answer = service;
    });
    answer
}
