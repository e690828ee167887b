//! The plan of a request: whom to ask, in which order, and why. Pure: what lives (health, turns, chance) comes in.
//!
//! `serve` asks along it and `explain` prints it, so what is printed is what would be done. A target that is excluded is
//! never asked; one that is left alone for now stands behind the healthy ones.

use std::time::Duration;

use http::HeaderName;

use super::demand::{self, Demand};
use super::health::Glance;
use super::judge::{Leaf, Part};
use super::policy::{self, Arm, Chance, Standing};
use super::reason::Reason;
use super::resolve::Route;
use crate::canonical::request::Request;
use crate::catalog::day::Day;
use crate::config::Config;
use crate::config::alias::{Aim, Alias, Policy, Sticky};
use crate::error::{Error, Kind};
use crate::providers::Loss;
use crate::target::Target;

/// What the client demands of a plan besides its request.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Constraints {
    /// USD that the answer may cost (`x-llmgw-max-cost`).
    pub max_cost: Option<f64>,
    /// Until when the first content must come (`x-llmgw-first-token-within`).
    pub first_content_within: Option<Duration>,
}

/// A header of the client's and its value.
pub type Mark = (HeaderName, String);

/// What changes from one request to the next.
pub trait Live {
    /// What is known of the target's health.
    fn glance(&self, target: &Target) -> Glance;

    /// Which request of this alias it is.
    fn turn(&self, alias: &str) -> u64;

    /// What would be lost at this target, or why it cannot carry the request at all. Costs an encoding.
    fn try_on(&self, target: &Target) -> Result<Vec<Loss>, Error>;
}

/// All that a plan depends on besides the request.
pub struct Scene<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Health and turns.
    pub live: &'a dyn Live,
    /// What the client demands.
    pub constraints: Constraints,
    /// The name of the client's key.
    pub key: Option<&'a str>,
    /// The client's headers that some alias is sticky by.
    pub marks: &'a [Mark],
    /// A random number.
    pub draw: u64,
    /// For prices.
    pub today: Day,
}

/// Whom to ask.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// All candidates: those to be asked in their order, then those that are kept, then those that are excluded.
    pub candidates: Vec<Candidate>,
    /// Whom to ask if a target says that the prompt is too long.
    pub on_context: Vec<Target>,
    /// Whom to ask if a target's policy refuses the prompt.
    pub on_refusal: Vec<Target>,
    /// What the request demands; absent where nothing depended on it.
    pub demand: Option<Demand>,
}

/// A target, and what becomes of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The target.
    pub target: Target,
    /// What becomes of it.
    pub verdict: Verdict,
    /// Tokens that fit, if that is known.
    pub window: Option<u64>,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// What becomes of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It is asked in its turn.
    Asked,
    /// It is asked if another says that the prompt is too long.
    KeptForContext,
    /// It is asked if another's policy refuses the prompt.
    KeptForRefusal,
    /// It is never asked.
    Excluded,
}

impl Verdict {
    /// The word for `explain`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::KeptForContext => "kept_for_context",
            Self::KeptForRefusal => "kept_for_refusal",
            Self::Excluded => "excluded",
        }
    }
}

impl Plan {
    /// The targets with this verdict, in order.
    pub fn with(&self, verdict: Verdict) -> impl Iterator<Item = &Candidate> {
        let candidates = self.candidates.iter();
        candidates.filter(move |candidate| candidate.verdict == verdict)
    }

    /// Why nobody can be asked. A limit of the client's or an ability that nobody has is the request's affair.
    pub fn nobody(&self) -> Error {
        let said = |candidate: &Candidate| {
            let why = candidate.reasons.iter().find(|reason| reason.excludes());
            why.map(|why| format!("{}: {why}", candidate.target))
        };
        let reasons: Vec<String> = self.candidates.iter().filter_map(said).collect();
        let message = format!("no target can take this request; {}", reasons.join("; "));
        Error::new(Kind::Unsupported, message).with_code("no_target")
    }
}

/// The plan of this request. A name of one target has no choice to make, so nothing is looked at; unless the client
/// sets limits.
pub fn plan(route: &Route, request: &Request, scene: &Scene<'_>) -> Plan {
    let alias = route
        .alias
        .as_deref()
        .and_then(|name| scene.config.alias(name));
    if let (None, [target]) = (alias, route.targets.as_slice())
        && scene.constraints == Constraints::default()
    {
        return Plan {
            candidates: vec![Candidate {
                target: target.clone(),
                verdict: Verdict::Asked,
                window: None,
                reasons: Vec::new(),
            }],
            ..Plan::default()
        };
    }
    let planner = Planner {
        scene,
        request,
        demand: Demand::of(request),
        alias,
    };
    let mut leaves = match alias {
        Some(alias) => planner.everything(alias),
        None => route
            .targets
            .iter()
            .map(|target| planner.leaf(target, Part::Targets))
            .collect(),
    };
    planner.mark_lossy(&mut leaves);
    let exceptions = |verdict| {
        let leaves = leaves.iter().map(|leaf| &leaf.candidate);
        leaves
            .filter(|candidate| candidate.verdict == verdict)
            .map(|candidate| candidate.target.clone())
            .collect()
    };
    let (on_context, on_refusal) = (
        exceptions(Verdict::KeptForContext),
        exceptions(Verdict::KeptForRefusal),
    );
    let mut known: Vec<Target> = Vec::with_capacity(leaves.len());
    leaves.retain(|leaf| {
        let is_new = !known.contains(&leaf.candidate.target);
        if is_new {
            known.push(leaf.candidate.target.clone());
        }
        is_new
    });
    leaves.sort_by_key(Leaf::rank);
    Plan {
        candidates: leaves.into_iter().map(|leaf| leaf.candidate).collect(),
        on_context,
        on_refusal,
        demand: Some(planner.demand),
    }
}

/// What a plan is made with.
pub(super) struct Planner<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) request: &'a Request,
    pub(super) demand: Demand,
    pub(super) alias: Option<&'a Alias>,
}

impl Planner<'_> {
    /// Everything that the alias may lead to.
    fn everything(&self, alias: &Alias) -> Vec<Leaf> {
        let mut leaves = Vec::new();
        if let Some(rule) = &alias.rules.when_context_over {
            let (part, verdict, reason) = if self.demand.input_tokens > rule.tokens {
                (
                    Part::Context,
                    Verdict::Asked,
                    Reason::ContextOver(self.demand.input_tokens),
                )
            } else {
                (Part::Kept, Verdict::KeptForContext, Reason::KeptForContext)
            };
            self.aside(&rule.targets, part, verdict, &reason, &mut leaves);
        }
        // What is asked anyway need not be kept, so the ordinary targets go before those that are kept.
        let kept = if leaves.first().is_some_and(|leaf| leaf.part == Part::Kept) {
            std::mem::take(&mut leaves)
        } else {
            Vec::new()
        };
        leaves.extend(self.ordered(alias));
        leaves.extend(kept);
        self.aside(
            &alias.rules.when_refused,
            Part::Kept,
            Verdict::KeptForRefusal,
            &Reason::KeptForRefusal,
            &mut leaves,
        );
        leaves
    }

    /// A list beside the ordinary ones.
    fn aside(
        &self,
        aims: &[Aim],
        part: Part,
        verdict: Verdict,
        reason: &Reason,
        leaves: &mut Vec<Leaf>,
    ) {
        for aim in aims {
            for mut leaf in self.follow(aim, part) {
                leaf.part = part;
                leaf.candidate.reasons.push(reason.clone());
                if !leaf.is_excluded() {
                    leaf.candidate.verdict = verdict;
                }
                leaves.push(leaf);
            }
        }
    }

    fn follow(&self, aim: &Aim, part: Part) -> Vec<Leaf> {
        match aim {
            Aim::Target(target) => vec![self.leaf(target, part)],
            Aim::Alias(name) => match self.scene.config.alias(name) {
                Some(alias) => self.ordered(alias),
                None => Vec::new(),
            },
        }
    }

    /// What decides where the policy alone does not.
    fn chance(&self, alias: &Alias) -> Chance<'_> {
        Chance {
            draw: self.scene.draw,
            turn: match alias.policy {
                Policy::RoundRobin => self.scene.live.turn(&alias.name),
                Policy::Failover | Policy::Weighted | Policy::Cheapest | Policy::Fastest => 0,
            },
            subject: match alias.sticky {
                Sticky::None => None,
                Sticky::User => demand::user(self.request),
                Sticky::Key => self.scene.key,
                Sticky::Header => {
                    let mut marks = self.scene.marks.iter();
                    let mark = marks.find(|(name, _)| *name == alias.sticky_header);
                    mark.map(|(_, value)| value.as_str())
                }
            },
        }
    }

    /// The targets of an alias as its policy orders them, then those after them.
    fn ordered(&self, alias: &Alias) -> Vec<Leaf> {
        let mut branches: Vec<Vec<Leaf>> = alias
            .targets
            .iter()
            .map(|entry| self.follow(&entry.aim, Part::Targets))
            .collect();
        let names: Vec<String> = alias
            .targets
            .iter()
            .map(|entry| name_of(&entry.aim))
            .collect();
        let arms: Vec<Arm<'_>> = names
            .iter()
            .zip(&alias.targets)
            .zip(&branches)
            .map(|((name, entry), leaves)| {
                let first = leaves.iter().find(|leaf| !leaf.is_excluded());
                Arm {
                    name,
                    weight: entry.weight,
                    cost: first.and_then(|leaf| leaf.cost),
                    first_content: first.and_then(|leaf| leaf.first_content),
                    standing: if first.is_some() {
                        Standing::Able
                    } else {
                        Standing::Unable
                    },
                }
            })
            .collect();
        let chance = self.chance(alias);
        let order = policy::order(alias.policy, &arms, chance);
        let shares = policy::shares(&arms);
        let mut leaves = Vec::new();
        for (place, at) in order.iter().enumerate() {
            let (Some(branch), Some(arm)) = (branches.get_mut(*at), arms.get(*at)) else {
                continue;
            };
            for mut leaf in std::mem::take(branch) {
                // What is out has no place.
                if leaf.is_excluded() {
                    leaves.push(leaf);
                    continue;
                }
                let reasons = &mut leaf.candidate.reasons;
                reasons.push(Reason::Ordered(alias.policy, place + 1, arms.len()));
                match alias.policy {
                    Policy::Weighted => {
                        reasons.push(Reason::Share(shares.get(*at).copied().unwrap_or(0.0)));
                        if chance.subject.is_some() {
                            reasons.push(Reason::Sticky);
                        }
                    }
                    Policy::Cheapest => reasons.push(Reason::Cost(arm.cost)),
                    Policy::Fastest => reasons.push(Reason::Speed(arm.first_content)),
                    Policy::Failover | Policy::RoundRobin => {}
                }
                leaves.push(leaf);
            }
        }
        for aim in &alias.then {
            for mut leaf in self.follow(aim, Part::Then) {
                leaf.part = Part::Then;
                leaf.candidate.reasons.push(Reason::Then);
                leaves.push(leaf);
            }
        }
        leaves
    }
}

fn name_of(aim: &Aim) -> String {
    match aim {
        Aim::Alias(name) => name.clone(),
        Aim::Target(target) => target.to_string(),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
