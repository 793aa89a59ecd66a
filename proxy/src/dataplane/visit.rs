//! How someone outside looks at sessions, and ends some: a visit goes through a worker's sessions by their places, a slice
//! of them at a time, and each is looked at in its own task, between its events. What is made of what is seen is the
//! visitor's.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::oneshot;

use super::message::CloseReason;
pub use super::session::{Condition, View};

/// Looks at one session after the other, on their worker's thread; must be quick.
pub trait Visitor: Send {
    /// Meets the session that has this place on its worker.
    fn visit(&mut self, place: usize, session: &View<'_>) -> Then;
}

/// What is to happen after a session was looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Then {
    /// On to the next.
    GoOn,
    /// That was enough: those of the same slice are still met, and no others.
    Enough,
    /// This one is to be closed, and that was enough.
    Close(CloseReason),
}

/// What a worker is asked to do.
pub struct Visit {
    /// The first place to look at.
    pub from: usize,
    /// So many places are looked at, or a few more.
    pub places_max: usize,
    /// Who looks.
    pub visitor: Box<dyn Visitor>,
    /// Told when it is over: the place that the next would begin at, or nothing if that was all.
    pub done: oneshot::Sender<Option<usize>>,
}

/// Sessions that are looked at before others have their turn: some 100 microseconds.
pub(super) const SLICE: usize = 64;

/// A visit that is under way. Each session of a slice holds it until it was met.
pub(super) struct Round(RefCell<Underway>);

struct Underway {
    visitor: Box<dyn Visitor>,
    is_enough: bool,
}

impl Round {
    pub(super) fn new(visitor: Box<dyn Visitor>) -> Rc<Self> {
        Rc::new(Self(RefCell::new(Underway { visitor, is_enough: false })))
    }

    /// Whether, and how, the session is to be closed.
    pub(super) fn meet(&self, place: usize, session: &View<'_>) -> Option<CloseReason> {
        let mut underway = self.0.borrow_mut();
        match underway.visitor.visit(place, session) {
            Then::GoOn => None,
            Then::Enough => {
                underway.is_enough = true;
                None
            }
            Then::Close(reason) => {
                underway.is_enough = true;
                Some(reason)
            }
        }
    }

    pub(super) fn is_enough(&self) -> bool {
        self.0.borrow().is_enough
    }
}
