//! Counts and embeddings: questions whose answer is no response.

use std::sync::Arc;

use axum::extract::{Request as HttpRequest, State};
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use super::conversation::Reach;
use super::dialect::lend_headers;
use super::serve::{Taken, take};
use super::{App, reply};
use crate::canonical::request::Request;
use crate::doors::messages::Messages;
use crate::doors::responses::Responses;
use crate::doors::{Door as _, embeddings};
use crate::error::Error;
use crate::gateway::asks::Basis;
use crate::providers::Loss;
use crate::store::record::Owner;

/// `POST /v1/responses/input_tokens`.
pub(super) async fn input_tokens(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    let read = |taken: &Taken| {
        let profile = taken.header("x-llmgw-profile");
        Responses::decode(profile, &taken.body).map(|(request, _)| request)
    };
    let shown = |tokens| json!({ "object": "response.input_tokens", "input_tokens": tokens });
    count(&app, request, read, shown).await
}

/// `POST /v1/messages/count_tokens`.
pub(super) async fn count_tokens(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    let read = |taken: &Taken| {
        let mut request = Messages::count(&taken.body)?;
        lend_headers(&taken.headers, &mut request);
        Ok(request)
    };
    count(
        &app,
        request,
        read,
        |tokens| json!({ "input_tokens": tokens }),
    )
    .await
}

async fn count(
    app: &App,
    request: HttpRequest,
    read: impl Fn(&Taken) -> Result<Request, Error>,
    shown: fn(u64) -> Value,
) -> Response {
    let taken = match take(app, request).await {
        Ok(taken) => taken,
        Err(refused) => return refused,
    };
    let work = async {
        let mut request = read(&taken)?;
        let caller = taken.caller(&request.model)?;
        let owner = Owner::of(caller.key.as_ref());
        app.conversations
            .expand(&mut request, &owner, Reach::Archive)
            .await?;
        app.gateway.count(&request, &caller).await
    };
    match work.await {
        Ok(count) => {
            let losses = match count.basis {
                Basis::Counted => Vec::new(),
                Basis::Estimated => vec![Loss::new("input_tokens", "estimated")],
            };
            let mut headers = reply::head(&taken.request_id);
            reply::answered(&mut headers, &count.target, &losses);
            let body = Bytes::from(shown(count.tokens).to_string());
            taken.recorder.delivered();
            reply::whole(StatusCode::OK, body, headers)
        }
        Err(error) => refused(&taken, &error),
    }
}

/// `POST /v1/embeddings`.
pub(super) async fn embed(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    let taken = match take(&app, request).await {
        Ok(taken) => taken,
        Err(refused) => return refused,
    };
    let work = async {
        let (embedding, encoding) = embeddings::decode(&taken.body)?;
        let caller = taken.caller(&embedding.model)?;
        let vectors = app.gateway.embed(&embedding, &caller).await?;
        Ok((vectors, encoding))
    };
    match work.await {
        Ok((vectors, encoding)) => {
            let mut headers = reply::head(&taken.request_id);
            let target = &vectors.target;
            reply::answered(&mut headers, target, &[]);
            if let Some(cost) = vectors.cost {
                reply::costs(&mut headers, cost);
            }
            let body = embeddings::encode(&vectors.embedded, encoding, target.model.as_str());
            taken.recorder.delivered();
            reply::whole(StatusCode::OK, Bytes::from(body), headers)
        }
        Err(error) => refused(&taken, &error),
    }
}

fn refused(taken: &Taken, error: &Error) -> Response {
    let reply = taken.dialect.error(error, &taken.request_id);
    taken.recorder.failed(error, reply.status().as_u16());
    reply
}
