//! In place of `otlp` where the program is built without it: the same names, of which nothing can be made.

use std::sync::Arc;

use crate::config::Config;
use crate::gateway::trace::Trace;
use crate::telemetry::sinks::Sink;

/// There is none.
#[derive(Debug)]
pub enum Tracer {}

/// There is none.
#[derive(Debug)]
pub enum Exporter {}

/// Nothing. Whoever asks for traces is told why there are none.
pub fn build(config: &Config) -> Option<(Tracer, Arc<dyn Sink>, Exporter)> {
    if config.traces.is_some() {
        tracing::warn!("this program was built without `otlp`, so there are no traces");
    }
    None
}

impl Tracer {
    /// Cannot be called.
    pub fn place(&self, _: Option<Trace>) -> Trace {
        match *self {}
    }

    /// Cannot be called.
    pub fn reload(&self, _: &Config) {
        match *self {}
    }
}

impl Exporter {
    /// Cannot be called.
    #[expect(clippy::unused_async, reason = "it stands for one that waits")]
    pub async fn run(&mut self) {
        match *self {}
    }

    /// Cannot be called.
    #[expect(clippy::unused_async, reason = "it stands for one that waits")]
    pub async fn finish(&mut self) {
        match *self {}
    }
}
