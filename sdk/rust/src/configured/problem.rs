//! What is wrong with a value, and the way to it. Its words are put together rather than formatted where that saves a filter
//! the machinery: formatting numbers of all kinds is most of what serde's own would link.

use std::fmt::{self, Display};

use serde::de::{self, Expected, Unexpected};

/// See the module.
#[derive(Debug)]
pub(super) struct Problem {
    /// From the root: `rules[2].rate`. Empty at the root itself.
    path: String,
    words: String,
}

impl Problem {
    pub(super) fn new(words: impl Into<String>) -> Self {
        Self { path: String::new(), words: words.into() }
    }

    /// It is in this item of a list.
    pub(super) fn in_item(self, index: usize) -> Self {
        self.within(&["[", &index.to_string(), "]"].concat())
    }

    /// It is in this field of an object.
    pub(super) fn in_field(self, name: &str) -> Self {
        self.within(name)
    }

    fn within(self, step: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        Self { path: [step, dot, &self.path].concat(), ..self }
    }
}

impl From<Problem> for super::Error {
    fn from(problem: Problem) -> Self {
        let Problem { path, words } = problem;
        if path.is_empty() { Self(words) } else { Self::at(&path, &words) }
    }
}

impl Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl std::error::Error for Problem {}

impl de::Error for Problem {
    fn custom<T: Display>(words: T) -> Self {
        Self::new(words.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(["invalid type: ", &told(&unexpected), ", expected ", &expected.to_string()].concat())
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(["invalid value: ", &told(&unexpected), ", expected ", &expected.to_string()].concat())
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::new(["invalid length ", &length.to_string(), ", expected ", &expected.to_string()].concat())
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(["unknown variant `", variant, "`, ", &one_of(expected)].concat())
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(["unknown field `", field, "`, ", &one_of(expected)].concat())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(["missing field `", field, "`"].concat())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(["duplicate field `", field, "`"].concat())
    }
}

fn told(unexpected: &Unexpected<'_>) -> String {
    match unexpected {
        Unexpected::Bool(true) => "boolean `true`".to_owned(),
        Unexpected::Bool(false) => "boolean `false`".to_owned(),
        Unexpected::Unsigned(number) => ["integer `", &number.to_string(), "`"].concat(),
        Unexpected::Signed(number) => ["integer `", &number.to_string(), "`"].concat(),
        Unexpected::Float(_) => "a number with a fraction".to_owned(),
        Unexpected::Str(text) => ["string \"", text, "\""].concat(),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "sequence".to_owned(),
        Unexpected::Map => "map".to_owned(),
        Unexpected::Other(what) => (*what).to_owned(),
        _ => "something else".to_owned(),
    }
}

fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| ["`", name, "`"].concat()).collect();
    match &*quoted {
        [] => "there are none".to_owned(),
        [one] => ["expected ", one].concat(),
        [one, two] => ["expected ", one, " or ", two].concat(),
        many => ["expected one of ", &many.join(", ")].concat(),
    }
}
