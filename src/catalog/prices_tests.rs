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
        placed += usize::from(price.audio.is_some()) + usize::from(price.pictures.is_some());
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
    let parts = json!({"ephemeral_5m_input_tokens": 200_000, "ephemeral_1h_input_tokens": 400_000});
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
fn the_built_in_demo_is_free() {
    let usage = Usage::counted(1_000, 10, Some(10), 1_000, 0);
    for name in ["demo", "anything"] {
        let model = find("demo", name).unwrap();
        assert_eq!(cost(model, &usage, Terms::default()), Some(0.0));
    }
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

#[test]
fn the_tier_that_served_an_answer_is_the_one_that_is_charged() {
    let check = |echo: &str, expect| {
        let json = format!(
            r#"{{"id":"r","created_at":86400,"status":"completed","model":"m","output":[]{echo}}}"#
        );
        let response: Response = serde_json::from_str(&json).unwrap();
        let terms = Terms::of(&response);
        assert_eq!(
            (terms.service_tier, terms.day),
            (expect, Day::parse("1970-01-02").unwrap())
        );
    };
    check("", None);
    check(r#","service_tier":null"#, None);
    check(r#","service_tier":"flex""#, Some("flex"));
}

#[test]
fn audio_pictures_and_searches_have_prices_of_their_own() {
    // gemini-2.5-flash: 0.3 in, 1 for audio, 2.5 out. 75k of text, 25k of audio, 10k out.
    let mut heard = Usage::counted(100_000, 0, None, 10_000, 0);
    heard
        .input_tokens_details
        .extra
        .insert(AUDIO.to_owned(), json!(25_000));
    check(
        "gemini-2.5-flash",
        &heard,
        Terms::default(),
        Some(0.0225 + 0.025 + 0.025),
    );
    // A model that has no such price charges them like the rest: gpt-6-sol, 2 in, 10 out.
    check("gpt-6-sol", &heard, Terms::default(), Some(0.2 + 0.1));
    // gemini-2.5-flash-image: 0.3 in, 2.5 out, 30 for pictures. 1k in, 5k of text and 5k of picture.
    let mut drawn = Usage::counted(1_000, 0, None, 10_000, 0);
    drawn
        .output_tokens_details
        .extra
        .insert(PICTURES.to_owned(), json!(5_000));
    check(
        "gemini-2.5-flash-image",
        &drawn,
        Terms::default(),
        Some(0.0003 + 0.0125 + 0.15),
    );
    // claude-haiku-4-5: 1 in, 5 out, 10 for a thousand searches.
    let mut sought = Usage::counted(1_000, 0, None, 1_000, 0);
    sought.extra.insert(WEB_SEARCHES.to_owned(), json!(3));
    check(
        "claude-haiku-4-5",
        &sought,
        Terms::default(),
        Some(0.001 + 0.005 + 0.03),
    );
    // gpt-4 has no price of a search, and what is unknown is not nothing.
    check("gpt-4", &sought, Terms::default(), None);
}
