//! A new configuration for a server that runs: parsed and checked elsewhere, swapped in here. A bad one changes nothing
//! but what `/readyz` says.

use tokio::sync::mpsc;

use super::{App, Notice};
use crate::config::{Config, Faults};

/// What has become of the file.
pub type News = Result<Box<Config>, Faults>;

/// What became of the news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reloaded {
    /// It holds from now on.
    Taken,
    /// It is broken: the configuration before stays.
    Refused,
}

/// Where news of the file comes from.
pub type Reloads = mpsc::Receiver<News>;

impl App {
    /// Takes news until nobody is left to bring any, and then waits for ever: a server does not end for want of news.
    pub(super) async fn follow(&self, mut reloads: Reloads, notice: &impl Fn(Notice)) {
        while let Some(news) = reloads.recv().await {
            notice(Notice::Reloaded(self.reload(news)));
        }
        std::future::pending::<()>().await;
    }

    fn reload(&self, news: News) -> Reloaded {
        match news {
            Ok(config) => {
                let before = self.gateway.snapshot();
                let fixed = restart_only(&before.config, &config);
                if !fixed.is_empty() {
                    tracing::warn!(fields = %fixed.join(", "), "these changes take effect only after a restart");
                }
                for warning in &config.warnings {
                    tracing::warn!("{warning}");
                }
                self.access.reload(&config.server);
                self.limits.reload(&config.server);
                self.observers.reload(&config);
                self.gateway.reload(*config);
                self.fault.store(None);
                tracing::info!("the configuration was loaded anew");
                Reloaded::Taken
            }
            Err(faults) => {
                tracing::error!("the configuration is broken, so the one before stays: {faults}");
                self.fault
                    .store(Some(std::sync::Arc::new(faults.to_string())));
                Reloaded::Refused
            }
        }
    }
}

/// The fields that have changed and that a running server cannot change.
fn restart_only(before: &Config, after: &Config) -> Vec<&'static str> {
    let (old, new) = (&before.server, &after.server);
    let admin = |config: &Config| {
        let admin = config.server.admin.as_ref();
        admin.map(|admin| (admin.address, admin.sha256))
    };
    let changes = [
        ("server.address", old.address != new.address),
        ("server.admin", admin(before) != admin(after)),
        ("server.body_limit", old.body_limit != new.body_limit),
        ("server.drain", old.drain != new.drain),
        ("server.commit_after", old.commit_after != new.commit_after),
        ("server.keep_alive", old.keep_alive != new.keep_alive),
        (
            "server.max_in_flight",
            old.max_in_flight != new.max_in_flight,
        ),
        ("store", before.store != after.store),
        ("log", before.log != after.log),
    ];
    let changed = changes.into_iter().filter(|(_, is_changed)| *is_changed);
    changed.map(|(field, _)| field).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load::{Env, parse};
    use crate::routing::resolve::Listed;
    use crate::routing::resolve::names;

    const GOOD: &str = "models: { m: { targets: [demo] } }";

    fn news(text: &str) -> News {
        parse(text, None, &Env::default()).map(Box::new)
    }

    #[tokio::test]
    async fn a_good_file_takes_effect_and_a_bad_one_does_not() {
        let app = App::new(*news("").expect("sound"));
        let has_alias =
            || names(&app.gateway.snapshot().config, &Listed::new()).contains(&"m".to_owned());
        assert!(!has_alias());
        app.reload(news(GOOD));
        assert!(has_alias() && app.fault.load().is_none());
        app.reload(news("modles: {}"));
        assert!(has_alias(), "the one before stays");
        assert!(
            app.fault
                .load()
                .as_ref()
                .is_some_and(|fault| fault.contains("modles"))
        );
        app.reload(news(GOOD));
        assert!(app.fault.load().is_none());
    }

    #[test]
    fn what_needs_a_restart_is_named() {
        let before = news("").expect("sound");
        let after =
            news("server: { address: ':9090', keep_alive: 3s, cors: ['*'] }").expect("sound");
        assert_eq!(
            restart_only(&before, &after),
            ["server.address", "server.keep_alive"]
        );
    }
}
