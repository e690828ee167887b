//! What a daemon tells the service manager that started it, by the protocol of `sd_notify(3)`: one datagram for each
//! change of state, to the socket that `$NOTIFY_SOCKET` names.
//!
//! Without that variable, and where there are no such sockets, nothing is said and nothing is paid. A manager that does
//! not listen never stops service.

use std::time::Duration;

use crate::config::load::Env;

/// What is left to do after the last request takes no longer.
const LAST: Duration = Duration::from_secs(10);

/// Who started this process, if they want to hear of it.
#[derive(Debug, Default)]
pub(crate) struct Manager {
    #[cfg(unix)]
    socket: Option<std::os::unix::net::UnixDatagram>,
    /// How often it has to be told that the process is alive.
    heartbeat: Option<Duration>,
}

impl Manager {
    /// The one that the environment names.
    pub(crate) fn of(env: &Env) -> Self {
        Self {
            #[cfg(unix)]
            socket: env.get("NOTIFY_SOCKET").and_then(connect),
            heartbeat: heartbeat(env, std::process::id()),
        }
    }

    /// Requests are answered from now on, at this address.
    pub(crate) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// The configuration is being read again.
    pub(crate) fn reloading(&self) {
        // `Type=notify-reload` wants to know that this is later than its signal.
        let now =
            monotonic_micros().map_or_else(String::new, |now| format!("\nMONOTONIC_USEC={now}"));
        self.tell(&format!("RELOADING=1{now}"));
    }

    /// No new requests; those that run may take so long.
    pub(crate) fn stopping(&self, status: &str, within: Duration) {
        // A drain that is longer than the unit's `TimeoutStopSec` is no hang.
        let patience = (within + LAST).as_micros();
        self.tell(&format!(
            "STOPPING=1\nSTATUS={status}\nEXTEND_TIMEOUT_USEC={patience}"
        ));
    }

    /// Tells again and again that the process is alive. Whoever polls this must be what serves: a process whose
    /// runtime stands still falls silent.
    pub(crate) async fn keep_alive(&self) {
        let Some(every) = self.heartbeat else {
            return std::future::pending().await;
        };
        let mut beats = tokio::time::interval(every);
        loop {
            beats.tick().await;
            self.tell("WATCHDOG=1");
        }
    }

    #[cfg(unix)]
    fn tell(&self, state: &str) {
        let Some(socket) = &self.socket else {
            return;
        };
        if let Err(error) = socket.send(state.as_bytes()) {
            tracing::debug!("the service manager does not listen: {error}");
        }
    }

    #[cfg(not(unix))]
    fn tell(&self, _: &str) {}
}

/// A path, or `@` and a name without one.
#[cfg(unix)]
fn connect(address: &str) -> Option<std::os::unix::net::UnixDatagram> {
    use std::os::unix::net::{SocketAddr, UnixDatagram};
    let open = || {
        let address = match address.strip_prefix('@') {
            Some(name) => abstract_address(name)?,
            None => SocketAddr::from_pathname(address)?,
        };
        let socket = UnixDatagram::unbound()?;
        socket.connect_addr(&address)?;
        socket.set_nonblocking(true)?;
        Ok::<_, std::io::Error>(socket)
    };
    open()
        .inspect_err(|error| tracing::warn!("`$NOTIFY_SOCKET` cannot be used: {error}"))
        .ok()
}

#[cfg(target_os = "linux")]
fn abstract_address(name: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    use std::os::linux::net::SocketAddrExt as _;
    std::os::unix::net::SocketAddr::from_abstract_name(name)
}

#[cfg(all(unix, not(target_os = "linux")))]
fn abstract_address(_: &str) -> std::io::Result<std::os::unix::net::SocketAddr> {
    Err(std::io::ErrorKind::Unsupported.into())
}

/// Half of the time after which the manager gives up, as `sd_watchdog_enabled(3)` advises; `None` if it does not
/// watch, or watches another process.
fn heartbeat(env: &Env, process: u32) -> Option<Duration> {
    let limit: u64 = env.get("WATCHDOG_USEC")?.parse().ok()?;
    let meant = env
        .get("WATCHDOG_PID")
        .is_none_or(|pid| pid.parse() == Ok(process));
    (meant && limit > 1).then(|| Duration::from_micros(limit / 2))
}

#[cfg(target_os = "linux")]
fn monotonic_micros() -> Option<u64> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let (seconds, nanos) = (
        u64::try_from(now.tv_sec).ok()?,
        u64::try_from(now.tv_nsec).ok()?,
    );
    Some(seconds * 1_000_000 + nanos / 1000)
}

#[cfg(not(target_os = "linux"))]
fn monotonic_micros() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heart_beats_twice_in_the_managers_time_and_only_for_this_process() {
        let check = |variables: &[(&str, &str)], expect: Option<u64>| {
            let env = match variables {
                [one] => Env::from([*one]),
                [one, two] => Env::from([*one, *two]),
                _ => Env::default(),
            };
            assert_eq!(
                heartbeat(&env, 7),
                expect.map(Duration::from_micros),
                "{variables:?}"
            );
        };
        check(&[], None);
        check(&[("WATCHDOG_USEC", "30000000")], Some(15_000_000));
        check(&[("WATCHDOG_USEC", "soon")], None);
        check(&[("WATCHDOG_USEC", "0")], None);
        check(&[("WATCHDOG_USEC", "10"), ("WATCHDOG_PID", "7")], Some(5));
        check(&[("WATCHDOG_USEC", "10"), ("WATCHDOG_PID", "8")], None);
    }

    #[cfg(unix)]
    #[test]
    fn each_change_of_state_is_one_datagram() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let ear = std::os::unix::net::UnixDatagram::bind(&path).unwrap();
        let manager = Manager::of(&Env::from([("NOTIFY_SOCKET", path.to_str().unwrap())]));
        let heard = || {
            let mut buffer = [0; 256];
            let length = ear.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        manager.ready("listening");
        assert_eq!(heard(), "READY=1\nSTATUS=listening");
        manager.reloading();
        assert!(heard().starts_with("RELOADING=1"));
        manager.stopping("draining", Duration::from_secs(30));
        assert_eq!(
            heard(),
            "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=40000000"
        );
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_manager_is_told_a_monotonic_time() {
        let (before, after) = (monotonic_micros().unwrap(), monotonic_micros().unwrap());
        assert!(0 < before && before <= after);
    }

    #[test]
    fn a_manager_that_is_not_there_is_no_failure() {
        Manager::of(&Env::default()).ready("listening");
        Manager::of(&Env::from([("NOTIFY_SOCKET", "/nonexistent/socket")])).ready("listening");
    }
}
