//! The listener for administration: off unless the configuration names an address, and never on the clients' port.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;

use super::constraints::constraints;
use super::{App, access, astray, encoding, observers, reply, usage};
use crate::config::server::Admin;
use crate::doors::Door as _;
use crate::doors::responses::Responses;
use crate::error::{Error, Kind};
use crate::gateway::Caller;
use crate::gateway::explain::Detail;

/// What every handler of this listener needs.
#[derive(Debug)]
struct Desk {
    app: Arc<App>,
    sha256: Option<[u8; 32]>,
}

/// The routes of this listener.
pub(super) fn router(app: Arc<App>, admin: &Admin) -> Router {
    Router::new()
        .route("/admin/explain", post(explain))
        .route("/admin/usage", get(used))
        .route("/metrics", get(metrics))
        .fallback(astray::not_found)
        .method_not_allowed_fallback(astray::method_not_allowed)
        .with_state(Arc::new(Desk {
            app,
            sha256: admin.sha256,
        }))
}

impl Desk {
    /// With a key, the key is needed; without one, only this machine and no web page may call.
    fn admit(&self, headers: &HeaderMap) -> Result<(), Error> {
        let Some(expected) = &self.sha256 else {
            return access::only_local(headers);
        };
        let shown = access::shown_key(headers).unwrap_or_default();
        let hash: [u8; 32] = Sha256::digest(shown).into();
        if bool::from(hash.ct_eq(expected)) {
            return Ok(());
        }
        Err(Error::new(Kind::Unauthorized, "a valid key is required"))
    }
}

/// `GET /metrics`.
async fn metrics(State(desk): State<Arc<Desk>>, request: HttpRequest) -> Response {
    if let Err(error) = desk.admit(request.headers()) {
        let request_id = reply::request_id(request.headers());
        return reply::error::<Responses>(&error, &request_id);
    }
    let mut response = Response::new(Body::from(observers::metrics(&desk.app)));
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, format);
    response
}

/// `POST /admin/explain`: the body of a `/v1/responses` request; what would be done with it now. `?detail=request` shows
/// what would be sent.
async fn explain(State(desk): State<Arc<Desk>>, request: HttpRequest) -> Response {
    let (parts, body) = request.into_parts();
    let request_id = reply::request_id(&parts.headers);
    let explained = async {
        desk.admit(&parts.headers)?;
        let body = encoding::read(body, desk.app.body_limit).await?;
        let header = |name: &str| {
            parts
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let (request, _) = Responses::decode(header("x-llmgw-profile"), &body)?;
        let caller = Caller {
            request_id: request_id.clone(),
            route: header("x-llmgw-route").map(str::to_owned),
            constraints: constraints(&parts.headers)?,
            marks: desk.app.gateway.snapshot().marks(&parts.headers),
            ..Caller::default()
        };
        let query = parts.uri.query().unwrap_or_default();
        let detail = if query.split('&').any(|pair| pair == "detail=request") {
            Detail::Request
        } else {
            Detail::Plan
        };
        desk.app.gateway.explain(request, &caller, detail)
    };
    match explained.await {
        Ok(explanation) => {
            let mut headers = HeaderMap::new();
            headers.extend(reply::head(&request_id));
            let body = serde_json::to_vec(&json!(explanation)).unwrap_or_default();
            reply::whole(StatusCode::OK, body.into(), headers)
        }
        Err(error) => reply::error::<Responses>(&error, &request_id),
    }
}

/// `GET /admin/usage?since=7d&by=model`: what requests used and cost, those of this moment included.
async fn used(State(desk): State<Arc<Desk>>, request: HttpRequest) -> Response {
    let (parts, _) = request.into_parts();
    let request_id = reply::request_id(&parts.headers);
    let reported = async {
        desk.admit(&parts.headers)?;
        let query = parts.uri.query().unwrap_or_default();
        let (since, by) = usage::asked(query, desk.app.gateway.now())?;
        desk.app.observers.sinks.hand_over();
        let Some(ledger) = &desk.app.observers.ledger else {
            let message = "this configuration keeps no usage";
            return Err(Error::new(Kind::NotFound, message)
                .with_hint("it is kept with `store: { kind: sqlite }`"));
        };
        let report = ledger.report(since, by).await;
        report.ok_or_else(|| Error::new(Kind::Internal, "the ledger cannot be read: see the log"))
    };
    match reported.await {
        Ok(report) => {
            let mut headers = HeaderMap::new();
            headers.extend(reply::head(&request_id));
            let body = serde_json::to_vec(&report).unwrap_or_default();
            reply::whole(StatusCode::OK, body.into(), headers)
        }
        Err(error) => reply::error::<Responses>(&error, &request_id),
    }
}
