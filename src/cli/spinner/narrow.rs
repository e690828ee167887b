//! Standard error, a little narrower than it is.
//!
//! The line of a spinner is padded to the whole width, and there the `^C` that a terminal echoes wraps: what is cleared
//! then is the next line, and the spinner's stays. With a few columns left the echo fits beside it.

use std::io::{self, Write as _};

use indicatif::TermLike;

use crate::cli::streams::error_width;

/// Room for `^C`, and for the column at which terminals wrap.
const ROOM: usize = 3;

/// The terminal behind standard error.
#[derive(Debug)]
pub(super) struct Narrow;

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        u16::try_from(error_width().saturating_sub(ROOM)).unwrap_or(u16::MAX)
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        moved(n, 'A')
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        moved(n, 'B')
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        moved(n, 'C')
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        moved(n, 'D')
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{s}")
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        io::stderr().write_all(s.as_bytes())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.write_str("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        io::stderr().flush()
    }
}

fn moved(n: usize, direction: char) -> io::Result<()> {
    if n == 0 {
        return Ok(());
    }
    write!(io::stderr(), "\x1b[{n}{direction}")
}
