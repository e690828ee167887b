//! Who is behind a provider's name, in the words of OpenTelemetry.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use url::Url;

use crate::config::Config;
use crate::config::provider::ProviderConfig;
use crate::target::ProviderName;

/// Whom a span is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Peer<'a> {
    /// `gen_ai.provider.name`.
    pub(super) name: &'a str,
    /// `gen_ai.operation.name` of a request for an answer.
    pub(super) operation: &'static str,
    /// The host and the port; `None` for what is no server.
    pub(super) server: Option<(&'a str, u16)>,
}

/// What is known of a configured provider.
#[derive(Debug, Clone)]
struct Known {
    name: String,
    operation: &'static str,
    server: Option<(String, u16)>,
}

/// All configured providers.
#[derive(Debug, Clone, Default)]
pub(super) struct Peers(HashMap<ProviderName, Known, RandomState>);

impl Peers {
    pub(super) fn of(config: &Config) -> Self {
        let providers = config.providers.iter();
        Self(
            providers
                .map(|provider| (provider.name().clone(), Known::of(provider)))
                .collect(),
        )
    }

    /// One of them; of a provider that a reload took away its name is known.
    pub(super) fn get<'a>(&'a self, name: &'a ProviderName) -> Peer<'a> {
        match self.0.get(name) {
            Some(known) => Peer {
                name: &known.name,
                operation: known.operation,
                server: known
                    .server
                    .as_ref()
                    .map(|(host, port)| (host.as_str(), *port)),
            },
            None => Peer {
                name: name.as_str(),
                operation: "chat",
                server: None,
            },
        }
    }
}

impl Known {
    fn of(provider: &ProviderConfig) -> Self {
        let url = Url::parse(&provider.settings.base_url).ok();
        let server = url.and_then(|url| {
            let host = url.host_str()?.to_owned();
            Some((host, url.port_or_known_default()?))
        });
        Self {
            name: known_name(provider.vendor()).to_owned(),
            operation: match provider.vendor() {
                "google" => "generate_content",
                _ => "chat",
            },
            server,
        }
    }
}

/// The well-known values of `gen_ai.provider.name`; a vendor without one keeps its own name.
pub(super) fn known_name(vendor: &str) -> &str {
    match vendor {
        "google" => "gcp.gemini",
        "mistral" => "mistral_ai",
        "xai" => "x_ai",
        "azure" => "azure.ai.openai",
        "bedrock" => "aws.bedrock",
        other => other,
    }
}
