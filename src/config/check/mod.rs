//! Shape becomes meaning: every value is looked at once, every fault is collected.
//!
//! After this nobody checks the configuration again. Pure: the environment comes in as a snapshot.

use std::path::PathBuf;

use serde::de::DeserializeOwned;
use serde_yaml::{Mapping, Value};

use super::document::{Document, Fault, Path, Spot};
use super::expand::Expansion;
use super::load::Env;
use super::{Config, Faults, nearest, provider, shape};

mod aliases;
mod known;
#[cfg(test)]
mod provider_tests;
mod providers;
mod rest;
mod server;
#[cfg(test)]
mod tests;

/// What [`check`] finds.
#[derive(Debug)]
pub struct Checked {
    /// The configuration.
    pub config: Config,
    /// Whether keys stand in the file itself.
    pub secrets: Secrets,
}

/// Do keys stand in the file itself?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Only references to them.
    Referred,
    /// As they are.
    Literal,
}

/// Makes meaning of a file whose references are expanded.
pub fn check(
    document: &Document,
    expansion: Expansion,
    env: &Env,
    source: Option<PathBuf>,
) -> Result<Checked, Faults> {
    let mut checker = Checker {
        document,
        expansion,
        faults: Vec::new(),
        warnings: Vec::new(),
        secrets: Secrets::Referred,
    };
    let mut sections = checker.sections();
    let mut section = |name: &str| sections.remove(name);
    let server = checker.server(section("server"));
    let providers = checker.providers(section("providers"), env);
    let defaults = checker.defaults(section("defaults"));
    let aliases = checker.aliases(section("models"), &providers, &defaults);
    checker.default_model(&defaults, &aliases, &providers);
    let store = checker.store(section("store"));
    let fetch = checker.fetch(section("fetch"));
    let log = checker.log(section("log"));
    let prices = checker.prices(section("prices"));
    if !checker.faults.is_empty() {
        let mut faults = checker.faults;
        faults.sort_by_key(|fault| fault.position);
        faults.dedup();
        return Err(Faults { source, faults });
    }
    Ok(Checked {
        config: Config {
            server,
            providers,
            aliases,
            defaults,
            store,
            fetch,
            log,
            traces: None,
            prices,
            warnings: checker.warnings,
            source,
        },
        secrets: checker.secrets,
    })
}

/// What all parts of the check share.
struct Checker<'a> {
    document: &'a Document,
    expansion: Expansion,
    faults: Vec<Fault>,
    warnings: Vec<String>,
    secrets: Secrets,
}

impl Checker<'_> {
    /// The sections by name, after the faults of the expansion and of unknown names are noted.
    fn sections(&mut self) -> Mapping {
        for (path, message) in std::mem::take(&mut self.expansion.faults) {
            self.fault(&path, message);
        }
        for (path, variable) in self.expansion.unset.clone() {
            if !is_built_in_key(&path) {
                self.fault(&path, format!("the variable `{variable}` is not set"));
            }
        }
        let root = Path::root();
        let sections = match &self.document.value {
            Value::Null => Mapping::new(),
            Value::Mapping(sections) => sections.clone(),
            Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Sequence(_)
            | Value::Tagged(_) => {
                self.fault(&root, "the file must be a map of sections");
                Mapping::new()
            }
        };
        for key in sections.keys() {
            match key.as_str() {
                Some(name) if shape::SECTIONS.contains(&name) => {}
                Some(name) => {
                    let question = nearest::question(name, shape::SECTIONS);
                    let message = format!("unknown key `{name}`{question}");
                    self.fault_at_key(&root.key(name), message);
                }
                None => self.fault(&root, "keys must be text"),
            }
        }
        sections
    }

    /// Notes a fault in a value.
    fn fault(&mut self, path: &Path, message: impl Into<String>) {
        let fault = self.document.fault(path, Spot::Value, message);
        self.faults.push(fault);
    }

    /// Notes a fault in a key.
    fn fault_at_key(&mut self, path: &Path, message: impl Into<String>) {
        let fault = self.document.fault(path, Spot::Key, message);
        self.faults.push(fault);
    }

    /// Reads a part of the tree; what is absent, empty or faulty is the default.
    fn read<T: DeserializeOwned + Default>(&mut self, path: &Path, part: Option<Value>) -> T {
        match part {
            None | Some(Value::Null) => T::default(),
            Some(part) => match self.document.read(path, part) {
                Ok(read) => read,
                Err((at, fault)) => {
                    // A value that is missing for want of a variable has its fault already.
                    if !self.is_unset(&at) {
                        self.faults.push(fault);
                    }
                    T::default()
                }
            },
        }
    }

    /// The entries of a section that is a map of names.
    fn entries(&mut self, path: &Path, part: Option<Value>) -> Vec<(String, Value)> {
        let map: Mapping = self.read(path, part);
        let mut entries = Vec::new();
        for (key, value) in map {
            match key.as_str() {
                Some(name) => entries.push((name.to_owned(), value)),
                None => self.fault(path, "names must be text: put them in quotes"),
            }
        }
        entries
    }

    /// Was the value left empty because of a variable that is not set?
    fn is_unset(&self, path: &Path) -> bool {
        self.expansion.unset.iter().any(|(at, _)| at == path)
    }

    /// Did the value come from a reference?
    fn is_reference(&self, path: &Path) -> bool {
        self.expansion.references.contains(path)
    }

    /// Notes that a secret stands in the file, unless a reference brought it.
    fn saw_secret(&mut self, path: &Path) {
        if !self.is_reference(path) {
            self.secrets = Secrets::Literal;
        }
    }

    /// A number between two others, these included.
    fn within(&mut self, path: &Path, value: Option<f64>, least: f64, most: f64) -> Option<f64> {
        if let Some(number) = value
            && !(least..=most).contains(&number)
        {
            self.fault(path, format!("must be between {least} and {most}"));
        }
        value
    }

    /// A number that is not zero.
    fn not_zero<T: PartialEq + From<u8>>(&mut self, path: &Path, value: Option<T>) -> Option<T> {
        if value.as_ref().is_some_and(|number| *number == T::from(0)) {
            self.fault(path, "must be at least 1");
        }
        value
    }
}

/// Is this the place of a built-in provider's key? Without its variable such a provider merely sleeps.
fn is_built_in_key(path: &Path) -> bool {
    use super::document::Step::Key;
    let [Key(section), Key(name), Key(key), ..] = path.steps() else {
        return false;
    };
    section == "providers" && (key == "api_key" || key == "api_keys") && provider::is_built_in(name)
}
