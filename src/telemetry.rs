//! What operators see: logs, metrics, and the record of each request that both are made of.
//!
//! Logs go to standard error: text on a terminal, JSON otherwise. They hold ids, names, counts and times; a body only
//! where `log.content` asks for it, a key never. A standard error that is full or closed never stops service.

use std::io::IsTerminal as _;
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

pub mod lines;
pub mod messages;
pub mod metrics;
#[cfg(feature = "otlp")]
pub mod otlp;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/without_otlp.rs"]
pub mod otlp;
pub mod record;
pub mod recorder;
pub mod redact;
pub mod sinks;
pub mod writer;

use lines::{Form, Lines};
use writer::Writer;

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

/// The log of a server.
static SERVED: OnceLock<(Writer, Form)> = OnceLock::new();

/// Begins logging at this level (`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `llmgw=debug`).
/// A second call changes nothing.
pub fn start(level: &str, format: Format) -> Result<(), String> {
    install(level, form(format), Lenient)
}

/// The same for a server, whose requests must not wait for standard error: a thread of its own writes.
pub fn serve(level: &str, format: Format) -> Result<(), String> {
    let writer = Writer::to(std::io::stderr());
    let form = form(format);
    install(level, form, writer.clone())?;
    // Set already: then the first one goes on, as the subscriber does.
    let _ = SERVED.set((writer, form));
    Ok(())
}

/// Waits until what was logged is written, though not for ever.
pub fn finish() {
    if let Some((writer, _)) = SERVED.get() {
        writer.flush();
    }
}

/// How many lines of the log were lost.
pub fn dropped_lines() -> u64 {
    SERVED.get().map_or(0, |(writer, _)| writer.dropped())
}

/// The lines of requests, if there is a server's log that wants any.
pub fn lines() -> Option<Lines> {
    let (writer, form) = SERVED.get()?;
    let wanted = tracing::enabled!(target: "llmgw::request", tracing::Level::WARN);
    wanted.then(|| Lines::new(writer.clone(), *form))
}

fn form(format: Format) -> Form {
    let terminal = std::io::stderr().is_terminal();
    match format {
        Format::Auto if !terminal => Form::Json,
        Format::Json => Form::Json,
        Format::Auto | Format::Text if terminal => Form::Coloured,
        Format::Auto | Format::Text => Form::Plain,
    }
}

fn install<W>(level: &str, form: Form, writer: W) -> Result<(), String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(level)
        .map_err(|error| format!("log level `{level}`: {error}"))?;
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(form == Form::Coloured);
    // The only failure is that logging has begun already.
    let _ = if form == Form::Json {
        // Without the module's path, whose key is that of the target of a request.
        builder
            .json()
            .flatten_event(true)
            .with_target(false)
            .try_init()
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
