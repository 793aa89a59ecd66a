//! The YAML of this filter, checked.

use std::num::NonZeroU32;

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// In lower case.
    #[serde(deserialize_with = "words")]
    pub(crate) words: Vec<String>,
    /// The strike that is answered by a notice.
    #[serde(default = "three")]
    pub(crate) notice_after: NonZeroU32,
    /// The strike that ends the session.
    #[serde(default = "ten")]
    pub(crate) close_after: NonZeroU32,
    /// Messages of one address.
    #[serde(default = "six_hundred")]
    pub(crate) per_minute: NonZeroU32,
}

fn three() -> NonZeroU32 {
    const { NonZeroU32::new(3).unwrap() }
}

fn ten() -> NonZeroU32 {
    const { NonZeroU32::new(10).unwrap() }
}

fn six_hundred() -> NonZeroU32 {
    const { NonZeroU32::new(600).unwrap() }
}

fn words<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let mut words = Vec::<String>::deserialize(deserializer)?;
    if words.is_empty() || words.iter().any(|word| word.is_empty() || !word.is_ascii()) {
        return Err(serde::de::Error::custom("expected a list of words, each of ASCII letters and not empty"));
    }
    words.iter_mut().for_each(|word| word.make_ascii_lowercase());
    Ok(words)
}
