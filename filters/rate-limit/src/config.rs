//! The YAML of this filter, checked.

use belay_filter::units::{Rate, Size};
use belay_filter::{CloseReason, Direction, Verdict};
use serde::Deserialize;

pub(crate) use belay_filter::units::Counted;

use crate::key::Source;

/// One rule, or several under `rules`.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Written")]
pub(crate) struct Config {
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) on: Event,
    pub(crate) per: Source,
    pub(crate) rate: Rate,
    pub(crate) burst: u32,
    pub(crate) exceeded: Exceeded,
}

#[derive(Debug)]
pub(crate) enum Event {
    Connect,
    Message(Direction),
}

/// What happens to a message that is too much.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Exceeded {
    Drop,
    Reply(String),
    Close(CloseReason),
}

impl Exceeded {
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Drop => Verdict::Drop,
            Self::Reply(text) => Verdict::reply(text),
            Self::Close(reason) => Verdict::Close(reason.clone()),
        }
    }
}

/// As it is written: either `rules`, or the fields of a single rule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rules: Option<Vec<WrittenRule>>,
    name: Option<String>,
    on: Option<WrittenEvent>,
    per: Option<Source>,
    rate: Option<Rate>,
    burst: Option<Burst>,
    exceeded: Option<Exceeded>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    name: Option<String>,
    on: Option<WrittenEvent>,
    per: Option<Source>,
    rate: Rate,
    burst: Option<Burst>,
    exceeded: Option<Exceeded>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WrittenEvent {
    Connect,
    ToBackend,
    ToClient,
}

/// A number, or a size.
#[derive(Clone, Copy)]
struct Burst {
    amount: u32,
    of: Counted,
}

impl TryFrom<Written> for Config {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let rules = match written {
            Written {
                rules: Some(rules),
                name: None,
                on: None,
                per: None,
                rate: None,
                burst: None,
                exceeded: None,
            } => rules,
            Written { rules: Some(_), .. } => return Err("what is beside `rules` belongs into one of them".to_owned()),
            Written { rate: None, .. } => return Err("`rate` is missing, or `rules`".to_owned()),
            Written { rules: None, name, on, per, rate: Some(rate), burst, exceeded } => {
                vec![WrittenRule { name, on, per, rate, burst, exceeded }]
            }
        };
        if rules.is_empty() {
            return Err("`rules` is empty".to_owned());
        }
        let rules = rules.into_iter().enumerate();
        let rules =
            rules.map(|(place, rule)| checked(place, rule).map_err(|problem| format!("rule {}: {problem}", place + 1)));
        let rules: Vec<Rule> = rules.collect::<Result<_, _>>()?;
        for (place, rule) in rules.iter().enumerate() {
            if rules.iter().take(place).any(|earlier| earlier.name == rule.name) {
                return Err(format!("two rules are named `{}`: they would share their buckets", rule.name));
            }
        }
        Ok(Self { rules })
    }
}

fn checked(place: usize, written: WrittenRule) -> Result<Rule, &'static str> {
    let WrittenRule { name, on, per, rate, burst, exceeded } = written;
    let per = per.unwrap_or(Source::Session);
    let on = match on.unwrap_or(WrittenEvent::ToBackend) {
        WrittenEvent::Connect if rate.of == Counted::Bytes => return Err("connects are counted, they have no bytes"),
        WrittenEvent::Connect if per == Source::Session => {
            return Err("a session connects once: `per` must be another");
        }
        WrittenEvent::Connect if exceeded.is_some() => {
            return Err("a connect too many is answered with 429, not `exceeded`");
        }
        WrittenEvent::Connect => Event::Connect,
        WrittenEvent::ToBackend => Event::Message(Direction::ToBackend),
        WrittenEvent::ToClient => Event::Message(Direction::ToClient),
    };
    let burst = match burst {
        None => rate.amount,
        Some(Burst { amount: 0, .. }) => return Err("`burst` must be above zero"),
        Some(burst) if burst.of == rate.of => burst.amount,
        Some(_) => return Err("`rate` and `burst` must both count, or both be sizes"),
    };
    let name = name.unwrap_or_else(|| format!("rule-{}", place + 1));
    Ok(Rule { name, on, per, rate, burst, exceeded: exceeded.unwrap_or(Exceeded::Drop) })
}

impl<'de> Deserialize<'de> for Burst {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = Burst;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a number, or a size like 64KiB")
            }

            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Burst, E> {
                let amount = u32::try_from(number);
                let amount = amount.map_err(|_| E::invalid_value(serde::de::Unexpected::Unsigned(number), &self))?;
                Ok(Burst { amount, of: Counted::Items })
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Burst, E> {
                let size = Size::parse(text);
                let size = size.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))?;
                Ok(Burst { amount: size.bytes, of: Counted::Bytes })
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
