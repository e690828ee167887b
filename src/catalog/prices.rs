//! What tokens cost. USD per million tokens; what is unknown stays unknown and is never taken for zero.
//!
//! A special price (a tier by size, a service tier, a date) replaces the list price as a whole: a rate that it leaves
//! out is unknown if the list has that rate, and the rate of plain input if the list has none either.

use crate::canonical::response::Response;
use crate::canonical::usage::{AUDIO, PICTURES, Usage, WEB_SEARCHES};

use super::day::Day;
use super::glob;
use super::models::{Model, data, field};

const PRICES: &str = include_str!("prices.tsv");

/// USD per million tokens of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Input that no cache has to do with.
    pub input: Option<f64>,
    /// Read from a cache. Where the vendor has no such price, it is that of input.
    pub cached: Option<f64>,
    /// Written to a cache. Where the vendor has no such price, it is that of input.
    pub write: Option<f64>,
    /// Written to a cache for an hour.
    pub write_1h: Option<f64>,
    /// Output, reasoning included.
    pub output: Option<f64>,
}

/// The list price of a model and its exceptions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Price {
    /// The list price.
    pub list: Rates,
    /// Prices for requests with more than so many input tokens. They hold for all tokens of the request.
    pub sizes: Vec<(u64, Rates)>,
    /// Prices of service tiers: `flex`, `priority`, `fast`, `batch`.
    pub service_tiers: Vec<(&'static str, Rates)>,
    /// Prices from that day on.
    pub dated: Vec<(Day, Rates)>,
    /// Audio in the input.
    pub audio: Option<f64>,
    /// Pictures in the output.
    pub pictures: Option<f64>,
}

/// A price of the configuration: it goes before the catalogue's.
#[derive(Debug, Clone, PartialEq)]
pub struct PriceRule {
    /// `provider/model`, with [`glob`] wildcards.
    pub pattern: String,
    /// What it costs.
    pub rates: Rates,
}

/// The terms of one request, as far as they change its price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms<'a> {
    /// The service tier that served it, by the provider's own word.
    pub service_tier: Option<&'a str>,
    /// The day on which it was served.
    pub day: Day,
}

impl<'a> Terms<'a> {
    /// The terms on which an answer was given.
    pub fn of(response: &'a Response) -> Self {
        Self {
            service_tier: response.service_tier(),
            day: Day::of_unix(i64::try_from(response.created_at).unwrap_or(i64::MAX)),
        }
    }
}

/// What a request cost in USD; `None` if a rate that it needs is unknown.
pub fn cost(model: &Model, usage: &Usage, terms: Terms<'_>) -> Option<f64> {
    let price = model.price.as_ref()?;
    let rates = price.rates(usage.input_tokens, terms)?;
    let tokens = charge(&rates, Apart::of(price), usage)?;
    match extra_count(usage.extra.get(WEB_SEARCHES)) {
        0 => Some(tokens),
        searches => Some(tokens + times(searches, model.web_search?) / 1_000.0),
    }
}

/// What a request cost in USD: by the first rule of the configuration that fits, else by the catalogue. `vendor` is the
/// catalogue's name of the provider, which a configured name may differ from.
pub fn cost_of(
    rules: &[PriceRule],
    target: &str,
    vendor_model: Option<&Model>,
    usage: &Usage,
    terms: Terms<'_>,
) -> Option<f64> {
    match rules
        .iter()
        .find(|rule| glob::matches(&rule.pattern, target))
    {
        Some(rule) => cost_by(rule, usage),
        None => cost(vendor_model?, usage, terms),
    }
}

/// What a request cost in USD by a price of the configuration.
pub fn cost_by(rule: &PriceRule, usage: &Usage) -> Option<f64> {
    let rates = rule.rates.complete(&Rates::default());
    charge(&rates, Apart::default(), usage)
}

impl Price {
    /// The rates of a request of that size on those terms; `None` if its terms have no known price.
    pub fn rates(&self, input_tokens: u64, terms: Terms<'_>) -> Option<Rates> {
        let dated = self.dated.iter().filter(|(from, _)| *from <= terms.day);
        let list = dated
            .max_by_key(|(from, _)| *from)
            .map_or(self.list, |(_, rates)| rates.complete(&self.list));
        let size = self
            .sizes
            .iter()
            .filter(|(over, _)| input_tokens > *over)
            .max_by_key(|(over, _)| *over);
        match (terms.service_tier.map(str::to_ascii_lowercase), size) {
            (Some(word), size) if !is_plain(&word) => {
                let (_, rates) = self.service_tiers.iter().find(|(name, _)| *name == word)?;
                // Both at once has no published price.
                size.is_none().then(|| rates.complete(&self.list))
            }
            (_, Some((_, rates))) => Some(rates.complete(&self.list)),
            (_, None) => Some(list.complete(&list)),
        }
    }
}

impl Rates {
    /// Rates that neither we nor the list have are those of input.
    fn complete(&self, list: &Rates) -> Rates {
        let or_input = |own: Option<f64>, listed: Option<f64>| match (own, listed) {
            (None, None) => self.input,
            (own, _) => own,
        };
        Rates {
            cached: or_input(self.cached, list.cached),
            write: or_input(self.write, list.write),
            ..*self
        }
    }
}

/// The words for a request that is served on no special terms.
fn is_plain(tier: &str) -> bool {
    matches!(
        tier,
        "" | "auto" | "default" | "standard" | "standard_only" | "on_demand"
    )
}

/// USD per million tokens of the kinds that some models charge apart; where they do not, the tokens cost what the others do.
#[derive(Debug, Clone, Copy, Default)]
struct Apart {
    audio: Option<f64>,
    pictures: Option<f64>,
}

impl Apart {
    fn of(price: &Price) -> Self {
        Self {
            audio: price.audio,
            pictures: price.pictures,
        }
    }
}

/// Tokens times rates. A kind of tokens that does not occur needs no rate.
fn charge(rates: &Rates, apart: Apart, usage: &Usage) -> Option<f64> {
    let details = &usage.input_tokens_details;
    let cached = details.cached_tokens;
    let written = details.cache_write_tokens.unwrap_or(0);
    let for_an_hour = written_for_an_hour(usage).min(written);
    let fresh = usage
        .input_tokens
        .saturating_sub(cached)
        .saturating_sub(written);
    let of_kind = |rate: Option<f64>, told: Option<&serde_json::Value>, all: u64| {
        rate.map_or(0, |_| extra_count(told).min(all))
    };
    let audio = of_kind(apart.audio, details.extra.get(AUDIO), fresh);
    let said = &usage.output_tokens_details.extra;
    let pictures = of_kind(apart.pictures, said.get(PICTURES), usage.output_tokens);
    let parts = [
        (fresh - audio, rates.input),
        (audio, apart.audio),
        (cached, rates.cached),
        (written - for_an_hour, rates.write),
        (for_an_hour, rates.write_1h),
        (usage.output_tokens - pictures, rates.output),
        (pictures, apart.pictures),
    ];
    parts.into_iter().try_fold(0.0, |sum, (tokens, rate)| {
        if tokens == 0 {
            return Some(sum);
        }
        rate.map(|rate| sum + times(tokens, rate) / 1_000_000.0)
    })
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn times(count: u64, rate: f64) -> f64 {
    count as f64 * rate
}

/// Anthropic tells writes for an hour apart in `cache_creation`; decoders keep them beside the typed counts.
fn written_for_an_hour(usage: &Usage) -> u64 {
    let extra = &usage.input_tokens_details.extra;
    let own = extra_count(extra.get("cache_write_1h_tokens"));
    let nested = extra
        .get("cache_creation")
        .and_then(|parts| parts.get("ephemeral_1h_input_tokens"));
    own.max(extra_count(nested))
        .max(extra_count(extra.get("ephemeral_1h_input_tokens")))
}

fn extra_count(value: Option<&serde_json::Value>) -> u64 {
    value.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// Gives the models their prices.
pub(super) fn fill(models: &mut [Model]) {
    for line in data(PRICES) {
        let mut fields = line.split('\t');
        let (Some(provider), Some(id), Some(when)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let mut rate = || fields.next().and_then(field);
        let rates = Rates {
            input: rate(),
            cached: rate(),
            write: rate(),
            write_1h: rate(),
            output: rate(),
        };
        let of_line = |model: &&mut Model| model.provider == provider && model.id == id;
        if let Some(model) = models.iter_mut().find(of_line) {
            add(model.price.get_or_insert_default(), when, rates);
        }
    }
}

/// Puts one line's rates where they belong. A condition that is none of these fails the table's test.
fn add(price: &mut Price, when: &'static str, rates: Rates) {
    if when.is_empty() {
        price.list = rates;
    } else if when == "audio" {
        price.audio = rates.input;
    } else if when == "pictures" {
        price.pictures = rates.output;
    } else if let Some(over) = when.strip_prefix('>').and_then(field) {
        price.sizes.push((over, rates));
    } else if let Some(tier) = when.strip_prefix("tier ") {
        price.service_tiers.push((tier, rates));
    } else if let Some(day) = when.strip_prefix("from ").and_then(Day::parse) {
        price.dated.push((day, rates));
    }
}

#[cfg(test)]
#[path = "prices_tests.rs"]
mod tests;
