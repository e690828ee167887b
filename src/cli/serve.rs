//! `serve`: starts the gateway, says where it listens, and ends it on a signal.

use std::sync::Arc;

use super::args::{Global, Serve};
use super::banner::{Banner, Reader};
use super::failure::{Code, Failure, Outcome};
use super::setup::{Setup, is_about_sleep, log_level};
use super::streams::{Kind, Streams, Talkative, tell};
use super::systemd::Manager;
use super::watch::Watch;
use crate::config::load::Env;
use crate::config::{LogFormat, LogLevel};
use crate::server::{self, Notice, Reloaded, Stopper};
use crate::telemetry;

/// Serves until it is told to stop.
pub(crate) async fn run(serve: Serve, global: &Global) -> Outcome {
    let streams = Streams::new(global);
    let watch = Watch::new(global)?;
    let env = Env::of_process();
    let setup = Setup::load_from(global, streams, &env)?;
    let log = setup.config.log;
    let level = log_level(global, &env).unwrap_or(level(log.level));
    telemetry::serve(level, format(log.format)).map_err(|why| Failure::new(Code::Usage, why))?;
    let listen = setup
        .config
        .server
        .listen(serve.address.as_deref())
        .map_err(|why| Failure::new(Code::Config, why))?;
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
    let manager = Arc::new(Manager::of(&env));
    let banner = Banner::new(&setup.config, reader(log.format, streams.stderr));
    let drain = setup.config.server.drain;
    let told = manager.clone();
    let notice = move |notice: Notice| match notice {
        Notice::Listening(address) => {
            banner.show(address);
            told.ready(&format!("listening on http://{address}"));
        }
        Notice::Reloaded(Reloaded::Taken) => told.ready("the configuration was loaded anew"),
        Notice::Reloaded(Reloaded::Refused) => {
            told.ready("the configuration is broken, so the one before stays");
        }
        Notice::Draining(count) => {
            told.stopping(&format!("draining, requests left: {count}"), drain);
            match count {
                0 => {}
                1 => tell("draining 1 request, again to stop now\n"),
                count => tell(&format!("draining {count} requests, again to stop now\n")),
            }
        }
    };
    let stop = stopper.clone();
    // One piece of news waits at most: the next look at the file finds what comes after.
    let (news, reloads) = tokio::sync::mpsc::channel(1);
    let serving = server::run(setup.config, listen, stopper, reloads, notice);
    let mut serving = std::pin::pin!(serving);
    let mut watching = std::pin::pin!(watch.run(news, &manager));
    let mut signals = super::listen::Signals::new()?;
    loop {
        tokio::select! {
            ended = &mut serving => return Ok(ended?),
            // It goes on as long as the server takes its news.
            () = &mut watching => return Ok(serving.await?),
            () = manager.keep_alive() => {}
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

fn reader(format: LogFormat, stderr: Kind) -> Reader {
    match (format, stderr) {
        (LogFormat::Text, _) | (LogFormat::Auto, Kind::Terminal) => Reader::Person,
        (LogFormat::Json, _) | (LogFormat::Auto, Kind::Pipe) => Reader::Machine,
    }
}
