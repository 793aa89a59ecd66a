//! The head of a first frame: its command, its version, and what its `heart-beat` header offers. Nothing else of a frame is
//! read.

use std::ops::Range;
use std::time::Duration;

/// See the module.
pub(super) struct Head<'p> {
    payload: &'p [u8],
    command: &'p [u8],
    version: Option<&'p [u8]>,
    /// Where the value of `heart-beat` stands.
    offer: Option<Range<usize>>,
    /// Where the first header stands.
    headers: usize,
}

/// What one side says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Offer {
    /// It can send something so often; 0: it cannot say.
    sends_ms: u32,
    /// It wants to hear something so often; 0: it does not.
    wants_ms: u32,
}

/// The command of a broker's answer.
pub(super) const CONNECTED: &[u8] = b"CONNECTED";

/// A longer head is not read: first frames are some hundred bytes.
const BYTES_MAX: usize = 8 * 1024;
/// An offer has so many digits at most, which is eleven days.
const DIGITS_MAX: usize = 9;
/// The most often that we offer something of our own.
const OFFER_MIN_MS: u32 = 1_000;
/// More often is a nonsense, and would become a flood.
const INTERVAL_MIN: Duration = Duration::from_millis(10);

impl<'p> Head<'p> {
    /// Nothing if it does not end, or is too long.
    pub(super) fn read(payload: &'p [u8]) -> Option<Self> {
        let readable = &payload[..payload.len().min(BYTES_MAX)];
        let mut head = Self { payload, command: b"", version: None, offer: None, headers: 0 };
        let mut at = 0;
        loop {
            let length = memchr::memchr(b'\n', &readable[at..])?;
            let line = &readable[at..at + length];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if line.is_empty() {
                return Some(head);
            }
            if at == 0 {
                head.command = line;
                head.headers = length + 1;
            } else {
                head.read_header(at, line);
            }
            at += length + 1;
        }
    }

    /// Of headers that are given twice the first counts (STOMP 1.2, "Repeated Header Entries").
    fn read_header(&mut self, at: usize, line: &'p [u8]) {
        if let Some(value) = line.strip_prefix(b"version:") {
            self.version.get_or_insert(value);
        } else if let Some(value) = line.strip_prefix(b"heart-beat:") {
            let end = at + line.len();
            self.offer.get_or_insert(end - value.len()..end);
        }
    }

    /// A client's, in its first frame. Nothing if this is none, or the header cannot be read.
    pub(super) fn introducing_offer(&self) -> Option<Offer> {
        if matches!(self.command, b"CONNECT" | b"STOMP") { self.offer() } else { None }
    }

    /// A broker's, in its answer. Nothing if it did not accept a version with heart-beats, or the header cannot be read.
    pub(super) fn accepting_offer(&self) -> Option<Offer> {
        let has_beats = self.command == CONNECTED && matches!(self.version, Some(b"1.1" | b"1.2"));
        if has_beats { self.offer() } else { None }
    }

    fn offer(&self) -> Option<Offer> {
        match &self.offer {
            Some(value) => Offer::parse(&self.payload[value.clone()]),
            None => Some(Offer::NOTHING),
        }
    }

    /// The whole frame, with this offer in place of its own.
    pub(super) fn with_offer(&self, offer: Offer) -> Vec<u8> {
        let Offer { sends_ms, wants_ms } = offer;
        let (place, header) = match &self.offer {
            Some(value) => (value.clone(), format!("{sends_ms},{wants_ms}")),
            None => (self.headers..self.headers, format!("heart-beat:{sends_ms},{wants_ms}\n")),
        };
        [&self.payload[..place.start], header.as_bytes(), &self.payload[place.end..]].concat()
    }
}

impl Offer {
    /// What a missing header says.
    pub(super) const NOTHING: Self = Self { sends_ms: 0, wants_ms: 0 };

    fn parse(value: &[u8]) -> Option<Self> {
        let comma = value.iter().position(|byte| *byte == b',')?;
        Some(Self { sends_ms: milliseconds(&value[..comma])?, wants_ms: milliseconds(&value[comma + 1..])? })
    }

    /// How often this side sends, and the other hears, something; nothing if either does not care.
    pub(super) fn agree(self, hearer: Self) -> Option<Duration> {
        let (sends, wants) = (self.sends_ms, hearer.wants_ms);
        let is_agreed = sends > 0 && wants > 0;
        is_agreed.then(|| Duration::from_millis(sends.max(wants).into()).max(INTERVAL_MIN))
    }

    /// A broker's offer, with ours where it has none and the client has.
    pub(super) fn completed_for(self, client: Self) -> Self {
        let complete = |own, theirs: u32| if own == 0 && theirs > 0 { theirs.max(OFFER_MIN_MS) } else { own };
        Self { sends_ms: complete(self.sends_ms, client.wants_ms), wants_ms: complete(self.wants_ms, client.sends_ms) }
    }
}

fn milliseconds(digits: &[u8]) -> Option<u32> {
    let is_number = (1..=DIGITS_MAX).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    if is_number { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}
