//! Is it alive, may it be sent requests, and what does it take?

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value, json};

use super::{App, reply};
use crate::gateway::survey::{Fares, Report};

/// What this server takes and gives, as `OpenAPI` 3.1. A test holds it against the routes and against replies.
const DESCRIPTION: &[u8] = include_bytes!("openapi.json");

/// `GET /openapi.json`.
pub(super) async fn describe() -> Response {
    let body = Bytes::from_static(DESCRIPTION);
    reply::whole(StatusCode::OK, body, HeaderMap::new())
}

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The state of the configuration, and how each provider fares.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    // A file that was broken since changes nothing, so the gateway is as ready as before; and a provider that fails is
    // no reason to take away the gateway, which knows whom to ask in its place.
    let fault = app.fault.load();
    let error = fault.as_ref().map(|fault| fault.as_str());
    let config = json!({ "reloaded": error.is_none(), "error": error });
    let reports = app.gateway.survey();
    let (asleep, awake): (Vec<_>, Vec<_>) = reports
        .iter()
        .partition(|report| report.fares == Fares::Asleep);
    let asleep: Vec<&str> = asleep.iter().map(|report| report.name.as_str()).collect();
    let providers: Map<String, Value> = awake.into_iter().map(provider).collect();
    let body = json!({
        "status": "ready",
        "config": config,
        "providers": providers,
        "asleep": asleep,
    });
    let body = body.to_string();
    reply::whole(StatusCode::OK, body.into(), HeaderMap::new())
}

fn provider(report: &Report) -> (String, Value) {
    let health = match report.fares {
        Fares::Asleep => "asleep",
        Fares::Unknown => "unknown",
        Fares::Well => "ok",
        Fares::Partly => "degraded",
        Fares::Badly => "down",
    };
    let (models, keys) = (report.models, report.keys);
    let value = json!({
        "health": health,
        "models": { "asked": models, "resting": report.resting },
        "keys": { "ready": keys.ready, "resting": keys.resting, "retired": keys.retired },
    });
    (report.name.to_string(), value)
}
