//! The request of an answer, to ask again.

use std::sync::Arc;

use tokio::time::Instant;

use super::super::attempt::Attempt;
use super::super::bill::Bill;
use super::super::course::Course;
use super::super::{Caller, Gateway, Snapshot, Walk};
use crate::canonical::request::{Delivery, Request};
use crate::routing::resolve::Route;
use crate::target::Target;

/// The request of an answer, to ask again.
pub(in crate::gateway) struct Scene {
    pub(in crate::gateway) gateway: Gateway,
    pub(in crate::gateway) snapshot: Arc<Snapshot>,
    /// As the attempts have it: always streamed.
    pub(in crate::gateway) request: Arc<Request>,
    pub(in crate::gateway) caller: Caller,
    pub(in crate::gateway) route: Route,
    /// As the client wants it.
    pub(in crate::gateway) delivery: Delivery,
    /// When the first content had to be there; of a whole reply, all of it.
    pub(in crate::gateway) deadline: Instant,
}

impl Scene {
    /// What all attempts of a request have in common, to be kept beyond them.
    pub(in crate::gateway) fn of(
        walk: &Walk<'_>,
        snapshot: &Arc<Snapshot>,
        request: &Arc<Request>,
        delivery: Delivery,
    ) -> Self {
        Self {
            gateway: walk.gateway.clone(),
            snapshot: snapshot.clone(),
            request: request.clone(),
            caller: walk.caller.clone(),
            route: walk.route.clone(),
            delivery,
            deadline: walk.deadline,
        }
    }

    /// Asks this target with a request that goes on.
    pub(super) fn ask<'a>(
        &'a self,
        target: &'a Target,
        request: &'a Request,
        course: &'a Course,
        (deadline, paid): (Instant, Bill),
    ) -> Attempt<'a> {
        Attempt {
            gateway: &self.gateway,
            snapshot: &self.snapshot,
            request,
            caller: &self.caller,
            target,
            alias: self.route.alias.as_deref(),
            rules: &self.route.rules,
            course,
            rival: None,
            deadline,
            paid,
        }
    }
}
