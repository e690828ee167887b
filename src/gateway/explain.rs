//! What would be done with a request, without doing it: the plan that `respond` would walk, and at each target what
//! would be lost, what it would cost and what would be sent.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;

use super::live::Living;
use super::snapshot::Turn;
use super::{Caller, Gateway, Snapshot};
use crate::canonical::request::Request;
use crate::catalog::models;
use crate::config::provider::ProviderConfig;
use crate::error::Error;
use crate::providers::{Ask, Call};
use crate::routing::plan::{Candidate, Verdict};

/// What would be done.
#[derive(Debug, Clone, Serialize)]
pub struct Explanation {
    /// The name that was asked for.
    pub model: String,
    /// The alias, if it is one.
    pub route: Option<String>,
    /// Its policy.
    pub policy: Option<&'static str>,
    /// What the request is taken to need.
    pub demand: Demanded,
    /// All targets, those to be asked first, in their order.
    pub candidates: Vec<Explained>,
}

/// Estimates of the request.
#[derive(Debug, Clone, Serialize)]
pub struct Demanded {
    /// Tokens of the prompt.
    pub input_tokens: u64,
    /// Tokens of the answer: the request's limit, or a guess.
    pub output_tokens: u64,
    /// What a target must be able to do.
    pub abilities: Vec<&'static str>,
}

/// One target.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// `provider/model`.
    pub target: String,
    /// `asked`, `kept_for_context`, `kept_for_refusal` or `excluded`.
    pub verdict: &'static str,
    /// Why, in sentences.
    pub reasons: Vec<String>,
    /// The estimated cost in USD; `null` if its price is unknown.
    pub cost_usd: Option<f64>,
    /// The average time to first content in milliseconds; `null` before the first answer.
    pub first_content_ms: Option<f64>,
    /// What would be lost.
    pub losses: Vec<Lost>,
    /// Why it cannot carry the request, if it cannot.
    pub refusal: Option<String>,
    /// What would be sent, without the key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Sent>,
}

/// A field that would be lost.
#[derive(Debug, Clone, Serialize)]
pub struct Lost {
    /// Its path.
    pub field: String,
    /// What would become of it.
    pub what: String,
}

/// An upstream request, without the key.
#[derive(Debug, Clone, Serialize)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers, but for those of the key and of the configuration.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte; `null` if it is no JSON.
    pub body: Option<Box<RawValue>>,
}

/// Is the upstream request shown?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// No.
    Plan,
    /// Yes.
    Request,
}

impl Explanation {
    /// Would anybody be asked?
    pub fn has_target(&self) -> bool {
        let mut candidates = self.candidates.iter();
        candidates.any(|candidate| {
            candidate.verdict == Verdict::Asked.as_str() && candidate.refusal.is_none()
        })
    }
}

impl Gateway {
    /// What `respond` would do with this request now. Sends nothing, takes no turn, admits no probe.
    pub fn explain(
        &self,
        request: impl Into<Arc<Request>>,
        caller: &Caller,
        detail: Detail,
    ) -> Result<Explanation, Error> {
        let snapshot = self.snapshot();
        let mut request = request.into();
        let model = caller
            .route
            .clone()
            .unwrap_or_else(|| request.model.clone());
        let route = super::live::route(&snapshot, &mut request, caller)?;
        let plan = Living::new(self, &snapshot, &request, Turn::Look).plan(&route, caller);
        let demand = plan
            .demand
            .clone()
            .unwrap_or_else(|| crate::routing::demand::Demand::of(&request));
        let alias = route
            .alias
            .as_deref()
            .and_then(|name| snapshot.config.alias(name));
        let explained =
            |candidate: &Candidate| self.candidate(&snapshot, &request, candidate, &demand, detail);
        Ok(Explanation {
            model,
            policy: alias.map(|alias| alias.policy.as_str()),
            candidates: plan.candidates.iter().map(explained).collect(),
            demand: Demanded {
                input_tokens: demand.input_tokens,
                output_tokens: demand.output_tokens,
                abilities: demand
                    .abilities
                    .iter()
                    .map(|(ability, _)| ability.as_str())
                    .collect(),
            },
            route: route.alias,
        })
    }

    fn candidate(
        &self,
        snapshot: &Snapshot,
        request: &Request,
        candidate: &Candidate,
        demand: &crate::routing::demand::Demand,
        detail: Detail,
    ) -> Explained {
        let target = &candidate.target;
        let provider = snapshot.config.provider(target.provider.as_str());
        let model = provider
            .map(ProviderConfig::vendor)
            .and_then(|vendor| models::find(vendor, target.model.as_str()));
        let seconds = i64::try_from((self.clock)()).unwrap_or(i64::MAX);
        let today = crate::catalog::day::Day::of_unix(seconds);
        let tier = request.service_tier.as_deref();
        let glance = self.health.glance(target, tokio::time::Instant::now());
        let mut explained = Explained {
            target: target.to_string(),
            verdict: candidate.verdict.as_str(),
            reasons: candidate.reasons.iter().map(ToString::to_string).collect(),
            cost_usd: demand.cost(&snapshot.config.prices, target, model, tier, today),
            first_content_ms: glance
                .first_content
                .map(|time: Duration| time.as_secs_f64() * 1000.0),
            losses: Vec::new(),
            refusal: None,
            request: None,
        };
        let call = snapshot.member(&target.provider).and_then(|member| {
            let needs = member.provider.needs(request, &target.model);
            explained.reasons.extend(
                needs
                    .iter()
                    .map(|need| format!("`{}` would be fetched first", need.param)),
            );
            let remedies = self.remedies(target);
            member
                .provider
                .encode(Ask::Respond(request), &target.model, &remedies)
        });
        match call {
            Ok(call) => {
                let lost = |loss: &crate::providers::Loss| Lost {
                    field: loss.field.clone(),
                    what: loss.what.clone(),
                };
                explained.losses = call.losses.iter().map(lost).collect();
                if detail == Detail::Request {
                    explained.request = Some(Sent::of(&call));
                }
            }
            Err(error) => explained.refusal = Some(error.message().to_owned()),
        }
        explained
    }
}

impl Sent {
    fn of(call: &Call) -> Self {
        let text =
            |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            method: call.method.to_string(),
            url: call.url.clone(),
            headers: call
                .headers
                .iter()
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
            body: serde_json::from_slice(&call.body).ok(),
        }
    }
}
