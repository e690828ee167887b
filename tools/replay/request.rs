//! What the gateway would send to OpenAI for a recorded request of the same protocol.

use llmgw::doors::Door as _;
use llmgw::doors::responses::Responses;
use llmgw::providers::{Api, Ask, Kind, Remedies};
use llmgw::target::ModelId;
use serde_json::{Value, json};

use crate::names;
use crate::recording::Recording;

/// The body as it came and as it would go, or why it would not.
pub(crate) fn sent(recording: &Recording) -> Option<Value> {
    if recording.api != "openai-responses" {
        return None;
    }
    let body = recording.request.as_ref()?.body.as_ref()?;
    let request = match Responses::decode(None, body.get().as_bytes()) {
        Ok((request, _)) => request,
        Err(error) => return Some(json!({"refused": error.message(), "param": error.param()})),
    };
    let model = ModelId::from(request.model.as_str());
    let provider = names::build(Kind::OpenAi, Api::Responses, None);
    Some(
        match provider.encode(Ask::Respond(&request), &model, &Remedies::default()) {
            Ok(call) => {
                let losses: Vec<_> = call
                    .losses
                    .iter()
                    .map(|loss| [&loss.field, &loss.what])
                    .collect();
                let sent: Value = serde_json::from_slice(&call.body).unwrap_or_default();
                json!({"sent": sent, "losses": losses})
            }
            Err(error) => json!({"refused": error.message(), "param": error.param()}),
        },
    )
}
