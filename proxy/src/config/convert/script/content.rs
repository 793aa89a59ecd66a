//! Contents: what is sent, what is looked for, and the answers that have them.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::super::Convert;
use crate::config::path::Path;
use crate::config::wire::script as wire;
use crate::dataplane::message::{CloseReason, Message, MessageKind};
use crate::workshop::script::{
    LogLevel, Restored, Wanted, WantedClose, WantedContent, WantedLine, WantedRefusal, WantedRequest, WantedText,
};

/// Of one content: as much as the largest message that anybody would let through.
const CONTENT_BYTES_MAX: usize = 64 * 1024 * 1024;

impl Convert<'_> {
    pub(super) fn payload(&mut self, payload: wire::PayloadOrText, path: &Path) -> Message {
        match payload {
            wire::PayloadOrText::Text(text) => Message::text(text),
            wire::PayloadOrText::Payload(is) => {
                match self.one_of(wire::ContentMatch { is, ..Default::default() }, path) {
                    Some(WantedContent::Is(message)) => message,
                    Some(WantedContent::Json(value)) => Message::text(value.to_string()),
                    Some(WantedContent::Like(_)) | None => Message::text(""),
                }
            }
        }
    }

    pub(super) fn content(&mut self, content: wire::Content, path: &Path) -> WantedContent {
        match content {
            wire::Content::Text(text) => WantedContent::Is(Message::text(text)),
            wire::Content::Match(content) => {
                self.one_of(content, path).unwrap_or_else(|| WantedContent::Is(Message::text("")))
            }
        }
    }

    fn one_of(&mut self, content: wire::ContentMatch, path: &Path) -> Option<WantedContent> {
        let wire::ContentMatch { is, contains, starts_with } = content;
        let times = is.times.unwrap_or(1) as usize;
        let repeats = is.times.is_some();
        let mut given = Vec::new();
        if let Some(text) = is.text {
            given.push(("text", self.repeated(MessageKind::Text, text.into_bytes(), times, path)));
        }
        if let Some(json) = is.json {
            given.push(("json", WantedContent::Json(json)));
        }
        if let Some(digits) = is.hex {
            let bytes = hex(&digits).unwrap_or_else(|| {
                let help = "write two digits of 0 to 9 and a to f for each byte: '01 ff'".to_owned();
                self.note(&path.key("hex"), "not bytes in hexadecimal digits".to_owned(), Some(help));
                Vec::new()
            });
            given.push(("hex", self.repeated(MessageKind::Binary, bytes, times, path)));
        }
        if let Some(text) = is.base64 {
            let bytes = STANDARD.decode(&text).unwrap_or_else(|error| {
                let help = "RFC 4648, section 4, has how it is written".to_owned();
                self.note(&path.key("base64"), format!("not base64: {error}"), Some(help));
                Vec::new()
            });
            given.push(("base64", self.repeated(MessageKind::Binary, bytes, times, path)));
        }
        if let Some(text) = contains {
            given.push(("contains", WantedContent::Like(WantedText::Contains(text.into()))));
        }
        if let Some(text) = starts_with {
            given.push(("starts_with", WantedContent::Like(WantedText::StartsWith(text.into()))));
        }
        match (given.pop(), given.pop()) {
            (Some((name, content)), None) => {
                if repeats && !matches!(name, "text" | "hex" | "base64") {
                    let help = "it is for text, hex and base64".to_owned();
                    self.note_key(&path.key("times"), format!("'times' means nothing beside '{name}'"), Some(help));
                }
                Some(content)
            }
            (Some((later, _)), Some((earlier, _))) => {
                let help = "keep the one that is meant".to_owned();
                self.note_key(&path.key(later), format!("'{earlier}' and '{later}' are both given"), Some(help));
                None
            }
            (None, _) => {
                if !self.was_noted(path) {
                    let help = "write a text, or one of { text }, { json }, { hex }, { base64 }".to_owned();
                    self.note(path, "the content is missing".to_owned(), Some(help));
                }
                None
            }
        }
    }

    fn repeated(&mut self, kind: MessageKind, bytes: Vec<u8>, times: usize, path: &Path) -> WantedContent {
        let payload = if bytes.len().saturating_mul(times) > CONTENT_BYTES_MAX {
            let help = "lower 'times'".to_owned();
            self.note(&path.key("times"), "the content is longer than 64 MiB".to_owned(), Some(help));
            Vec::new()
        } else {
            bytes.repeat(times)
        };
        WantedContent::Is(Message { kind, payload })
    }

    pub(super) fn wanted(&mut self, expect: wire::Expect, path: &Path) -> Wanted {
        use wire::{ExpectAnswer, ExpectWord};
        let answer = match expect {
            wire::Expect::Word(word) => {
                return match word {
                    ExpectWord::Accept => Wanted::Accept,
                    ExpectWord::Continue => Wanted::Continue,
                    ExpectWord::Remember => Wanted::Remember,
                    ExpectWord::Drop => Wanted::Drop,
                    ExpectWord::Heartbeat => Wanted::Heartbeat(None),
                    ExpectWord::Unasked => Wanted::Unasked,
                    ExpectWord::None => Wanted::None,
                    ExpectWord::Fail => Wanted::Fail(None),
                };
            }
            wire::Expect::Answer(answer) => answer,
        };
        match *answer {
            ExpectAnswer::Refuse(refusal) => Wanted::Refuse(self.refusal(refusal, &path.key("refuse"))),
            ExpectAnswer::Replace(content) => Wanted::Replace(self.content(content, &path.key("replace"))),
            ExpectAnswer::Reply(content) => Wanted::Reply(self.content(content, &path.key("reply"))),
            ExpectAnswer::Heartbeat(content) => Wanted::Heartbeat(Some(self.content(content, &path.key("heartbeat")))),
            ExpectAnswer::Send(content) => Wanted::Send(self.content(content, &path.key("send"))),
            ExpectAnswer::Close(close) => Wanted::Close(wanted_close(close)),
            ExpectAnswer::CallOut(request) => Wanted::CallOut(Box::new(self.request(*request, &path.key("call_out")))),
            ExpectAnswer::Fail(text) => Wanted::Fail(Some(text.into())),
        }
    }

    fn refusal(&mut self, refusal: wire::RefusalOrStatus, path: &Path) -> WantedRefusal {
        match refusal {
            wire::RefusalOrStatus::Status(status) => WantedRefusal { status: Some(status), ..Default::default() },
            wire::RefusalOrStatus::Refusal(refusal) => WantedRefusal {
                status: refusal.status,
                headers: self.headers(refusal.headers, &path.key("headers")),
                body: refusal.body.map(|body| self.content(body, &path.key("body"))),
            },
        }
    }

    fn request(&mut self, request: wire::Request, path: &Path) -> WantedRequest {
        WantedRequest {
            method: request.method.map(Into::into),
            url: request.url.map(Into::into),
            headers: self.headers(request.headers, &path.key("headers")),
            body: request.body.map(|body| self.content(body, &path.key("body"))),
            timeout: request.timeout.map(|timeout| timeout.0),
        }
    }

    fn headers(
        &mut self,
        headers: BTreeMap<String, Option<wire::TextMatch>>,
        path: &Path,
    ) -> Vec<(Box<str>, Option<WantedText>)> {
        headers
            .into_iter()
            .map(|(name, value)| (self.header(&name, None, &path.key(&name)), value.map(Into::into)))
            .collect()
    }

    pub(super) fn restored(&mut self, restored: wire::Restored, path: &Path) -> Restored {
        match restored {
            wire::Restored::Nothing(_) => Restored::Nothing,
            wire::Restored::State(state) => Restored::State(self.payload(state, path).payload),
        }
    }
}

pub(super) fn close(close: wire::CloseOrCode) -> CloseReason {
    let WantedClose { code, reason } = wanted_close(close);
    match code {
        1005 => CloseReason::default(),
        code => CloseReason::new(code, &reason.unwrap_or_default()),
    }
}

fn wanted_close(close: wire::CloseOrCode) -> WantedClose {
    match close {
        wire::CloseOrCode::Code(code) => WantedClose { code, reason: None },
        wire::CloseOrCode::Close(close) => WantedClose { code: close.code, reason: close.reason.map(Into::into) },
    }
}

pub(super) fn line(line: wire::Line) -> WantedLine {
    match line {
        wire::Line::Text(text) => WantedLine { level: None, text: Some(WantedText::Is(text.into())) },
        wire::Line::Line(line) => WantedLine {
            level: line.level.map(|level| match level {
                wire::Level::Debug => LogLevel::Debug,
                wire::Level::Info => LogLevel::Info,
                wire::Level::Warn => LogLevel::Warn,
                wire::Level::Error => LogLevel::Error,
            }),
            text: line.text.map(Into::into),
        },
    }
}

impl From<wire::TextMatch> for WantedText {
    fn from(text: wire::TextMatch) -> Self {
        match text {
            wire::TextMatch::Is(text) => Self::Is(text.into()),
            wire::TextMatch::Like(wire::TextLike::Contains(text)) => Self::Contains(text.into()),
            wire::TextMatch::Like(wire::TextLike::StartsWith(text)) => Self::StartsWith(text.into()),
        }
    }
}

fn hex(digits: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = digits.chars().filter(|c| *c != ' ').map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let pairs = digits.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    if odd { None } else { pairs.map(|pair| u8::try_from(pair[0] * 16 + pair[1]).ok()).collect() }
}
