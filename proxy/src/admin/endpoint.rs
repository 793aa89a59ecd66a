//! One line of the port's table: what may be asked, by whom, what is said of it, and who answers. The same table routes
//! requests and is told as OpenAPI.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde_json::Value;

use super::problem;

/// See the module.
pub struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: Access,
    pub(super) summary: &'static str,
    pub(super) query: Vec<Parameter>,
    pub(super) body: Option<&'static str>,
    /// The statuses that it answers with besides those that all may, and what each means.
    pub(super) outcomes: Vec<(u16, &'static str)>,
    /// What it answers with when all is well.
    pub(super) media: &'static str,
    /// For its answer. Default 10 s.
    pub(super) within: Duration,
    pub(super) handler: Handler,
}

/// Who may ask.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Everybody: probes and scrapers.
    Open,
    /// Whoever may look.
    Read,
    /// Whoever may change something.
    Change,
}

/// A part of a query.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// What it may be.
    pub values: Values,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Values {
    /// Any text.
    Text,
    /// A whole number from the first to the second.
    Number(u64, u64),
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// What was asked, of it that matters to whoever answers.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// What stands in the path in the place of the braces.
    pub name: Box<str>,
    /// The query's parameters, decoded; each is one of the endpoint's, and of its values.
    pub query: Query,
    /// At most 4 KiB.
    pub body: Bytes,
}

/// Names and values.
pub type Query = Vec<(Box<str>, Box<str>)>;

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answered {
    pub(super) status: StatusCode,
    pub(super) media: &'static str,
    pub(super) body: Bytes,
    /// The methods that there are, where it was asked by another.
    pub(super) allow: Option<String>,
}

/// An answer on its way. Must not block.
pub type Answering = Pin<Box<dyn Future<Output = Answered> + Send>>;

/// Answers, on the admin thread.
pub(super) type Handler = Box<dyn Fn(Asked) -> Answering + Send + Sync>;

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// What it takes to gather what is told.
const WITHIN: Duration = Duration::from_secs(10);

impl Endpoint {
    /// Something to look at, answered at once. A part of `path` in braces stands for any text without a slash.
    pub fn page(
        path: &'static str,
        access: Access,
        summary: &'static str,
        answer: impl Fn(&Asked) -> Answered + Send + Sync + 'static,
    ) -> Self {
        Self::new(Method::GET, path, access, summary, move |asked| {
            let answered = answer(&asked);
            async { answered }
        })
    }

    /// Anything else.
    pub fn new<F: Future<Output = Answered> + Send + 'static>(
        method: Method,
        path: &'static str,
        access: Access,
        summary: &'static str,
        answer: impl Fn(Asked) -> F + Send + Sync + 'static,
    ) -> Self {
        Self {
            method,
            path,
            access,
            summary,
            query: Vec::new(),
            body: None,
            outcomes: vec![(200, "As it is.")],
            media: JSON,
            within: WITHIN,
            handler: Box::new(move |asked| Box::pin(answer(asked))),
        }
    }

    /// What its query may say.
    #[must_use]
    pub fn query(mut self, parameters: &[Parameter]) -> Self {
        self.query.extend_from_slice(parameters);
        self
    }

    /// It takes a body of text, which means this.
    #[must_use]
    pub(super) fn body(mut self, about: &'static str) -> Self {
        self.body = Some(about);
        self
    }

    /// What it answers, in place of 200 alone.
    #[must_use]
    pub fn outcomes(mut self, outcomes: &[(u16, &'static str)]) -> Self {
        self.outcomes = outcomes.to_vec();
        self
    }

    /// What its answers are, if not JSON.
    #[must_use]
    pub fn media(mut self, media: &'static str) -> Self {
        self.media = media;
        self
    }

    /// It may take longer.
    #[must_use]
    pub fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// What stands in the place of the braces, or nothing if this is another path.
    pub(super) fn matches<'p>(&self, path: &'p str) -> Option<&'p str> {
        let Some((before, rest)) = self.path.split_once('{') else { return (path == self.path).then_some("") };
        let after = rest.split_once('}').map_or("", |(_, after)| after);
        let name = path.strip_prefix(before)?.strip_suffix(after)?;
        (!name.is_empty() && !name.contains('/')).then_some(name)
    }
}

impl Asked {
    /// The value of a parameter, if it was given.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| **given == *name).map(|(_, value)| &**value)
    }

    /// The value of a parameter that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.parameter(name)?.parse().ok()
    }
}

impl Answered {
    /// JSON, for people and programs.
    pub fn json(status: StatusCode, value: &Value) -> Self {
        Self::text(status, JSON, format!("{value:#}\n"))
    }

    /// JSON, and all is well.
    pub fn ok(value: &Value) -> Self {
        Self::json(StatusCode::OK, value)
    }

    /// It cannot be done, and why: RFC 9457.
    pub fn problem(status: StatusCode, detail: &str) -> Self {
        problem::problem(status, detail)
    }

    /// What came of something that was asked for: a problem if its status says so, with what else there is to say.
    pub fn outcome(status: StatusCode, body: Value) -> Self {
        if status.as_u16() < 400 {
            return Self::json(status, &body);
        }
        let said = ["error", "last_error"].into_iter().find_map(|name| body[name].as_str());
        let errors = || Some(body["errors"].as_array()?.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "));
        let detail = said.map(str::to_owned).or_else(errors).unwrap_or_else(|| "it was refused".to_owned());
        problem::problem_with(status, &detail, body)
    }

    /// The same, with more members.
    pub fn problem_with(status: StatusCode, detail: &str, more: Value) -> Self {
        problem::problem_with(status, detail, more)
    }

    /// Something to keep.
    pub fn file(media: &'static str, content: Vec<u8>) -> Self {
        Self::text(StatusCode::OK, media, content)
    }

    pub(super) fn text(status: StatusCode, media: &'static str, body: impl Into<Bytes>) -> Self {
        Self { status, media, body: body.into(), allow: None }
    }
}
