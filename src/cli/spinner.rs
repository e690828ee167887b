//! What is shown on standard error while nothing is to be read yet. It never shares a line with the answer: it is
//! cleared before the first byte.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::follow::Phase;
use super::streams::{Kind, Streams, Talkative, error_width};
use super::typo::shortened;
use narrow::Narrow;

mod narrow;

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
    phase: Phase,
    bar: Option<ProgressBar>,
}

impl Spinner {
    /// Waits for a model. Shown only to a person, and not with `--quiet`.
    pub(crate) fn new(model: &str, streams: Streams) -> Self {
        Self {
            started: Instant::now(),
            wanted: streams.stderr == Kind::Terminal
                && streams.talkative != Talkative::Quiet
                && can_move(),
            thinking: None,
            phase: Phase::Answer(model.to_owned()),
            bar: None,
        }
    }

    /// Something else is waited for.
    pub(crate) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
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
        let line = match self.thinking {
            Some(since) => format!("thinking… {}s", since.elapsed().as_secs()),
            None => self.phase.line(Instant::now()),
        };
        let bar = self.bar.get_or_insert_with(|| {
            let screen = ProgressDrawTarget::term_like(Box::new(Narrow));
            let bar = ProgressBar::with_draw_target(None, screen);
            // Without colour: the library has its own opinion of when colour is welcome.
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar
        });
        // On one line, whatever the window: what wraps cannot be taken away without a trace.
        bar.set_message(shortened(&line, error_width().saturating_sub(6)));
        bar.tick();
    }

    /// Takes it off the screen until the next tick.
    pub(crate) fn hide(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    /// Takes it off the screen, for good.
    pub(crate) fn clear(&mut self) {
        self.wanted = false;
        self.hide();
    }
}

/// A dumb terminal cannot take a line back.
fn can_move() -> bool {
    !ProgressDrawTarget::stderr().is_hidden()
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.clear();
    }
}
