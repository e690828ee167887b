//! Finds and reads the configuration. The only code that sees the environment, the file, and the command that tells
//! a key; everything behind it works on the snapshot [`Env`].

use std::collections::BTreeMap;
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_yaml::Value;

use crate::error::{Error, Kind};
use crate::secret::Secret;

use super::check::{Secrets, check};
use super::document::{Document, Fault};
use super::expand::{Reference, expand};
use super::{Config, Faults};

/// How long a command may take to tell a key.
const COMMAND_TIME: Duration = Duration::from_secs(10);

/// A snapshot of the environment. `Debug` shows names alone, for the values hold keys.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The environment of this process. Variables that are not UTF-8 are as good as unset.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// These variables and no others.
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self(variables.into_iter().map(owned).collect())
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of a variable, if there is more to it than nothing.
    fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    /// The user's home.
    fn home(&self) -> Option<PathBuf> {
        self.filled("HOME").map(PathBuf::from)
    }

    /// Where programs keep their configuration.
    fn config_dir(&self) -> Option<PathBuf> {
        self.place("XDG_CONFIG_HOME", ".config", dirs::config_dir)
    }

    /// Where programs keep what they remember; `None` without a home.
    pub fn state_dir(&self) -> Option<PathBuf> {
        self.place("XDG_STATE_HOME", ".local/state", dirs::data_local_dir)
    }

    /// Where programs keep what they can ask for again; `None` without a home.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.place("XDG_CACHE_HOME", ".cache", dirs::cache_dir)
    }

    /// XDG on all Unix systems, macOS included, where people who live in terminals expect it.
    fn place(
        &self,
        variable: &str,
        usual: &str,
        on_windows: fn() -> Option<PathBuf>,
    ) -> Option<PathBuf> {
        if cfg!(windows) {
            return on_windows();
        }
        let xdg = self.filled(variable).map(PathBuf::from);
        // A relative path there is invalid by the XDG specification, and to be ignored.
        xdg.filter(|path| path.is_absolute())
            .or_else(|| Some(self.home()?.join(usual)))
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Env {
    fn from(variables: [(&str, &str); N]) -> Self {
        let owned = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(owned.into())
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The file that would be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Somebody named it: it must be there.
    Named(PathBuf),
    /// The usual place: it need not be there.
    Usual(PathBuf),
    /// There is no usual place, for want of a home.
    Nowhere,
}

/// Which file is read: the one that is named, `$LLMGW_CONFIG`, or the usual one. Never one of the working directory
/// unasked: somebody else's repository could redirect a key.
pub fn source(named: Option<&Path>, env: &Env) -> Source {
    if let Some(path) = named {
        return Source::Named(path.to_owned());
    }
    if let Some(path) = env.filled("LLMGW_CONFIG") {
        return Source::Named(PathBuf::from(path));
    }
    match env.config_dir() {
        Some(dir) => Source::Usual(dir.join("llmgw").join("config.yaml")),
        None => Source::Nowhere,
    }
}

/// What tells that a file has changed, without reading it: its time and its size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<(std::time::SystemTime, u64)>);

/// The stamp of a file as it is now; of one that is not there, too.
pub fn stamp(path: &Path) -> Stamp {
    let metadata = std::fs::metadata(path).ok();
    Stamp(metadata.and_then(|file| Some((file.modified().ok()?, file.len()))))
}

/// The configuration of the file and the environment.
pub fn load(named: Option<&Path>, env: &Env) -> Result<Config, Faults> {
    let (path, must) = match source(named, env) {
        Source::Named(path) => (path, Must::Exist),
        Source::Usual(path) => (path, Must::Nothing),
        Source::Nowhere => return parse("", None, env),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => parse(&text, Some(path), env),
        // A home that is no directory (`HOME=/dev/null` is a habit) holds no file either.
        Err(error)
            if must == Must::Nothing
                && matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
        {
            parse("", None, env)
        }
        Err(error) => Err(Faults {
            faults: vec![Fault {
                position: None,
                path: String::new(),
                message: format!("cannot be read: {error}"),
            }],
            source: Some(path),
        }),
    }
}

#[derive(PartialEq)]
enum Must {
    Exist,
    Nothing,
}

/// The configuration of a text; `source` names its file in messages, and is where relative paths start.
pub fn parse(text: &str, source: Option<PathBuf>, env: &Env) -> Result<Config, Faults> {
    let mut document = Document::parse(text).map_err(|fault| Faults {
        source: source.clone(),
        faults: vec![fault],
    })?;
    let mut warnings = Vec::new();
    let base = source.as_deref().and_then(Path::parent);
    let mut tree = std::mem::replace(&mut document.value, Value::Null);
    let expansion = expand(&mut tree, &mut |reference| match reference {
        Reference::Variable(name) => Ok(env.get(name).map(str::to_owned)),
        Reference::File(path) => read_secret(path, base, env, &mut warnings).map(Some),
    });
    document.value = tree;
    let mut checked = check(&document, expansion, env, source)?;
    if let (Secrets::Literal, Some(path)) = (checked.secrets, &checked.config.source)
        && others_read(path)
    {
        warnings.push(format!(
            "{} holds keys and others can read it: `chmod 600` it",
            path.display()
        ));
    }
    checked.config.traces = super::traces::read(env, &mut warnings);
    checked.config.warnings.extend(warnings);
    Ok(checked.config)
}

/// The text of a `${file:…}` without its last line break.
fn read_secret(
    written: &str,
    base: Option<&Path>,
    env: &Env,
    warnings: &mut Vec<String>,
) -> Result<String, String> {
    let path = match (written.strip_prefix("~/"), env.home(), base) {
        (Some(rest), Some(home), _) => home.join(rest),
        (None, _, Some(base)) => base.join(written),
        (Some(_), None, _) | (None, _, None) => PathBuf::from(written),
    };
    let text = std::fs::read_to_string(&path).map_err(|error| format!("`{written}`: {error}"))?;
    if others_read(&path) {
        warnings.push(format!(
            "{} is a secret and others can read it: `chmod 600` it",
            path.display()
        ));
    }
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(unix)]
fn others_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o044 != 0)
}

#[cfg(not(unix))]
fn others_read(_: &Path) -> bool {
    false
}

/// Runs an `api_key_cmd` and takes the key that it prints. Blocks for at most ten seconds; what the command says on
/// its standard error goes to ours, so that it can explain itself.
pub fn run_key_command(provider: &str, command: &str) -> Result<Secret, Error> {
    key_from(command, COMMAND_TIME).map_err(|what| {
        Error::new(
            Kind::UpstreamAuth,
            format!("`api_key_cmd` of `{provider}` {what}"),
        )
        .with_code("no_api_key")
        .with_hint("run the command by hand to see what is wrong with it")
    })
}

fn key_from(command: &str, time: Duration) -> Result<Secret, String> {
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("sh", "-c")
    };
    let mut child = Command::new(shell)
        .args([flag, command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot be run: {error}"))?;
    let end = Instant::now() + time;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < end => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                // It has outstayed its time; whether the kill finds it alive makes no difference to what we say.
                drop(child.kill());
                drop(child.wait());
                return Err(format!("took longer than {} s", time.as_secs()));
            }
            Err(error) => return Err(format!("cannot be waited for: {error}")),
        }
    };
    if !status.success() {
        return Err(format!("failed: {status}"));
    }
    let mut text = String::new();
    if let Some(mut out) = child.stdout.take() {
        out.read_to_string(&mut text)
            .map_err(|error| format!("cannot be read: {error}"))?;
    }
    let key = text.trim();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err("did not print one key".to_owned());
    }
    Ok(Secret::new(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_named_file_goes_before_the_variable_and_the_usual_place() {
        let env = Env::from([
            ("LLMGW_CONFIG", "/v.yaml"),
            ("HOME", "/h"),
            ("XDG_CONFIG_HOME", "rel"),
        ]);
        let named = Path::new("/n.yaml");
        assert_eq!(source(Some(named), &env), Source::Named("/n.yaml".into()));
        assert_eq!(source(None, &env), Source::Named("/v.yaml".into()));
        let env = Env::from([("HOME", "/h"), ("LLMGW_CONFIG", "")]);
        assert_eq!(
            source(None, &env),
            Source::Usual("/h/.config/llmgw/config.yaml".into())
        );
        let env = Env::from([("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")]);
        assert_eq!(
            source(None, &env),
            Source::Usual("/x/llmgw/config.yaml".into())
        );
        assert_eq!(source(None, &Env::default()), Source::Nowhere);
    }

    #[test]
    fn a_named_file_must_be_there_and_the_usual_one_need_not() {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().to_str().unwrap();
        let env = Env::from([("HOME", home)]);
        assert!(load(None, &env).unwrap().source.is_none());
        let faults = load(Some(&dir.path().join("none.yaml")), &env).unwrap_err();
        assert!(
            faults.to_string().contains("none.yaml: cannot be read"),
            "{faults}"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_beside_the_configuration_is_read_and_its_mode_looked_at() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let (file, key) = (dir.path().join("c.yaml"), dir.path().join("key"));
        std::fs::write(&file, "providers: {openai: {api_key: '${file:key}'}}").unwrap();
        std::fs::write(&key, "sk-1\n").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
        let config = load(Some(&file), &Env::default()).unwrap();
        assert_eq!(config.provider("openai").unwrap().keys[0].expose(), "sk-1");
        assert_eq!(config.warnings.len(), 1, "{:?}", config.warnings);
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(
            load(Some(&file), &Env::default())
                .unwrap()
                .warnings
                .is_empty()
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_command_tells_a_key_in_time_or_fails() {
        let check = |command: &str, expect: Result<&str, &str>| {
            let key = key_from(command, Duration::from_millis(500));
            match (&key, expect) {
                (Ok(key), Ok(expect)) => assert_eq!(key.expose(), expect),
                (Err(what), Err(expect)) => assert!(what.contains(expect), "{what}"),
                _ => panic!("{command}: {key:?}"),
            }
        };
        check("echo sk-2", Ok("sk-2"));
        check("exit 3", Err("failed"));
        check("true", Err("did not print one key"));
        check("exec sleep 5", Err("took longer"));
    }
}
