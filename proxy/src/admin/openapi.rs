//! `/openapi.json`: the port's table for programs, as OpenAPI 3.1.

use serde_json::{Map, Value, json};

use super::endpoint::{Access, Endpoint, JSON, Parameter, Values};
use super::problem::PROBLEM;

/// The document.
pub(super) fn document(endpoints: &[Endpoint]) -> Value {
    let mut paths = Map::new();
    for endpoint in endpoints {
        let path = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        path[endpoint.method.as_str().to_ascii_lowercase()] = operation(endpoint);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Belay's admin port",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": { "problem": problem() },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer" },
                "change": {
                    "type": "apiKey", "in": "header", "name": "Belay-Admin",
                    "description": "On loopback without a token; any value.",
                },
            },
        },
    })
}

fn operation(endpoint: &Endpoint) -> Value {
    let name = endpoint.path.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(name, _)| name);
    let in_path =
        name.map(|name| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string" } }));
    let parameters: Vec<Value> = in_path.into_iter().chain(endpoint.query.iter().map(parameter)).collect();
    let mut responses: Map<String, Value> = endpoint
        .outcomes
        .iter()
        .map(|(status, about)| (status.to_string(), response(endpoint, *status, about)))
        .collect();
    let whole =
        [(400, "The request is not understood."), (401, "The token is missing or wrong."), (403, "Not from here.")];
    let needs_leave = endpoint.access != Access::Open;
    let others = whole.into_iter().filter(|(status, _)| *status == 400 || needs_leave);
    for (status, about) in others.chain([(503, "It took too long."), (413, "The body is too long.")]) {
        responses.entry(status.to_string()).or_insert_with(|| response(endpoint, status, about));
    }
    let security = match endpoint.access {
        Access::Open => json!([]),
        Access::Read => json!([{}, { "token": [] }]),
        Access::Change => json!([{ "change": [] }, { "token": [] }]),
    };
    let mut operation = json!({
        "operationId": operation_id(endpoint),
        "summary": endpoint.summary,
        "parameters": parameters,
        "responses": responses,
        "security": security,
    });
    if let Some(about) = endpoint.body {
        let text = json!({ "text/plain": { "schema": { "type": "string", "description": about } } });
        operation["requestBody"] = json!({ "required": true, "content": text });
    }
    operation
}

fn operation_id(endpoint: &Endpoint) -> String {
    let parts = endpoint.path.split(['/', '{', '}']).filter(|part| !part.is_empty());
    let named: Vec<&str> = [endpoint.method.as_str()].into_iter().chain(parts).collect();
    named.join("-").to_ascii_lowercase()
}

fn parameter(Parameter { name, about, values }: &Parameter) -> Value {
    let schema = match values {
        Values::Text => json!({ "type": "string" }),
        Values::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Values::OneOf(these) => json!({ "type": "string", "enum": these }),
    };
    json!({ "name": name, "in": "query", "description": about, "schema": schema })
}

fn response(endpoint: &Endpoint, status: u16, about: &str) -> Value {
    let is_problem = status >= 400 && endpoint.path != "/ready";
    let (media, schema) = match endpoint.media {
        _ if is_problem => (PROBLEM, json!({ "$ref": "#/components/schemas/problem" })),
        JSON => (JSON, json!({ "type": "object" })),
        media => (media.split(';').next().unwrap_or(media), json!({ "type": "string" })),
    };
    json!({ "description": about, "content": { media: { "schema": schema } } })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": { "const": "about:blank" },
            "title": { "type": "string" },
            "status": { "type": "integer" },
            "detail": { "type": "string", "description": "What to do." },
        },
    })
}
