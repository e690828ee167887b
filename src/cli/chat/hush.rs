//! Keeps a terminal quiet while an answer is written on it: what is typed meanwhile is not echoed into the answer, and
//! waits as it was typed for the next prompt, Enter included.

#[cfg(unix)]
pub(super) use unix::Hush;

#[cfg(unix)]
mod unix {
    use std::io;

    use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// While it lives, the terminal is quiet.
    pub(in super::super) struct Hush(Option<Termios>);

    impl Hush {
        /// Switches echo and line editing off; Ctrl-C remains a signal. Without a terminal there is nothing to do.
        pub(in super::super) fn new() -> Self {
            let Ok(before) = tcgetattr(io::stdin()) else {
                return Self(None);
            };
            let mut quiet = before.clone();
            quiet.local_modes -= LocalModes::ECHO | LocalModes::ICANON;
            // Otherwise Enter would reach the prompt as a line feed, which there begins another line.
            quiet.input_modes -= InputModes::ICRNL;
            let set = tcsetattr(io::stdin(), OptionalActions::Now, &quiet);
            Self(set.is_ok().then_some(before))
        }
    }

    impl Drop for Hush {
        fn drop(&mut self) {
            if let Some(before) = &self.0 {
                // A terminal that has gone needs no settings.
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
            }
        }
    }
}

/// There is nothing to keep quiet: consoles echo only what is being read.
#[cfg(not(unix))]
pub(super) struct Hush;

#[cfg(not(unix))]
impl Hush {
    pub(super) fn new() -> Self {
        Self
    }
}
