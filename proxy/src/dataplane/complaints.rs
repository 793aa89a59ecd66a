//! What goes wrong for many clients at a time is said once in a while.

use std::cell::Cell;
use std::time::Duration;

use crate::time::Instant;

/// Of a kind, one line in the log in this time.
const LOG_SPACING: Duration = Duration::from_secs(5);

/// Keeps a flood of equal complaints out of the log.
#[derive(Debug, Default)]
pub struct Complaints(Cell<Option<Instant>>);

impl Complaints {
    /// Whether one may be made now, and as if it were made.
    pub fn is_due(&self) -> bool {
        let now = Instant::now();
        let due = self.0.get().is_none_or(|last| now - last >= LOG_SPACING);
        if due {
            self.0.set(Some(now));
        }
        due
    }
}
