//! Who hears of each finished request, and what has to run beside the serving for it.

use std::sync::Arc;

use http::HeaderMap;

use crate::config::Config;
use crate::gateway::trace::Trace;
use crate::telemetry::recorder::{Sink, Sinks};

#[cfg(feature = "otlp")]
use crate::telemetry::otlp::{self, Exporter, Tracer};

/// All observers of one server.
#[derive(Debug, Default)]
pub(super) struct Observers {
    /// Who gets the records.
    pub(super) sinks: Sinks,
    #[cfg(feature = "otlp")]
    tracer: Option<Tracer>,
    /// It is held by whoever runs it.
    #[cfg(feature = "otlp")]
    exporter: tokio::sync::Mutex<Option<Exporter>>,
}

impl Observers {
    /// Those that the configuration asks for.
    pub(super) fn new(config: &Config) -> Self {
        #[cfg(feature = "otlp")]
        let (tracer, exporter) = match otlp::build(config) {
            Some((tracer, sink, exporter)) => (Some(tracer), Some((sink, exporter))),
            None => (None, None),
        };
        #[cfg(feature = "otlp")]
        let (traces, exporter) = exporter.unzip();
        #[cfg(not(feature = "otlp"))]
        let traces: Option<Box<dyn Sink>> = {
            if config.traces.is_some() {
                tracing::warn!("this program was built without `otlp`, so there are no traces");
            }
            None
        };
        let sinks = [traces];
        Self {
            sinks: Sinks::new(sinks.into_iter().flatten().collect()),
            #[cfg(feature = "otlp")]
            tracer,
            #[cfg(feature = "otlp")]
            exporter: exporter.into(),
        }
    }

    /// Where a request with these headers stands in a trace.
    pub(super) fn trace(&self, headers: &HeaderMap) -> Option<Arc<Trace>> {
        let incoming = Trace::incoming(headers);
        #[cfg(feature = "otlp")]
        let incoming = match &self.tracer {
            Some(tracer) => Some(tracer.place(incoming)),
            None => incoming,
        };
        incoming.map(Arc::new)
    }

    /// The configuration is another now.
    pub(super) fn reload(&self, config: &Config) {
        #[cfg(feature = "otlp")]
        if let Some(tracer) = &self.tracer {
            tracer.reload(config);
        }
        #[cfg(not(feature = "otlp"))]
        let _ = config;
    }

    /// What has to run while the server does. It never ends.
    pub(super) async fn run(&self) {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &mut *self.exporter.lock().await {
            exporter.run().await;
        }
        std::future::pending().await
    }

    /// Takes what is left to where it shall be, for the end of the process.
    pub(super) async fn finish(&self) {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = &mut *self.exporter.lock().await {
            exporter.finish().await;
        }
    }
}
