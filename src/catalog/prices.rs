//! What tokens cost. USD per million tokens; what is unknown stays unknown and is never taken for zero.
//!
//! A special price (a tier by size, a service tier, a date) replaces the list price as a whole: a rate that it leaves
//! out is unknown if the list has that rate, and the rate of plain input if the list has none either.

use crate::canonical::usage::Usage;

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

/// What a request cost in USD; `None` if a rate that it needs is unknown.
pub fn cost(model: &Model, usage: &Usage, terms: Terms<'_>) -> Option<f64> {
    let price = model.price.as_ref()?;
    let rates = price.rates(usage.input_tokens, terms)?;
    charge(&rates, price.audio, usage)
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
    charge(&rule.rates.complete(&Rates::default()), None, usage)
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

/// Tokens times rates. A kind of tokens that does not occur needs no rate.
fn charge(rates: &Rates, audio_rate: Option<f64>, usage: &Usage) -> Option<f64> {
    let details = &usage.input_tokens_details;
    let cached = details.cached_tokens;
    let written = details.cache_write_tokens.unwrap_or(0);
    let for_an_hour = written_for_an_hour(usage).min(written);
    let fresh = usage
        .input_tokens
        .saturating_sub(cached)
        .saturating_sub(written);
    let audio = match audio_rate {
        Some(_) => extra_count(details.extra.get("audio_tokens")).min(fresh),
        None => 0,
    };
    let parts = [
        (fresh - audio, rates.input),
        (audio, audio_rate),
        (cached, rates.cached),
        (written - for_an_hour, rates.write),
        (for_an_hour, rates.write_1h),
        (usage.output_tokens, rates.output),
    ];
    parts.into_iter().try_fold(0.0, |sum, (tokens, rate)| {
        if tokens == 0 {
            return Some(sum);
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "token counts are far below 2^52"
        )]
        rate.map(|rate| sum + tokens as f64 * rate / 1_000_000.0)
    })
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
    } else if let Some(over) = when.strip_prefix('>').and_then(field) {
        price.sizes.push((over, rates));
    } else if let Some(tier) = when.strip_prefix("tier ") {
        price.service_tiers.push((tier, rates));
    } else if let Some(day) = when.strip_prefix("from ").and_then(Day::parse) {
        price.dated.push((day, rates));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::models::{all, find};
    use super::*;

    fn usd(model: &str, usage: &Usage, terms: Terms<'_>) -> Option<f64> {
        let model = all().iter().find(|known| known.id == model).unwrap();
        cost(model, usage, terms)
    }

    fn check(model: &str, usage: &Usage, terms: Terms<'_>, expect: Option<f64>) {
        let is = usd(model, usage, terms);
        let near = match (is, expect) {
            (Some(is), Some(expect)) => (is - expect).abs() < 1e-9,
            (is, expect) => is == expect,
        };
        assert!(near, "{model}: {is:?} instead of {expect:?}");
    }

    fn tier(word: &str) -> Terms<'_> {
        Terms {
            service_tier: Some(word),
            ..Terms::default()
        }
    }

    #[test]
    fn every_line_of_the_prices_finds_its_place() {
        let mut placed = 0;
        for price in all().iter().filter_map(|model| model.price.as_ref()) {
            placed += price.sizes.len() + price.service_tiers.len() + price.dated.len();
            placed += usize::from(price.audio.is_some());
            placed += usize::from(price.list != Rates::default());
        }
        assert_eq!(placed, data(PRICES).count());
        for line in data(PRICES) {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 8, "{line}");
            for rate in &fields[3..] {
                assert!(rate.is_empty() || rate.parse::<f64>().is_ok(), "{line}");
            }
        }
    }

    #[test]
    fn cached_and_written_tokens_are_charged_once_at_their_own_rates() {
        // gpt-6-luna: 0.1 in, 0.01 cached, 0.125 write, 0.5 out.
        // 50k fresh, 40k cached, 10k written, 20k out: 0.005 + 0.0004 + 0.00125 + 0.01.
        let usage = Usage::counted(100_000, 40_000, Some(10_000), 20_000, 15_000);
        check("gpt-6-luna", &usage, Terms::default(), Some(0.01665));
    }

    #[test]
    fn beyond_the_threshold_all_tokens_take_the_higher_rate() {
        let at = Usage::counted(272_000, 0, None, 1_000, 0);
        check("gpt-6-sol", &at, Terms::default(), Some(0.554));
        let over = Usage::counted(272_001, 0, None, 1_000, 0);
        check("gpt-6-sol", &over, Terms::default(), Some(1.103_004));
    }

    #[test]
    fn writes_for_an_hour_have_their_own_rate() {
        // claude-haiku-4-5: 1 in, 1.25 write, 2 for an hour, 5 out.
        let mut usage = Usage::counted(1_000_000, 0, Some(600_000), 0, 0);
        let parts =
            json!({"ephemeral_5m_input_tokens": 200_000, "ephemeral_1h_input_tokens": 400_000});
        usage
            .input_tokens_details
            .extra
            .insert("cache_creation".to_owned(), parts);
        check(
            "claude-haiku-4-5",
            &usage,
            Terms::default(),
            Some(0.4 + 0.25 + 0.8),
        );
    }

    #[test]
    fn service_tiers_and_dates_change_the_price() {
        let usage = Usage::counted(100_000, 0, None, 10_000, 0);
        check("gpt-6-sol", &usage, tier("default"), Some(0.3));
        check("gpt-6-sol", &usage, tier("flex"), Some(0.15));
        check("gpt-6-sol", &usage, tier("priority"), Some(0.6));
        let day = |text| Terms {
            day: Day::parse(text).unwrap(),
            ..Terms::default()
        };
        check("gemini-4-argon", &usage, day("2026-11-30"), Some(0.3));
        check("gemini-4-argon", &usage, day("2026-12-01"), Some(0.6));
    }

    #[test]
    fn what_is_unknown_is_none_and_never_zero() {
        let usage = Usage::counted(10, 0, None, 10, 0);
        check("claude-mythos-5-1", &usage, Terms::default(), None);
        check("gpt-6-sol", &usage, tier("scale"), None);
        let long = Usage::counted(300_000, 0, None, 10, 0);
        check("gpt-6-sol", &long, tier("flex"), None);
        // The batch price of a cached token is not published, though the list has one.
        let cached = Usage::counted(10, 5, None, 10, 0);
        check("o3-mini", &cached, tier("batch"), None);
    }

    #[test]
    fn without_a_cache_price_cached_tokens_cost_what_input_costs() {
        let usage = Usage::counted(1_000_000, 500_000, None, 0, 0);
        check("o3-pro", &usage, Terms::default(), Some(20.0));
    }

    #[test]
    fn the_configuration_goes_before_the_catalogue() {
        let rules = [
            PriceRule {
                pattern: "ollama/*".to_owned(),
                rates: Rates {
                    input: Some(0.0),
                    output: Some(0.0),
                    ..Rates::default()
                },
            },
            PriceRule {
                pattern: "openai/gpt-6-*".to_owned(),
                rates: Rates {
                    input: Some(1.0),
                    ..Rates::default()
                },
            },
        ];
        let usage = Usage::counted(1_000_000, 0, None, 1, 0);
        let model = find("openai", "gpt-6-sol");
        let cost =
            |target: &str, usage: &Usage| cost_of(&rules, target, model, usage, Terms::default());
        assert_eq!(cost("ollama/llama3.2", &usage), Some(0.0));
        assert_eq!(cost("openai/gpt-6-sol", &usage), None);
        assert_eq!(
            cost(
                "openai/gpt-6-sol",
                &Usage::counted(2_000_000, 0, None, 0, 0)
            ),
            Some(2.0)
        );
        assert_eq!(
            cost("work/gpt-6-sol", &Usage::counted(100_000, 0, None, 0, 0)),
            Some(0.2)
        );
    }
}
