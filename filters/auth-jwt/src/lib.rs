//! Lets in who has a valid JSON Web Token, for as long as it is valid. What it says of its bearer becomes attributes of the
//! session and headers for the backend. A session's place in time is kept in its attributes, so an instance keeps nothing.

mod claims;
mod config;
mod credentials;
mod jws;
mod key;
mod keyring;
mod proven;
mod refresh;

use std::cell::RefCell;

use belay_filter::{
    Admission, Filter, Handshake, Incoming, Interest, Reaction, Refusal, Subscription, Verdict, configured, current,
    host,
};

use claims::Claims;
use config::{Config, Expiry};
use credentials::Found;
use keyring::Keyring;

/// The session's attribute with the second since 1970 at which it ends; absent: never.
const EXPIRES: &str = "auth.expires";
/// The session's attribute that says whose it is: issuer and subject.
const BEARER: &str = "auth.bearer";
/// The session's attribute that says where the token was, so that a fresh one can be put there for the backend.
const SOURCE: &str = "auth.source";
/// The timer of the session's end.
const EXPIRY: u32 = 0;
/// Looks at the wall clock again after so long, for it may be set.
const TIMER_MS_MAX: u64 = 3_600_000;
/// What a session is closed with whose token is over, or was not renewed by a good one.
const CLOSE_CODE: u16 = 4401;

struct AuthJwt {
    config: Config,
    keys: RefCell<Keyring>,
}

impl Filter for AuthJwt {
    type Config = Config;
    type Session = ();

    fn configure(config: Config) -> configured::Result<Self> {
        config.check()?;
        let keys = RefCell::new(Keyring::of(&config.keys)?);
        Ok(Self { config, keys })
    }

    fn subscription(&self) -> Subscription {
        let messages = self.config.refresh.as_ref().map_or(Interest::Ignore, |refresh| refresh.interest());
        Subscription::new().handshake().to_backend(messages)
    }

    fn on_handshake(&mut self, (): &mut (), handshake: Handshake) -> Result<Admission, Refusal> {
        let found = credentials::find(&self.config.token, &handshake);
        if let Some(offer) = credentials::without_token(&self.config.token, &handshake) {
            current::offer_subprotocols(&offer.rest);
            current::default_subprotocol(&offer.accepted);
        }
        let Some(Found { token, source }) = found else {
            host::count("missing", 1);
            return Err(self.challenge("", "a token is needed\n"));
        };
        let claims = self.verified(&token).map_err(|problem| {
            host::count("refused", 1);
            host::log(host::Level::Debug, problem);
            let error = [", error=\"invalid_token\", error_description=\"", problem, "\""].concat();
            self.challenge(&error, "the token is not valid\n")
        })?;
        claims.introduce(&self.config.claims, &handshake);
        self.begin(&claims);
        current::set_attribute(SOURCE, source.name());
        Ok(Admission::Accept)
    }

    fn on_message(&mut self, (): &mut (), message: Incoming) -> Verdict {
        let Some(refresh) = &self.config.refresh else { return Verdict::Continue };
        let token = match refresh.token_in(&message) {
            refresh::Content::Other => return Verdict::Continue,
            refresh::Content::Token(token) => token,
            refresh::Content::TooLong => return Verdict::close(CLOSE_CODE, "the token is too long"),
        };
        let renewed = self.verified(&token).and_then(|claims| {
            let bearer = current::attribute(BEARER);
            if bearer.is_some() && claims.bearer() == bearer { Ok(claims) } else { Err("the token is someone else's") }
        });
        match renewed {
            Ok(claims) => {
                host::count("renewed", 1);
                claims.renew(&self.config.claims);
                self.begin(&claims);
                if current::attribute(SOURCE).as_deref() == Some(credentials::HEADER) {
                    current::set_upstream_header("authorization", &["Bearer ", &token].concat());
                }
                refresh.answer()
            }
            Err(problem) => {
                host::count("refused", 1);
                Verdict::close(CLOSE_CODE, problem)
            }
        }
    }

    fn on_timer(&mut self, (): &mut (), timer: u32) -> Reaction {
        let expires = current::attribute(EXPIRES).and_then(|seconds| seconds.parse().ok());
        let (EXPIRY, Some(expires)) = (timer, expires) else { return Reaction::None };
        match self.remaining_ms(expires) {
            0 => {
                host::count("expired", 1);
                Reaction::close(CLOSE_CODE, "the token has expired")
            }
            remaining => {
                current::set_timer(EXPIRY, remaining.min(TIMER_MS_MAX));
                Reaction::None
            }
        }
    }
}

impl AuthJwt {
    /// What a token says, if it is good.
    fn verified(&self, token: &str) -> Result<Claims, &'static str> {
        let claims = self.keys.borrow_mut().verify(token)?;
        claims.check(&self.config, host::unix_ms())?;
        Ok(claims)
    }

    /// The session lasts as long as this token.
    fn begin(&self, claims: &Claims) {
        match claims.bearer() {
            Some(bearer) => current::set_attribute(BEARER, &bearer),
            None => current::remove_attribute(BEARER),
        }
        match (claims.expires, self.config.expiry) {
            (Some(expires), Expiry::Close) => {
                current::set_attribute(EXPIRES, &expires.to_string());
                current::set_timer(EXPIRY, self.remaining_ms(expires).min(TIMER_MS_MAX));
            }
            (None, _) | (_, Expiry::Ignore) => {
                current::remove_attribute(EXPIRES);
                current::cancel_timer(EXPIRY);
            }
        }
    }

    fn remaining_ms(&self, expires: u64) -> u64 {
        expires.saturating_mul(1_000).saturating_add(self.config.leeway.ms).saturating_sub(host::unix_ms())
    }

    /// RFC 6750, section 3: without a token no word of why.
    fn challenge(&self, error: &str, body: &str) -> Refusal {
        let challenge = ["Bearer realm=\"", &self.config.realm, "\"", error].concat();
        Refusal::new(401, body).with_header("www-authenticate", challenge)
    }
}

belay_filter::export!(AuthJwt);

#[cfg(test)]
mod tests;
