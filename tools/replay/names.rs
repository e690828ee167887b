//! Which provider understands a recording: by its protocol and, among compatible servers, by its vendor.

use llmgw::canonical::item::{Item, Role};
use llmgw::canonical::request::{Delivery, Request};
use llmgw::error::Error;
use llmgw::providers::{self, Api, Ask, Decoder, Kind, Provider, Remedies, Settings};
use llmgw::target::ModelId;

use crate::recording::Recording;

/// The protocol family that a recording's provider is configured as.
pub(crate) fn kind(recording: &Recording) -> Kind {
    let folder = recording.id.split('/').next().unwrap_or_default();
    match recording.api.as_str() {
        "anthropic-messages" | "anthropic-count" => Kind::Anthropic,
        "google-generate" | "google-count" => Kind::Google,
        "openai-chat" => Kind::Compatible,
        "models-list" => match folder {
            "models-list-anthropic" => Kind::Anthropic,
            "models-list-google" => Kind::Google,
            "models-list-openai" => Kind::OpenAi,
            _ => Kind::Compatible,
        },
        _ => Kind::OpenAi,
    }
}

/// The vendor by whose name it goes, where that is not the family's own.
pub(crate) fn vendor(recording: &Recording) -> Option<&str> {
    match recording.id.split('/').next().unwrap_or_default() {
        "openai-chat" => Some("openai"),
        _ => recording.vendor(),
    }
}

/// The provider of a recording.
pub(crate) fn provider(recording: &Recording) -> Box<dyn Provider> {
    build(kind(recording), Api::Auto, vendor(recording))
}

/// A provider of this kind, named after its vendor.
pub(crate) fn build(kind: Kind, api: Api, vendor: Option<&str>) -> Box<dyn Provider> {
    let own = match kind {
        Kind::OpenAi => "openai",
        Kind::Anthropic => "anthropic",
        Kind::Google => "google",
        Kind::Compatible => "compatible",
        Kind::Demo => "demo",
    };
    providers::build(
        kind,
        &Settings {
            name: vendor.unwrap_or(own).into(),
            base_url: "https://upstream.invalid/v1".to_owned(),
            api,
            vendor: vendor
                .filter(|_| kind == Kind::Compatible)
                .map(str::to_owned),
        },
    )
}

/// The smallest request.
pub(crate) fn request(delivery: Delivery) -> Request {
    Request {
        input: vec![Item::message(Role::User, "hi").into()],
        delivery,
        ..Request::default()
    }
}

/// The decoder for a recording's reply: that of the smallest request to the same model.
pub(crate) fn decoder(
    recording: &Recording,
    delivery: Delivery,
) -> Result<Box<dyn Decoder>, Error> {
    let model = ModelId::from(recording.model.as_deref().unwrap_or("model"));
    let request = request(delivery);
    let ask = Ask::Respond(&request);
    Ok(provider(recording)
        .encode(ask, &model, &Remedies::default())?
        .decoder)
}
