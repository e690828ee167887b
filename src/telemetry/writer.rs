//! Standard error, behind a buffer that never makes anybody wait.
//!
//! Lines go into a bounded buffer, and a thread of its own writes it out in larger pieces. If standard error is full,
//! closed, or read by nobody, lines are dropped and counted, and service goes on. The count is told as soon as a line
//! gets through again.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// What waits to be written is no more than this.
const MOST_BYTES: usize = 1024 * 1024;

/// Lines that come within this time of each other leave in one write.
const GATHER: Duration = Duration::from_millis(20);

/// So many bytes are written at once, without waiting for more: the room that they are in is used again, and what was
/// used a moment ago is near.
const ENOUGH: usize = 64 * 1024;

/// A line that waits no longer for the thread than this when the process ends.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Where lines go. Clones share one buffer.
#[derive(Debug, Clone)]
pub struct Writer(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    /// There is something to write.
    filled: Condvar,
    /// All has been written.
    emptied: Condvar,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// The thread has taken lines that it has not written yet.
    busy: bool,
    /// Somebody waits for the end: gather no more.
    hurry: bool,
}

impl Writer {
    /// Writes to `out`, on a thread of its own.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared::default());
        let served = Arc::downgrade(&shared);
        let work = move || {
            let mut pen = Pen {
                out,
                lines: Vec::new(),
                untold: 0,
            };
            while let Some(shared) = served.upgrade() {
                shared.write_some(&mut pen);
            }
        };
        // Where the system has no thread left, the buffer fills up, and what comes after is counted.
        let _no_thread = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(work);
        Self(shared)
    }

    /// Takes one line, or several whole ones.
    pub fn line(&self, line: &[u8]) {
        self.put(|lines| lines.extend_from_slice(line));
    }

    /// The same, of what is written behind those that wait. They wait for it, so it has to be short work.
    pub fn put(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut waiting = self.0.waiting();
        let before = waiting.lines.len();
        write(&mut waiting.lines);
        let after = waiting.lines.len();
        if after > MOST_BYTES {
            let lost = waiting.lines.get(before..).map_or(0, count);
            waiting.lines.truncate(before);
            drop(waiting);
            self.0.dropped.fetch_add(lost, Ordering::Relaxed);
            return;
        }
        drop(waiting);
        if before == 0 && after > 0 || before < ENOUGH && after >= ENOUGH {
            self.0.filled.notify_one();
        }
    }

    /// How many lines were lost so far.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Waits until all is written, but not for ever.
    pub fn flush(&self) {
        let mut waiting = self.0.waiting();
        waiting.hurry = true;
        self.0.filled.notify_one();
        let left = |waiting: &mut Waiting| waiting.busy || !waiting.lines.is_empty();
        let waited = self.0.emptied.wait_timeout_while(waiting, LAST_WORDS, left);
        // What is not written by then never will be.
        let (mut waiting, _late) = waited.unwrap_or_else(PoisonError::into_inner);
        waiting.hurry = false;
    }
}

/// What the thread writes with.
struct Pen<W> {
    out: W,
    /// What is being written; otherwise room.
    lines: Vec<u8>,
    /// So many were dropped when that was told.
    untold: u64,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for lines for a while, and writes them.
    fn write_some(&self, pen: &mut Pen<impl Write>) {
        let mut waiting = self.waiting();
        if waiting.lines.is_empty() {
            // Woken by time as well, to see whether anybody is left to write for.
            let pause = Duration::from_millis(500);
            let woken = self.filled.wait_timeout(waiting, pause);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        if !waiting.lines.is_empty() {
            // More may come, and each write costs more than a line; somebody in a hurry wakes us.
            let is_little = |it: &mut Waiting| !it.hurry && it.lines.len() < ENOUGH;
            let more = self.filled.wait_timeout_while(waiting, GATHER, is_little);
            waiting = more.unwrap_or_else(PoisonError::into_inner).0;
        }
        std::mem::swap(&mut waiting.lines, &mut pen.lines);
        waiting.busy = !pen.lines.is_empty();
        drop(waiting);
        if !pen.lines.is_empty() {
            self.write(pen);
            pen.lines.clear();
            pen.lines.shrink_to(2 * ENOUGH);
            self.waiting().busy = false;
        }
        self.emptied.notify_all();
    }

    fn write(&self, pen: &mut Pen<impl Write>) {
        let Pen { out, lines, untold } = pen;
        if out.write_all(lines).and_then(|()| out.flush()).is_err() {
            // How much of it got through nobody knows; some of it did not.
            self.dropped.fetch_add(count(lines), Ordering::Relaxed);
            return;
        }
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > *untold {
            let lost = dropped - *untold;
            let told = writeln!(out, "llmgw: {lost} lines of the log were lost");
            if told.is_ok() {
                *untold = dropped;
            }
        }
    }
}

fn count(lines: &[u8]) -> u64 {
    let ends = memchr::memchr_iter(b'\n', lines).count();
    u64::try_from(ends.max(1)).unwrap_or(u64::MAX)
}

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.line(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Writer {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Hands over what is written, and takes part of it only when it is allowed to.
    struct Slow(Sender<Vec<u8>>, Receiver<bool>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if !self.1.recv().unwrap_or(true) {
                return Err(io::Error::from(io::ErrorKind::StorageFull));
            }
            self.0.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Writer, Receiver<Vec<u8>>, Sender<bool>) {
        let (written, read) = channel();
        let (allow, allowed) = channel();
        (Writer::to(Slow(written, allowed)), read, allow)
    }

    #[test]
    fn lines_that_nobody_reads_are_dropped_and_counted_and_nobody_waits() {
        let (writer, read, allow) = slow();
        let line = vec![b'x'; 1023];
        let line = [line.as_slice(), b"\n"].concat();
        // One piece may be with the thread already, so more than twice the room overflows it.
        for _ in 0..3 * MOST_BYTES / line.len() {
            writer.line(&line);
        }
        let dropped = writer.dropped();
        assert!(dropped >= u64::try_from(MOST_BYTES / line.len()).unwrap());
        drop(allow);
        writer.flush();
        let written: Vec<u8> = read.try_iter().flatten().collect();
        let told = format!("llmgw: {dropped} lines of the log were lost\n");
        assert!(String::from_utf8(written).unwrap().contains(&told));
    }

    #[test]
    fn a_full_disk_costs_the_lines_and_the_next_write_says_so() {
        let (writer, read, allow) = slow();
        writer.line(b"one\ntwo\n");
        allow.send(false).unwrap();
        writer.flush();
        assert_eq!(writer.dropped(), 2);
        writer.line(b"three\n");
        drop(allow);
        writer.flush();
        let written: Vec<u8> = read.try_iter().flatten().collect();
        assert_eq!(
            String::from_utf8(written).unwrap(),
            "three\nllmgw: 2 lines of the log were lost\n"
        );
    }
}
