//! Tour uses each answer, each event and each of the host's functions: `sdk/conformance/tour.yaml` is its judge.

use std::time::Duration;

use belay_filter::breaker::{self, Breaker};
use belay_filter::host::{self, Level};
use belay_filter::limiter::{Limiter, Quota};
use belay_filter::{
    Admission, Answer, CalloutError, Direction, Filter, Handshake, Incoming, Interest, Message, Reaction, Refusal, Request,
    Subscription, UpstreamEvent, Verdict, configured, current, store,
};

struct Tour {
    breaker: Breaker,
    limiter: Limiter,
    file: u64,
    since_ms: Option<u64>,
}

impl Filter for Tour {
    type Config = ();
    type Session = ();

    fn configure((): ()) -> configured::Result<Self> {
        let settings = breaker::Settings {
            window_ms: 60_000,
            results_min: 2,
            failure_percent: 50,
            slow_ms: 0,
            open_ms: 10_000,
            probes: 1,
        };
        Ok(Self {
            breaker: Breaker::define("backend", settings)?,
            limiter: Limiter::define("takes", Quota { tokens: 2, period_ms: 1000, burst: 2 })?,
            file: 0,
            since_ms: None,
        })
    }

    fn subscription(&self) -> Subscription {
        let all = Subscription::new().to_backend(Interest::Whole).to_client(Interest::Prefix(8));
        all.handshake().upstream().heartbeat().close()
    }

    fn on_handshake(&mut self, (): &mut (), handshake: Handshake) -> Result<Admission, Refusal> {
        match &*handshake.path {
            "/refuse" => return Err(Refusal::new(403, "not here").with_header("x-tour", "no")),
            "/protocols" => {
                let names = handshake.subprotocols.iter().rev().map(|name| format!("tour.{name}"));
                current::offer_subprotocols(&names.collect::<Vec<_>>());
                current::default_subprotocol("tour");
            }
            "/ask" => {
                let ask = Request::get(format!("http://auth.test/check?{}", handshake.query));
                let ask = ask.within(Duration::from_millis(1500));
                let token = handshake.header("authorization");
                return Ok(Admission::CallOut(match token {
                    Some(token) => ask.with_header("authorization", token),
                    None => ask,
                }));
            }
            _ => {}
        }
        Ok(Admission::Accept)
    }

    fn on_handshake_answer(&mut self, (): &mut (), _: Handshake, answer: Answer) -> Result<Admission, Refusal> {
        let response = answer.map_err(|error| Refusal::new(503, name(error)))?;
        match response.status {
            307 => return Ok(Admission::CallOut(Request::get("http://auth.test/again"))),
            200 => {}
            status => return Err(Refusal::new(status, "")),
        }
        if let Some(header) = response.headers.first() {
            let who = format!("{} {}", header.value, response.text().unwrap_or_default());
            current::set_attribute("who", &who);
            current::set_upstream_header("x-who", &who);
        }
        Ok(Admission::Accept)
    }

    fn on_message(&mut self, (): &mut (), mut message: Incoming) -> Verdict {
        if message.direction == Direction::ToClient {
            return from_backend(&message);
        }
        let Some(text) = message.text() else {
            message.payload.reverse();
            return Verdict::Replace(message.payload);
        };
        self.obey(text)
    }

    fn on_message_answer(&mut self, (): &mut (), _: Incoming, answer: Answer) -> Verdict {
        match answer {
            Err(error) => Verdict::reply(name(error)),
            Ok(response) if response.status == 200 => Verdict::Replace(response.body),
            Ok(_) => Verdict::Drop,
        }
    }

    fn on_upstream(&mut self, (): &mut (), event: UpstreamEvent) -> Reaction {
        match event {
            UpstreamEvent::Connected(micros) => self.breaker.success(micros),
            UpstreamEvent::Failed => self.breaker.failure(),
            UpstreamEvent::Lost => return Reaction::send("lost"),
            UpstreamEvent::Latency(micros) => {
                return Reaction::CallOut(Request::get(format!("http://metrics.test/latency/{micros}")));
            }
        }
        Reaction::None
    }

    fn on_heartbeat(&mut self, (): &mut (), direction: Direction) -> Reaction {
        match direction {
            Direction::ToBackend => Reaction::Send(Message::binary([7])),
            Direction::ToClient => Reaction::None,
        }
    }

    fn on_timer(&mut self, (): &mut (), timer: u32) -> Reaction {
        let name = format!("timer {timer}");
        if timer == 3 { Reaction::close(4002, name) } else { Reaction::send(name) }
    }

    fn on_answer(&mut self, (): &mut (), answer: Answer) -> Reaction {
        match answer {
            Err(error) => Reaction::close(4001, name(error)),
            Ok(response) => Reaction::send(format!("answered {}", response.status)),
        }
    }
}

impl Tour {
    /// Does what it is told.
    fn obey(&mut self, text: &str) -> Verdict {
        match text.split_once(' ').map_or((text, ""), |(command, rest)| (command, rest)) {
            ("remember", _) => Verdict::Remember,
            ("drop", _) => Verdict::Drop,
            ("binary", _) => Verdict::Reply(Message::binary([0, 1, 255])),
            ("beat", _) => Verdict::Heartbeat(None),
            ("ping", _) => Verdict::Heartbeat(Some(Message::text("pong"))),
            ("empty", _) => Verdict::Replace(Vec::new()),
            ("bye", _) => Verdict::close(4000, "bye"),
            ("trap", _) => panic!("the tour is over"),
            ("ask", _) => {
                let ask = Request::post("http://judge.test/", text).with_header("content-type", "text/plain");
                Verdict::CallOut(ask.within(Duration::from_millis(250)))
            }
            ("timers", _) => {
                for (timer, after_ms) in [(1, 5_000), (2, 10_000), (3, 1_000), (3, 20_000)] {
                    current::set_timer(timer, after_ms);
                }
                Verdict::Continue
            }
            ("cancel", _) => {
                current::cancel_timer(2);
                Verdict::Continue
            }
            ("be", name) => {
                current::set_attribute("who", name);
                Verdict::Continue
            }
            ("forget", _) => {
                current::remove_attribute("who");
                Verdict::Continue
            }
            ("save", what) => match store::set("saved", what.as_bytes(), 60_000) {
                Ok(()) => Verdict::Drop,
                Err(store::Full) => Verdict::reply("full"),
            },
            ("lose", _) => {
                store::remove("saved");
                Verdict::Drop
            }
            _ => self.ask_host(text),
        }
    }

    /// Answers with what the host says.
    fn ask_host(&mut self, text: &str) -> Verdict {
        match text {
            "who" => Verdict::reply(current::attribute("who").unwrap_or_else(|| "nobody".to_owned())),
            "load" => reply_or(store::get("saved"), "nothing"),
            "breaker" => Verdict::reply(state_of(self.breaker)),
            "other breaker" => Verdict::reply(state_of(self.breaker.keyed("other"))),
            "admit" => granted(self.breaker.admit().map_err(|rejected| rejected.retry_after_ms)),
            "take" => granted(self.limiter.take("key", 1).map_err(|exhausted| exhausted.retry_after_ms)),
            "file" => {
                self.file = host::file_version("greeting");
                reply_or(host::read_file("greeting"), "no file")
            }
            "same file" => Verdict::reply(if host::file_version("greeting") == self.file { "yes" } else { "no" }),
            "clock" => Verdict::reply(host::unix_ms().to_string()),
            "since" => {
                let now_ms = host::now_ms();
                let since_ms = self.since_ms.replace(now_ms).unwrap_or(now_ms);
                Verdict::reply((now_ms - since_ms).to_string())
            }
            "dice" => Verdict::reply(host::random().to_string()),
            "log" => {
                host::log(Level::Debug, "one");
                host::log(Level::Info, "two");
                host::log(Level::Warn, "three ç…");
                host::log(Level::Error, "four");
                host::count("logged", 4);
                Verdict::Drop
            }
            _ => Verdict::Continue,
        }
    }
}

fn from_backend(message: &Incoming) -> Verdict {
    match &message.payload[..] {
        b"secret" => Verdict::Drop,
        _ if message.size <= 8 => Verdict::Continue,
        seen => Verdict::reply(format!("{} of {}", String::from_utf8_lossy(seen), message.size)),
    }
}

fn reply_or(given: Option<Vec<u8>>, otherwise: &str) -> Verdict {
    given.map_or_else(|| Verdict::reply(otherwise), |text| Verdict::reply(String::from_utf8_lossy(&text)))
}

fn granted(taken: Result<(), u64>) -> Verdict {
    match taken {
        Ok(()) => Verdict::reply("yes"),
        Err(retry_after_ms) => Verdict::reply(format!("in {retry_after_ms}")),
    }
}

fn state_of(breaker: Breaker) -> &'static str {
    match breaker.state() {
        breaker::State::Closed => "closed",
        breaker::State::Open => "open",
        breaker::State::HalfOpen => "half-open",
    }
}

/// As the world calls it.
fn name(error: CalloutError) -> &'static str {
    match error {
        CalloutError::TooLarge => "too-large",
        other => other.name(),
    }
}

belay_filter::export!(Tour);
