//! The dashboard: one page, embedded, without anything from outside. It shows what the rest of the port tells; off loopback
//! it asks for the token first.

use http::StatusCode;

use super::endpoint::{Access, Answered, Endpoint};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// The part of the table. Nothing in it is a secret, so that it can be had before the token is known.
pub(super) fn endpoints() -> Vec<Endpoint> {
    [
        ("/", "The dashboard.", HTML, include_str!("page/index.html")),
        ("/dashboard.css", "How the dashboard looks.", CSS, include_str!("page/dashboard.css")),
        ("/dashboard.js", "What the dashboard does.", SCRIPT, include_str!("page/dashboard.js")),
    ]
    .map(|(path, summary, media, content)| {
        Endpoint::page(path, Access::Open, summary, move |_| Answered::text(StatusCode::OK, media, content))
            .media(media)
    })
    .into()
}
