//! `GET /v1/models`: what this caller may ask for, in the shape of the caller's protocol.
//!
//! Providers are asked for their own lists, all at once and not for long; who does not answer in time is listed from the
//! catalogue. Answers are kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{Path, Request as HttpRequest, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::access::Admitted;
use super::dialect::is_anthropic;
use super::reply::report;
use super::serve::{Taken, take};
use super::{App, reply};
use crate::catalog::day::Day;
use crate::catalog::models;
use crate::error::{Error, Kind};
use crate::gateway::Gateway;
use crate::providers::ListedModel;
use crate::routing::resolve;
use crate::target::ProviderName;

/// How long one provider's list may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a list is good for, and how long a failure keeps us from asking again.
const FRESH: Duration = Duration::from_mins(5);

/// What providers listed lately.
#[derive(Debug, Default)]
pub(super) struct Lists(Mutex<Known>);

/// Each provider's list, and when it was asked for.
type Known = HashMap<ProviderName, (Instant, Arc<Vec<ListedModel>>)>;

/// One line of the list.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    id: String,
    owner: String,
    model: ListedModel,
}

/// `GET /v1/models`.
pub(super) async fn list(State(app): State<Arc<App>>, request: HttpRequest) -> Response {
    let taken = match take(&app, request).await {
        Ok(taken) => taken,
        Err(refused) => return refused,
    };
    let rows = rows(&app, &taken.admitted).await;
    let body = if is_anthropic(&taken.headers) {
        json!({
            "data": rows.iter().map(anthropic).collect::<Vec<_>>(),
            "has_more": false,
            "first_id": rows.first().map(|row| &row.id),
            "last_id": rows.last().map(|row| &row.id),
        })
    } else {
        json!({ "object": "list", "data": rows.iter().map(openai).collect::<Vec<_>>() })
    };
    shown(&taken, &body)
}

/// `GET /v1/models/{id}`: also a name that is not in the list, if it leads to a target.
pub(super) async fn one(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    request: HttpRequest,
) -> Response {
    let taken = match take(&app, request).await {
        Ok(taken) => taken,
        Err(refused) => return refused,
    };
    let rows = rows(&app, &taken.admitted).await;
    match find(&app, &rows, &id, &taken.admitted) {
        Ok(row) if is_anthropic(&taken.headers) => shown(&taken, &anthropic(&row)),
        Ok(row) => shown(&taken, &openai(&row)),
        Err(error) => {
            report(&error, &taken.request_id);
            taken.dialect.error(&error, &taken.request_id)
        }
    }
}

fn shown(taken: &Taken, body: &Value) -> Response {
    let headers = reply::head(&taken.request_id);
    reply::whole(StatusCode::OK, Bytes::from(body.to_string()), headers)
}

fn find(app: &App, rows: &[Row], id: &str, admitted: &Admitted) -> Result<Row, Error> {
    let listed = |id: &str| rows.iter().find(|row| row.id == id).cloned();
    if let Some(row) = listed(id) {
        return Ok(row);
    }
    let snapshot = app.gateway.snapshot();
    let target = resolve::target(&snapshot.config, &resolve::Listed::new(), id)?;
    if admitted.may_use(id).is_err() {
        // Whoever may not use it need not learn whether it is there.
        let message = format!("no model is named `{id}`");
        return Err(Error::new(Kind::ModelNotFound, message).with_param("model"));
    }
    let row = listed(&target.to_string()).unwrap_or_else(|| Row {
        id: String::new(),
        owner: target.provider.as_str().to_owned(),
        model: ListedModel::default(),
    });
    Ok(Row {
        id: id.to_owned(),
        ..row
    })
}

/// Aliases first, then each provider's models, in the order of the configuration.
async fn rows(app: &App, admitted: &Admitted) -> Vec<Row> {
    let snapshot = app.gateway.snapshot();
    let config = &snapshot.config;
    let aliases = config.aliases.iter().map(|alias| Row {
        id: alias.name.clone(),
        owner: "llmgw".to_owned(),
        model: ListedModel::default(),
    });
    let mut rows: Vec<Row> = aliases.collect();
    let awake: Vec<&ProviderName> = config.awake().collect();
    let lists = awake.iter().map(|name| app.lists.of(&app.gateway, name));
    for (name, list) in awake.iter().zip(join_all(lists).await) {
        rows.extend(list.iter().map(|model| Row {
            id: format!("{name}/{}", model.id),
            owner: name.as_str().to_owned(),
            model: model.clone(),
        }));
    }
    rows.retain(|row| {
        admitted.may_use(&row.id).is_ok()
            || (!row.model.id.is_empty() && admitted.may_use(&row.model.id).is_ok())
    });
    rows
}

impl Lists {
    async fn of(&self, gateway: &Gateway, name: &ProviderName) -> Arc<Vec<ListedModel>> {
        let now = Instant::now();
        if let Some((at, list)) = self.lock().get(name)
            && now.duration_since(*at) < FRESH
        {
            return list.clone();
        }
        let list = match timeout(PATIENCE, gateway.models(name)).await {
            Ok(Ok(list)) => list,
            Ok(Err(error)) => {
                tracing::info!(provider = %name, code = error.code(), "the provider's list of models is not to be had");
                catalogued(gateway, name)
            }
            Err(_) => catalogued(gateway, name),
        };
        let list = Arc::new(list);
        self.lock().insert(name.clone(), (now, list.clone()));
        list
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the catalogue knows of a provider's vendor.
fn catalogued(gateway: &Gateway, name: &ProviderName) -> Vec<ListedModel> {
    let snapshot = gateway.snapshot();
    let Some(provider) = snapshot.config.provider(name.as_str()) else {
        return Vec::new();
    };
    let known = models::all()
        .iter()
        .filter(|model| model.provider == provider.vendor());
    known
        .map(|model| ListedModel {
            id: model.id.to_owned(),
            context: model.context,
            max_output: model.max_output,
            ..ListedModel::default()
        })
        .collect()
}

fn openai(row: &Row) -> Value {
    let mut value = json!({
        "id": row.id,
        "object": "model",
        "created": row.model.created.unwrap_or(0),
        "owned_by": row.owner,
    });
    if let Some(object) = value.as_object_mut() {
        for (key, tokens) in [
            ("context_length", row.model.context),
            ("max_output_tokens", row.model.max_output),
        ] {
            if let Some(tokens) = tokens {
                object.insert(key.to_owned(), tokens.into());
            }
        }
    }
    value
}

fn anthropic(row: &Row) -> Value {
    let created = row.model.created.unwrap_or(0);
    json!({
        "type": "model",
        "id": row.id,
        "display_name": row.model.name.as_deref().unwrap_or(&row.id),
        "created_at": timestamp(created),
        "max_input_tokens": row.model.context,
        "max_tokens": row.model.max_output,
    })
}

/// RFC 3339, in UTC.
fn timestamp(seconds: u64) -> String {
    let day = Day::of_unix(i64::try_from(seconds).unwrap_or(0));
    let rest = seconds % 86_400;
    format!(
        "{day}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_the_shape_of_the_callers_protocol() {
        let row = Row {
            id: "p/m".into(),
            owner: "p".into(),
            model: ListedModel {
                id: "m".into(),
                context: Some(1000),
                created: Some(1_790_000_000),
                ..ListedModel::default()
            },
        };
        assert_eq!(
            openai(&row),
            json!({"id": "p/m", "object": "model", "created": 1_790_000_000, "owned_by": "p", "context_length": 1000})
        );
        // 1,790,000,000 s are 20,717 days and 51,200 s.
        assert_eq!(
            anthropic(&row),
            json!({"type": "model", "id": "p/m", "display_name": "p/m", "created_at": "2026-09-21T14:13:20Z",
                "max_input_tokens": 1000, "max_tokens": null})
        );
    }
}
