//! What lives, for plans: health, turns, chance, and what an encoding would lose.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use tokio::time::Instant;

use super::snapshot::Turn;
use super::{Caller, Gateway, Snapshot};
use crate::canonical::request::Request;
use crate::catalog::day::Day;
use crate::error::Error;
use crate::providers::{Ask, Loss};
use crate::routing::health::Glance;
use crate::routing::plan::{Live, Plan, Scene, plan};
use crate::routing::resolve::{Route, resolve};
use crate::target::Target;

/// The gateway at this moment, for one request.
pub(super) struct Living<'a> {
    gateway: &'a Gateway,
    snapshot: &'a Snapshot,
    request: &'a Request,
    turn: Turn,
}

impl<'a> Living<'a> {
    pub(super) fn new(
        gateway: &'a Gateway,
        snapshot: &'a Snapshot,
        request: &'a Request,
        turn: Turn,
    ) -> Self {
        Self {
            gateway,
            snapshot,
            request,
            turn,
        }
    }

    /// The plan of the request as things stand.
    pub(super) fn plan(&self, route: &Route, caller: &Caller) -> Plan {
        let seconds = i64::try_from((self.gateway.clock)()).unwrap_or(i64::MAX);
        let draw = match route.alias {
            // The seed of the standard library's hasher is random for each instance.
            Some(_) => RandomState::new().hash_one(0),
            None => 0,
        };
        let scene = Scene {
            config: &self.snapshot.config,
            live: self,
            constraints: caller.constraints,
            key: caller.key.as_deref(),
            marks: &caller.marks,
            draw,
            today: Day::of_unix(seconds),
        };
        plan(route, self.request, &scene)
    }
}

impl Live for Living<'_> {
    fn glance(&self, target: &Target) -> Glance {
        self.gateway.health.glance(target, Instant::now())
    }

    fn turn(&self, alias: &str) -> u64 {
        self.snapshot.turn(alias, self.turn)
    }

    fn try_on(&self, target: &Target) -> Result<Vec<Loss>, Error> {
        let member = self.snapshot.member(&target.provider)?;
        let remedies = self.gateway.remedies(target);
        let ask = Ask::Respond(self.request);
        let call = member.provider.encode(ask, &target.model, &remedies)?;
        Ok(call.losses)
    }
}

/// What the request's name leads to; the request is made what the route says.
pub(super) fn route(
    snapshot: &Snapshot,
    request: &mut Arc<Request>,
    caller: &Caller,
) -> Result<Route, Error> {
    if let Some(route) = &caller.route {
        Arc::make_mut(request).model.clone_from(route);
    }
    let route = resolve(&snapshot.config, request)?;
    if !route.overlay.is_empty() {
        route.overlay.apply(Arc::make_mut(request));
    }
    Ok(route)
}
