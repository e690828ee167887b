//! Logs: set up once, at the start of the process.
//!
//! Lines go to standard error: text on a terminal, JSON otherwise. They hold ids, names, counts and times; never a
//! body, never a key. A standard error that is full or closed never stops service.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/without_otlp.rs"]
pub mod otlp;
pub mod record;
pub mod recorder;

/// How lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// For machines: one object a line.
    Json,
}

/// Begins logging at this level (`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `llmgw=debug`).
/// A second call changes nothing.
pub fn start(level: &str, format: Format) -> Result<(), String> {
    let filter = EnvFilter::builder()
        .parse(level)
        .map_err(|error| format!("log level `{level}`: {error}"))?;
    let terminal = std::io::stderr().is_terminal();
    let json = match format {
        Format::Auto => !terminal,
        Format::Text => false,
        Format::Json => true,
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(Lenient)
        .with_ansi(terminal && !json);
    // The only failure is that logging has begun already.
    let _ = if json {
        builder.json().flatten_event(true).try_init()
    } else {
        builder.try_init()
    };
    Ok(())
}

/// Standard error, whose failures are nobody's concern: there is no place left to report them to.
#[derive(Debug, Clone, Copy)]
struct Lenient;

impl std::io::Write for Lenient {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let _ = std::io::stderr().lock().write_all(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lenient {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        *self
    }
}
