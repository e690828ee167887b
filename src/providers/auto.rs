//! OpenAI's two APIs behind one name (`api: auto`): Responses, and Chat Completions for what only that one has.
//!
//! A client of Chat Completions may set what Responses does not know: stop sequences, a seed, biases, penalties, sound,
//! a search in the answer. Where the model takes those through Chat Completions, it is asked there, so that nothing is
//! lost; everything else goes the newer way.

use http::{HeaderMap, StatusCode};

use super::compatible::Compatible;
use super::namespaces::Flattened;
use super::openai::OpenAi;
use super::{Answer, Ask, AskKind, Call, Need, Provider, Remedies, Settings};
use crate::canonical::item::Item;
use crate::canonical::native::Protocol;
use crate::canonical::open::Open;
use crate::canonical::part::Part;
use crate::canonical::request::Request;
use crate::catalog::openai::{Apis, Family, Reasons, Stop, family};
use crate::error::Error;
use crate::secret::Secret;
use crate::target::ModelId;

/// One configured OpenAI provider.
#[derive(Debug)]
pub(super) struct Auto {
    responses: OpenAi,
    chat: Flattened<Compatible>,
}

impl Auto {
    /// A provider with this configuration.
    pub(super) fn new(settings: &Settings) -> Self {
        let row = Settings {
            vendor: Some("openai".to_owned()),
            ..settings.clone()
        };
        Self {
            responses: OpenAi::new(settings),
            chat: Flattened(Compatible::new(&row)),
        }
    }

    fn of(&self, request: &Request, model: &ModelId) -> &dyn Provider {
        if belongs_to_chat(request, family(model.as_str())) {
            &self.chat
        } else {
            &self.responses
        }
    }
}

impl Provider for Auto {
    fn speaks(&self, request: &Request, model: &ModelId) -> Option<Protocol> {
        self.of(request, model).speaks(request, model)
    }

    fn needs(&self, request: &Request, model: &ModelId) -> Vec<Need> {
        self.of(request, model).needs(request, model)
    }

    fn encode(&self, ask: Ask<'_>, model: &ModelId, remedies: &Remedies) -> Result<Call, Error> {
        match ask {
            Ask::Respond(request) => self.of(request, model).encode(ask, model, remedies),
            Ask::Compact(_) | Ask::Count(_) | Ask::Embed(_) | Ask::Models(_) => {
                self.responses.encode(ask, model, remedies)
            }
        }
    }

    fn authorize(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), Error> {
        self.responses.authorize(headers, key)
    }

    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error> {
        self.responses.read(kind, body)
    }

    /// Both APIs refuse in the same words.
    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.responses.error(status, headers, body)
    }
}

/// Does this request of a chat client use what only Chat Completions has, and does the model take it there?
fn belongs_to_chat(request: &Request, family: &Family) -> bool {
    if request.spoken(Protocol::Chat).is_none() || family.apis == Apis::Responses {
        return false;
    }
    let tools = !request.tools.is_empty();
    let hosted = request.tools.iter().any(|tool| tool.known().is_none());
    if hosted || (tools && !family.chats_with_tools_at(request.effort())) {
        return false;
    }
    let beyond = &request.beyond;
    let plain = family.reasons != Reasons::Yes;
    let penalties = [request.presence_penalty, request.frequency_penalty];
    let penalised = penalties
        .iter()
        .flatten()
        .any(|penalty| penalty.abs() > 0.0);
    (!beyond.stop.is_empty() && family.stop == Stop::Yes)
        || beyond.seed.is_some()
        || (plain && (beyond.logit_bias.is_some() || penalised))
        || beyond.chat_only().next().is_some()
        || hears(request)
}

/// Is there sound in the conversation?
fn hears(request: &Request) -> bool {
    request.input.iter().any(|item| match item {
        Open::Known(Item::Message(message)) => message
            .content
            .iter()
            .any(|part| matches!(part, Open::Known(Part::InputAudio(_)))),
        Open::Known(_) | Open::Unknown(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::doors::Door;
    use crate::doors::chat::Chat;
    use crate::doors::responses::Responses;

    fn path<D: Door>(model: &str, fields: &Value) -> (String, Vec<String>) {
        let mut body = json!({"model": model});
        if D::PATH == Chat::PATH {
            body["messages"] = json!([{"role": "user", "content": "a"}]);
        } else {
            body["input"] = "a".into();
        }
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let (request, _) = D::decode(None, body.to_string().as_bytes()).unwrap();
        let auto = Auto::new(&Settings {
            name: "openai".into(),
            base_url: "https://x/v1".to_owned(),
            api: super::super::Api::Auto,
            vendor: None,
        });
        let call = auto
            .encode(Ask::Respond(&request), &model.into(), &Remedies::default())
            .unwrap();
        let lost = call.losses.into_iter().map(|loss| loss.field).collect();
        (call.url.replace("https://x/v1", ""), lost)
    }

    fn check(model: &str, fields: &Value, expect: &str) {
        assert_eq!(path::<Chat>(model, fields).0, expect, "{model} {fields}");
    }

    #[test]
    fn what_only_chat_completions_has_is_asked_there() {
        let only = [
            json!({"stop": ["x"]}),
            json!({"seed": 7}),
            json!({"logit_bias": {"50256": -100}}),
            json!({"presence_penalty": 0.5}),
            json!({"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "wav"}}),
            json!({"web_search_options": {}}),
            json!({"messages": [{"role": "user", "content": [
                {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}]}]}),
        ];
        for fields in &only {
            check("gpt-4.1", fields, "/chat/completions");
            let (_, lost) = path::<Chat>("gpt-4.1", fields);
            assert_eq!(lost, Vec::<String>::new(), "{fields}");
        }
        check("gpt-4.1", &json!({}), "/responses");
        check(
            "gpt-4.1",
            &json!({"prediction": {"type": "content", "content": "a"}}),
            "/responses",
        );
        check(
            "gpt-4.1",
            &json!({"temperature": 0.2, "logprobs": true}),
            "/responses",
        );
    }

    #[test]
    fn a_model_that_takes_it_nowhere_is_asked_through_responses() {
        check("gpt-6-luna", &json!({"stop": ["x"]}), "/responses");
        check("gpt-6-luna", &json!({"logit_bias": {"1": 1}}), "/responses");
        let tools = json!([{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]);
        check(
            "gpt-6-luna",
            &json!({"seed": 7, "tools": tools}),
            "/responses",
        );
        check("gpt-6-luna", &json!({"seed": 7}), "/chat/completions");
        check(
            "gpt-4.1",
            &json!({"seed": 7, "tools": tools}),
            "/chat/completions",
        );
    }

    #[test]
    fn another_door_never_leads_there() {
        let (url, _) = path::<Responses>("gpt-4.1", &json!({"presence_penalty": 1}));
        assert_eq!(url, "/responses");
    }
}
