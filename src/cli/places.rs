//! Where the terminal keeps what it remembers. Nothing here is read from the current directory.
//!
//! `~/.local/state` and `~/.cache` also on macOS, where people who live in terminals expect them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::failure::{Code, Failure, Outcome};
use crate::config::load::Env;
use crate::store::place;

/// The directory of conversations and the history.
pub(crate) fn state() -> Outcome<PathBuf> {
    place::state().ok_or_else(|| homeless("conversations"))
}

/// The directory of what can be asked for again.
pub(crate) fn cache() -> Outcome<PathBuf> {
    let found = Env::of_process().cache_dir();
    found
        .map(|base| base.join("llmgw"))
        .ok_or_else(|| homeless("the list of models"))
}

/// Opens a file that only its owner may read, in a directory that only its owner may enter.
pub(crate) fn private_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if let Some(directory) = path.parent()
        && !directory.is_dir()
    {
        private_directory(directory)?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.create(true).open(path)
}

/// Makes a directory that only its owner may enter, and those above it.
pub(crate) fn private_directory(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent() {
        // The directories above are shared with other programs: they get the usual mode.
        let ours = above.file_name().is_some_and(|name| name == "llmgw");
        if ours && !above.is_dir() {
            private_directory(above)?;
        } else {
            fs::create_dir_all(above)?;
        }
    }
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

fn homeless(what: &str) -> super::failure::Stop {
    Failure::new(
        Code::Bug,
        format!("no home directory, so there is no place for {what}"),
    )
    .with_hint("set HOME, or use --no-save")
    .into()
}
