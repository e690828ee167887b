//! One entry of `model_list`: which model, where, and what is said to it.

use serde_json::{Map, Value};

use super::Findings;
use super::providers::{Address, KeyRef, Providers};
use super::vendors::{Vendor, inferred, vendor};

/// An entry that can be asked here.
#[derive(Debug, Clone)]
pub(super) struct Deployment {
    /// The name that callers use.
    pub(super) name: String,
    /// Where its provider is.
    pub(super) address: Address,
    /// What opens it.
    pub(super) key: KeyRef,
    /// The model as its provider names it.
    pub(super) model: String,
    /// What `simple-shuffle` draws by.
    pub(super) weight: Option<f64>,
    pub(super) requests_per_minute: Option<f64>,
    pub(super) tokens_per_minute: Option<f64>,
    /// Lower ones are asked first.
    pub(super) order: Option<i64>,
    /// Seconds.
    pub(super) timeout: Option<f64>,
    /// Seconds.
    pub(super) stream_timeout: Option<f64>,
    pub(super) retries: Option<u64>,
    /// What is said where a request leaves it out.
    pub(super) overlay: Map<String, Value>,
    /// USD per token, of the prompt and of the answer.
    pub(super) prices: (Option<f64>, Option<f64>),
}

/// What reading an entry comes to.
pub(super) enum Read {
    /// A target.
    Target(Box<Deployment>),
    /// A name with `*` that works here without an entry.
    ByItself,
    /// Nothing that can be used; the finding says why.
    Nothing,
}

/// Parameters that fill what a request leaves out, and their names here.
const OVERLAY: [(&str, &str); 5] = [
    ("temperature", "temperature"),
    ("top_p", "top_p"),
    ("presence_penalty", "presence_penalty"),
    ("frequency_penalty", "frequency_penalty"),
    ("max_tokens", "max_output_tokens"),
];

/// Parameters that are read elsewhere, or say nothing here.
const READ: [&str; 21] = [
    "model",
    "api_base",
    "base_url",
    "api_key",
    "api_version",
    "custom_llm_provider",
    "weight",
    "rpm",
    "tpm",
    "order",
    "timeout",
    "stream_timeout",
    "num_retries",
    "max_retries",
    "organization",
    "headers",
    "extra_headers",
    "max_parallel_requests",
    "input_cost_per_token",
    "output_cost_per_token",
    "drop_params",
];

/// Reads an entry.
pub(super) fn read(
    entry: &Value,
    at: usize,
    providers: &mut Providers,
    findings: &mut Findings,
) -> Read {
    let name = text(entry.get("model_name")).unwrap_or_default();
    let place = format!("model_list[{at}] ({name})");
    let Some(params) = entry.get("litellm_params").and_then(Value::as_object) else {
        findings.manual(place, "there are no `litellm_params`");
        return Read::Nothing;
    };
    let Some(written) = text(params.get("model")).filter(|model| !model.is_empty()) else {
        findings.manual(place, "`litellm_params.model` is missing");
        return Read::Nothing;
    };
    let (provider, model) = split(&written, params);
    let Some(provider) = provider else {
        findings.manual(
            format!("{place}.litellm_params.model"),
            format!("whose model `{written}` is cannot be told from its name"),
        );
        return Read::Nothing;
    };
    if name.contains('*') || model.contains('*') {
        return wildcard(&name, (&provider, &model), params, &place, findings);
    }
    let Some((address, key)) = providers.address(&provider, &written, params, &place, findings)
    else {
        return Read::Nothing;
    };
    let info = entry.get("model_info");
    let number = |key: &str| {
        let of_info = || info.and_then(|info| info.get(key));
        let found = params.get(key).or_else(|| entry.get(key)).or_else(of_info);
        found.and_then(Value::as_f64)
    };
    let mut overlay = Map::new();
    for (theirs, ours) in OVERLAY {
        if let Some(value) = params.get(theirs).filter(|value| value.is_number()) {
            overlay.insert(ours.to_owned(), value.clone());
            findings.exact(
                format!("{place}.litellm_params.{theirs}"),
                format!("`{ours}` of the alias"),
            );
        }
    }
    for key in params.keys() {
        let is_read = READ.contains(&key.as_str()) || OVERLAY.iter().any(|(known, _)| known == key);
        if !is_read {
            findings.manual(
                format!("{place}.litellm_params.{key}"),
                "has no counterpart here",
            );
        }
    }
    if params.contains_key("max_parallel_requests") {
        findings.approximate(
            format!("{place}.litellm_params.max_parallel_requests"),
            "`max_in_flight` bounds a whole provider, so it is left out: set it there",
        );
    }
    Read::Target(Box::new(Deployment {
        name,
        address,
        key,
        model,
        weight: number("weight"),
        requests_per_minute: number("rpm"),
        tokens_per_minute: number("tpm"),
        order: number("order").map(whole),
        timeout: number("timeout"),
        stream_timeout: number("stream_timeout"),
        retries: number("num_retries").or(number("max_retries")).map(count),
        overlay,
        prices: (
            number("input_cost_per_token"),
            number("output_cost_per_token"),
        ),
    }))
}

/// The provider's name in LiteLLM's words, and the model as the provider names it.
fn split(written: &str, params: &Map<String, Value>) -> (Option<String>, String) {
    if let Some(provider) = text(params.get("custom_llm_provider")) {
        let own = format!("{provider}/");
        let model = written.strip_prefix(&own).unwrap_or(written);
        return (Some(provider), model.to_owned());
    }
    match written.split_once('/') {
        Some((provider, model)) if vendor(provider).is_some() => {
            // `openai/responses/…` and `openai/chat/…` choose an API, which is chosen otherwise here.
            let api = ["responses/", "chat/"];
            let model = api
                .iter()
                .find_map(|api| model.strip_prefix(api))
                .unwrap_or(model);
            (Some(provider.to_owned()), model.to_owned())
        }
        _ => {
            let has_base = params.contains_key("api_base") || params.contains_key("base_url");
            let owner = match inferred(written) {
                Some(owner) => Some(owner.to_owned()),
                None if has_base => Some("openai".to_owned()),
                None => written
                    .split_once('/')
                    .map(|(provider, _)| provider.to_owned()),
            };
            (owner, written.to_owned())
        }
    }
}

/// `openai/*` and the like: here every `provider/model` is a name.
fn wildcard(
    name: &str,
    (provider, model): (&str, &str),
    params: &Map<String, Value>,
    place: &str,
    findings: &mut Findings,
) -> Read {
    let Some(Vendor::Known {
        r#type, variable, ..
    }) = vendor(provider)
    else {
        findings.manual(place, WILD);
        return Read::Nothing;
    };
    let usual = |key: &str| key.strip_prefix("os.environ/") == variable;
    let is_usual = !params.contains_key("api_base")
        && text(params.get("api_key")).is_none_or(|key| usual(&key));
    if model != "*" || !is_usual {
        findings.manual(place, WILD);
        return Read::Nothing;
    }
    if name == format!("{type}/*") {
        findings.exact(place, format!("every `{type}/…` is a name already"));
    } else if name == "*" {
        let what = format!("every `{type}/…` is a name already; other names are not guessed at");
        findings.approximate(place, what);
    } else {
        findings.manual(place, WILD);
        return Read::Nothing;
    }
    Read::ByItself
}

const WILD: &str = "aliases have no `*`: name each, or call `provider/model`";

/// Text of a value that is text or a number.
pub(super) fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.trim().to_owned()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A count that YAML may have written with a point.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to what fits; a count has no fraction"
)]
pub(super) fn count(number: f64) -> u64 {
    number.clamp(0.0, 1e15) as u64
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "clamped to what fits; an order has no fraction"
)]
fn whole(number: f64) -> i64 {
    number.clamp(-1e15, 1e15) as i64
}
