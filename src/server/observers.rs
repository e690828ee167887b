//! Who hears of each finished request, what has to run beside the serving for it, and what `/metrics` says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use http::HeaderMap;
use tokio::sync::Mutex;

use super::App;
use super::usage::Clerk;
use crate::config::{Config, LogContent, traces};
use crate::gateway::trace::Trace;
use crate::gateway::unix_seconds;
use crate::store::ledger::Ledger;
use crate::telemetry;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::gauges::{Gauges, Reload};
use crate::telemetry::otlp::{self, Exporter, Tracer};
use crate::telemetry::redact::Redactor;
use crate::telemetry::sinks::{ContentFor, Sink, Sinks};

/// All observers of one server.
#[derive(Debug, Default)]
pub(super) struct Observers {
    /// Who gets the records.
    pub(super) sinks: Sinks,
    /// What requests used, if that is kept.
    pub(super) ledger: Option<Ledger>,
    /// Streams being sent.
    pub(super) streams: Arc<AtomicUsize>,
    metrics: Option<Arc<Metrics>>,
    redactor: Option<Arc<Redactor>>,
    /// How many configurations have held, the present one included.
    generation: AtomicU64,
    tracer: Option<Tracer>,
    /// Whoever runs it holds it.
    exporter: Mutex<Option<Exporter>>,
}

impl Observers {
    /// Those that the configuration asks for.
    pub(super) fn new(config: &Config) -> Self {
        let metrics = config.server.admin.is_some();
        let metrics = metrics.then(|| Arc::new(Metrics::new(config)));
        let lines = telemetry::lines();
        let shown = config.log.content == LogContent::Shown && lines.is_some();
        let spans = config.traces.as_ref().map(|traces| traces.content);
        let in_spans = spans == Some(traces::Content::Shown);
        let redactor = (shown || in_spans).then(|| Arc::new(Redactor::of(config)));
        let content = ContentFor {
            log: redactor.clone().filter(|_| shown),
            spans: redactor.clone().filter(|_| in_spans),
        };
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        sinks.extend(lines.map(|lines| -> Arc<dyn Sink> { Arc::new(lines) }));
        sinks.extend(metrics.clone().map(|metrics| -> Arc<dyn Sink> { metrics }));
        let traces = otlp::build(config).map(|(tracer, sink, exporter)| {
            sinks.push(sink);
            (tracer, exporter)
        });
        let (tracer, exporter) = traces.unzip();
        let ledger = Ledger::new(&config.store, unix_seconds);
        if let Some(ledger) = &ledger {
            sinks.push(Arc::new(Clerk(ledger.clone())));
        }
        Self {
            ledger,
            sinks: Sinks::new(sinks, content),
            streams: Arc::default(),
            metrics,
            redactor,
            generation: AtomicU64::new(1),
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
        if let Some(metrics) = &self.metrics {
            metrics.reload(config);
        }
        if let Some(redactor) = &self.redactor {
            redactor.reload(config);
        }
        self.generation.fetch_add(1, Ordering::Relaxed);
    }

    /// What has to run while the server does. It never ends.
    pub(super) async fn run(&self) {
        if let Some(exporter) = &mut *self.exporter.lock().await {
            exporter.run().await;
        }
        std::future::pending::<()>().await;
    }

    /// Takes what is left to where it shall be, for the end of the process. Requests that have not ended by now are cut
    /// off with it; they are handed over when they let go.
    pub(super) async fn finish(&self) {
        self.sinks.stop();
        self.sinks.hand_over();
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

/// The page that Prometheus reads; empty without a listener that could be asked for it.
pub(super) fn metrics(app: &App) -> String {
    let observers = &app.observers;
    let Some(metrics) = &observers.metrics else {
        return String::new();
    };
    observers.sinks.hand_over();
    metrics.render(&Gauges {
        in_flight: app.in_flight.load(Ordering::Relaxed),
        streams: observers.streams.load(Ordering::Relaxed),
        generation: observers.generation.load(Ordering::Relaxed),
        reload: if app.fault.load().is_none() {
            Reload::Taken
        } else {
            Reload::Refused
        },
        targets: app.gateway.targets(),
        keys: app.gateway.keys(),
        lost_lines: telemetry::dropped_lines(),
    })
}
