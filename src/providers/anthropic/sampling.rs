//! Sampling parameters, which newer models and the newer version of the API refuse even at their defaults.

use super::thinking::Thinks;
use crate::canonical::request::Request;
use crate::catalog::anthropic::{Family, Sampling};
use crate::providers::Loss;

/// What is sent.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub(super) temperature: Option<f64>,
    pub(super) top_p: Option<f64>,
    pub(super) top_k: Option<u64>,
}

/// From here on `top_p` cuts off nothing that matters, and newer models take it for the default.
const TOP_P_ALL: f64 = 0.99;

/// The least `top_p` that goes with thinking.
const TOP_P_THINKING: f64 = 0.95;

impl Plan {
    /// Whether anything is left that the newer version of the API refuses.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Decides what is sent. Defaults are not sent, and are no loss.
pub(super) fn plan(
    request: &Request,
    family: &Family,
    thinks: Thinks,
    losses: &mut Vec<Loss>,
) -> Plan {
    let mut plan = Plan {
        temperature: request.temperature.filter(|t| !is(*t, 1.0)),
        top_p: request.top_p.filter(|p| !is(*p, 1.0)),
        top_k: request.beyond.top_k,
    };
    let mut lose = |field: &str, what: &str| losses.push(Loss::new(field, what));
    if family.sampling == Sampling::Gone {
        plan.top_p = plan.top_p.filter(|p| *p < TOP_P_ALL);
    }
    let why = match (family.sampling, thinks) {
        (Sampling::Gone, _) => Some("the model takes no sampling parameters"),
        (Sampling::All | Sampling::One, Thinks::Yes) => {
            Some("the model takes no sampling parameters while it thinks")
        }
        (Sampling::All | Sampling::One, Thinks::No) => None,
    };
    if let Some(why) = why {
        if plan.temperature.take().is_some() {
            lose("temperature", why);
        }
        if plan.top_k.take().is_some() {
            lose("top_k", why);
        }
        let kept = plan
            .top_p
            .filter(|p| family.sampling != Sampling::Gone && *p >= TOP_P_THINKING);
        if plan.top_p != kept {
            plan.top_p = kept;
            lose("top_p", why);
        }
        return plan;
    }
    if plan.temperature.is_some_and(|t| t > 1.0) {
        // 1 is the highest here, and the default.
        plan.temperature = None;
        lose("temperature", "1 is the highest that this API takes");
    }
    if family.sampling == Sampling::One && plan.temperature.is_some() && plan.top_p.take().is_some()
    {
        lose("top_p", "the model takes temperature or top_p, not both");
    }
    plan
}

fn is(value: f64, default: f64) -> bool {
    (value - default).abs() < f64::EPSILON
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::anthropic::family;

    fn check(model: &str, json: &str, thinks: Thinks, expect: &str, lost: &[&str]) {
        let request: Request = serde_json::from_str(json).unwrap();
        let mut losses = Vec::new();
        let plan = plan(&request, family(model), thinks, &mut losses);
        assert_eq!(
            format!("{:?} {:?}", plan.temperature, plan.top_p),
            expect,
            "{json}"
        );
        let fields: Vec<&str> = losses.iter().map(|loss| loss.field.as_str()).collect();
        assert_eq!(fields, lost, "{json}");
    }

    #[test]
    fn older_models_take_one_of_the_two() {
        let json = r#"{"temperature":0.2,"top_p":0.5}"#;
        check(
            "claude-sonnet-4-6",
            json,
            Thinks::No,
            "Some(0.2) None",
            &["top_p"],
        );
        check(
            "claude-opus-4-0",
            json,
            Thinks::No,
            "Some(0.2) Some(0.5)",
            &[],
        );
    }

    #[test]
    fn newer_models_take_none() {
        let json = r#"{"temperature":0,"top_p":0.5}"#;
        check(
            "claude-sonnet-5-5",
            json,
            Thinks::No,
            "None None",
            &["temperature", "top_p"],
        );
        check(
            "claude-sonnet-5-5",
            r#"{"top_p":0.99}"#,
            Thinks::No,
            "None None",
            &[],
        );
    }

    #[test]
    fn defaults_are_neither_sent_nor_lost() {
        check(
            "claude-sonnet-4-6",
            r#"{"temperature":1,"top_p":1.0}"#,
            Thinks::No,
            "None None",
            &[],
        );
    }

    #[test]
    fn thinking_leaves_only_a_wide_top_p() {
        check(
            "claude-sonnet-4-6",
            r#"{"temperature":0.5}"#,
            Thinks::Yes,
            "None None",
            &["temperature"],
        );
        check(
            "claude-sonnet-4-6",
            r#"{"top_p":0.95}"#,
            Thinks::Yes,
            "None Some(0.95)",
            &[],
        );
        check(
            "claude-sonnet-4-6",
            r#"{"top_p":0.9}"#,
            Thinks::Yes,
            "None None",
            &["top_p"],
        );
    }

    #[test]
    fn a_temperature_above_one_becomes_the_highest() {
        check(
            "claude-sonnet-4-6",
            r#"{"temperature":1.5}"#,
            Thinks::No,
            "None None",
            &["temperature"],
        );
    }
}
