//! A stand-in that says a text, wherever it is asked to begin, and breaks off where a test wants it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use llmgw::gateway::upstream::Peer;
use llmgw::providers::demo::peer::Step;
use serde_json::{Value, json};

/// The answer.
pub(crate) const TEXT: &str = "Die Straße nach Köln ist lang,\n\n東京 is farther. 👍🏽 One hundred and 1000 steps, and then some.";

/// How a stand-in takes what it said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It says the same again, and goes on from an assistant's last message where it has to.
    Same,
    /// It begins with another word, and goes on when it is asked to.
    Other,
    /// The same, and it repeats its last words first.
    Repeats,
    /// It has no good answer.
    Lost,
}

/// How an answer breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// The connection is reset.
    Reset,
    /// The body ends as if all were well.
    End,
    /// Nothing comes any more.
    Stall,
    /// A frame is no JSON.
    Garbage,
    /// The provider reports an error.
    Error,
}

/// Where a stand-in breaks off: after so many pieces of text, for so many requests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) after: usize,
    pub(crate) by: Break,
    pub(crate) times: u32,
}

/// A stand-in for a provider of Chat Completions.
#[derive(Debug, Clone)]
pub(crate) struct Speaker {
    pub(crate) manner: Manner,
    pub(crate) fault: Option<Fault>,
    /// Whether a prefill is a 400.
    pub(crate) refuses: bool,
    pub(crate) call: Option<&'static str>,
    pub(crate) asked: Arc<AtomicU32>,
}

impl Speaker {
    pub(crate) fn new(manner: Manner) -> Self {
        Self {
            manner,
            fault: None,
            refuses: false,
            call: None,
            asked: Arc::default(),
        }
    }

    pub(crate) fn breaks(self, after: usize, by: Break, times: u32) -> Self {
        let fault = Some(Fault { after, by, times });
        Self { fault, ..self }
    }

    pub(crate) fn peer(&self) -> Peer {
        let speaker = self.clone();
        Peer::new(move |body| {
            let n = speaker.asked.fetch_add(1, Ordering::Relaxed);
            let body: Value = serde_json::from_slice(body).expect("a request");
            speaker.answer(n, &body)
        })
    }

    pub(crate) fn times(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    fn answer(&self, n: u32, body: &Value) -> Vec<Step> {
        assert_eq!(body["stream"], true, "a break is seen in streams alone");
        let messages = body["messages"].as_array().expect("messages");
        let last = messages.last().expect("a message");
        let said = |at: usize| messages[at]["content"].as_str().expect("text").to_owned();
        let text = if last["role"] == "assistant" {
            if self.refuses {
                return refusal();
            }
            assert_eq!(body["continue_final_message"], true);
            let before = said(messages.len() - 1);
            assert!(TEXT.starts_with(&before) && before.trim_end() == before);
            TEXT[before.len()..].to_owned()
        } else if messages.len() > 1 {
            let before = said(messages.len() - 2);
            assert!(TEXT.starts_with(&before));
            match self.manner {
                Manner::Repeats => {
                    let from = before.trim_end().rfind(' ').map_or(0, |at| at + 1);
                    TEXT[from..].to_owned()
                }
                _ => TEXT[before.len()..].to_owned(),
            }
        } else {
            match self.manner {
                Manner::Same => TEXT.to_owned(),
                Manner::Other | Manner::Repeats | Manner::Lost => "Another answer.".to_owned(),
            }
        };
        if self.manner == Manner::Lost {
            return vec![Step::Reset];
        }
        self.script(n, &text)
    }

    fn script(&self, n: u32, text: &str) -> Vec<Step> {
        let mut frames: Vec<Value> = pieces(text)
            .iter()
            .map(|p| json!({ "content": p }))
            .collect();
        if let Some(arguments) = self.call {
            frames.push(
                json!({"tool_calls": [{"index": 0, "id": format!("call_{n}"), "type": "function",
                "function": {"name": "trip", "arguments": ""}}]}),
            );
            for piece in pieces(arguments) {
                frames
                    .push(json!({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}));
            }
        }
        let mut script = vec![head(200, "text/event-stream")];
        let fault = self.fault.filter(|fault| n < fault.times);
        let most = fault.map_or(usize::MAX, |fault| fault.after);
        script.extend(
            frames
                .iter()
                .take(most)
                .map(|delta| chunk(delta, &Value::Null)),
        );
        match fault.map(|fault| fault.by) {
            Some(Break::Reset) => script.push(Step::Reset),
            Some(Break::Stall) => script.push(Step::Hang),
            Some(Break::Garbage) => script.push(frame("{\"choices\": [")),
            Some(Break::Error) => script.push(frame(
                r#"{"error":{"message":"no luck","type":"server_error","code":"server_error"}}"#,
            )),
            Some(Break::End) => {}
            None => {
                let reason = if self.call.is_some() {
                    "tool_calls"
                } else {
                    "stop"
                };
                script.push(chunk(&json!({}), &json!(reason)));
                script.push(frame(
                    r#"{"id":"c","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12}}"#,
                ));
                script.push(frame("[DONE]"));
            }
        }
        script
    }
}

/// Two characters each.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(2).map(|c| c.iter().collect()).collect()
}

fn chunk(delta: &Value, finish: &Value) -> Step {
    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]});
    frame(&chunk.to_string())
}

fn frame(data: &str) -> Step {
    Step::Bytes(Bytes::from(format!("data: {data}\n\n")))
}

fn head(status: u16, media: &'static str) -> Step {
    let mut map = HeaderMap::new();
    map.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    Step::Head(StatusCode::from_u16(status).expect("a status"), map)
}

fn refusal() -> Vec<Step> {
    let body = r#"{"error":{"message":"the conversation must end with a user message","type":"invalid_request_error","code":null}}"#;
    vec![head(400, "application/json"), Step::Bytes(body.into())]
}
