//! Is it alive, and may it be sent requests?

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::{App, reply};

/// The process answers.
pub(super) async fn alive() -> &'static str {
    "ok\n"
}

/// The configuration is loaded; which providers may be asked.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.gateway.snapshot();
    let providers: Vec<&str> = snapshot.ready_providers().collect();
    // A file that was broken since changes nothing, so the gateway is as ready as before.
    let fault = app.fault.load();
    let error = fault.as_ref().map(|fault| fault.as_str());
    let config = json!({ "reloaded": error.is_none(), "error": error });
    let body = json!({ "status": "ready", "providers": providers, "config": config }).to_string();
    reply::whole(StatusCode::OK, body.into(), HeaderMap::new())
}
