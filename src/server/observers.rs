//! Who hears of each finished request, and what has to run beside the serving for it.

use std::sync::Arc;

use http::HeaderMap;
use tokio::sync::Mutex;

use super::usage::Clerk;
use crate::config::Config;
use crate::gateway::trace::Trace;
use crate::gateway::unix_seconds;
use crate::store::ledger::Ledger;
use crate::telemetry::otlp::{self, Exporter, Tracer};
use crate::telemetry::recorder::{Sink, Sinks};

/// All observers of one server.
#[derive(Debug, Default)]
pub(super) struct Observers {
    /// Who gets the records.
    pub(super) sinks: Sinks,
    /// What requests used, if that is kept.
    pub(super) ledger: Option<Ledger>,
    tracer: Option<Tracer>,
    /// Whoever runs it holds it.
    exporter: Mutex<Option<Exporter>>,
}

impl Observers {
    /// Those that the configuration asks for.
    pub(super) fn new(config: &Config) -> Self {
        let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
        let traces = otlp::build(config).map(|(tracer, sink, exporter)| {
            sinks.push(sink);
            (tracer, exporter)
        });
        let (tracer, exporter) = traces.unzip();
        let ledger = Ledger::new(&config.store, unix_seconds);
        if let Some(ledger) = &ledger {
            sinks.push(Box::new(Clerk(ledger.clone())));
        }
        Self {
            ledger,
            sinks: Sinks::new(sinks),
            tracer,
            exporter: exporter.into(),
        }
    }

    /// Where a request with these headers stands in a trace.
    pub(super) fn trace(&self, headers: &HeaderMap) -> Option<Arc<Trace>> {
        let incoming = Trace::incoming(headers);
        let placed = match &self.tracer {
            Some(tracer) => Some(tracer.place(incoming)),
            None => incoming,
        };
        placed.map(Arc::new)
    }

    /// The configuration is another now.
    pub(super) fn reload(&self, config: &Config) {
        if let Some(tracer) = &self.tracer {
            tracer.reload(config);
        }
    }

    /// What has to run while the server does. It never ends.
    pub(super) async fn run(&self) {
        if let Some(exporter) = &mut *self.exporter.lock().await {
            exporter.run().await;
        }
        std::future::pending::<()>().await;
    }

    /// Takes what is left to where it shall be, for the end of the process.
    pub(super) async fn finish(&self) {
        if let Some(ledger) = &self.ledger {
            ledger.flush().await;
            match ledger.dropped() {
                0 => {}
                dropped => tracing::warn!(dropped, "requests are missing in the ledger"),
            }
        }
        if let Some(exporter) = &mut *self.exporter.lock().await {
            exporter.finish().await;
        }
    }
}
