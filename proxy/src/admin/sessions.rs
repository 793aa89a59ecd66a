//! `/sessions`: those that are open, some at a time, or one with all that is known of it; and their ends. Workers are asked
//! by visits, and go on with their events meanwhile.

mod drain;
mod search;
mod tell;

use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use self::drain::Draining;
use self::search::{SEARCH, Search};
use super::endpoint::{Access, Answered, Asked, Endpoint, Parameter, Values};
use crate::dataplane::message::CloseReason;
use crate::dataplane::visit::{Then, View, Visit, Visitor};

/// Rows of a page, if nothing else is asked for.
const ROWS: u64 = 50;
/// And at most.
const ROWS_MAX: u64 = 1000;
/// Places that one request looks at; a page may end before it is full.
const LOOKED_AT_MAX: usize = 200_000;
/// Of a drain that says nothing else, and of closing one.
const CLOSE_CODE: u16 = 1001;
const REASON: &str = "closed by an operator";

/// The sessions of all workers.
#[derive(Clone)]
pub(super) struct Sessions(Arc<[mpsc::Sender<Visit>]>);

/// Where a session is: its worker, and its place there. Another may have it when this one is gone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Spot {
    worker: usize,
    place: usize,
}

const PAGING: [Parameter; 2] = [
    Parameter {
        name: "limit",
        about: "The most sessions to tell; 50 without it.",
        values: Values::Number(1, ROWS_MAX),
    },
    Parameter { name: "after", about: "Where the page before ended: its `next`.", values: Values::Text },
];
const CLOSE: [Parameter; 2] = [
    Parameter { name: "code", about: "The close code; 1001 without it.", values: Values::Number(1000, 4999) },
    Parameter { name: "reason", about: "The close reason, at most 123 bytes.", values: Values::Text },
];
const NOT_FOUND: (u16, &str) = (404, "There is no such session, or not any more.");

/// The part of the table.
pub(super) fn endpoints(visits: &[mpsc::Sender<Visit>]) -> Vec<Endpoint> {
    let sessions = Sessions(visits.into());
    let draining = Draining::default();
    let (listed, shown, closed) = (sessions.clone(), sessions.clone(), sessions.clone());
    let (begun, told) = (draining.clone(), draining);
    vec![
        Endpoint::new(
            Method::GET,
            "/sessions",
            Access::Read,
            "Sessions that are open, a page at a time.",
            move |asked| list(listed.clone(), asked),
        )
        .query(&PAGING)
        .query(&SEARCH),
        Endpoint::new(Method::GET, "/sessions/{id}", Access::Read, "All that is known of one session.", move |asked| {
            show(shown.clone(), asked)
        })
        .outcomes(&[(200, "It."), NOT_FOUND]),
        Endpoint::new(Method::DELETE, "/sessions/{id}", Access::Change, "Closes one session.", move |asked| {
            close(closed.clone(), asked)
        })
        .query(&CLOSE)
        .outcomes(&[(200, "It is being closed."), (400, "No such code may be sent."), NOT_FOUND]),
        Endpoint::new(
            Method::POST,
            "/sessions/drain",
            Access::Change,
            "Closes all sessions that a search finds, one after the other.",
            move |asked| drain::begin(begun.clone(), sessions.clone(), asked),
        )
        .query(&SEARCH)
        .query(&CLOSE)
        .query(&drain::PACE)
        .outcomes(&[(202, "It has begun."), (400, "A search that is none."), (409, "Another is under way.")]),
        Endpoint::page("/sessions/drain", Access::Read, "How far the last such drain is.", move |_| {
            Answered::ok(&told.progress())
        }),
    ]
}

async fn list(sessions: Sessions, asked: Asked) -> Answered {
    let search = match Search::of(&asked) {
        Ok(search) => search,
        Err(mistake) => return Answered::problem(StatusCode::BAD_REQUEST, &mistake),
    };
    let from = match asked.parameter("after").map_or(Some(Spot::FIRST), Spot::read) {
        Some(from) => from,
        None => return Answered::problem(StatusCode::BAD_REQUEST, "'after' is the 'next' of another page"),
    };
    let limit = usize::try_from(asked.number("limit").unwrap_or(ROWS)).unwrap_or(usize::MAX);
    let (mut rows, next) = sessions
        .gather(from, limit.saturating_add(1), LOOKED_AT_MAX, move |_, session| {
            search.finds(session).then(|| tell::row(session))
        })
        .await;
    rows.sort_by_key(|(spot, _)| *spot);
    let next = rows.get(limit).map(|(spot, _)| *spot).or(next);
    rows.truncate(limit);
    let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
    Answered::ok(&json!({ "sessions": rows, "next": next.map(|spot| spot.to_string()) }))
}

async fn show(sessions: Sessions, asked: Asked) -> Answered {
    let id = asked.name;
    let found = sessions
        .gather(Spot::FIRST, 1, usize::MAX, move |_, session| {
            (session.handshake.session.to_string() == *id).then(|| tell::all(session))
        })
        .await;
    match found.0.into_iter().next() {
        Some((_, session)) => Answered::ok(&session),
        None => gone(),
    }
}

async fn close(sessions: Sessions, asked: Asked) -> Answered {
    let Some(reason) = reason(&asked) else { return wrong_code() };
    let id = asked.name;
    for worker in 0..sessions.0.len() {
        let wanted = id.clone();
        let is_it = move |session: &View<'_>| session.handshake.session.to_string() == *wanted;
        if sessions.close(Spot { worker, place: 0 }, usize::MAX, reason.clone(), is_it).await {
            tracing::info!(session = %id, code = reason.code, "a session is closed through the admin port");
            return Answered::ok(&json!({ "closing": id }));
        }
    }
    gone()
}

fn gone() -> Answered {
    Answered::problem(StatusCode::NOT_FOUND, "there is no such session, or not any more")
}

fn wrong_code() -> Answered {
    Answered::problem(StatusCode::BAD_REQUEST, "'code' is 1000 to 1003, 1007 to 1014, or 3000 to 4999 (RFC 6455, 7.4)")
}

/// How a session is to be closed; nothing if the code may not stand in a close frame.
fn reason(asked: &Asked) -> Option<CloseReason> {
    let code = u16::try_from(asked.number("code").unwrap_or(CLOSE_CODE.into())).ok()?;
    let may_be_sent = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
    may_be_sent.then(|| CloseReason::new(code, asked.parameter("reason").unwrap_or(REASON)))
}

impl Sessions {
    /// What `pick` makes of sessions from this spot on, until there are `enough` or so many places were looked at; and the
    /// spot where it would go on.
    async fn gather<T: Send + 'static>(
        &self,
        from: Spot,
        enough: usize,
        places_max: usize,
        pick: impl Fn(Spot, &View<'_>) -> Option<T> + Clone + Send + 'static,
    ) -> (Vec<(Spot, T)>, Option<Spot>) {
        let found = Arc::new(Mutex::new(Vec::new()));
        let mut from = Some(from);
        let mut places_left = places_max;
        while let Some(spot) = from.filter(|spot| spot.worker < self.0.len()) {
            let visitor = Gatherer { worker: spot.worker, enough, pick: pick.clone(), found: Arc::clone(&found) };
            let next = self.send(spot, places_left, Box::new(visitor)).await;
            places_left = match next {
                Some(place) => places_left.saturating_sub(place.saturating_sub(spot.place)),
                None => places_left,
            };
            from = Some(match next {
                Some(place) => Spot { place, ..spot },
                None => Spot { worker: spot.worker + 1, place: 0 },
            });
            if places_left == 0 || lock(&found).len() >= enough {
                break;
            }
        }
        let found = std::mem::take(&mut *lock(&found));
        (found, from.filter(|spot| spot.worker < self.0.len()))
    }

    /// Closes the first session that this is true of, on one worker. Whether there was one.
    async fn close(
        &self,
        from: Spot,
        places_max: usize,
        reason: CloseReason,
        is_it: impl Fn(&View<'_>) -> bool + Send + 'static,
    ) -> bool {
        let (told, hears) = oneshot::channel();
        let closer = Closer { reason, is_it, told: Some(told) };
        self.send(from, places_max, Box::new(closer)).await;
        hears.await.is_ok()
    }

    /// The place that the next visit begins at; nothing if there are no more, or if the worker has ended.
    async fn send(&self, from: Spot, places_max: usize, visitor: Box<dyn Visitor>) -> Option<usize> {
        let (done, ended) = oneshot::channel();
        let visit = Visit { from: from.place, places_max, visitor, done };
        self.0.get(from.worker)?.send(visit).await.ok()?;
        ended.await.ok()?
    }
}

/// Keeps what it picks.
struct Gatherer<T, P> {
    worker: usize,
    enough: usize,
    pick: P,
    found: Arc<Mutex<Vec<(Spot, T)>>>,
}

impl<T: Send, P: Fn(Spot, &View<'_>) -> Option<T> + Send> Visitor for Gatherer<T, P> {
    fn visit(&mut self, place: usize, session: &View<'_>) -> Then {
        let spot = Spot { worker: self.worker, place };
        let Some(picked) = (self.pick)(spot, session) else { return Then::GoOn };
        let mut found = lock(&self.found);
        found.push((spot, picked));
        if found.len() >= self.enough { Then::Enough } else { Then::GoOn }
    }
}

/// Closes one.
struct Closer<P> {
    reason: CloseReason,
    is_it: P,
    /// Taken when it was met.
    told: Option<oneshot::Sender<()>>,
}

impl<P: Fn(&View<'_>) -> bool + Send> Visitor for Closer<P> {
    fn visit(&mut self, _: usize, session: &View<'_>) -> Then {
        if !(self.is_it)(session) {
            return Then::GoOn;
        }
        match self.told.take() {
            Some(told) => {
                // An error means that whoever asked has gone; the session is closed nevertheless.
                let _ = told.send(());
                Then::Close(self.reason.clone())
            }
            None => Then::Enough,
        }
    }
}

impl Spot {
    const FIRST: Self = Self { worker: 0, place: 0 };

    fn read(text: &str) -> Option<Self> {
        let (worker, place) = text.split_once('.')?;
        Some(Self { worker: worker.parse().ok()?, place: place.parse().ok()? })
    }
}

impl std::fmt::Display for Spot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.worker, self.place)
    }
}

/// Nobody panics while holding it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
