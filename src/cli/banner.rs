//! What `serve` says when it begins to listen: a few lines for people, one structured line where logs are JSON.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use super::fold;
use super::models;
use super::streams::{error_columns, tell};
use crate::config::Config;

/// The columns of a label and what is in front of it.
const LABEL: usize = 13;

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
    /// How many models can be asked; only people are told.
    models: usize,
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
            models: match reader {
                Reader::Person => models::ready(config),
                Reader::Machine => 0,
            },
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
            Reader::Person => tell(&self.greeting(address, error_columns())),
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

    /// The lines for people, in so many columns; 0 if nobody knows.
    fn greeting(&self, address: SocketAddr, columns: usize) -> String {
        let ready = self.providers.iter().map(|name| format!("{name} ✓"));
        let ready: Vec<String> = ready.collect();
        let aliases = match self.aliases.as_slice() {
            [] => String::new(),
            names => format!(", aliases {}", names.join(" ")),
        };
        let auth = match (self.client_keys, address.ip().is_loopback()) {
            (0, true) => "off (loopback only)".to_owned(),
            (0, false) => "off (open to all who reach it)".to_owned(),
            (1, _) => "1 client key".to_owned(),
            (count, _) => format!("{count} client keys"),
        };
        let config = self.config.as_deref().unwrap_or("none");
        let config = match dirs::home_dir().and_then(|home| {
            let inside = Path::new(config).strip_prefix(home).ok()?;
            Some(format!("~/{}", inside.display()))
        }) {
            Some(short) => short,
            None => config.to_owned(),
        };
        let facts = facts(
            &ready,
            &format!("{}{aliases}", self.models),
            &auth,
            &config,
            columns,
        );
        format!(
            "llmgw {VERSION} listening on http://{address}\n{facts}  \
               try        curl http://{address}/v1/responses -H 'content-type: application/json' \\\n               \
               -d '{{\"model\":\"demo\",\"input\":\"hello\"}}'\n",
        )
    }
}

/// Two facts on a line where they fit, one under the other where they do not.
fn facts(ready: &[String], models: &str, auth: &str, config: &str, columns: usize) -> String {
    let providers = ready.join("  ");
    let left = providers.width().max(auth.width());
    let wide = [
        format!("  providers  {}models {models}\n", padded(&providers, left)),
        format!("  auth       {}config {config}\n", padded(auth, left)),
    ];
    if columns == 0 || wide.iter().all(|line| line.trim_end().width() <= columns) {
        return wide.concat();
    }
    let margin = format!("\n{}", " ".repeat(LABEL));
    let providers = fold::rows(ready, "  ", columns.saturating_sub(LABEL)).join(&margin);
    format!(
        "  providers  {providers}\n  models     {models}\n  auth       {auth}\n  config     {config}\n"
    )
}

fn padded(text: &str, left: usize) -> String {
    let pad = left.saturating_sub(text.width()) + 5;
    format!("{text}{}", " ".repeat(pad))
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
        let greeting = banner().greeting(SocketAddr::from(([127, 0, 0, 1], 9)), 80);
        let first = greeting.lines().next();
        assert_eq!(
            first,
            Some(format!("llmgw {VERSION} listening on http://127.0.0.1:9").as_str())
        );
        let facts = "  providers  ollama ✓  demo ✓     models 0, aliases fast\n  \
                       auth       1 client key         config none\n";
        assert!(greeting.contains(facts), "{greeting}");
        assert!(!greeting.contains("k-very-secret"));
    }

    #[test]
    fn facts_stand_under_each_other_where_there_is_no_room() {
        let ready = ["openai ✓", "anthropic ✓", "demo ✓"].map(str::to_owned);
        let shown = facts(&ready, "9, aliases fast", "off (loopback only)", "none", 34);
        assert_eq!(
            shown,
            "  providers  openai ✓  anthropic ✓\n             demo ✓\n  \
               models     9, aliases fast\n  auth       off (loopback only)\n  config     none\n"
        );
    }

    #[test]
    fn nobody_is_told_that_only_this_machine_may_ask_when_others_may() {
        let open = Banner {
            client_keys: 0,
            ..banner()
        };
        let at = |ip: [u8; 4]| open.greeting(SocketAddr::from((ip, 9)), 0);
        assert!(at([127, 0, 0, 1]).contains("auth       off (loopback only)"));
        assert!(at([0, 0, 0, 0]).contains("auth       off (open to all who reach it)"));
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
