//! The rules of OpenAI's families, held against the reference.

use super::*;

fn check(model: &str, efforts: &[Effort], default: Option<Effort>, sampling: Sampling) {
    let family = family(model);
    assert_eq!(family.efforts, efforts, "{model}");
    assert_eq!(family.default_effort, default, "{model}");
    assert_eq!(family.sampling, sampling, "{model}");
}

#[test]
fn models_find_the_rules_of_their_family() {
    use Sampling::{No, WithoutReasoning, Yes};
    check("gpt-4o", &[], None, Yes);
    check("gpt-4.1-mini-2025-04-14", &[], None, Yes);
    check("gpt-5-chat-latest", &[], None, Yes);
    check("ft:gpt-4o-2024-08-06:acme::id", &[], None, Yes);
    check("o3", &[Low, Medium, High], Some(Medium), No);
    check(
        "gpt-5-mini",
        &[Minimal, Low, Medium, High],
        Some(Medium),
        No,
    );
    check(
        "gpt-5.1",
        &[Off, Low, Medium, High],
        Some(Off),
        WithoutReasoning,
    );
    check(
        "gpt-5-1",
        &[Off, Low, Medium, High],
        Some(Off),
        WithoutReasoning,
    );
    let xhigh = [Off, Low, Medium, High, Xhigh];
    check("gpt-5.4-nano", &xhigh, Some(Off), WithoutReasoning);
    check("gpt-5.5-2026-04-23", &xhigh, Some(Medium), WithoutReasoning);
    let max = [Off, Low, Medium, High, Xhigh, Max];
    check("gpt-5.6", &max, Some(Medium), WithoutReasoning);
    check("gpt-6-luna", &max, Some(Medium), No);
    check("gpt-6.1-terra", &max, Some(Medium), No);
    check("gpt-6.1-sol", &max[1..], Some(Medium), No);
    check("gpt-6-astra", &max[1..], Some(Medium), No);
    check("some-model", &Effort::ALL, None, Yes);
    check("gpt-4-1106-preview", &[], None, Yes);
}

#[test]
fn an_effort_that_is_not_taken_becomes_the_next_lower_one_else_the_lowest() {
    let nearest = |model, effort| family(model).nearest(effort);
    assert_eq!(nearest("gpt-5.1", Xhigh), Some(High));
    assert_eq!(nearest("gpt-6-astra", Off), Some(Low));
    assert_eq!(nearest("gpt-5.6", Minimal), Some(Low));
    assert_eq!(nearest("gpt-5", Medium), Some(Medium));
    assert_eq!(nearest("gpt-4o", High), None);
}

#[test]
fn functions_through_chat_depend_on_the_explicit_effort() {
    let takes = |model, effort| family(model).chats_with_tools_at(effort);
    assert!(takes("gpt-5.2", Some(High)));
    assert!(takes("gpt-5.4", None) && !takes("gpt-5.4", Some(Low)));
    assert!(takes("gpt-6-sol", Some(Off)) && !takes("gpt-6-sol", None));
    assert!(!takes("gpt-6.1-sol", Some(Off)));
}

#[test]
fn sampling_goes_with_the_effective_effort() {
    assert!(family("gpt-5.2").samples_at(None));
    assert!(!family("gpt-5.2").samples_at(Some(Low)));
    assert!(!family("gpt-5.5").samples_at(None));
    assert!(family("gpt-5.6-sol").samples_at(Some(Off)));
    assert!(!family("gpt-6-sol").samples_at(Some(Off)));
}
