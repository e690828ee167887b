//! Which provider understands a recording: by its protocol and, among compatible servers, by its vendor.

use llmgw::canonical::item::{Item, Role};
use llmgw::canonical::request::{Delivery, Request};
use llmgw::error::Error;
use llmgw::providers::{self, Api, Ask, Decoder, Kind, Provider, Remedies, Settings};
use llmgw::target::ModelId;

use crate::recording::Recording;

/// The provider of a recording.
pub(crate) fn provider(recording: &Recording) -> Box<dyn Provider> {
    let folder = recording.id.split('/').next().unwrap_or_default();
    let kind = match recording.api.as_str() {
        "anthropic-messages" | "anthropic-count" => Kind::Anthropic,
        "google-generate" | "google-count" => Kind::Google,
        "openai-chat" if folder.starts_with("compat-") => Kind::Compatible,
        "models-list" => match folder {
            "models-list-anthropic" => Kind::Anthropic,
            "models-list-google" => Kind::Google,
            "models-list-openai" => Kind::OpenAi,
            _ => Kind::Compatible,
        },
        _ => Kind::OpenAi,
    };
    let api = if recording.api == "openai-chat" {
        Api::Chat
    } else {
        Api::Auto
    };
    build(kind, api, recording.vendor())
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
        Settings {
            name: vendor.unwrap_or(own).into(),
            base_url: "https://upstream.invalid/v1".to_owned(),
            api,
            vendor: vendor
                .filter(|_| kind == Kind::Compatible)
                .map(str::to_owned),
        },
    )
}

/// The decoder for a recording's reply: that of the smallest request to the same model.
pub(crate) fn decoder(
    recording: &Recording,
    delivery: Delivery,
) -> Result<Box<dyn Decoder>, Error> {
    let request = Request {
        input: vec![Item::message(Role::User, "hi").into()],
        delivery,
        ..Request::default()
    };
    let model = ModelId::from(recording.model.as_deref().unwrap_or("model"));
    let call = provider(recording).encode(Ask::Respond(&request), &model, &Remedies::default())?;
    Ok(call.decoder)
}
