//! Where traces go, and which: by the standard `OTEL_*` variables, so that what an operator has set for other programs
//! holds here too. None of them set: no traces.
//!
//! <https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>

use std::time::Duration;

use http::HeaderName;

use super::load::Env;
use crate::secret::Secret;

/// Where traces go, and which.
#[derive(Debug, Clone)]
pub struct Traces {
    /// The whole URL of the collector; it may hold a password.
    pub url: Secret,
    /// Sent along; they may hold keys.
    pub headers: Vec<(HeaderName, Secret)>,
    /// How spans are written.
    pub protocol: Protocol,
    /// How the body is compressed.
    pub compression: Compression,
    /// How long one export may take, all tries together.
    pub timeout: Duration,
    /// What is said of this process, its name among it.
    pub resource: Vec<(String, String)>,
    /// Which requests are recorded.
    pub sampler: Sampler,
    /// So many requests may wait for their export.
    pub queue: usize,
    /// So many requests are exported at once.
    pub batch: usize,
    /// How long a request waits for others to be exported with.
    pub delay: Duration,
    /// Whether spans hold what was said.
    pub content: Content,
}

/// Whether spans hold what was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// No.
    Withheld,
    /// Requests and answers, without keys.
    Shown,
}

/// How spans are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// `http/protobuf`.
    Protobuf,
    /// `http/json`.
    Json,
}

/// How the body is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// With gzip.
    Gzip,
}

/// Which requests are recorded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sampler {
    /// Whether what the caller decided holds.
    pub heed: Heed,
    /// The share, 0 to 1, of those that nobody else decides about.
    pub ratio: f64,
}

/// Whose decision holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heed {
    /// The caller's, if there is one.
    Caller,
    /// Ours.
    Nobody,
}

/// What the environment says, and what is worth a warning.
pub(super) fn read(env: &Env, warnings: &mut Vec<String>) -> Option<Traces> {
    let mut reader = Reader { env, warnings };
    if reader
        .get("OTEL_SDK_DISABLED")
        .is_some_and(|word| word.eq_ignore_ascii_case("true"))
    {
        return None;
    }
    let exporter = reader.get("OTEL_TRACES_EXPORTER");
    let url = reader.url();
    match (exporter, &url) {
        (Some("otlp"), _) | (None, Some(_)) => {}
        (Some("none"), _) | (None, None) => return None,
        (Some(other), _) => {
            reader.warn(
                "OTEL_TRACES_EXPORTER",
                &format!("`{other}` is not known here, so there are no traces"),
            );
            return None;
        }
    }
    let protocol = match reader.either("PROTOCOL") {
        None | Some("http/protobuf") => Protocol::Protobuf,
        Some("http/json") => Protocol::Json,
        Some(other) => {
            let what = format!(
                "`{other}` is not spoken here, so there are no traces: use `http/protobuf` or `http/json`"
            );
            reader.warn("OTEL_EXPORTER_OTLP_PROTOCOL", &what);
            return None;
        }
    };
    let compression = match reader.either("COMPRESSION") {
        None | Some("none") => Compression::None,
        Some("gzip") => Compression::Gzip,
        Some(other) => {
            reader.warn(
                "OTEL_EXPORTER_OTLP_COMPRESSION",
                &format!("`{other}` is not known, so nothing is compressed"),
            );
            Compression::None
        }
    };
    let queue = reader.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048);
    Some(Traces {
        url: Secret::new(url.unwrap_or_else(|| "http://localhost:4318/v1/traces".to_owned())),
        headers: reader.headers(),
        protocol,
        compression,
        timeout: reader.timeout(),
        resource: reader.resource(),
        sampler: reader.sampler(),
        queue,
        batch: reader
            .number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512)
            .min(queue),
        delay: reader.millis("OTEL_BSP_SCHEDULE_DELAY", 5000),
        content: reader.content(),
    })
}

struct Reader<'a> {
    env: &'a Env,
    warnings: &'a mut Vec<String>,
}

impl<'a> Reader<'a> {
    /// An empty value is as good as none.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.env
            .get(name)
            .map(str::trim)
            .filter(|value| !value.is_empty())
    }

    /// The variable for traces goes before the one for all signals.
    fn either(&self, name: &str) -> Option<&'a str> {
        self.get(&format!("OTEL_EXPORTER_OTLP_TRACES_{name}"))
            .or_else(|| self.get(&format!("OTEL_EXPORTER_OTLP_{name}")))
    }

    /// Values are not shown: some hold keys.
    fn warn(&mut self, name: &str, what: &str) {
        self.warnings.push(format!("${name}: {what}"));
    }

    fn number(&mut self, name: &str, usual: usize) -> usize {
        match self.get(name).map(str::parse) {
            None => usual,
            Some(Ok(number @ 1..)) => number,
            Some(_) => {
                self.warn(name, &format!("is no number above 0, so it is {usual}"));
                usual
            }
        }
    }

    fn millis(&mut self, name: &str, usual: usize) -> Duration {
        Duration::from_millis(self.number(name, usual) as u64)
    }

    fn timeout(&mut self) -> Duration {
        let traces = "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT";
        match self.get(traces) {
            Some(_) => self.millis(traces, 10_000),
            None => self.millis("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000),
        }
    }

    /// The URL for traces as it is; to the one for all signals a path is added.
    fn url(&self) -> Option<String> {
        if let Some(url) = self.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            return Some(url.to_owned());
        }
        let base = self.get("OTEL_EXPORTER_OTLP_ENDPOINT")?;
        Some(format!("{}/v1/traces", base.trim_end_matches('/')))
    }

    fn headers(&mut self) -> Vec<(HeaderName, Secret)> {
        let list = self.either("HEADERS").unwrap_or_default();
        let mut headers = Vec::new();
        for (name, value) in pairs(list) {
            match (
                HeaderName::from_bytes(name.as_bytes()),
                http::HeaderValue::from_str(&value),
            ) {
                (Ok(name), Ok(_)) => headers.push((name, Secret::new(value))),
                _ => self.warn(
                    "OTEL_EXPORTER_OTLP_HEADERS",
                    "holds what can be no header; it is left out",
                ),
            }
        }
        headers
    }

    fn resource(&self) -> Vec<(String, String)> {
        let mut resource = pairs(self.get("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
        let named = resource.iter().position(|(name, _)| name == "service.name");
        let listed = named.map(|at| resource.remove(at).1);
        let name = self.get("OTEL_SERVICE_NAME").map(str::to_owned).or(listed);
        let name = name.unwrap_or_else(|| "llmgw".to_owned());
        resource.insert(0, ("service.name".to_owned(), name));
        resource
    }

    fn sampler(&mut self) -> Sampler {
        let name = "OTEL_TRACES_SAMPLER";
        let (heed, kind) = match self.get(name) {
            None => (Heed::Caller, "always_on"),
            Some(word) => match word.strip_prefix("parentbased_") {
                Some(kind) => (Heed::Caller, kind),
                None => (Heed::Nobody, word),
            },
        };
        let ratio = match kind {
            "always_on" => 1.0,
            "always_off" => 0.0,
            "traceidratio" => self.ratio(),
            _ => {
                self.warn(name, "is not known, so it is `parentbased_always_on`");
                return Sampler {
                    heed: Heed::Caller,
                    ratio: 1.0,
                };
            }
        };
        Sampler { heed, ratio }
    }

    /// The convention's switch, in the words of its older and its newer form. There are no events here, so that what
    /// is for events alone is shown nowhere.
    fn content(&mut self) -> Content {
        let name = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
        let word = self.get(name).unwrap_or("false").to_ascii_lowercase();
        match word.as_str() {
            "true" | "span_only" | "span_and_event" => Content::Shown,
            "false" | "no_content" => Content::Withheld,
            "event_only" => {
                self.warn(
                    name,
                    "asks for events, which there are none of: use `SPAN_ONLY`",
                );
                Content::Withheld
            }
            _ => {
                self.warn(name, "is not known, so nothing that was said is in spans");
                Content::Withheld
            }
        }
    }

    fn ratio(&mut self) -> f64 {
        let name = "OTEL_TRACES_SAMPLER_ARG";
        match self.get(name).map(str::parse) {
            None => 1.0,
            Some(Ok(ratio)) if (0.0..=1.0).contains(&ratio) => ratio,
            Some(_) => {
                self.warn(name, "is no number from 0 to 1, so it is 1");
                1.0
            }
        }
    }
}

/// `name=value,…`, with `%` before two hex digits for what cannot stand there.
fn pairs(list: &str) -> Vec<(String, String)> {
    let pairs = list.split(',').filter_map(|pair| pair.split_once('='));
    pairs
        .map(|(name, value)| (decoded(name.trim()), decoded(value.trim())))
        .filter(|(name, _)| !name.is_empty())
        .collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = match (byte, after) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*byte));
        rest = match code {
            Some(_) => after.get(2..).unwrap_or_default(),
            None => after,
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests;
