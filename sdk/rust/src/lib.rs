//! Write a filter for Belay in Rust: one trait ([`Filter`]), one macro ([`export!`]).
//!
//! A filter is told of what happens to sessions (a client asks to be let in, a message passes, the backend is lost) and
//! answers each with a verdict. This one takes rude words out of what clients say, and lets nobody say too much of them:
//!
//! ```
//! use belay_filter::{Filter, Incoming, Interest, Subscription, Verdict, configured};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! struct Mask { words: Vec<String>, strikes: u32 }
//!
//! impl Filter for Mask {
//!     type Config = Self;
//!     type Session = u32; // How often this client was rude.
//!
//!     fn configure(config: Self) -> configured::Result<Self> { Ok(config) }
//!     fn subscription(&self) -> Subscription { Subscription::new().to_backend(Interest::Whole) }
//!
//!     fn on_message(&mut self, rude: &mut u32, message: Incoming) -> Verdict {
//!         let Some(text) = message.text() else { return Verdict::Continue };
//!         let clean = self.words.iter().fold(text.to_owned(), |text, word| text.replace(word, "***"));
//!         if clean == text { return Verdict::Continue }
//!         *rude += 1;
//!         if *rude > self.strikes { Verdict::close(1008, "mind your language") } else { Verdict::replace(clean) }
//!     }
//! }
//! belay_filter::export!(Mask);
//!
//! # // What follows is its test.
//! # use belay_filter::{Handshake, testing::Bench};
//! let mut bench = Bench::<Mask>::start(r#"{ "words": ["darn"], "strikes": 1 }"#).unwrap();
//! let client = bench.connect(Handshake::to("/chat")).unwrap();
//! assert_eq!(bench.to_backend(client, "well"), Verdict::Continue);
//! assert_eq!(bench.to_backend(client, "darn it"), Verdict::replace("*** it"));
//! assert_eq!(bench.to_backend(client, "darn!"), Verdict::close(1008, "mind your language"));
//! ```
//!
//! One instance serves many sessions of one worker, one call at a time; [`Filter::Session`] is what it keeps of each. A call
//! never blocks and has a deadline. What must be shared between workers, or survive a trap, belongs to the host:
//! [`limiter`], [`breaker`], [`store`], and the attributes in [`current`]. What is to survive a reload alone is [`Stateful`].
//!
//! Built for anything but wasm, all of these talk to the fake host of [`testing`], so a filter has ordinary unit tests.

pub mod breaker;
mod callout;
pub mod configured;
pub mod current;
mod handshake;
pub mod host;
pub mod limiter;
mod message;
#[doc(hidden)]
pub mod runner;
pub mod store;
mod subscription;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod units;
#[doc(hidden)]
#[cfg(target_family = "wasm")]
pub mod wasm;

pub use callout::{Answer, CalloutError, Request, Response};
pub use handshake::{Admission, Handshake, Header, Refusal};
pub use message::{CloseReason, Direction, Incoming, Message, MessageKind, Reaction, UpstreamEvent, Verdict};
pub use subscription::{Interest, Subscription};

/// What a filter does. All but [`configure`](Filter::configure) and [`subscription`](Filter::subscription) have a default
/// that lets things pass; override what was subscribed to.
pub trait Filter: Sized + 'static {
    /// The filter's `config` in the YAML. Use `#[serde(deny_unknown_fields)]`, so that a typing mistake is told to whoever
    /// made it, and [`units`] for what has a unit. `()` if there is nothing to configure.
    type Config: serde::de::DeserializeOwned;

    /// What is kept of each session; made by `Default` when it is first heard of, dropped when it is over. `()` if nothing.
    type Session: Default + 'static;

    /// Called once, before all else. Limiters and breakers are defined here. An error keeps the proxy from starting, or the
    /// old filter in place, and is shown to whoever wrote the YAML.
    fn configure(config: Self::Config) -> configured::Result<Self>;

    /// What it wants to hear. Nobody is called for anything else.
    fn subscription(&self) -> Subscription;

    /// A client asks to be let in. `Err` refuses it.
    fn on_handshake(&mut self, session: &mut Self::Session, handshake: Handshake) -> Result<Admission, Refusal> {
        let _ = (session, handshake);
        Ok(Admission::Accept)
    }

    /// The same client, and the answer to what was asked about it. May ask again; after four answers it is
    /// [`Busy`](CalloutError::Busy). A filter that asks and has no ear for the answer lets nobody in.
    fn on_handshake_answer(
        &mut self,
        session: &mut Self::Session,
        handshake: Handshake,
        answer: Answer,
    ) -> Result<Admission, Refusal> {
        let _ = (session, handshake, answer);
        Err(Refusal::new(503, ""))
    }

    /// A session that was let in before, now in an instance that was not there then (the last one trapped, or was replaced).
    /// `session` is a default one: make of it what the handshake and the session's attributes tell.
    fn on_reopen(&mut self, session: &mut Self::Session, handshake: Handshake) {
        let _ = (session, handshake);
    }

    /// A message on its way.
    fn on_message(&mut self, session: &mut Self::Session, message: Incoming) -> Verdict {
        let _ = (session, message);
        Verdict::Continue
    }

    /// The same message, and the answer to what was asked about it. May ask again; after four answers it is
    /// [`Busy`](CalloutError::Busy). A filter that asks and has no ear for the answer ends the session.
    fn on_message_answer(&mut self, session: &mut Self::Session, message: Incoming, answer: Answer) -> Verdict {
        let _ = (session, message, answer);
        Verdict::close(1011, "")
    }

    /// Something became of the session's upstream.
    fn on_upstream(&mut self, session: &mut Self::Session, event: UpstreamEvent) -> Reaction {
        let _ = (session, event);
        Reaction::None
    }

    /// A heartbeat that came in `direction` was answered at the edge.
    fn on_heartbeat(&mut self, session: &mut Self::Session, direction: Direction) -> Reaction {
        let _ = (session, direction);
        Reaction::None
    }

    /// A timer set by [`current::set_timer`] is due. Needs no subscription.
    fn on_timer(&mut self, session: &mut Self::Session, timer: u32) -> Reaction {
        let _ = (session, timer);
        Reaction::None
    }

    /// The answer to what a [`Reaction`] asked.
    fn on_answer(&mut self, session: &mut Self::Session, answer: Answer) -> Reaction {
        let _ = (session, answer);
        Reaction::None
    }

    /// The session is over, or was not let in after all. Needs no subscription unless `Session` is of size zero.
    fn on_close(&mut self, session: Self::Session, reason: CloseReason) {
        let _ = (session, reason);
    }
}

/// A [`Filter`] whose state of sessions is carried over when it is reloaded. Exported by `export!(Type, stateful)`.
///
/// The next version reads what this one wrote, so it has to know its own:
///
/// ```
/// use belay_filter::{Filter, Handshake, Incoming, Interest, Stateful, Subscription, Verdict, configured};
///
/// struct Numbered;
///
/// impl Filter for Numbered {
///     type Config = ();
///     type Session = u32; // What the client has said so far.
///
///     fn configure((): ()) -> configured::Result<Self> { Ok(Self) }
///     fn subscription(&self) -> Subscription { Subscription::new().to_backend(Interest::Whole) }
///
///     fn on_message(&mut self, said: &mut u32, message: Incoming) -> Verdict {
///         *said += 1;
///         Verdict::replace(format!("{said}: {}", message.text().unwrap_or_default()))
///     }
/// }
///
/// impl Stateful for Numbered {
///     fn snapshot(&self, said: &u32) -> Option<Vec<u8>> { Some(said.to_le_bytes().to_vec()) }
///
///     fn restore(&mut self, said: &mut u32, _: Handshake, state: &[u8]) -> Result<(), String> {
///         *said = u32::from_le_bytes(state.try_into().map_err(|_| "not four bytes")?);
///         Ok(())
///     }
/// }
/// belay_filter::export!(Numbered, stateful);
///
/// # use belay_filter::testing::Bench;
/// let mut bench = Bench::<Numbered>::start("null").unwrap();
/// let client = bench.connect(Handshake::to("/chat")).unwrap();
/// assert_eq!(bench.to_backend(client, "hi"), Verdict::replace("1: hi"));
/// assert_eq!(bench.reload("null", &Handshake::to("/chat")).unwrap(), []);
/// assert_eq!(bench.to_backend(client, "hi"), Verdict::replace("2: hi"));
/// ```
pub trait Stateful: Filter {
    /// What is kept of a session, in bytes of the filter's own making, at most 16 KiB; `None` if there is nothing to keep.
    /// Not within an event: [`current`] knows no session.
    fn snapshot(&self, session: &Self::Session) -> Option<Vec<u8>>;

    /// Makes a default `session` what another instance's [`snapshot`](Stateful::snapshot) says that it was, within the
    /// session's next event, in place of [`on_reopen`](Filter::on_reopen). An error is logged; then `on_reopen` is called
    /// with a default session after all.
    fn restore(&mut self, session: &mut Self::Session, handshake: Handshake, state: &[u8]) -> Result<(), String>;
}

/// Makes the component of a crate out of a type that is a [`Filter`]; with `, stateful` behind it, out of one that is
/// [`Stateful`]. Once a crate, with `crate-type = ["cdylib"]`.
#[macro_export]
macro_rules! export {
    ($filter:ty, stateful) => {
        $crate::export!($filter, also {
            impl $crate::wasm::StatefulComponent for Component {
                fn with_state<R>(act: impl FnOnce(&mut dyn $crate::runner::Carried) -> R) -> R {
                    RUNNER.with_borrow_mut(|runner| act(runner))
                }
            }
            $crate::wasm::state_bindings::__export_state!(Component with_types_in $crate::wasm::state_bindings);
        });

        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::runner::is_stateful::<$filter>();
    };
    ($filter:ty) => {
        $crate::export!($filter, also {});
    };
    ($filter:ty, also { $($more:tt)* }) => {
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::runner::is_filter::<$filter>();

        #[cfg(target_family = "wasm")]
        const _: () = {
            ::std::thread_local! {
                static RUNNER: ::std::cell::RefCell<$crate::runner::Runner<$filter>> =
                    const { ::std::cell::RefCell::new($crate::runner::Runner::new()) };
            }
            struct Component;
            impl $crate::wasm::Component for Component {
                fn with<R>(act: impl FnOnce(&mut dyn $crate::runner::Events) -> R) -> R {
                    RUNNER.with_borrow_mut(|runner| act(runner))
                }
            }
            $crate::wasm::bindings::__export_component!(Component with_types_in $crate::wasm::bindings);
            $($more)*
        };
    };
}
