//! Configurations of other gateways become ours, and every difference is told.
//!
//! Nothing is carried over in silence: what means the same is `exact`, what means nearly the same says how it differs,
//! and what has no counterpart needs a hand. A key that stands in the file is never copied: a variable takes its place.

use std::fmt;

use super::document::{Document, Fault, Path};
use super::load::{Env, parse};

mod deployment;
mod fallbacks;
mod groups;
mod litellm;
mod providers;
mod settings;
mod vendors;
mod write;

/// How well something was carried over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// It means the same.
    Exact,
    /// It means nearly the same.
    Approximate,
    /// Somebody has to see to it.
    Manual,
}

/// What became of one setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How well it was carried over.
    pub grade: Grade,
    /// Where it stands in the other file.
    pub place: String,
    /// What it is here. Never holds a value that may be a secret.
    pub what: String,
}

/// A configuration of ours, and what there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The text of the file.
    pub yaml: String,
    /// What became of each setting, in the order of the other file.
    pub findings: Vec<Finding>,
}

impl Grade {
    /// The words for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Approximate => "approximate",
            Self::Manual => "needs a hand",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<13} {}: {}",
            self.grade.as_str(),
            self.place,
            self.what
        )
    }
}

impl Imported {
    /// Does anything need a hand?
    pub fn needs_a_hand(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.grade == Grade::Manual)
    }
}

/// A configuration of the LiteLLM proxy becomes ours. The fault is one of its YAML.
pub fn litellm(text: &str) -> Result<Imported, Fault> {
    let document = Document::parse(text)?;
    // YAML has what JSON has not, such as maps with keys that are no text; a configuration has no use for it.
    let tree: serde_json::Value = document
        .read(&Path::root(), document.value.clone())
        .map_err(|(_, fault)| fault)?;
    let mut findings = Findings::default();
    let (ours, variables) = litellm::translate(&tree, &mut findings);
    let yaml = write::file("LiteLLM", &ours);
    // What is handed over has to load, once the variables are set that it names.
    let set: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    if let Err(faults) = parse(&yaml, None, &Env::of(set)) {
        for fault in faults.faults {
            findings.manual("the result", format!("{}: {}", fault.path, fault.message));
        }
    }
    Ok(Imported {
        yaml,
        findings: findings.0,
    })
}

/// The findings as they come.
#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn exact(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.add(Grade::Exact, place, what);
    }

    fn approximate(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.add(Grade::Approximate, place, what);
    }

    fn manual(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.add(Grade::Manual, place, what);
    }

    fn add(&mut self, grade: Grade, place: impl Into<String>, what: impl Into<String>) {
        self.0.push(Finding {
            grade,
            place: place.into(),
            what: what.into(),
        });
    }
}

#[cfg(test)]
mod tests;
