//! Where state is kept: `$XDG_STATE_HOME/llmgw`, `~/.local/state/llmgw` where that is unset, also on macOS. Files there
//! are for their owner alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::config::load::Env;

/// The state directory; `None` without a home.
pub fn state() -> Option<PathBuf> {
    Some(Env::of_process().state_dir()?.join("llmgw"))
}

/// The usual place of the database.
pub fn database() -> Option<PathBuf> {
    Some(state()?.join("store.sqlite"))
}

/// The usual place of the key that seals compacted conversations.
pub fn sealing_key() -> Option<PathBuf> {
    Some(state()?.join("sealing.key"))
}

/// Opens a file that only its owner may read, and makes the directories above it.
pub fn private_file(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    if let Some(directory) = path.parent()
        && !directory.as_os_str().is_empty()
        && !directory.is_dir()
    {
        private_directory(directory)?;
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Makes a directory that only its owner may enter. Those above it are shared with other programs: they get the usual
/// mode.
fn private_directory(path: &Path) -> io::Result<()> {
    if let Some(above) = path.parent() {
        fs::create_dir_all(above)?;
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
