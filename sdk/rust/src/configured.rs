//! From the YAML's `config` (handed over as JSON) to a filter's own type, with errors that name the field.

mod json;
mod number;
mod problem;

use std::fmt;

use serde::de::DeserializeOwned;

/// What [`Filter::configure`](crate::Filter::configure) gives.
pub type Result<T> = std::result::Result<T, Error>;

/// What is wrong with a config, in words for whoever wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error(String);

impl Error {
    /// `field` as a path from the config's root, like `rules[2].rate`; `problem` says what was expected.
    pub fn at(field: &str, problem: &str) -> Self {
        Self([field, ": ", problem].concat())
    }
}

impl From<String> for Error {
    fn from(problem: String) -> Self {
        Self(problem)
    }
}

impl From<&str> for Error {
    fn from(problem: &str) -> Self {
        Self(problem.to_owned())
    }
}

impl From<Error> for String {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

/// Reads a config. None at all (`null`) is read as an empty one where a type does not take `null` itself.
pub(crate) fn read<C: DeserializeOwned>(json: &str) -> Result<C> {
    if json.trim() == "null" {
        return json::read("null").or_else(|_| Ok(json::read("{}")?));
    }
    Ok(json::read(json)?)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[serde(default)]
        rules: Vec<Rule>,
    }

    #[derive(Deserialize, PartialEq, Debug)]
    #[serde(deny_unknown_fields)]
    struct Rule {
        burst: u32,
    }

    #[test]
    fn an_error_names_its_field() {
        let error = read::<Config>(r#"{ "rules": [{ "burst": 1 }, { "burst": "x" }] }"#).unwrap_err();
        assert_eq!(error.to_string(), "rules[1].burst: invalid type: string \"x\", expected u32");
        let error = read::<Config>(r#"{ "rules": [{ "burst": 1, "rate": 2 }] }"#).unwrap_err();
        assert_eq!(error.to_string(), "rules[0].rate: unknown field `rate`, expected `burst`");
    }

    #[test]
    fn no_config_is_an_empty_one() {
        assert_eq!(read::<Config>("null").unwrap(), Config { rules: Vec::new() });
        read::<()>("null").unwrap();
        assert_eq!(read::<Option<Rule>>("null").unwrap(), None);
        assert_eq!(read::<Rule>("null").unwrap_err().to_string(), "missing field `burst`");
    }
}
