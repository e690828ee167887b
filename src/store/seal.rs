//! The seal on what clients carry for us: a compacted conversation, readable and writable by this gateway alone.
//!
//! ChaCha20-Poly1305 with a random nonce; the owner is authenticated with it, so that one client's blob is worth nothing
//! in another's hands. The key is a file of the state directory, made when it is first needed, so that blobs outlive
//! the process and may be shared by copying one file.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

use super::place;
use super::record::Owner;
use crate::error::{Error, Kind};

/// Begins every sealed text.
pub const PREFIX: &str = "llmgws1.";

const KEY_BYTES: usize = 32;

/// Seals and opens. The key is read or made at the first use.
#[derive(Debug, Default)]
pub struct Sealer {
    path: Option<PathBuf>,
    key: OnceLock<Option<LessSafeKey>>,
}

impl Sealer {
    /// A sealer with the key in this file. Without a file the key lives as long as the process.
    pub fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            key: OnceLock::new(),
        }
    }

    /// Seals a text for its owner.
    pub fn seal(&self, owner: &Owner, text: &str) -> Result<String, Error> {
        let key = self.key().ok_or_else(cannot_seal)?;
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| cannot_seal())?;
        let mut sealed = text.as_bytes().to_vec();
        let (aad, once) = (
            Aad::from(owner.as_str()),
            Nonce::assume_unique_for_key(nonce),
        );
        key.seal_in_place_append_tag(once, aad, &mut sealed)
            .map_err(|_| cannot_seal())?;
        let mut whole = nonce.to_vec();
        whole.append(&mut sealed);
        Ok(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(whole)))
    }

    /// Opens what [`Self::seal`] made for this owner; `None` for anything else.
    pub fn open(&self, owner: &Owner, sealed: &str) -> Option<String> {
        // What does not decode was not made here; the reason makes no difference.
        let mut bytes = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(PREFIX)?).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let text = self
            .key()?
            .open_in_place(nonce, Aad::from(owner.as_str()), sealed)
            .ok()?;
        String::from_utf8(text.to_vec()).ok()
    }

    fn key(&self) -> Option<&LessSafeKey> {
        self.key.get_or_init(|| self.load()).as_ref()
    }

    fn load(&self) -> Option<LessSafeKey> {
        let kept = match &self.path {
            Some(path) => read_or_make(path).map_err(|error| {
                tracing::warn!(path = %path.display(), "the sealing key cannot be kept: {error}");
            }),
            None => Err(()),
        };
        // Without a file, compacted conversations last as long as this process.
        let key = kept.or_else(|()| fresh()).ok()?;
        Some(LessSafeKey::new(
            UnboundKey::new(&CHACHA20_POLY1305, &key).ok()?,
        ))
    }
}

fn fresh() -> Result<[u8; KEY_BYTES], ()> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new().fill(&mut key).map_err(|_| ())?;
    Ok(key)
}

/// Reads the key, or makes one. The file appears whole or not at all, and of two processes that make one the first wins.
fn read_or_make(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    match read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        other => return other,
    }
    let key = fresh().map_err(|()| io::Error::other("the system gives no random numbers"))?;
    let draft = path.with_extension(format!("{}.new", std::process::id()));
    let mut file = place::private_file(&draft, OpenOptions::new().write(true).create_new(true))?;
    let written = file
        .write_all(&key)
        .and_then(|()| file.sync_all())
        .and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        });
    fs::remove_file(&draft)?;
    written?;
    read(path)
}

fn read(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    fs::File::open(path)?.read_exact(&mut key)?;
    Ok(key)
}

fn cannot_seal() -> Error {
    Error::new(
        Kind::Internal,
        "the compacted conversation could not be sealed",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(name: &str) -> Owner {
        Owner::of(Some(&name.into()))
    }

    #[test]
    fn a_sealed_text_opens_for_its_owner_after_a_restart_and_for_nobody_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("llmgw").join("sealing.key");
        let sealed = Sealer::new(Some(path.clone()))
            .seal(&owner("a"), "so far: ü")
            .unwrap();
        let again = Sealer::new(Some(path.clone()));
        assert_eq!(
            again.open(&owner("a"), &sealed).as_deref(),
            Some("so far: ü")
        );
        assert_eq!(again.open(&owner("b"), &sealed), None);
        let elsewhere = Sealer::new(Some(dir.path().join("other.key")));
        assert_eq!(elsewhere.open(&owner("a"), &sealed), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn a_changed_seal_does_not_open() {
        let sealer = Sealer::new(None);
        let sealed = sealer.seal(&Owner::default(), "text").unwrap();
        let mut forged = sealed.clone().into_bytes();
        let at = PREFIX.len() + 20;
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        for bad in [forged.as_str(), PREFIX, "gAAAAABp", "llmgws1.AAAA"] {
            assert_eq!(sealer.open(&Owner::default(), bad), None, "{bad}");
        }
        assert_eq!(
            sealer.open(&Owner::default(), &sealed).as_deref(),
            Some("text")
        );
    }
}
