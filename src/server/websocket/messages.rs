//! The messages of a connection: events as bare JSON, and the envelope of a turn that failed.

use axum::extract::ws::Message;
use bytes::BytesMut;
use serde_json::json;

use crate::canonical::event::{Batch, Emitted, ErrorPayload, Event};
use crate::canonical::open::Open;
use crate::doors::Encoder as _;
use crate::doors::responses::ResponsesEncoder;

/// The events as messages. Those that end a failed answer are held back: one envelope stands for them.
pub(super) fn messages(
    batch: &Batch,
    encoder: &mut ResponsesEncoder,
    error: &mut Option<ErrorPayload>,
) -> Vec<Message> {
    let mut messages = Vec::with_capacity(batch.len());
    let mut frame = BytesMut::new();
    for emitted in batch {
        if let Some(payload) = failure(emitted) {
            error.get_or_insert(payload);
            continue;
        }
        frame.clear();
        encoder.event(emitted, &mut frame);
        messages.extend(data(&frame).map(|data| Message::Text(data.into())));
    }
    messages
}

fn failure(emitted: &Emitted) -> Option<ErrorPayload> {
    match &emitted.event {
        Open::Known(Event::Error(e)) => Some(e.error.clone()),
        Open::Known(Event::Failed(l)) => {
            let error = l.response.error.clone().unwrap_or_default();
            Some(ErrorPayload {
                kind: "server_error".to_owned(),
                code: Some(error.code),
                message: error.message,
                param: None,
            })
        }
        Open::Known(_) | Open::Unknown(_) => None,
    }
}

/// The data of a frame; none if the encoder withheld the event.
fn data(frame: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(frame).ok()?;
    let (_, data) = text.split_once("\ndata: ")?;
    data.strip_suffix("\n\n")
}

pub(super) fn status_of(payload: &ErrorPayload) -> u16 {
    match payload.kind.as_str() {
        "invalid_request" | "invalid_request_error" => 400,
        "authentication_error" => 401,
        "permission_error" => 403,
        "not_found" => 404,
        "too_many_requests" => 429,
        _ => 500,
    }
}

/// The envelope of a failed turn; its `code` is never `null`.
pub(super) fn envelope(status: u16, payload: &ErrorPayload) -> Message {
    let body = json!({
        "type": "error",
        "status": status,
        "error": {
            "type": payload.kind,
            "code": payload.code.as_deref().unwrap_or("server_error"),
            "message": payload.message,
            "param": payload.param,
        },
    });
    Message::Text(body.to_string().into())
}
