//! What speaks for and against one target: its key, its abilities, its price, its health, what it would lose.

use std::time::Duration;

use super::demand;
use super::health::Admission;
use super::plan::{Candidate, Planner, Verdict};
use super::reason::Reason;
use crate::catalog::models::{self, Model};
use crate::config::Lossy;
use crate::config::alias::Policy;
use crate::config::provider::State;
use crate::error::Kind;
use crate::target::Target;

/// Which list of the alias a target comes from, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Context,
    Targets,
    Then,
    Kept,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Vigour {
    Healthy,
    Resting,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Loyalty {
    Whole,
    Lossy,
}

/// A candidate on its way into the plan.
pub(super) struct Leaf {
    pub(super) candidate: Candidate,
    pub(super) part: Part,
    pub(super) vigour: Vigour,
    pub(super) loyalty: Loyalty,
    pub(super) cost: Option<f64>,
    pub(super) first_content: Option<Duration>,
}

impl Leaf {
    /// What it is sorted by; equals keep the order of their policy.
    pub(super) fn rank(&self) -> (Verdict, Vigour, Part, Loyalty) {
        (self.candidate.verdict, self.vigour, self.part, self.loyalty)
    }

    /// Is it out?
    pub(super) fn is_excluded(&self) -> bool {
        self.candidate.verdict == Verdict::Excluded
    }
}

impl Planner<'_> {
    /// One target: what is known of it, and what speaks against it.
    pub(super) fn leaf(&self, target: &Target, part: Part) -> Leaf {
        let config = self.scene.config;
        let provider = config.provider(target.provider.as_str());
        let model =
            provider.and_then(|provider| models::find(provider.vendor(), target.model.as_str()));
        let glance = self.scene.live.glance(target);
        let tier = self.request.service_tier.as_deref();
        let cost = self
            .demand
            .cost(&config.prices, target, model, tier, self.scene.today);
        let mut reasons = Vec::new();
        if let Some(State::Asleep(variables)) = provider.map(|provider| &provider.state) {
            reasons.push(Reason::Asleep(variables.clone()));
        }
        self.unfit(model, &mut reasons);
        self.beyond_limits(cost, glance.first_content, &mut reasons);
        let verdict = if reasons.is_empty() {
            Verdict::Asked
        } else {
            Verdict::Excluded
        };
        let vigour = match glance.admission {
            Admission::Open => Vigour::Healthy,
            Admission::Probe => {
                reasons.push(Reason::Probing);
                Vigour::Healthy
            }
            Admission::Closed(wait) => {
                reasons.push(Reason::Failing(wait));
                Vigour::Resting
            }
            Admission::Throttled(wait) => {
                reasons.push(Reason::Throttled(wait));
                Vigour::Resting
            }
        };
        Leaf {
            candidate: Candidate {
                target: target.clone(),
                verdict,
                window: model.and_then(|model| model.context),
                reasons,
            },
            part,
            vigour,
            loyalty: Loyalty::Whole,
            cost,
            first_content: glance.first_content,
        }
    }

    /// What the catalogue says against it. A model that is not in it, or a name that pins one target, is taken at its
    /// word; but what the route requires must be known.
    fn unfit(&self, model: Option<&Model>, reasons: &mut Vec<Reason>) {
        let Some(alias) = self.alias else { return };
        for ability in &alias.rules.requires {
            if !model.is_some_and(|model| model.can(*ability)) {
                reasons.push(Reason::Requires(*ability));
            }
        }
        let Some(model) = model else { return };
        for (ability, field) in &self.demand.abilities {
            if !model.can(*ability) {
                reasons.push(Reason::Lacks(*ability, field));
            }
        }
        if let Some(window) = model
            .context
            .filter(|window| self.demand.is_beyond(*window))
        {
            reasons.push(Reason::TooLong(self.demand.input_tokens, window));
        }
    }

    /// What the client's own limits say against it. A price that is unknown keeps no limit; a speed that is unknown
    /// may.
    fn beyond_limits(&self, cost: Option<f64>, time: Option<Duration>, reasons: &mut Vec<Reason>) {
        match (self.scene.constraints.max_cost, cost) {
            (Some(_), None) => reasons.push(Reason::NoPrice),
            (Some(most), Some(cost)) if cost > most => reasons.push(Reason::TooDear(cost, most)),
            (Some(_) | None, _) => {}
        }
        if let (Some(most), Some(time)) = (self.scene.constraints.first_content_within, time)
            && time > most
        {
            reasons.push(Reason::TooSlow(time, most));
        }
    }

    /// Tries the request on where something may be lost and there is a choice. A weighted draw is an experiment, whose
    /// arms a loss must not move; `lossy: allow` says that losses are no matter.
    pub(super) fn mark_lossy(&self, leaves: &mut [Leaf]) {
        let lossy = self.scene.config.defaults.lossy;
        let choices = leaves.iter().filter(|leaf| !leaf.is_excluded()).count();
        if choices < 2 || lossy == Lossy::Allow || !demand::is_risky(self.request) {
            return;
        }
        let is_draw = self
            .alias
            .is_some_and(|alias| alias.policy == Policy::Weighted);
        for leaf in leaves.iter_mut().filter(|leaf| !leaf.is_excluded()) {
            let reasons = &mut leaf.candidate.reasons;
            match self.scene.live.try_on(&leaf.candidate.target) {
                Ok(losses) => match losses
                    .into_iter()
                    .map(|loss| loss.field)
                    .collect::<Vec<_>>()
                {
                    fields if fields.is_empty() => continue,
                    mut fields if lossy == Lossy::Reject => {
                        reasons.push(Reason::MayNotLose(fields.swap_remove(0)));
                    }
                    fields => {
                        if !is_draw && fields.iter().any(|field| demand::matters(field)) {
                            leaf.loyalty = Loyalty::Lossy;
                        }
                        reasons.push(Reason::Loses(fields));
                        continue;
                    }
                },
                Err(error) if error.kind() == Kind::Unsupported => {
                    reasons.push(Reason::Refuses(error.message().to_owned()));
                }
                // Whatever else is wrong is found out, and told, when it is asked.
                Err(_) => continue,
            }
            leaf.candidate.verdict = Verdict::Excluded;
        }
    }
}
