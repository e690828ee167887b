//! Threads of our own, for what must not hold up a request: each has an owner, who sees it off.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// A thread has so long to finish what it was given before its owner went: a database may be locked, a disk full.
const LAST: Duration = Duration::from_secs(2);

/// A thread that is waited for, though not for ever, when this is dropped. Whatever tells the thread that it is the end
/// must have been dropped by then: in a struct, the fields before this one.
#[derive(Debug)]
pub struct Worker(Mutex<Receiver<Infallible>>);

impl Worker {
    /// Begins the work, on a thread of that name.
    pub fn begin(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        // Nothing is ever sent: that the other end is gone tells that the work is over, however it ended.
        let (working, over) = sync_channel(0);
        let thread = thread::Builder::new().name(name.to_owned());
        thread.spawn(move || {
            work();
            drop(working);
        })?;
        Ok(Self(Mutex::new(over)))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let over = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Over, or too late: either way nobody waits any longer.
        let _ = over.recv_timeout(LAST);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn whoever_drops_a_worker_waits_for_its_last_work() {
        let (bell, rung) = channel::<()>();
        let done = Arc::new(AtomicBool::new(false));
        let mark = done.clone();
        let worker = Worker::begin("test", move || {
            let _over = rung.recv();
            thread::sleep(Duration::from_millis(50));
            mark.store(true, Ordering::SeqCst);
        });
        let worker = worker.unwrap();
        drop(bell);
        drop(worker);
        assert!(done.load(Ordering::SeqCst));
    }
}
