//! Sessions of a worker that had their turn and have more to do at once, as a flood has: they step back. Their next turn comes
//! when every task that was ready has been polled, the sockets have been asked who else is, and whoever they were for has been
//! polled too. A task that woke itself would have 61 turns before sockets are asked (tokio's `event_interval`), and so would
//! each that floods beside it.

use std::cell::RefCell;

use tokio::sync::Notify;

/// See the module.
#[derive(Default)]
pub(super) struct Latecomers {
    /// By their places on the worker.
    places: RefCell<Vec<usize>>,
    came: Notify,
}

impl Latecomers {
    /// Has the task of this place woken later.
    pub(super) fn join(&self, place: usize) {
        self.places.borrow_mut().push(place);
        self.came.notify_one();
    }

    /// Wakes them when it is their turn, for ever.
    pub(super) async fn run(&self, mut wake: impl FnMut(usize)) {
        loop {
            self.came.notified().await;
            // Until nothing is ready and sockets have been asked. The lookout, which they woke, is polled before this, and
            // whom it wakes stands in the queue before those of here.
            tokio::task::yield_now().await;
            let mut places = std::mem::take(&mut *self.places.borrow_mut());
            places.drain(..).for_each(&mut wake);
            self.places.replace(places);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::rc::Rc;
    use std::task::{Poll, Waker};

    use super::*;

    const FLOODS: usize = 4;
    /// The turn in which somebody else is sent something: the first of its kind.
    const SENT: usize = 10 * FLOODS + 1;

    #[test]
    fn whoever_hears_something_comes_before_all_who_stepped_back() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
        let turns = runtime.block_on(async {
            let (ours, theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let ours = tokio::net::UnixStream::from_std(ours).unwrap();
            let (turns, theirs) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(theirs)));
            let heard = tokio::task::spawn_local({
                let turns = Rc::clone(&turns);
                async move {
                    ours.readable().await.unwrap();
                    turns.get()
                }
            });
            let latecomers = Rc::new(Latecomers::default());
            let wakers = Rc::new(RefCell::new(vec![Waker::noop().clone(); FLOODS]));
            for place in 0..FLOODS {
                let (turns, theirs) = (Rc::clone(&turns), Rc::clone(&theirs));
                let (latecomers, wakers) = (Rc::clone(&latecomers), Rc::clone(&wakers));
                tokio::task::spawn_local(poll_fn(move |cx| {
                    wakers.borrow_mut()[place].clone_from(cx.waker());
                    turns.set(turns.get() + 1);
                    if turns.get() == SENT {
                        theirs.borrow_mut().write_all(b"x").unwrap();
                    }
                    latecomers.join(place);
                    Poll::<()>::Pending
                }));
            }
            tokio::task::spawn_local(async move {
                latecomers.run(|place| wakers.borrow()[place].wake_by_ref()).await;
            });
            heard.await.unwrap()
        });
        // The others of that round had theirs.
        assert_eq!(turns, SENT + FLOODS - 1);
    }
}
