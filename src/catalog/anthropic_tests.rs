//! The table against the documentation.

use super::*;

fn check(model: &str, prefix: &str) {
    assert_eq!(family(model).prefix, prefix, "{model}");
}

#[test]
fn an_id_finds_its_family_in_every_spelling() {
    check("claude-opus-4-5-20251101", "claude-opus-4-5");
    check("claude-opus-4.5", "claude-opus-4-5");
    check("anthropic/claude-opus-4.5", "claude-opus-4-5");
    check("claude-4-5-opus", "claude-opus-4-5");
    check("claude-sonnet-5-5@20261001", "claude-sonnet-5-5");
    check("claude-sonnet-5", "claude-sonnet-5");
    check("claude-sonnet-5-20260701", "claude-sonnet-5");
    check("claude-opus-4-20250514", "claude-opus-4");
    check("claude-4-opus-20250514", "claude-opus-4");
    check("claude-opus-4-0", "claude-opus-4");
    check(
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "claude-sonnet-4-5",
    );
    check("claude-3-7-sonnet-latest", "claude-3-7");
    check("claude-3-5-haiku-20241022", "claude-3-5");
}

#[test]
fn a_newer_claude_and_a_foreign_model_have_families_too() {
    check("claude-opus-7", "claude");
    check("claude-opus-55", "claude");
    check("claude-opus-5-7", "claude");
    check("kimi-k3", "");
    assert!(!family("kimi-k3").is_claude());
    assert!(family("claude-opus-7").is_claude());
}

#[test]
fn the_table_says_what_the_documentation_says() {
    let forced = |model| family(model).has(ForcedChoice);
    for model in [
        "claude-opus-5-5",
        "claude-sonnet-5-5",
        "claude-fable-5-1",
        "claude-mythos-5-2",
    ] {
        assert!(!forced(model), "{model}");
    }
    for model in [
        "claude-haiku-5-5",
        "claude-fable-5",
        "claude-mythos-preview",
        "claude-opus-4-5",
    ] {
        assert!(forced(model), "{model}");
    }
    assert_eq!(family("claude-opus-4-1").max_output, 32_000);
    assert!(family("claude-opus-4-8").has(SystemTurns));
    assert!(!family("claude-sonnet-5").has(SystemTurns));
    assert_eq!(family("claude-opus-4-5").efforts, [Low, Medium, High]);
    assert!(family("claude-opus-4-5").has(Prefill));
    assert!(!family("claude-sonnet-4-6").has(Prefill));
}
