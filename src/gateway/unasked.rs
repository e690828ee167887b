//! Answers, or ends of them, for which nobody is asked.

use super::{Caller, Gateway};
use crate::canonical::compose::{Composer, Stop};
use crate::canonical::event::{Batch, Emitted};
use crate::canonical::request::Request;
use crate::canonical::response::Response;
use crate::canonical::usage::Usage;
use crate::error::Error;

impl Gateway {
    /// The events that end an answer of which these were seen, and which is broken off.
    pub fn broken_off(
        &self,
        request: &Request,
        caller: &Caller,
        seen: impl IntoIterator<Item = Emitted>,
        error: &Error,
    ) -> Batch {
        let mut composer = Composer::new(self.setup(request, caller));
        for emitted in seen {
            composer.relay(emitted.event, None);
        }
        composer.take();
        composer.at((self.clock)());
        composer.fail(error);
        composer.take()
    }

    /// The events of an answer in which nobody was asked and nothing is said.
    pub fn silent(&self, request: &Request, caller: &Caller) -> Batch {
        let mut composer = Composer::new(self.setup(request, caller));
        composer.begin("", &request.model);
        composer.usage(Usage::counted(0, 0, None, 0, 0));
        composer.stop(Stop::Complete);
        composer.end();
        composer.take()
    }

    /// The response to a request that nobody has been asked yet.
    pub fn queued(&self, request: &Request, caller: &Caller, id: &str) -> Response {
        let mut composer = Composer::new(self.setup(request, caller));
        composer.begin(id, &request.model);
        composer.queued()
    }
}
