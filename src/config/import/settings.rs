//! `router_settings`, `litellm_settings` and `general_settings`: what holds for all models.

use serde_json::{Map, Value, json};

use super::Findings;
use super::deployment::{count, text};
use super::providers::Providers;

/// How the models of one name are chosen among.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Strategy {
    /// Drawn by weight, else by the limits of requests or tokens.
    #[default]
    Shuffle,
    /// Drawn by the limits of tokens or requests.
    Usage,
    /// The fastest first.
    Fastest,
    /// The cheapest first.
    Cheapest,
}

/// What is said of all models.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) strategy: Strategy,
    pub(super) server: Map<String, Value>,
    pub(super) defaults: Map<String, Value>,
    pub(super) log: Map<String, Value>,
}

/// Lists of fallbacks, which are read when all aliases are known.
pub(super) const LISTS: [&str; 5] = [
    "fallbacks",
    "default_fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "model_group_alias",
];

/// Settings that say nothing here, since it is always so, or never.
const MEANINGLESS: [(&str, &str); 10] = [
    ("telemetry", "nothing is ever sent anywhere"),
    (
        "enable_pre_call_checks",
        "targets that cannot carry a request are always passed over",
    ),
    ("turn_off_message_logging", "prompts are not logged"),
    ("redact_user_api_key_info", "keys are never logged"),
    ("redact_messages_in_exceptions", "prompts are not logged"),
    (
        "modify_params",
        "requests are always made to fit their provider",
    ),
    (
        "disable_spend_logs",
        "there is no table of spending to switch off",
    ),
    (
        "disable_error_logs",
        "there is no table of errors to switch off",
    ),
    ("suppress_debug_info", "nothing of the kind is printed"),
    (
        "allow_requests_on_db_unavailable",
        "no request depends on a database",
    ),
];

impl Settings {
    /// Reads one section.
    pub(super) fn read(
        &mut self,
        section: &str,
        part: &Value,
        providers: &mut Providers,
        findings: &mut Findings,
    ) {
        let Some(map) = part.as_object() else {
            if !part.is_null() {
                findings.manual(section, "is no map");
            }
            return;
        };
        for (key, value) in map {
            if LISTS.contains(&key.as_str()) {
                continue;
            }
            let place = format!("{section}.{key}");
            if let Some((_, why)) = MEANINGLESS.iter().find(|(known, _)| known == key) {
                findings.exact(place, format!("nothing to do: {why}"));
            } else if !self.one(key, value, &place, providers, findings) {
                findings.manual(place, "has no counterpart here");
            }
        }
    }

    /// One setting; false if it is not known.
    fn one(
        &mut self,
        key: &str,
        value: &Value,
        place: &str,
        providers: &mut Providers,
        findings: &mut Findings,
    ) -> bool {
        let number = value.as_f64();
        match (key, number) {
            ("routing_strategy", _) => self.strategy(value, place, findings),
            ("num_retries", Some(retries)) => {
                let attempts = count(retries).saturating_add(1);
                self.default("retry", "attempts", json!(attempts));
                findings.approximate(
                    place,
                    format!("`retry.attempts: {attempts}`: of one target, and only while no other is ready"),
                );
            }
            ("timeout" | "request_timeout", Some(time)) => {
                self.default("timeouts", "total", seconds(time));
                findings.approximate(place, "`timeouts.total`: of all attempts together");
            }
            ("stream_timeout", Some(time)) => {
                self.default("timeouts", "first_token", seconds(time));
                findings.approximate(place, "`timeouts.first_token`");
            }
            ("retry_after", Some(time)) if time > 0.0 => {
                self.default("retry", "base", seconds(time));
                findings.approximate(place, "`retry.base`: the first wait, which then doubles");
            }
            ("allowed_fails", Some(fails)) => {
                let consecutive = count(fails).saturating_add(1);
                self.default("breaker", "consecutive", json!(consecutive));
                findings.approximate(
                    place,
                    format!("`breaker.consecutive: {consecutive}`: in a row, not in a minute"),
                );
            }
            ("cooldown_time", Some(time)) => {
                self.default("breaker", "open", seconds(time));
                self.default("breaker", "open_max", seconds(time.max(30.0)));
                findings.approximate(place, "`breaker.open`: then one probe at a time");
            }
            ("drop_params", _) => self.drop_params(value, place, findings),
            ("set_verbose" | "debug", _) => {
                if value == &Value::Bool(true) {
                    self.log.insert("level".to_owned(), json!("debug"));
                }
                findings.exact(place, "`log.level`");
            }
            ("json_logs", _) => {
                if value == &Value::Bool(true) {
                    self.log.insert("format".to_owned(), json!("json"));
                }
                findings.exact(place, "`log.format`");
            }
            ("global_max_parallel_requests", Some(most)) => {
                self.server
                    .insert("max_in_flight".to_owned(), json!(count(most)));
                findings.exact(place, "`server.max_in_flight`");
            }
            ("master_key", _) => self.master_key(value, place, providers, findings),
            _ => return false,
        }
        true
    }

    fn default(&mut self, group: &str, key: &str, value: Value) {
        let group = self.defaults.entry(group).or_insert_with(|| json!({}));
        if let Some(map) = group.as_object_mut() {
            map.insert(key.to_owned(), value);
        }
    }

    fn strategy(&mut self, value: &Value, place: &str, findings: &mut Findings) {
        let (strategy, what) = match value.as_str().unwrap_or_default() {
            "simple-shuffle" => {
                findings.exact(place, "`policy: weighted`");
                return;
            }
            "usage-based-routing" | "usage-based-routing-v2" => (
                Strategy::Usage,
                "`policy: weighted` by the limits, not by what is used of them",
            ),
            "latency-based-routing" => (
                Strategy::Fastest,
                "`policy: fastest`: by the time to first content, with a little exploration",
            ),
            "least-busy" => (
                Strategy::Fastest,
                "`policy: fastest`, which a busy target is not",
            ),
            "cost-based-routing" => {
                self.strategy = Strategy::Cheapest;
                findings.exact(place, "`policy: cheapest`");
                return;
            }
            _ => {
                findings.manual(place, "is no strategy that is known; drawn by weight");
                return;
            }
        };
        self.strategy = strategy;
        findings.approximate(place, what);
    }

    fn drop_params(&mut self, value: &Value, place: &str, findings: &mut Findings) {
        if value == &Value::Bool(false) {
            self.defaults.insert("lossy".to_owned(), json!("reject"));
            findings.approximate(
                place,
                "`lossy: reject`: what a target cannot carry is refused",
            );
        } else {
            findings.exact(place, "`lossy: warn`, which is the default");
        }
    }

    fn master_key(
        &mut self,
        value: &Value,
        place: &str,
        providers: &mut Providers,
        findings: &mut Findings,
    ) {
        let written = text(Some(value)).unwrap_or_default();
        let name = if let Some(name) = written.strip_prefix("os.environ/") {
            findings.exact(place, format!("a client key, `${{{name}}}`"));
            name.to_owned()
        } else {
            let name = "LLMGW_MASTER_KEY";
            findings.manual(
                place,
                format!("a key stands in the file: it is not copied, so set `{name}` to it"),
            );
            name.to_owned()
        };
        let name = providers.variable(&name);
        let key = json!([{ "name": "master", "key": format!("${{{name}}}") }]);
        self.server.insert("keys".to_owned(), key);
    }
}

/// Seconds as a duration of ours.
pub(super) fn seconds(time: f64) -> Value {
    let millis = count((time * 1000.0).round());
    if millis.is_multiple_of(1000) {
        json!(format!("{}s", millis / 1000))
    } else {
        json!(format!("{millis}ms"))
    }
}
