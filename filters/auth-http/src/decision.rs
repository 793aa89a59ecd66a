//! What an answer of the service means.

use belay_filter::{Header, Refusal, Response};

use crate::config::Config;

/// Names to values.
pub(crate) type Pairs = Vec<(String, String)>;

/// See the module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Decision {
    Allow { upstream_headers: Pairs, attributes: Pairs },
    Refuse(Refusal),
}

/// As long as an attribute may be.
const VALUE_BYTES_MAX: usize = 4096;

/// Nothing if it is neither yes nor no.
pub(crate) fn of(config: &Config, response: &Response) -> Option<Decision> {
    match response.status {
        200..=299 => {
            let header =
                |name: &str| response.header(name).filter(|value| value.len() <= VALUE_BYTES_MAX).map(str::to_owned);
            let upstream_headers =
                config.upstream_headers.iter().filter_map(|name| Some((name.clone(), header(name)?)));
            let attributes = config.attributes.iter().filter_map(|(name, from)| Some((name.clone(), header(from)?)));
            Some(Decision::Allow { upstream_headers: upstream_headers.collect(), attributes: attributes.collect() })
        }
        300..=399 | 401 | 403 => {
            let is_told =
                |header: &&Header| config.client_headers.iter().any(|name| name.eq_ignore_ascii_case(&header.name));
            let mut body = String::from_utf8_lossy(&response.body).into_owned();
            body.truncate(body.floor_char_boundary(config.client_body.bytes as usize));
            let headers = response.headers.iter().filter(is_told).cloned().collect();
            Some(Decision::Refuse(Refusal { status: response.status, headers, body }))
        }
        _ => None,
    }
}
