//! Who hears of each finished request, and what `/metrics` says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::App;
use crate::config::{Config, LogContent};
use crate::telemetry;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::gauges::{Gauges, Reload};
use crate::telemetry::recorder::{Sink, Sinks};
use crate::telemetry::redact::Redactor;

/// What observes a server: nothing, where neither a log nor a listener for administration wants anything.
#[derive(Debug)]
pub(super) struct Observatory {
    pub(super) sinks: Sinks,
    /// Streams being sent.
    pub(super) streams: Arc<AtomicUsize>,
    metrics: Option<Arc<Metrics>>,
    redactor: Option<Arc<Redactor>>,
    generation: AtomicU64,
}

impl Observatory {
    pub(super) fn new(config: &Config) -> Self {
        let metrics = config.server.admin.is_some();
        let metrics = metrics.then(|| Arc::new(Metrics::new(config)));
        let lines = telemetry::lines();
        let shown = config.log.content == LogContent::Shown && lines.is_some();
        let redactor = shown.then(|| Arc::new(Redactor::of(config)));
        let mut sinks: Vec<Arc<dyn Sink>> = Vec::new();
        sinks.extend(lines.map(|lines| -> Arc<dyn Sink> { Arc::new(lines) }));
        sinks.extend(metrics.clone().map(|metrics| -> Arc<dyn Sink> { metrics }));
        Self {
            sinks: Sinks::new(sinks, redactor.clone()),
            streams: Arc::default(),
            metrics,
            redactor,
            generation: AtomicU64::new(1),
        }
    }

    /// A new configuration holds.
    pub(super) fn reload(&self, config: &Config) {
        if let Some(metrics) = &self.metrics {
            metrics.reload(config);
        }
        if let Some(redactor) = &self.redactor {
            redactor.reload(config);
        }
        self.generation.fetch_add(1, Ordering::Relaxed);
    }
}

/// The page that Prometheus reads; empty without a listener that could be asked for it.
pub(super) fn metrics(app: &App) -> String {
    let observed = &app.observed;
    let Some(metrics) = &observed.metrics else {
        return String::new();
    };
    metrics.render(&Gauges {
        in_flight: app.in_flight.load(Ordering::Relaxed),
        streams: observed.streams.load(Ordering::Relaxed),
        generation: observed.generation.load(Ordering::Relaxed),
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
