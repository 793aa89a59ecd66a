//! The callouts of one session that are under way: at most one for each direction, and one aside.

use std::task::{Context, Poll};

use crate::dataplane::callout::{Answer, Asking};
use crate::dataplane::session::Errand;

/// See the module. One null pointer while there is none.
#[derive(Default)]
pub(super) struct Errands(Option<Box<[Option<Asking>; Errand::ALL.len()]>>);

impl Errands {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn start(&mut self, errand: Errand, asking: Asking) {
        self.0.get_or_insert_default()[place(errand)] = Some(asking);
    }

    /// One that is answered; it is over then.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<(Errand, Answer)> {
        let all = self.0.as_mut()?;
        Errand::ALL.into_iter().find_map(|errand| {
            let asking = &mut all[place(errand)];
            let Poll::Ready(answer) = asking.as_mut()?.as_mut().poll(cx) else { return None };
            *asking = None;
            Some((errand, answer))
        })
    }

    /// Gives up those that nobody waits for any more.
    pub(super) fn retain(&mut self, is_awaited: impl Fn(Errand) -> bool) {
        let Some(all) = &mut self.0 else { return };
        for errand in Errand::ALL {
            if !is_awaited(errand) {
                all[place(errand)] = None;
            }
        }
        if all.iter().all(Option::is_none) {
            self.0 = None;
        }
    }
}

fn place(errand: Errand) -> usize {
    Errand::ALL.iter().position(|other| *other == errand).unwrap_or_default()
}
