//! A client that asks to be let in, whatever it speaks: by the filters, and by its backend.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::header::SEC_WEBSOCKET_PROTOCOL;

use crate::dataplane::chain::{ATTRIBUTE_VALUE_BYTES_MAX, Entry, Facts, Handle, Refusal, Subject, UpstreamEvent};
use crate::dataplane::handshake::{Handshake, about};
use crate::dataplane::message::CloseReason;
use crate::dataplane::session::Session;
use crate::dataplane::state::{EndReason, Ended, SessionState, StateChange};
use crate::dataplane::upstream::{Attempt, Connection, DialError, Dialled, Reached};
use crate::dataplane::worker::{RouteState, Worker};
use crate::time::Instant;
use crate::tls::Peer;

/// A client that asks to be let in. The filters are told when it is not let in after all.
pub(super) struct Guest {
    worker: Rc<Worker>,
    route: Rc<RouteState>,
    /// Our own end of its connection.
    door: Option<SocketAddr>,
    /// Taken when it becomes a session.
    papers: Option<Papers>,
    visible: Visible,
}

/// Whether those who keep count of clients know of a guest.
enum Visible {
    No,
    /// If it does not come in after all, so many dials were made in vain, and this is why.
    Connecting {
        dials: u32,
        otherwise: EndReason,
    },
}

struct Papers {
    handshake: Handshake,
    facts: Facts,
    handles: Box<[Handle]>,
}

impl Papers {
    fn subject<'a>(&'a mut self, route: &'a RouteState) -> Subject<'a> {
        Subject {
            now: Instant::now(),
            route: &route.route.name,
            handshake: &self.handshake,
            facts: &mut self.facts,
            handles: &mut self.handles,
        }
    }
}

/// Between two attempts to reach a backend that refuses connections, while its client waits: a starting pod's port opens
/// at some moment in here.
const REACH_AGAIN: Duration = Duration::from_millis(100);

impl Guest {
    pub(super) fn new(
        worker: &Rc<Worker>,
        route: &Rc<RouteState>,
        handshake: Handshake,
        tls: &Peer,
        door: Option<SocketAddr>,
    ) -> Self {
        let papers = Papers { handshake, facts: introduce(tls), handles: route.chain.handles() };
        Self { worker: Rc::clone(worker), route: Rc::clone(route), door, papers: Some(papers), visible: Visible::No }
    }

    /// Whether the filters let it in, after what they ask has been answered: at most four times for each, within the time
    /// that its callouts may take.
    pub(super) async fn ask_filters(&mut self) -> Result<(), Refusal> {
        let Some(papers) = &mut self.papers else { return Ok(()) };
        let chain = &self.route.chain;
        let mut entry = chain.on_handshake(&mut papers.subject(&self.route));
        loop {
            let question = match entry {
                Entry::LetIn => return Ok(()),
                Entry::Refused(refusal) => return Err(refusal),
                Entry::Asks(question) => question,
            };
            let trace = &papers.handshake.trace;
            let answer = self.worker.caller.ask(&question.request, question.terms.as_ref(), trace).await;
            entry = chain.on_handshake_answer(&mut papers.subject(&self.route), &question, &answer);
        }
    }

    /// Tells those who keep count of clients.
    fn tell_state(&self, state: SessionState) {
        let Some(papers) = &self.papers else { return };
        self.worker.states.on_state(&StateChange {
            session: papers.handshake.session,
            route: &self.route.route,
            peer: papers.handshake.peer,
            facts: &papers.facts,
            at: Instant::now(),
            state,
        });
    }

    /// The session's first upstream. A backend that is not there yet is given the route's `connect_timeout` to come.
    pub(super) async fn dial(&mut self) -> Result<Dialled, DialError> {
        let deadline = tokio::time::Instant::now() + self.route.route.backend.connect_timeout;
        let counters = std::sync::Arc::clone(&self.worker.counters);
        let mut number = 1;
        self.tell_state(SessionState::Connecting);
        loop {
            // Dropped while it dials: the client does not wait for the answer.
            self.visible = Visible::Connecting { dials: number, otherwise: EndReason::ClientGone };
            let Some(papers) = &mut self.papers else { unreachable!("a guest has papers") };
            let attempt = Attempt {
                route: &self.route.route,
                handshake: &papers.handshake,
                facts: &papers.facts,
                door: self.door,
                number,
                connection: Connection::First,
            };
            counters.dials.add(1);
            let outcome = attempt.start(&papers.handshake.trace, &self.worker.dialling).await;
            let reached = outcome.as_ref().map_or_else(DialError::reached, |_| Reached::Yes);
            counters.backends.on_dialled(&self.route.route.backend.authority, reached);
            let error = match outcome {
                Ok(dialled) => {
                    settle_subprotocol(papers, &dialled);
                    return Ok(dialled);
                }
                Err(error) => error,
            };
            error.complain(&self.worker.tls_complaints);
            if let DialError::Refused(_) = error {
                counters.handshakes_refused_upstream.add(1);
                self.visible = Visible::Connecting { dials: number, otherwise: EndReason::BackendRefused };
                return Err(error);
            }
            counters.dials_failed.add(1);
            // Filters may count failures; a session that could be closed or told something is not there yet.
            self.route.chain.on_upstream(&mut papers.subject(&self.route), UpstreamEvent::Failed, |_, _| {});
            let again = tokio::time::Instant::now() + REACH_AGAIN;
            if matches!(error, DialError::Unreachable { .. }) && again < deadline {
                tokio::time::sleep_until(again).await;
                number += 1;
                continue;
            }
            about!(debug, papers.handshake, route = %self.route.route.name, %error, "a client finds no backend");
            counters.handshakes_refused.add(1);
            self.visible = Visible::Connecting { dials: number, otherwise: EndReason::BackendGone };
            return Err(error);
        }
    }

    pub(super) fn facts(&self) -> Option<&Facts> {
        self.papers.as_ref().map(|papers| &papers.facts)
    }

    pub(super) fn into_session(mut self, connecting: Duration) -> Session {
        let Some(Papers { handshake, facts, handles }) = self.papers.take() else { unreachable!("a guest has papers") };
        let (worker, route) = (Rc::clone(&self.worker), Rc::clone(&self.route));
        worker.with_context(Instant::now(), |cx| Session::new(cx, route, handshake, facts, handles, connecting))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if let Visible::Connecting { dials, otherwise } = self.visible {
            self.tell_state(SessionState::Disconnected(Ended { reason: otherwise, messages: 0, dials }));
        }
        if let Some(papers) = &mut self.papers {
            let reason = CloseReason { code: None, reason: "not let in".into() };
            self.route.chain.on_close(&mut papers.subject(&self.route), &reason);
        }
    }
}

/// What is known of a client before a filter has seen it.
fn introduce(tls: &Peer) -> Facts {
    let mut facts = Facts::default();
    for (name, value) in tls.attributes().filter(|(_, value)| value.len() <= ATTRIBUTE_VALUE_BYTES_MAX) {
        facts.inner_mut().attributes.set(name, &value);
    }
    facts
}

/// Later upstreams are offered what this one picked, and nothing else: the client has been told, and cannot be told anew.
fn settle_subprotocol(papers: &mut Papers, dialled: &Dialled) {
    let Some(answer) = &dialled.answer else { return };
    let was_offered = papers.facts.inner().is_some_and(|facts| facts.offered_subprotocols.is_some());
    if was_offered || papers.handshake.subprotocols().next().is_some() {
        let picked = answer.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|name| name.to_str().ok());
        papers.facts.inner_mut().offered_subprotocols = Some(picked.into_iter().map(Into::into).collect());
    }
}
