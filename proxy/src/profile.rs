//! Where time and memory go, in the format of `pprof` (<https://github.com/google/pprof/blob/main/proto/profile.proto>). Asked
//! for at the admin port; costs nothing while nobody asks.

#[cfg(feature = "cpu-profile")]
mod cpu;
mod encode;
mod heap;

use std::time::Duration;

use http::StatusCode;

use crate::admin::{Access, Answered, Endpoint, Parameter, Values};

/// What `go tool pprof` and others read.
const MEDIA: &str = "application/octet-stream";
/// Of processor time, if nothing else is asked for: what `go tool pprof` expects.
const SECONDS: u64 = 30;
const SECONDS_MAX: u64 = 60;
/// After the time itself, to find names for addresses.
const NAMING: Duration = Duration::from_secs(30);

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
enum ProfileError {
    /// It must be asked for when the process starts.
    #[error("heap profiles are off: start Belay with the variable _RJEM_MALLOC_CONF=prof:true")]
    HeapIsOff,
    /// This Belay cannot.
    #[cfg(not(feature = "cpu-profile"))]
    #[error("this Belay was built without the feature cpu-profile")]
    NotBuilt,
    /// Two would count each other's signals.
    #[cfg(feature = "cpu-profile")]
    #[error("another profile is under way, or none can be had: {0}")]
    Cpu(#[from] pprof::Error),
    /// The allocator gave none.
    #[error("the allocator gives no profile: {0}")]
    Heap(Box<str>),
    /// It could not be handed over.
    #[error("the profile cannot be kept for a moment: {0}")]
    File(#[from] std::io::Error),
}

impl From<tikv_jemalloc_ctl::Error> for ProfileError {
    fn from(error: tikv_jemalloc_ctl::Error) -> Self {
        Self::Heap(error.to_string().into())
    }
}

/// The part of the admin port's table.
pub fn endpoints() -> Vec<Endpoint> {
    let seconds =
        Parameter { name: "seconds", about: "For so long; 30 without it.", values: Values::Number(1, SECONDS_MAX) };
    // What `go tool pprof` asks for by itself.
    let debug = Parameter { name: "debug", about: "Has no meaning here.", values: Values::Text };
    vec![
        Endpoint::new(
            http::Method::GET,
            "/debug/pprof/profile",
            Access::Read,
            "Where processor time goes, over some seconds.",
            |asked| {
                let time = Duration::from_secs(asked.number("seconds").unwrap_or(SECONDS));
                told(move || cpu(time))
            },
        )
        .query(&[seconds, debug])
        .media(MEDIA)
        .within(Duration::from_secs(SECONDS_MAX) + NAMING)
        .outcomes(&[(200, "A profile."), (409, "None can be had now.")]),
        Endpoint::new(
            http::Method::GET,
            "/debug/pprof/heap",
            Access::Read,
            "Where memory was taken that is in use.",
            |_| told(heap::profile),
        )
        .query(&[debug])
        .media(MEDIA)
        .within(NAMING)
        .outcomes(&[(200, "A profile."), (409, "It is off; the answer says how to have it.")]),
    ]
}

#[cfg(feature = "cpu-profile")]
fn cpu(time: Duration) -> Result<Vec<u8>, ProfileError> {
    cpu::profile(time)
}

#[cfg(not(feature = "cpu-profile"))]
fn cpu(_: Duration) -> Result<Vec<u8>, ProfileError> {
    Err(ProfileError::NotBuilt)
}

/// On a thread of its own, as it takes long.
async fn told(profile: impl FnOnce() -> Result<Vec<u8>, ProfileError> + Send + 'static) -> Answered {
    match tokio::task::spawn_blocking(profile).await {
        Ok(Ok(profile)) => Answered::file(MEDIA, profile),
        Ok(Err(error)) => Answered::problem(StatusCode::CONFLICT, &error.to_string()),
        Err(error) => Answered::problem(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}
