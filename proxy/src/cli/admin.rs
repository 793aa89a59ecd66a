//! How commands reach the admin port of a running Belay.

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use http::header::{AUTHORIZATION, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde_json::Value;

use crate::admin::CHANGE_HEADER;

/// Where it is, and who asks.
#[derive(Args, Clone, Debug)]
pub(super) struct Reach {
    /// The admin port. Without it, the variable BELAY_ADMIN if it is set, or http://127.0.0.1:9901.
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    /// A file with its token. Without it, the variable BELAY_ADMIN_TOKEN if it is set.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Print what the port answers, in JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// Speaks to one port, a connection for each question.
pub(super) struct Port {
    authority: String,
    token: Option<String>,
    runtime: tokio::runtime::Runtime,
}

/// Where the examples and the chart have it.
const HERE: &str = "http://127.0.0.1:9901";
/// For a question and its answer.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

impl Reach {
    /// Reads the token; connects to nobody yet.
    pub(super) fn port(&self) -> Result<Port, String> {
        let admin = self.admin.clone().or_else(|| std::env::var("BELAY_ADMIN").ok());
        let admin = admin.unwrap_or_else(|| HERE.to_owned());
        let authority = admin.strip_prefix("http://").unwrap_or(&admin).trim_end_matches('/');
        if authority.is_empty() || authority.contains('/') {
            return Err(format!("--admin is http://HOST:PORT, not '{admin}'"));
        }
        let token = match &self.token_file {
            Some(file) => {
                let cannot = |error| format!("cannot read {}: {error}", file.display());
                Some(std::fs::read_to_string(file).map_err(cannot)?)
            }
            None => std::env::var("BELAY_ADMIN_TOKEN").ok(),
        };
        let token = token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        Ok(Port { authority: authority.to_owned(), token, runtime })
    }
}

impl Port {
    /// Of the port, for people.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// The answer's JSON; an error says what the port said.
    pub(super) fn ask(&self, method: &Method, path: &str) -> Result<Value, String> {
        let body = self.text(method, path)?;
        serde_json::from_str(&body).map_err(|error| format!("{path} of {} is no JSON: {error}", self.authority))
    }

    /// The answer as it is.
    pub(super) fn text(&self, method: &Method, path: &str) -> Result<String, String> {
        let answer = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, self.exchange(method, path)).await });
        match answer {
            Ok(Ok((status, body))) if status.is_success() => Ok(body),
            Ok(Ok((status, body))) => {
                let problem: Option<Value> = serde_json::from_str(&body).ok();
                let detail = problem.as_ref().and_then(|problem| problem["detail"].as_str());
                Err(detail.map_or_else(|| format!("{path}: {status}"), str::to_owned))
            }
            Ok(Err(error)) => Err(format!("cannot reach the admin port at {}: {error}", self.authority)),
            Err(_) => Err(format!("the admin port at {} does not answer", self.authority)),
        }
    }

    async fn exchange(
        &self,
        method: &Method,
        path: &str,
    ) -> Result<(http::StatusCode, String), Box<dyn std::error::Error>> {
        let authority = if self.authority.rsplit(']').next().is_some_and(|rest| rest.contains(':')) {
            self.authority.clone()
        } else {
            format!("{}:80", self.authority)
        };
        let stream = crate::dial::connect(authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header(HOST, &self.authority);
        let request = request.header(CHANGE_HEADER, "belay");
        let request = match &self.token {
            Some(token) => request.header(AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        };
        let response = sender.send_request(request.body(Empty::<Bytes>::new())?).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

/// A query of what is given, encoded; with its question mark if there is any.
pub(super) fn query(parameters: &[(&str, Option<String>)]) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        let Some(value) = value else { continue };
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => query.push(byte.into()),
                byte => query.push_str(&format!("%{byte:02X}")),
            }
        }
    }
    query
}
