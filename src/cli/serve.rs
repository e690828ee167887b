//! `serve`: starts the gateway, says where it listens, and ends it on a signal.

use std::net::SocketAddr;

use super::args::{Global, Serve};
use super::cache;
use super::failure::{Code, Failure, Outcome};
use super::setup::{Setup, is_about_sleep, start_log};
use super::streams::{Streams, Talkative, tell};
use super::watch::Watch;
use crate::config::server::Anonymous;
use crate::config::{Config, LogFormat, LogLevel};
use crate::routing::resolve;
use crate::server::{self, Notice, Stopper};
use crate::telemetry;

/// Serves until it is told to stop.
pub(crate) async fn run(serve: Serve, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let watch = Watch::new(global)?;
    let setup = Setup::load(global, streams)?;
    let log = setup.config.log;
    start_log(level(log.level), format(log.format))?;
    let listen = setup
        .config
        .server
        .listen(serve.address.as_deref())
        .map_err(|why| Failure::new(Code::Config, why))?;
    let address = listen
        .sockets()
        .first()
        .copied()
        .ok_or_else(|| Failure::new(Code::Config, "there is no address to listen on"))?;
    if streams.talkative != Talkative::Verbose {
        for warning in setup
            .config
            .warnings
            .iter()
            .filter(|warning| is_about_sleep(warning))
        {
            streams.warn(warning);
        }
    }
    if setup.has_no_key() {
        streams.warn("no provider has a key: only `demo` and local servers can answer");
    }
    let stopper = Stopper::default();
    let facts = facts(&setup.config);
    let notice = move |notice: Notice| match notice {
        Notice::Listening(address) => tell(&greeting(address, &facts)),
        Notice::Draining(0) => {}
        Notice::Draining(1) => tell("draining 1 request, again to stop now\n"),
        Notice::Draining(count) => tell(&format!("draining {count} requests, again to stop now\n")),
    };
    let stop = stopper.clone();
    // One piece of news waits at most: the next look at the file finds what comes after.
    let (news, reloads) = tokio::sync::mpsc::channel(1);
    let serving = server::run(setup.config, address, stopper, reloads, notice);
    let mut serving = std::pin::pin!(serving);
    let mut watching = std::pin::pin!(watch.run(news));
    let mut signals = super::listen::Signals::new()?;
    loop {
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            // It goes on as long as the server takes its news.
            () = &mut watching => return Ok(serving.await?),
            _ = signals.next() => stop.stop(),
        }
    }
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

fn format(format: LogFormat) -> telemetry::Format {
    match format {
        LogFormat::Auto => telemetry::Format::Auto,
        LogFormat::Text => telemetry::Format::Text,
        LogFormat::Json => telemetry::Format::Json,
    }
}

/// What the greeting says besides of the address.
fn facts(config: &Config) -> String {
    let mut providers: Vec<String> = config
        .awake()
        .map(crate::target::ProviderName::as_str)
        .filter(|name| *name != "demo")
        .map(|name| format!("{name} ✓"))
        .collect();
    providers.push("demo ✓".to_owned());
    let aliases: Vec<&str> = config
        .aliases
        .iter()
        .map(|alias| alias.name.as_str())
        .collect();
    let aliases = if aliases.is_empty() {
        "none".to_owned()
    } else {
        aliases.join(" ")
    };
    let models = resolve::current_names(config, &cache::listed(), cache::today());
    // The aliases are among the names.
    let models = models.len().saturating_sub(config.aliases.len());
    let auth = match config.server.keys.len() {
        0 if config.server.anonymous == Anonymous::Allowed => "off".to_owned(),
        0 => "off (loopback only)".to_owned(),
        1 => "1 client key".to_owned(),
        count => format!("{count} client keys"),
    };
    let file = match &config.source {
        Some(path) => path.display().to_string(),
        None => "none".to_owned(),
    };
    format!(
        "  providers  {}     models {models}, aliases {aliases}\n  auth       {auth}     config {file}\n",
        providers.join("  ")
    )
}

fn greeting(address: SocketAddr, facts: &str) -> String {
    format!(
        "llmgw {} listening on http://{address}\n{facts}  try        curl http://{address}/v1/responses -H \
         'content-type: application/json' \\\n               -d '{{\"model\":\"demo\",\"input\":\"hello\"}}'\n",
        env!("CARGO_PKG_VERSION")
    )
}
