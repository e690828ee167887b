//! Aliases: a name for a list of targets, with what is said to them.
//!
//! The one idea in place of roles, templates, profiles and routing groups. Aliases may name aliases; [`super::check`]
//! has made sure that they do not go in circles.

use std::time::Duration;

use http::HeaderName;
use serde::Deserialize;

use crate::canonical::request::{Effort, ReasoningSettings, Request, TextSettings};
use crate::catalog::models::Capability;
use crate::target::Target;

/// One entry of `models`.
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    /// The name.
    pub name: String,
    /// How the targets are ordered.
    pub policy: Policy,
    /// Who keeps getting the same target where there is a draw.
    pub sticky: Sticky,
    /// The header whose value counts under [`Sticky::Header`].
    pub sticky_header: HeaderName,
    /// The targets, at least one.
    pub targets: Vec<Weighted>,
    /// Asked after all targets, in this order, whatever the policy.
    pub then: Vec<Aim>,
    /// What is said to the targets.
    pub overlay: Overlay,
    /// How they are asked.
    pub rules: Rules,
}

/// How targets are ordered. Every policy then fails over along the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// As listed.
    #[default]
    Failover,
    /// Drawn by weight.
    Weighted,
    /// The cheapest first.
    Cheapest,
    /// The fastest to first content first.
    Fastest,
    /// In turn.
    RoundRobin,
}

/// Who keeps getting the same target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sticky {
    /// Nobody: each request is drawn anew.
    #[default]
    None,
    /// The end user, by `safety_identifier` or `user`.
    User,
    /// The holder of a client key.
    Key,
    /// Whoever sends the same value in a header, such as a session's.
    Header,
}

/// The header of [`Sticky::Header`] if the file names none.
pub const STICKY_HEADER: HeaderName = HeaderName::from_static("x-llmgw-sticky");

/// A target and its weight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weighted {
    /// The target.
    pub aim: Aim,
    /// Relative to the others' weights; 0 is asked only after the others.
    pub weight: u32,
}

/// What an alias points at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Aim {
    /// Another alias.
    Alias(String),
    /// A model.
    Target(Target),
}

/// What an alias says to its targets where the request leaves it out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlay {
    /// The instructions.
    pub instructions: Option<String>,
    /// 0 to 2.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// -2 to 2.
    pub presence_penalty: Option<f64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f64>,
    /// At least 1.
    pub max_output_tokens: Option<u64>,
    /// How much to think.
    pub effort: Option<Effort>,
    /// `low`, `medium` or `high`.
    pub verbosity: Option<String>,
    /// `flex`, `priority`, ….
    pub service_tier: Option<String>,
}

/// How the targets of a route are asked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rules {
    /// What a target must be able to do.
    pub requires: Vec<Capability>,
    /// Where long prompts go.
    pub when_context_over: Option<ContextRule>,
    /// Where prompts go that the provider's policy refuses.
    pub when_refused: Vec<Aim>,
    /// What becomes of an answer whose stream breaks.
    pub on_cut: OnCut,
    /// Whether a slow target gets company.
    pub hedge: Option<Hedge>,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// How often to try.
    pub retry: Retry,
}

/// Prompts above this size go elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextRule {
    /// The size in tokens.
    pub tokens: u64,
    /// Where they go.
    pub targets: Vec<Aim>,
}

/// What becomes of an answer whose stream breaks after content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCut {
    /// It ends as failed.
    #[default]
    Error,
    /// The same target or the next one goes on with it.
    Continue,
}

/// A second attempt beside a slow first one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hedge {
    /// After so long without content; absent means the route's own 95th percentile.
    pub after: Option<Duration>,
    /// The share of spending, 0 to 1, that second attempts may cost.
    pub max_extra: f64,
}

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection.
    pub connect: Duration,
    /// Of a stream, for content.
    pub first_token: Duration,
    /// Of a stream after content, for any byte.
    pub idle: Duration,
    /// Of a stream for content over all attempts; of a whole reply for everything.
    pub total: Duration,
}

/// How often one target is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Tries, the first included.
    pub attempts: u32,
    /// The first wait; each further one is twice as long.
    pub base: Duration,
    /// The longest wait.
    pub max: Duration,
    /// A longer `retry-after` is not waited for.
    pub retry_after_max: Duration,
}

impl Policy {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Weighted => "weighted",
            Self::Cheapest => "cheapest",
            Self::Fastest => "fastest",
            Self::RoundRobin => "round_robin",
        }
    }
}

impl Sticky {
    /// The word in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::User => "user",
            Self::Key => "key",
            Self::Header => "header",
        }
    }
}

impl Alias {
    /// Everything it may lead to, in order: targets, then `then`, then the exceptions.
    pub fn aims(&self) -> impl Iterator<Item = &Aim> {
        let context = self.rules.when_context_over.iter();
        self.targets
            .iter()
            .map(|weighted| &weighted.aim)
            .chain(&self.then)
            .chain(context.flat_map(|rule| &rule.targets))
            .chain(&self.rules.when_refused)
    }
}

impl Overlay {
    /// Does it say nothing?
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// This overlay, and what it leaves out from the inner one.
    #[must_use]
    pub fn over(&self, inner: &Self) -> Self {
        let words = |own: &Option<String>, inner: &Option<String>| own.clone().or(inner.clone());
        Self {
            instructions: words(&self.instructions, &inner.instructions),
            temperature: self.temperature.or(inner.temperature),
            top_p: self.top_p.or(inner.top_p),
            presence_penalty: self.presence_penalty.or(inner.presence_penalty),
            frequency_penalty: self.frequency_penalty.or(inner.frequency_penalty),
            max_output_tokens: self.max_output_tokens.or(inner.max_output_tokens),
            effort: self.effort.or(inner.effort),
            verbosity: words(&self.verbosity, &inner.verbosity),
            service_tier: words(&self.service_tier, &inner.service_tier),
        }
    }

    /// Fills what the request leaves out. What the request says itself stays.
    pub fn apply(&self, request: &mut Request) {
        fill(&mut request.instructions, self.instructions.as_ref());
        fill(&mut request.temperature, self.temperature.as_ref());
        fill(&mut request.top_p, self.top_p.as_ref());
        fill(
            &mut request.presence_penalty,
            self.presence_penalty.as_ref(),
        );
        fill(
            &mut request.frequency_penalty,
            self.frequency_penalty.as_ref(),
        );
        fill(
            &mut request.max_output_tokens,
            self.max_output_tokens.as_ref(),
        );
        fill(&mut request.service_tier, self.service_tier.as_ref());
        if self.effort.is_some() {
            let reasoning = request
                .reasoning
                .get_or_insert_with(ReasoningSettings::default);
            fill(&mut reasoning.effort, self.effort.as_ref());
        }
        if self.verbosity.is_some() {
            let text = request.text.get_or_insert_with(TextSettings::default);
            fill(&mut text.verbosity, self.verbosity.as_ref());
        }
    }
}

fn fill<T: Clone>(field: &mut Option<T>, value: Option<&T>) {
    if field.is_none() {
        *field = value.cloned();
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_token: Duration::from_mins(5),
            idle: Duration::from_mins(1),
            total: Duration::from_mins(10),
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 3,
            base: Duration::from_millis(250),
            max: Duration::from_secs(8),
            retry_after_max: Duration::from_mins(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overlay_fills_what_the_request_leaves_out() {
        let overlay = Overlay {
            instructions: Some("be brief".to_owned()),
            temperature: Some(0.0),
            effort: Some(Effort::Low),
            ..Overlay::default()
        };
        let mut request = Request::ask("m", "hi");
        request.temperature = Some(1.0);
        overlay.apply(&mut request);
        assert_eq!(request.instructions.as_deref(), Some("be brief"));
        assert_eq!(request.temperature, Some(1.0));
        assert_eq!(request.effort(), Some(Effort::Low));
        assert!(request.text.is_none());
    }
}
