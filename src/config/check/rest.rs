//! The check of the small sections: `defaults`, `store`, `fetch`, `log` and `prices`.

use std::net::IpAddr;

use serde_yaml::Value;

use crate::catalog::prices::{PriceRule, Rates};
use crate::config::alias::{Alias, Retry, Timeouts};
use crate::config::document::Path;
use crate::config::provider::ProviderConfig;
use crate::config::{Breaker, Defaults, Fetch, FetchRule, Log, LogContent, Store, nearest, shape};

use super::Checker;

impl Checker<'_> {
    pub(super) fn defaults(&mut self, part: Option<Value>) -> Defaults {
        let at = Path::root().key("defaults");
        let shape: shape::Defaults = self.read(&at, part);
        Defaults {
            model: shape.model,
            timeouts: self.timeouts(&at.key("timeouts"), shape.timeouts, Timeouts::default()),
            retry: self.retry(&at.key("retry"), shape.retry, Retry::default()),
            breaker: self.breaker(&at.key("breaker"), &shape.breaker.unwrap_or_default()),
            on_cut: shape.on_cut.unwrap_or_default(),
            lossy: shape.lossy.unwrap_or_default(),
            reasoning_events: shape.reasoning_events.unwrap_or_default(),
        }
    }

    pub(super) fn timeouts(
        &mut self,
        at: &Path,
        shape: Option<shape::Timeouts>,
        base: Timeouts,
    ) -> Timeouts {
        let shape = shape.unwrap_or_default();
        let timeouts = Timeouts {
            connect: shape.connect.unwrap_or(base.connect),
            first_token: shape.first_token.unwrap_or(base.first_token),
            idle: shape.idle.unwrap_or(base.idle),
            total: shape.total.unwrap_or(base.total),
        };
        let named = [
            ("connect", timeouts.connect),
            ("first_token", timeouts.first_token),
            ("idle", timeouts.idle),
            ("total", timeouts.total),
        ];
        for (name, time) in named {
            if time.is_zero() {
                self.fault(&at.key(name), "must be more than 0");
            }
        }
        timeouts
    }

    pub(super) fn retry(&mut self, at: &Path, shape: Option<shape::Retry>, base: Retry) -> Retry {
        let shape = shape.unwrap_or_default();
        Retry {
            attempts: self
                .not_zero(&at.key("attempts"), shape.attempts)
                .unwrap_or(base.attempts),
            base: shape.base.unwrap_or(base.base),
            max: shape.max.unwrap_or(base.max),
            retry_after_max: shape.patience.unwrap_or(base.retry_after_max),
        }
    }

    fn breaker(&mut self, at: &Path, shape: &shape::Breaker) -> Breaker {
        let base = Breaker::default();
        let breaker = Breaker {
            window: shape.window.unwrap_or(base.window),
            min_requests: self
                .not_zero(&at.key("min_requests"), shape.min_requests)
                .unwrap_or(base.min_requests),
            error_rate: self
                .within(&at.key("error_rate"), shape.error_rate, 0.0, 1.0)
                .unwrap_or(base.error_rate),
            consecutive: self
                .not_zero(&at.key("consecutive"), shape.consecutive)
                .unwrap_or(base.consecutive),
            open: shape.open.unwrap_or(base.open),
            open_max: shape.open_max.unwrap_or(base.open_max),
        };
        if breaker.open > breaker.open_max {
            self.fault(&at.key("open"), "must not be longer than `open_max`");
        }
        breaker
    }

    /// The default must lead somewhere as far as can be told without asking a provider.
    pub(super) fn default_model(
        &mut self,
        defaults: &Defaults,
        aliases: &[Alias],
        providers: &[ProviderConfig],
    ) {
        let Some(model) = defaults.model.as_deref() else {
            return;
        };
        let first = model.split('/').next().unwrap_or_default();
        let known = aliases.iter().any(|alias| alias.name == model)
            || providers
                .iter()
                .any(|provider| provider.name().as_str() == first)
            || crate::catalog::models::all()
                .iter()
                .any(|known| known.answers_to(model));
        if !known {
            let names = aliases.iter().map(|alias| alias.name.as_str());
            let ids = crate::catalog::models::all().iter().map(|known| known.id);
            let question = nearest::question(model, names.chain(ids));
            let warning = format!("defaults.model: nothing here is called `{model}`{question}");
            self.warnings.push(warning);
        }
    }

    pub(super) fn store(&mut self, part: Option<Value>) -> Store {
        let at = Path::root().key("store");
        let shape: shape::Store = self.read(&at, part);
        let base = Store::default();
        if shape.path.as_deref() == Some("") {
            self.fault(&at.key("path"), "the path is empty");
        }
        Store {
            kind: shape.kind.unwrap_or(base.kind),
            path: shape.path.map(Into::into),
            ttl: shape.ttl.unwrap_or(base.ttl),
            max: shape.max.unwrap_or(base.max),
            usage_ttl: shape.usage_ttl.unwrap_or(base.usage_ttl),
            usage_max: shape.usage_max.unwrap_or(base.usage_max),
        }
    }

    pub(super) fn fetch(&mut self, part: Option<Value>) -> Fetch {
        let at = Path::root().key("fetch");
        let shape: shape::Fetch = self.read(&at, part);
        let base = Fetch::default();
        let mut allow = Vec::new();
        for (index, text) in shape.allow.unwrap_or_default().iter().enumerate() {
            match fetch_rule(text) {
                Some(rule) => allow.push(rule),
                None => self.fault(
                    &at.key("allow").index(index),
                    "is neither a host such as `files.example.com` nor a network such as `10.0.0.0/8`",
                ),
            }
        }
        Fetch {
            allow,
            max: shape.max.unwrap_or(base.max),
        }
    }

    pub(super) fn log(&mut self, part: Option<Value>) -> Log {
        let shape: shape::Log = self.read(&Path::root().key("log"), part);
        Log {
            level: shape.level.unwrap_or_default(),
            format: shape.format.unwrap_or_default(),
            content: match shape.content {
                Some(true) => LogContent::Shown,
                Some(false) | None => LogContent::Withheld,
            },
        }
    }

    pub(super) fn prices(&mut self, part: Option<Value>) -> Vec<PriceRule> {
        let at = Path::root().key("prices");
        let mut rules = Vec::new();
        for (pattern, value) in self.entries(&at, part) {
            let at = at.key(&pattern);
            let shape: shape::Price = self.read(&at, Some(value));
            if !pattern.contains('/') {
                self.fault_at_key(&at, "prices are of `provider/model`, where `*` is any text");
            }
            let mut rate = |name: &str, value| self.within(&at.key(name), value, 0.0, 1_000_000.0);
            let rates = Rates {
                input: rate("input", shape.input),
                cached: rate("cached_input", shape.cached_input),
                write: rate("cache_write", shape.cache_write),
                write_1h: rate("cache_write_1h", shape.cache_write_1h),
                output: rate("output", shape.output),
            };
            rules.push(PriceRule { pattern, rates });
        }
        rules
    }
}

fn fetch_rule(text: &str) -> Option<FetchRule> {
    let (host, bits) = match text.split_once('/') {
        Some((host, bits)) => (host, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = bare.parse::<IpAddr>() {
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        return (bits <= most).then_some(FetchRule::Network(ip, bits));
    }
    let name = host.strip_prefix("*.").unwrap_or(host);
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    (bits.is_none() && !name.is_empty() && name.bytes().all(sound))
        .then(|| FetchRule::Host(host.to_ascii_lowercase()))
}
