//! What is shown of a configuration: faults for `config check`, the merged result for `config show`. Never a secret.

use serde_json::{Map, Value, json};

use super::alias::{Aim, Alias, OnCut, Retry, Sticky, Timeouts};
use super::provider::{ProviderConfig, State};
use super::server::Anonymous;
use super::units::{show_duration, show_size};
use super::{
    Config, Faults, FetchRule, LogContent, LogFormat, LogLevel, Lossy, ReasoningEvents, StoreKind,
};

/// What `config check` says: `ok` and the warnings, or every fault as `file:line:column: place: message`.
pub fn check_report(loaded: &Result<Config, Faults>) -> String {
    match loaded {
        Ok(config) => {
            let warnings = config.warnings.iter();
            let mut lines: Vec<String> = warnings.map(|text| format!("warning: {text}")).collect();
            lines.push("ok".to_owned());
            lines.join("\n")
        }
        Err(faults) => faults.to_string(),
    }
}

/// The whole configuration as YAML: the file, the environment and the defaults together. Keys are counted, not shown.
pub fn resolved(config: &Config) -> String {
    let names = config
        .aliases
        .iter()
        .map(|alias| (alias.name.clone(), alias_value(alias)));
    let providers = config.providers.iter();
    let providers = providers.map(|known| (known.name().to_string(), provider(known)));
    let tree = json!({
        "server": server(config),
        "providers": providers.collect::<Map<_, _>>(),
        "models": names.collect::<Map<_, _>>(),
        "defaults": defaults(config),
        "store": store(config),
        "fetch": {
            "allow": config.fetch.allow.iter().map(fetch_rule).collect::<Vec<_>>(),
            "max": show_size(config.fetch.max),
        },
        "log": {
            "level": level(config.log.level),
            "format": format(config.log.format),
            "content": config.log.content == LogContent::Shown,
        },
        "prices": prices(config),
    });
    let source = config.source.as_ref().map_or_else(
        || "no file:".to_owned(),
        |path| format!("{},", path.display()),
    );
    // The tree is made of maps with text keys, lists and scalars, all of which YAML has.
    let yaml = serde_yaml::to_string(&tree)
        .unwrap_or_else(|error| format!("# cannot be shown: {error}\n"));
    format!("# {source} the environment and the defaults\n{yaml}")
}

fn server(config: &Config) -> Value {
    let server = &config.server;
    let keys = server.keys.iter().map(|key| {
        present([
            ("name", json!(key.name)),
            ("key", json!("(redacted)")),
            ("models", json!(key.models)),
            ("requests_per_minute", json!(key.requests_per_minute)),
            ("tokens_per_minute", json!(key.tokens_per_minute)),
        ])
    });
    let admin = server.admin.as_ref();
    present([
        ("address", json!(server.address.to_string())),
        (
            "allow_anonymous",
            json!(server.anonymous == Anonymous::Allowed),
        ),
        ("keys", keys.collect()),
        (
            "admin",
            admin.map_or(json!("off"), |admin| json!(admin.address.to_string())),
        ),
        (
            "admin_key",
            json!(admin.and_then(|admin| admin.sha256).map(|_| "(redacted)")),
        ),
        ("body_limit", json!(show_size(server.body_limit))),
        ("drain", json!(show_duration(server.drain))),
        ("commit_after", json!(show_duration(server.commit_after))),
        ("keep_alive", json!(show_duration(server.keep_alive))),
        ("cors", json!(server.cors)),
        ("max_in_flight", json!(server.max_in_flight)),
    ])
}

fn provider(known: &ProviderConfig) -> Value {
    let state = match &known.state {
        State::Awake => json!("awake"),
        State::Asleep(variables) => json!(format!("asleep: set {}", variables.join(" or "))),
    };
    let headers = known.headers.iter();
    let headers: Map<_, _> = headers
        .map(|(name, _)| (name.to_string(), json!("(redacted)")))
        .collect();
    present([
        ("base_url", json!(known.settings.base_url)),
        ("vendor", json!(known.vendor())),
        ("keys", json!(known.keys.len())),
        (
            "api_key_cmd",
            json!(known.key_command.as_ref().map(|_| "(redacted)")),
        ),
        ("headers", Value::Object(headers)),
        ("max_in_flight", json!(known.max_in_flight)),
        ("state", state),
    ])
}

fn alias_value(alias: &Alias) -> Value {
    let targets = alias.targets.iter();
    let targets =
        targets.map(|target| json!({ "model": aim(&target.aim), "weight": target.weight }));
    let list = |aims: &[Aim]| json!(aims.iter().map(aim).collect::<Vec<_>>());
    let (overlay, rules) = (&alias.overlay, &alias.rules);
    let requires = rules.requires.iter().map(|capability| capability.as_str());
    let context = rules.when_context_over.as_ref();
    let hedge = rules.hedge.map(|hedge| {
        present([
            ("after", json!(hedge.after.map(show_duration))),
            ("max_extra", json!(format!("{}%", hedge.max_extra * 100.0))),
        ])
    });
    present([
        ("policy", json!(alias.policy.as_str())),
        ("sticky", json!(alias.sticky.as_str())),
        (
            "sticky_header",
            match alias.sticky {
                Sticky::Header => json!(alias.sticky_header.as_str()),
                Sticky::None | Sticky::User | Sticky::Key => Value::Null,
            },
        ),
        ("targets", targets.collect()),
        ("then", list(&alias.then)),
        ("instructions", json!(overlay.instructions)),
        ("temperature", json!(overlay.temperature)),
        ("top_p", json!(overlay.top_p)),
        ("presence_penalty", json!(overlay.presence_penalty)),
        ("frequency_penalty", json!(overlay.frequency_penalty)),
        ("max_output_tokens", json!(overlay.max_output_tokens)),
        ("effort", json!(overlay.effort)),
        ("verbosity", json!(overlay.verbosity)),
        ("service_tier", json!(overlay.service_tier)),
        ("requires", json!(requires.collect::<Vec<_>>())),
        (
            "when_context_over",
            context.map_or(
                Value::Null,
                |rule| json!({ "tokens": rule.tokens, "targets": list(&rule.targets) }),
            ),
        ),
        ("when_refused", list(&rules.when_refused)),
        ("on_cut", json!(on_cut(rules.on_cut))),
        ("hedge", json!(hedge)),
        ("timeouts", timeouts(&rules.timeouts)),
        ("retry", retry(&rules.retry)),
    ])
}

fn defaults(config: &Config) -> Value {
    let defaults = &config.defaults;
    let breaker = &defaults.breaker;
    present([
        ("model", json!(defaults.model)),
        ("timeouts", timeouts(&defaults.timeouts)),
        ("retry", retry(&defaults.retry)),
        (
            "breaker",
            json!({
                "window": show_duration(breaker.window),
                "min_requests": breaker.min_requests,
                "error_rate": breaker.error_rate,
                "consecutive": breaker.consecutive,
                "open": show_duration(breaker.open),
                "open_max": show_duration(breaker.open_max),
            }),
        ),
        ("on_cut", json!(on_cut(defaults.on_cut))),
        (
            "lossy",
            json!(match defaults.lossy {
                Lossy::Allow => "allow",
                Lossy::Warn => "warn",
                Lossy::Reject => "reject",
            }),
        ),
        (
            "reasoning_events",
            json!(match defaults.reasoning_events {
                ReasoningEvents::Summary => "summary",
                ReasoningEvents::Spec => "spec",
                ReasoningEvents::OpenAi => "openai",
            }),
        ),
    ])
}

fn store(config: &Config) -> Value {
    let store = &config.store;
    let kind = match store.kind {
        StoreKind::Sqlite => "sqlite",
        StoreKind::Memory => "memory",
        StoreKind::None => "none",
    };
    present([
        ("kind", json!(kind)),
        ("path", json!(store.path)),
        ("ttl", json!(show_duration(store.ttl))),
        ("max", json!(show_size(store.max))),
        ("usage_ttl", json!(show_duration(store.usage_ttl))),
        ("usage_max", json!(store.usage_max)),
    ])
}

fn prices(config: &Config) -> Map<String, Value> {
    let rules = config.prices.iter().map(|rule| {
        let rates = &rule.rates;
        let value = present([
            ("input", json!(rates.input)),
            ("cached_input", json!(rates.cached)),
            ("cache_write", json!(rates.write)),
            ("cache_write_1h", json!(rates.write_1h)),
            ("output", json!(rates.output)),
        ]);
        (rule.pattern.clone(), value)
    });
    rules.collect()
}

fn timeouts(timeouts: &Timeouts) -> Value {
    json!({
        "connect": show_duration(timeouts.connect),
        "first_token": show_duration(timeouts.first_token),
        "idle": show_duration(timeouts.idle),
        "total": show_duration(timeouts.total),
    })
}

fn retry(retry: &Retry) -> Value {
    json!({
        "attempts": retry.attempts,
        "base": show_duration(retry.base),
        "max": show_duration(retry.max),
        "retry_after_max": show_duration(retry.retry_after_max),
    })
}

fn aim(aim: &Aim) -> String {
    match aim {
        Aim::Alias(name) => name.clone(),
        Aim::Target(target) => target.to_string(),
    }
}

fn on_cut(on_cut: OnCut) -> &'static str {
    match on_cut {
        OnCut::Error => "error",
        OnCut::Continue => "continue",
    }
}

fn fetch_rule(rule: &FetchRule) -> String {
    match rule {
        FetchRule::Host(host) => host.clone(),
        FetchRule::Network(ip, bits) => format!("{ip}/{bits}"),
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

fn format(format: LogFormat) -> &'static str {
    match format {
        LogFormat::Auto => "auto",
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    }
}

/// A map without what is null or empty.
fn present<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let full = entries.into_iter().filter(|(_, value)| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => true,
    });
    full.map(|(key, value)| (key.to_owned(), value))
        .collect::<Map<_, _>>()
        .into()
}
