//! What is shown on standard error while nothing is to be read yet. It never shares a line with the answer: it is
//! cleared before the first byte.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::streams::{Kind, Streams, Talkative};

/// A reply within this time shows no spinner at all.
const DELAY: Duration = Duration::from_millis(300);

/// How often it is looked at.
pub(crate) const TICK: Duration = Duration::from_millis(100);

/// One wait.
#[derive(Debug)]
pub(crate) struct Spinner {
    started: Instant,
    wanted: bool,
    thinking: Option<Instant>,
    message: String,
    bar: Option<ProgressBar>,
}

impl Spinner {
    /// Waits for a model. Shown only to a person, and not with `--quiet`.
    pub(crate) fn new(model: &str, streams: Streams) -> Self {
        Self {
            started: Instant::now(),
            wanted: streams.stderr == Kind::Terminal && streams.talkative != Talkative::Quiet,
            thinking: None,
            message: format!("waiting for {model}"),
            bar: None,
        }
    }

    /// The model thinks.
    pub(crate) fn think(&mut self) {
        self.thinking.get_or_insert_with(Instant::now);
    }

    /// Time has passed.
    pub(crate) fn tick(&mut self) {
        if !self.wanted || self.started.elapsed() < DELAY {
            return;
        }
        if let Some(since) = self.thinking {
            self.message = format!("thinking… {}s", since.elapsed().as_secs());
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new_spinner();
            // Without colour: the library has its own opinion of when colour is welcome.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        bar.set_message(self.message.clone());
        bar.tick();
    }

    /// Takes it off the screen, for good.
    pub(crate) fn clear(&mut self) {
        self.wanted = false;
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.clear();
    }
}
