//! Watches the configuration of a server that runs: the file every two seconds, and SIGHUP at once.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::args::Global;
use super::failure::Outcome;
use super::systemd::Manager;
use crate::config::load::{self, Env, Source, Stamp};
use crate::server::News;

/// How often the file is looked at.
const EVERY: Duration = Duration::from_secs(2);

/// A file that is watched.
pub(crate) struct Watch {
    global: Global,
    env: Env,
    path: Option<PathBuf>,
    seen: Option<Stamp>,
    hangup: Hangup,
}

impl Watch {
    /// Watches the file that `Setup::load` has read.
    pub(crate) fn new(global: &Global) -> Outcome<Self> {
        let env = Env::of_process();
        let path = match load::source(global.config.as_deref(), &env) {
            Source::Named(path) | Source::Usual(path) => Some(path),
            Source::Nowhere => None,
        };
        Ok(Self {
            global: global.clone(),
            seen: path.as_deref().map(load::stamp),
            path,
            env,
            hangup: Hangup::new()?,
        })
    }

    /// Tells of every change, for ever; the service manager hears that it is being read.
    pub(crate) async fn run(mut self, news: mpsc::Sender<News>, manager: &Manager) {
        loop {
            tokio::select! {
                () = self.hangup.next() => {}
                () = tokio::time::sleep(EVERY) => {
                    if self.path.as_deref().map(load::stamp) == self.seen {
                        continue;
                    }
                }
            }
            manager.reloading();
            // Looked at before it is read: what changes in between is seen the next time.
            self.seen = self.path.as_deref().map(load::stamp);
            let loaded = load::load(self.global.config.as_deref(), &self.env).map(Box::new);
            if news.send(loaded).await.is_err() {
                return;
            }
        }
    }
}

/// The signal by which daemons are told to read their files again.
struct Hangup {
    #[cfg(unix)]
    signal: tokio::signal::unix::Signal,
}

impl Hangup {
    #[cfg(unix)]
    fn new() -> Outcome<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            signal: signal(SignalKind::hangup())?,
        })
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        if self.signal.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    #[cfg(not(unix))]
    fn new() -> Outcome<Self> {
        Ok(Self {})
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending::<()>().await;
    }
}
