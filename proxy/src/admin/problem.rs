//! What goes wrong, as RFC 9457 has it: `application/problem+json`.

use http::StatusCode;
use serde_json::{Value, json};

use super::endpoint::Answered;

pub(super) const PROBLEM: &str = "application/problem+json";

/// The status says what kind it is; `detail` says what to do.
pub(super) fn problem(status: StatusCode, detail: &str) -> Answered {
    problem_with(status, detail, Value::Null)
}

/// The same, with more members (RFC 9457, section 3.2).
pub(super) fn problem_with(status: StatusCode, detail: &str, more: Value) -> Answered {
    let title = status.canonical_reason().unwrap_or("problem");
    let mut body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        for (name, value) in more {
            body.entry(name).or_insert(value);
        }
    }
    Answered::text(status, PROBLEM, format!("{body:#}\n"))
}
