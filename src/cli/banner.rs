//! What `serve` says when it begins to listen: a few lines for people, one structured line where logs are JSON.

use std::net::SocketAddr;

use serde_json::json;

use super::streams::tell;
use crate::config::Config;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Who reads standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A person, or a program that takes text.
    Person,
    /// A program that takes JSON lines.
    Machine,
}

/// What is known of the gateway before it listens.
#[derive(Debug)]
pub(crate) struct Banner {
    reader: Reader,
    providers: Vec<String>,
    aliases: Vec<String>,
    client_keys: usize,
    admin: Option<String>,
    config: Option<String>,
}

impl Banner {
    /// Of this configuration.
    pub(crate) fn new(config: &Config, reader: Reader) -> Self {
        let awake = config.awake().map(crate::target::ProviderName::as_str);
        let mut providers: Vec<String> = awake
            .filter(|name| *name != "demo")
            .map(str::to_owned)
            .collect();
        providers.push("demo".to_owned());
        let aliases = config.aliases.iter().map(|alias| alias.name.clone());
        Self {
            reader,
            providers,
            aliases: aliases.collect(),
            client_keys: config.server.keys.len(),
            admin: config
                .server
                .admin
                .as_ref()
                .map(|admin| admin.address.to_string()),
            config: config
                .source
                .as_ref()
                .map(|path| path.display().to_string()),
        }
    }

    /// Says it.
    pub(crate) fn show(&self, address: SocketAddr) {
        match self.reader {
            Reader::Person => tell(&self.greeting(address)),
            // By the log if it says such things; who starts a gateway at `level: error` still wants to know the port.
            Reader::Machine if tracing::enabled!(tracing::Level::INFO) => tracing::info!(
                version = VERSION,
                address = %address,
                providers = self.providers.join(" "),
                aliases = self.aliases.join(" "),
                client_keys = self.client_keys,
                admin = self.admin,
                config = self.config,
                "llmgw listening on http://{address}"
            ),
            Reader::Machine => tell(&format!("{}\n", self.object(address))),
        }
    }

    fn object(&self, address: SocketAddr) -> serde_json::Value {
        json!({
            "level": "INFO",
            "message": format!("llmgw listening on http://{address}"),
            "version": VERSION,
            "address": address.to_string(),
            "providers": self.providers.join(" "),
            "aliases": self.aliases.join(" "),
            "client_keys": self.client_keys,
            "admin": self.admin,
            "config": self.config,
        })
    }

    fn greeting(&self, address: SocketAddr) -> String {
        let providers: Vec<String> = self
            .providers
            .iter()
            .map(|name| format!("{name} ✓"))
            .collect();
        let aliases = if self.aliases.is_empty() {
            "none".to_owned()
        } else {
            self.aliases.join(" ")
        };
        let auth = match self.client_keys {
            0 => "off".to_owned(),
            1 => "1 client key".to_owned(),
            count => format!("{count} client keys"),
        };
        format!(
            "llmgw {VERSION} listening on http://{address}\n  \
               providers  {}     aliases {aliases}\n  \
               auth       {auth}     config {}\n  \
               try        curl http://{address}/v1/responses -H 'content-type: application/json' \\\n               \
               -d '{{\"model\":\"demo\",\"input\":\"hello\"}}'\n",
            providers.join("  "),
            self.config.as_deref().unwrap_or("none"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{self, Env};

    fn banner() -> Banner {
        let text = "server: { keys: [{ name: ci, key: k-very-secret }] }\nmodels: { fast: { targets: [demo] } }";
        let config = load::parse(text, None, &Env::default()).expect("sound");
        Banner::new(&config, Reader::Machine)
    }

    #[test]
    fn the_greeting_has_the_address_and_what_can_be_asked() {
        let greeting = banner().greeting(SocketAddr::from(([127, 0, 0, 1], 9)));
        let first = greeting.lines().next();
        assert_eq!(
            first,
            Some(format!("llmgw {VERSION} listening on http://127.0.0.1:9").as_str())
        );
        assert!(greeting.contains("demo ✓     aliases fast\n"), "{greeting}");
        assert!(
            greeting.contains("1 client key     config none\n"),
            "{greeting}"
        );
        assert!(!greeting.contains("k-very-secret"));
    }

    #[test]
    fn for_machines_it_is_one_object() {
        let object = banner().object(SocketAddr::from(([127, 0, 0, 1], 9)));
        assert_eq!(object["address"], "127.0.0.1:9");
        assert_eq!(
            (&object["client_keys"], &object["aliases"]),
            (&json!(1), &json!("fast"))
        );
        assert!(!object.to_string().contains("k-very-secret"));
    }
}
