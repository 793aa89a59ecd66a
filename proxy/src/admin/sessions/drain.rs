//! `/sessions/drain`: closes what a search finds, evenly over a time, so that those clients do not come back all at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};

use super::{Asked, LOOKED_AT_MAX, Parameter, Search, Sessions, Spot, Values, lock, reason, wrong_code};
use crate::admin::endpoint::Answered;
use crate::dataplane::message::CloseReason;
use crate::dataplane::visit::Condition;
use crate::id::SessionId;

/// How fast, and whether all are meant.
pub(super) const PACE: [Parameter; 2] = [
    Parameter { name: "over_s", about: "Over so many seconds; 10 without it.", values: Values::Number(0, 86_400) },
    Parameter { name: "all", about: "Needed if there is no search.", values: Values::OneOf(&["yes"]) },
];
const OVER: u64 = 10;
/// Sessions that one drain takes on, 32 bytes each meanwhile.
const SESSIONS_MAX: usize = 1_000_000;

/// The last drain, or the one that is under way.
#[derive(Clone, Default)]
pub(super) struct Draining(Arc<Mutex<Progress>>);

#[derive(Clone, Copy, Default)]
struct Progress {
    state: State,
    found: usize,
    closed: usize,
    /// Had ended by themselves.
    gone: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Never,
    Searching,
    Closing,
    Done,
}

impl Draining {
    /// For people and scripts.
    pub(super) fn progress(&self) -> Value {
        let Progress { state, found, closed, gone } = *lock(&self.0);
        let state = match state {
            State::Never => "none",
            State::Searching => "searching",
            State::Closing => "closing",
            State::Done => "done",
        };
        json!({ "state": state, "found": found, "closed": closed, "gone_before": gone })
    }

    /// Takes the place of the one before, unless that is under way.
    fn take(&self) -> bool {
        let mut progress = lock(&self.0);
        let is_free = matches!(progress.state, State::Never | State::Done);
        if is_free {
            *progress = Progress { state: State::Searching, ..Progress::default() };
        }
        is_free
    }

    fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut lock(&self.0));
    }
}

/// Answers when it has found them; they are closed meanwhile.
pub(super) async fn begin(draining: Draining, sessions: Sessions, asked: Asked) -> Answered {
    let search = match Search::of(&asked) {
        Ok(search) => search,
        Err(mistake) => return Answered::problem(StatusCode::BAD_REQUEST, &mistake),
    };
    if !search.is_narrow() && asked.parameter("all").is_none() {
        return Answered::problem(StatusCode::BAD_REQUEST, "say which sessions, or all=yes");
    }
    let Some(reason) = reason(&asked) else { return wrong_code() };
    if !draining.take() {
        return Answered::problem(StatusCode::CONFLICT, "another drain is under way; GET says how far");
    }
    let over = Duration::from_secs(asked.number("over_s").unwrap_or(OVER));
    tokio::spawn({
        let draining = draining.clone();
        async move {
            let found = find(&sessions, search).await;
            tracing::info!(
                sessions = found.len(),
                ?over,
                code = reason.code,
                "a drain was begun through the admin port"
            );
            draining.change(|progress| {
                progress.state = State::Closing;
                progress.found = found.len();
            });
            close(&sessions, found, &reason, over, &draining).await;
            draining.change(|progress| progress.state = State::Done);
        }
    });
    Answered::json(StatusCode::ACCEPTED, &draining.progress())
}

async fn find(sessions: &Sessions, search: Search) -> Vec<(Spot, SessionId)> {
    let mut found = Vec::new();
    let mut from = Some(Spot::FIRST);
    while let Some(spot) = from.filter(|_| found.len() < SESSIONS_MAX) {
        let search = search.clone();
        let pick = move |_, session: &crate::dataplane::visit::View<'_>| {
            let is_ending = session.condition == Condition::Closing;
            (!is_ending && search.finds(session)).then_some(session.handshake.session)
        };
        let (more, next) = sessions.gather(spot, SESSIONS_MAX - found.len(), LOOKED_AT_MAX, pick).await;
        found.extend(more);
        from = next;
    }
    found
}

async fn close(
    sessions: &Sessions,
    found: Vec<(Spot, SessionId)>,
    reason: &CloseReason,
    over: Duration,
    draining: &Draining,
) {
    let spacing = over.checked_div(u32::try_from(found.len()).unwrap_or(u32::MAX)).unwrap_or_default();
    let mut due = tokio::time::Instant::now();
    for (spot, id) in found {
        tokio::time::sleep_until(due).await;
        due += spacing;
        // Another may be in its place by now.
        let is_it = move |session: &crate::dataplane::visit::View<'_>| session.handshake.session == id;
        let was_there = sessions.close(spot, 1, reason.clone(), is_it).await;
        draining.change(|progress| if was_there { progress.closed += 1 } else { progress.gone += 1 });
    }
}
