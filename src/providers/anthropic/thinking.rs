//! Effort and thinking: seven levels on one side, four kinds of thinking and five efforts on the other.
//!
//! Which of them a model takes is data (the catalogue's families); what is done where they do not fit is decided here.

use crate::canonical::request::Effort;
use crate::catalog::anthropic::{Family, Shows, Thinking, Unasked};
use crate::providers::Loss;
use crate::wire::anthropic::request as wire;

/// What is wanted of the thinking.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// The level, if one was named.
    pub(super) effort: Option<Effort>,
    /// A budget in tokens, as older models take it.
    pub(super) budget: Option<u64>,
    /// Whether its text is to be shown.
    pub(super) show: Show,
    /// What stands against thinking.
    pub(super) against: Against,
    /// The limit of the whole answer.
    pub(super) max_tokens: u64,
}

/// Whether the text of the thinking is to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Summary,
    Nothing,
}

/// What stands against thinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Against {
    Nothing,
    /// A call is forced, which the API refuses together with thinking that is asked for.
    ForcedChoice,
    /// The model refused to think in this conversation.
    Refusal,
}

/// What is sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) thinking: Option<wire::Thinking>,
    pub(super) effort: Option<&'static str>,
}

/// Whether the model thinks while it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Thinks {
    Yes,
    No,
}

/// The least budget that the API takes.
const LEAST_BUDGET: u64 = 1024;

/// Decides what is sent for a wish.
pub(super) fn plan(family: &Family, wish: &Wish, losses: &mut Vec<Loss>) -> Plan {
    match wish.against {
        Against::ForcedChoice => still(family, wish, "off, since a call is forced", losses),
        Against::Refusal => still(
            family,
            wish,
            "off, since the model cannot think in this conversation",
            losses,
        ),
        Against::Nothing => match (wish.effort, wish.budget) {
            (Some(Effort::None), _) => silence(family, losses),
            (None, None) => unasked(family, wish),
            (effort, budget) => wanted(family, wish, effort, budget, losses),
        },
    }
}

/// Whether the model will think, which rules out sampling parameters and prefill.
pub(super) fn thinks(family: &Family, plan: &Plan) -> Thinks {
    match (&plan.thinking, family.unasked) {
        (Some(wire::Thinking::Adaptive { .. } | wire::Thinking::Enabled { .. }), _)
        | (None, Unasked::Thinks) => Thinks::Yes,
        (Some(wire::Thinking::Disabled | wire::Thinking::BetweenTools), _)
        | (None, Unasked::Answers) => Thinks::No,
    }
}

/// Thinking is impossible here, so it is turned off where the model takes that.
fn still(family: &Family, wish: &Wish, why: &str, losses: &mut Vec<Loss>) -> Plan {
    let thinking = family
        .takes(Thinking::Disabled)
        .then_some(wire::Thinking::Disabled);
    let asked = wish.effort.filter(|effort| *effort != Effort::None);
    if thinking.is_some() && (asked.is_some() || wish.budget.is_some()) {
        losses.push(Loss::new("reasoning", format!("thinking is {why}")));
    }
    let most = thinking.as_ref().and(family.still);
    Plan {
        thinking,
        effort: asked.and_then(|effort| nearest(family, effort, most, losses)),
    }
}

/// No thinking at all was asked for.
fn silence(family: &Family, losses: &mut Vec<Loss>) -> Plan {
    let mut plan = Plan::default();
    if family.unasked == Unasked::Answers {
        return plan;
    }
    if family.takes(Thinking::Disabled) {
        plan.thinking = Some(wire::Thinking::Disabled);
    } else if family.takes(Thinking::BetweenTools) {
        plan.thinking = Some(wire::Thinking::BetweenTools);
        let what = "the model can be kept from thinking only before its first tool call";
        losses.push(Loss::new("reasoning.effort", what));
    } else {
        plan.effort = family.efforts.first().map(|effort| effort.as_str());
        let what = "the model always thinks; its lowest effort is used";
        losses.push(Loss::new("reasoning.effort", what));
    }
    plan
}

/// Nothing was asked for but, perhaps, to see what the model thinks by itself.
fn unasked(family: &Family, wish: &Wish) -> Plan {
    let shown = wish.show == Show::Summary
        && family.unasked == Unasked::Thinks
        && family.shows == Shows::Nothing;
    Plan {
        thinking: shown.then_some(wire::Thinking::Adaptive {
            display: Some(wire::Display::Summarized),
        }),
        effort: None,
    }
}

fn wanted(
    family: &Family,
    wish: &Wish,
    effort: Option<Effort>,
    budget: Option<u64>,
    losses: &mut Vec<Loss>,
) -> Plan {
    let thinking = if family.takes(Thinking::Enabled)
        && (budget.is_some() || !family.takes(Thinking::Adaptive))
    {
        let budget = budget.or_else(|| effort.map(budget_of)).unwrap_or_default();
        enabled(family, wish, budget, losses)
    } else if family.takes(Thinking::Adaptive) {
        if budget.is_some() && effort.is_none() {
            losses.push(Loss::new(
                "thinking.budget_tokens",
                "the model takes no budget and decides by itself",
            ));
        }
        Some(wire::Thinking::Adaptive {
            display: display(family, wish),
        })
    } else {
        let what = "the model cannot think";
        losses.push(Loss::new("reasoning.effort", what));
        return Plan::default();
    };
    // Where thinking has a budget only, the budget is the effort, and nothing is lost.
    let effort = effort
        .filter(|_| !family.efforts.is_empty())
        .and_then(|effort| nearest(family, effort, None, losses));
    Plan { thinking, effort }
}

fn enabled(
    family: &Family,
    wish: &Wish,
    budget: u64,
    losses: &mut Vec<Loss>,
) -> Option<wire::Thinking> {
    if wish.max_tokens <= LEAST_BUDGET {
        losses.push(Loss::new(
            "reasoning.effort",
            "thinking is off, since max_output_tokens leaves no room for it",
        ));
        return None;
    }
    Some(wire::Thinking::Enabled {
        budget_tokens: budget.max(LEAST_BUDGET).min(wish.max_tokens - 1),
        display: display(family, wish),
    })
}

/// Says what is shown only where the model would do otherwise. Models without adaptive thinking are older than the
/// setting, and always show a summary.
fn display(family: &Family, wish: &Wish) -> Option<wire::Display> {
    match (wish.show, family.shows) {
        (Show::Summary, Shows::Nothing) => Some(wire::Display::Summarized),
        (Show::Nothing, Shows::Summary) if family.takes(Thinking::Adaptive) => {
            Some(wire::Display::Omitted)
        }
        (Show::Summary, Shows::Summary) | (Show::Nothing, Shows::Summary | Shows::Nothing) => None,
    }
}

/// The effort itself, else the next lower, else the next higher.
pub(super) fn nearest(
    family: &Family,
    effort: Effort,
    most: Option<Effort>,
    losses: &mut Vec<Loss>,
) -> Option<&'static str> {
    let allowed = || {
        family
            .efforts
            .iter()
            .filter(|level| most.is_none_or(|most| **level <= most))
    };
    let found = *allowed()
        .rev()
        .find(|level| **level <= effort)
        .or_else(|| allowed().next())?;
    if found != effort {
        losses.push(Loss::new(
            "reasoning.effort",
            format!("{} became {}", effort.as_str(), found.as_str()),
        ));
    }
    Some(found.as_str())
}

/// The budget in tokens that a level means, for models that know no levels.
fn budget_of(effort: Effort) -> u64 {
    match effort {
        Effort::None | Effort::Minimal => LEAST_BUDGET,
        Effort::Low => 2048,
        Effort::Medium => 8192,
        Effort::High => 16_384,
        Effort::Xhigh => 32_768,
        Effort::Max => 49_152,
    }
}

#[cfg(test)]
#[path = "thinking_tests.rs"]
mod tests;
