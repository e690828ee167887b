//! Efforts and budgets per family, from the table of the documentation.

use super::*;
use crate::catalog::anthropic::family;

const WISH: Wish = Wish {
    effort: None,
    budget: None,
    show: Show::Nothing,
    against: Against::Nothing,
    max_tokens: 64_000,
};

fn check(model: &str, wish: Wish, expect: &str, lost: usize) {
    let mut losses = Vec::new();
    let plan = plan(family(model), &wish, &mut losses);
    let thinking = serde_json::to_string(&plan.thinking).unwrap();
    let got = format!("{thinking} {}", plan.effort.unwrap_or("-"));
    assert_eq!(got, expect, "{model} {wish:?}");
    assert_eq!(losses.len(), lost, "{model} {wish:?} {losses:?}");
}

fn effort(effort: Effort) -> Wish {
    Wish {
        effort: Some(effort),
        ..WISH
    }
}

#[test]
fn nothing_asked_for_is_nothing_sent() {
    for model in ["claude-opus-5-5", "claude-sonnet-4-6", "claude-opus-4-5"] {
        check(model, WISH, "null -", 0);
    }
}

#[test]
fn a_summary_is_asked_for_where_the_model_thinks_but_does_not_show_it() {
    let show = Wish {
        show: Show::Summary,
        ..WISH
    };
    check(
        "claude-sonnet-5-5",
        show,
        r#"{"type":"adaptive","display":"summarized"} -"#,
        0,
    );
    check("claude-opus-4-8", show, "null -", 0);
    check("claude-opus-4-5", show, "null -", 0);
}

#[test]
fn levels_become_efforts_or_budgets() {
    check(
        "claude-opus-5-5",
        effort(Effort::High),
        r#"{"type":"adaptive"} high"#,
        0,
    );
    check(
        "claude-opus-5-5",
        effort(Effort::Minimal),
        r#"{"type":"adaptive"} low"#,
        1,
    );
    check(
        "claude-opus-4-6",
        effort(Effort::Xhigh),
        r#"{"type":"adaptive","display":"omitted"} high"#,
        1,
    );
    check(
        "claude-opus-4-5",
        effort(Effort::Low),
        r#"{"type":"enabled","budget_tokens":2048} low"#,
        0,
    );
    check(
        "claude-haiku-4-5",
        effort(Effort::Max),
        r#"{"type":"enabled","budget_tokens":49152} -"#,
        0,
    );
    check(
        "claude-3-5-haiku-20241022",
        effort(Effort::High),
        "null -",
        1,
    );
}

#[test]
fn a_budget_stays_below_the_limit_of_the_answer() {
    let small = |max_tokens| Wish {
        max_tokens,
        ..effort(Effort::High)
    };
    check(
        "claude-haiku-4-5",
        small(2000),
        r#"{"type":"enabled","budget_tokens":1999} -"#,
        0,
    );
    check("claude-haiku-4-5", small(1024), "null -", 1);
    let budget = Wish {
        budget: Some(5000),
        ..WISH
    };
    check(
        "claude-haiku-4-5",
        budget,
        r#"{"type":"enabled","budget_tokens":5000} -"#,
        0,
    );
    check("claude-sonnet-5", budget, r#"{"type":"adaptive"} -"#, 1);
}

#[test]
fn no_thinking_is_kept_as_far_as_the_model_lets() {
    let none = effort(Effort::None);
    check("claude-haiku-5-5", none, r#"{"type":"disabled"} -"#, 0);
    check("claude-opus-4-8", none, "null -", 0);
    check(
        "claude-sonnet-5-5",
        none,
        r#"{"type":"between_tools"} -"#,
        1,
    );
    check("claude-opus-5-5", none, "null low", 1);
}

#[test]
fn a_forced_call_turns_thinking_off_where_that_is_possible() {
    let forced = |wish: Wish| Wish {
        against: Against::ForcedChoice,
        ..wish
    };
    check(
        "claude-haiku-5-5",
        forced(WISH),
        r#"{"type":"disabled"} -"#,
        0,
    );
    check(
        "claude-haiku-5-5",
        forced(effort(Effort::Max)),
        r#"{"type":"disabled"} high"#,
        2,
    );
    check(
        "claude-sonnet-5",
        forced(effort(Effort::Max)),
        r#"{"type":"disabled"} max"#,
        1,
    );
    check(
        "claude-fable-5",
        forced(effort(Effort::High)),
        "null high",
        0,
    );
}
