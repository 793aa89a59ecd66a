//! `my-filter`: answers messages that are too long, and lets all others pass.

use belay_filter::{Filter, Incoming, Interest, Subscription, Verdict, configured, host};

/// The filter's `config` in Belay's YAML.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct MyFilter {
    /// In bytes.
    longest: u32,
}

impl Filter for MyFilter {
    type Config = Self;
    type Session = ();

    fn configure(config: Self) -> configured::Result<Self> {
        Ok(config)
    }

    fn subscription(&self) -> Subscription {
        // The size is enough: the messages themselves are not even copied.
        Subscription::new().to_backend(Interest::Size)
    }

    fn on_message(&mut self, (): &mut (), message: Incoming) -> Verdict {
        if message.size <= self.longest {
            return Verdict::Continue;
        }
        host::count("too_long", 1);
        Verdict::reply("that was too long")
    }
}

belay_filter::export!(MyFilter);

#[cfg(test)]
mod tests {
    use belay_filter::testing::Bench;
    use belay_filter::{Handshake, Verdict};

    use super::MyFilter;

    #[test]
    fn what_is_too_long_is_answered() {
        let mut bench = Bench::<MyFilter>::start(r#"{ "longest": 5 }"#).unwrap();
        let client = bench.connect(Handshake::to("/chat")).unwrap();
        assert_eq!(bench.to_backend(client, "hello"), Verdict::Continue);
        assert_eq!(bench.to_backend(client, "hello!"), Verdict::reply("that was too long"));
    }
}
