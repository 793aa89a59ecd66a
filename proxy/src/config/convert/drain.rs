//! `drain`.

use super::Convert;
use crate::config::path::Path;
use crate::config::scalar::TimeOrZero;
use crate::config::wire;
use crate::dataplane::drain::{Drain, ReconnectAfter};
use crate::dataplane::message::REASON_BYTES_MAX;

impl Convert<'_> {
    pub(super) fn drain(&mut self, drain: wire::Drain, path: &Path) -> Drain {
        let wire::ReconnectAfter { from, to } = drain.reconnect_after;
        let reconnect_after = ReconnectAfter { from: from.0, to: to.0 };
        let drain = Drain {
            accept_for: drain.accept_for.0,
            wait_for_backend: drain.wait_for_backend.0,
            over: drain.over.0,
            close_code: drain.close_code.0,
            reason: drain.reason.into(),
            reconnect_after,
        };
        let longest = drain.said(reconnect_after.to).len();
        if longest > REASON_BYTES_MAX {
            let message = format!(
                "it has {longest} bytes with the longest time in it, and a close frame takes {REASON_BYTES_MAX}"
            );
            self.note(&path.key("reason"), message, Some("say less".to_owned()));
        }
        let path = path.key("reconnect_after");
        if reconnect_after.from > reconnect_after.to && !self.was_noted(&path) {
            let (from, to) = (TimeOrZero(reconnect_after.from), TimeOrZero(reconnect_after.to));
            let message = format!("from, {from}, is more than to, {to}");
            self.note(&path.key("from"), message, Some("lower from or raise to".to_owned()));
        }
        drain
    }
}
