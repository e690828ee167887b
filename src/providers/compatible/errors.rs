//! What a failure means. The bodies have eight shapes, and the same thing has many words.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use super::remedies;
use crate::error::{Error, Kind};
use crate::providers::{clean, retry_after};

/// What a body says, whatever its shape.
#[derive(Debug, Default)]
struct Fault {
    message: String,
    code: String,
    kind: String,
    param: Option<String>,
    status: Option<u16>,
    /// Everything that may give the class away, in lower case.
    words: String,
}

/// Understands a reply whose status is no success.
pub(super) fn read(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
    let fault = Fault::read(body);
    let id = ["x-request-id", "request-id", "x-amzn-requestid"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .map(str::to_owned);
    let error = fault.error(status.as_u16()).with_upstream_request_id(id);
    match error.kind() {
        // A quota comes back some day, not after the time that such replies name.
        Kind::QuotaExhausted => error,
        _ => error.with_retry_after(retry_after::retry_after(headers)),
    }
}

/// Understands an error inside a reply whose status was 200.
pub(super) fn inside(body: &[u8]) -> Error {
    let fault = Fault::read(body);
    if fault.words.is_empty() {
        return Error::garbled("the reply holds neither an answer nor an error");
    }
    let status = fault.status.unwrap_or_else(|| fault.implied());
    fault.error(status)
}

impl Fault {
    fn read(body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            let text = String::from_utf8_lossy(body);
            return Self::said(&text);
        };
        // Google wraps its error in a list.
        let value = match value {
            Value::Array(mut list) if !list.is_empty() => list.swap_remove(0),
            other => other,
        };
        match value.get("error") {
            Some(inner @ Value::Object(_)) => Self::object(inner),
            Some(Value::String(text)) => Self {
                code: text_at(&value, "code"),
                ..Self::said(text)
            },
            _ => match &value {
                Value::String(text) => Self::said(text),
                object => Self::object(object),
            },
        }
    }

    fn said(text: &str) -> Self {
        Self {
            message: clean::message(text),
            words: text.to_ascii_lowercase(),
            ..Self::default()
        }
    }

    fn object(object: &Value) -> Self {
        let message = message(object);
        let code = text_at(object, "code");
        let kind = text_at(object, "type");
        let status = ["status_code", "status", "code", "raw_status_code"]
            .iter()
            .find_map(|key| number(object.get(*key)?))
            .filter(|status| (400..600).contains(status));
        // OpenRouter hides what its provider said.
        let raw = object
            .pointer("/metadata/raw")
            .map(plain)
            .unwrap_or_default();
        let words = format!("{code} {kind} {message} {raw}").to_ascii_lowercase();
        let message = match (message.trim(), raw.trim()) {
            ("", raw) => raw.to_owned(),
            (message, "") => message.to_owned(),
            (message, raw) => format!("{message}: {raw}"),
        };
        Self {
            message: clean::message(&message),
            words: words.trim().to_owned(),
            param: param(object),
            code,
            kind,
            status,
        }
    }

    fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.words.contains(word))
    }

    /// The status that an error without one stands for.
    fn implied(&self) -> u16 {
        let tag = format!("{} {}", self.code, self.kind).to_ascii_lowercase();
        let any = |words: &[&str]| words.iter().any(|word| tag.contains(word));
        if any(&["rate_limit", "insufficient_quota", "too_many_requests"]) {
            429
        } else if any(&["authentication", "invalid_api_key"]) {
            401
        } else if any(&["permission"]) {
            403
        } else if any(&["not_found"]) {
            404
        } else if any(&["overload", "unavailable"]) {
            503
        } else if any(&["timeout"]) {
            504
        } else if any(&["invalid", "bad_request", "context_length", "content_filter"]) {
            400
        } else {
            500
        }
    }

    fn error(self, status: u16) -> Error {
        let class = self.class(status);
        let message = if self.message.is_empty() {
            format!("the server answered {status} and did not say why")
        } else {
            self.message.clone()
        };
        let mut error = Error::new(class, message).with_upstream_status(status);
        if class == Kind::UpstreamInvalid {
            if let Some(remedy) = remedies::learn(self.param.as_deref(), &self.words) {
                error = error.with_remedy(remedy);
            }
            if let Some(param) = self.param {
                error = error.with_param(param);
            }
        }
        if class == Kind::ModelNotFound && !self.words.contains("model") {
            error = error.with_hint(
                "does the provider's `base_url` end where its SDK's does, as in `…/v1`?",
            );
        }
        error
    }

    fn class(&self, status: u16) -> Kind {
        match status {
            400 | 422 => self.rejected(),
            401 => Kind::UpstreamAuth,
            402 => Kind::UpstreamBilling,
            403 => self.forbidden(),
            404 => Kind::ModelNotFound,
            413 if self.says(&["rate_limit", "tokens per minute", "tpm"]) || self.is_too_long() => {
                // The request alone is more than this account may send: no use in waiting.
                Kind::ContextLength
            }
            413 => Kind::TooLarge,
            429 if self.says(&QUOTA) => Kind::QuotaExhausted,
            429 => Kind::RateLimited,
            // 498 is Groq's word for no capacity.
            408 | 409 | 425 | 498 | 503 | 529 => Kind::Overloaded,
            500.. if self.is_too_long() => Kind::ContextLength,
            500.. if self.says(&["overloaded", "at capacity", "loading model"]) => Kind::Overloaded,
            // A redirect is no answer: the provider's address is wrong, not the request.
            ..400 | 500.. => Kind::UpstreamFailed,
            _ => Kind::UpstreamInvalid,
        }
    }

    fn is_too_long(&self) -> bool {
        self.says(&CONTEXT)
    }

    /// What a 400 or 422 means.
    fn rejected(&self) -> Kind {
        if self.says(&[
            "tool_use_failed",
            "json_validate_failed",
            "output_parse_failed",
        ]) {
            Kind::ModelFailed
        } else if self.is_too_long() {
            Kind::ContextLength
        } else if self.says(&MODEL) {
            Kind::ModelNotFound
        } else if self.says(&["invalid_api_key", "incorrect api key", "api key not valid"]) {
            Kind::UpstreamAuth
        } else if self.says(&[
            "insufficient balance",
            "credit balance",
            "billing_hard_limit",
            "billing_not_active",
        ]) {
            Kind::UpstreamBilling
        } else if self.says(&POLICY) {
            Kind::ContentPolicy
        } else {
            Kind::UpstreamInvalid
        }
    }

    fn forbidden(&self) -> Kind {
        if self.says(&["credit", "spending limit", "billing"]) {
            Kind::UpstreamBilling
        } else if self.says(&POLICY) || self.says(&["moderation", "flagged"]) {
            Kind::ContentPolicy
        } else if self.says(&["model", "country", "region", "territory"]) {
            Kind::ModelUnavailable
        } else {
            Kind::UpstreamAuth
        }
    }
}

/// OpenAI and vLLM; llama.cpp; Perplexity; Mistral; Groq; OpenRouter; Google; TGI.
const CONTEXT: [&str; 16] = [
    "context_length",
    "maximum context length",
    "context length",
    "context window",
    "context size",
    "exceed_context_size",
    "too_many_prompt_tokens",
    "too large for model",
    "prompt is too long",
    "input is too long",
    "reduce the length of the messages",
    "reduce your message size",
    "input token count",
    "maximum prompt length",
    "max_total_tokens",
    "`inputs` tokens + `max_new_tokens`",
];

const MODEL: [&str; 9] = [
    "model_not_found",
    "invalid_model",
    "invalid model",
    "model not exist",
    "model not found",
    "not a valid model",
    "unknown_model",
    "no such model",
    "model does not exist",
];

const QUOTA: [&str; 5] = [
    "insufficient_quota",
    "exceeded your current quota",
    "spend_limit_reached",
    "billing",
    "insufficient balance",
];

const POLICY: [&str; 5] = [
    "content_filter",
    "content_policy",
    "responsibleaipolicy",
    "content management policy",
    "data_inspection_failed",
];

fn message(object: &Value) -> String {
    for key in ["message", "detail", "error_message", "msg", "error"] {
        match object.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return text.clone(),
            Some(list @ Value::Array(_)) => return details(list),
            Some(inner @ Value::Object(_)) => {
                // Mistral nests FastAPI's list: `{message: {detail: [...]}}`.
                let text = message(inner);
                if !text.is_empty() {
                    return text;
                }
            }
            _ => {}
        }
    }
    String::new()
}

/// `FastAPI`'s list of faults: `[{loc: [body, field], msg}]`.
fn details(list: &Value) -> String {
    let faults = list.as_array().map(Vec::as_slice).unwrap_or_default();
    let texts = faults.iter().map(|fault| {
        let place: Vec<String> = fault
            .get("loc")
            .and_then(Value::as_array)
            .map(|path| path.iter().map(plain).collect())
            .unwrap_or_default();
        let text = text_at(fault, "msg");
        match (text.is_empty(), place.is_empty()) {
            (true, _) => plain(fault),
            (false, true) => text,
            (false, false) => format!("{text}: {}", place.join(".")),
        }
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// The field at fault, by `param`, or by the path of the only fault in `FastAPI`'s list.
fn param(object: &Value) -> Option<String> {
    if let Some(param) = object.get("param").and_then(Value::as_str) {
        return (!param.is_empty()).then(|| param.to_owned());
    }
    let list = object
        .get("detail")
        .or_else(|| object.pointer("/message/detail"))?;
    let path = list.as_array()?.first()?.get("loc")?.as_array()?;
    let path: Vec<String> = path
        .iter()
        .map(plain)
        .filter(|step| step != "body")
        .collect();
    (!path.is_empty()).then(|| path.join("."))
}

fn text_at(object: &Value, key: &str) -> String {
    match object.get(key) {
        Some(Value::Null) | None => String::new(),
        Some(value) => plain(value),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|n| u16::try_from(n).ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
