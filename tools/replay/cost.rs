//! What the gateway would have charged for a recorded answer, by its own catalogue.

use llmgw::canonical::response::Response;
use llmgw::catalog::day::Day;
use llmgw::catalog::models;
use llmgw::catalog::prices::{self, Terms};
use llmgw::catalog::usd::Usd;
use llmgw::providers::Kind;
use serde_json::{Value, json};

use crate::names;
use crate::recording::Recording;

/// All recordings are charged by the prices of one day, that on which the list was checked.
const DAY: &str = "2026-11-22";

/// Model, terms and cost; `usd` is null where a rate is unknown, `known` is false where the model has no price at all.
pub(crate) fn of(recording: &Recording, response: &Response) -> Value {
    // As `ProviderConfig::vendor` names them.
    let vendor = match names::kind(recording) {
        Kind::OpenAi => "openai",
        Kind::Anthropic => "anthropic",
        Kind::Google => "google",
        Kind::Compatible => names::vendor(recording).unwrap_or_default(),
        Kind::Demo => "demo",
    };
    let name = recording.model.as_deref().unwrap_or_default();
    let model = models::find(vendor, name);
    let terms = Terms {
        day: Day::parse(DAY).unwrap_or_default(),
        ..Terms::of(response)
    };
    let usage = response.usage.as_ref();
    let usd = model
        .zip(usage)
        .and_then(|(model, usage)| prices::cost(model, usage, terms))
        .map(|dollars| Usd::from_dollars(dollars).to_string());
    json!({
        "vendor": vendor, "model": name, "known": model.is_some_and(|model| model.price.is_some()),
        "tier": terms.service_tier, "usd": usd, "day": DAY,
    })
}
