//! A YAML file as a tree whose every place can be pointed at.
//!
//! The tree is read once; a fault names a path in it, and only then is the text read again up to that path, to learn
//! line and column. So positions cost nothing while there is no fault.

use std::fmt;

use serde::de::{DeserializeOwned, DeserializeSeed};
use serde_path_to_error::Segment;
use serde_yaml::Value;

use super::nearest;
use super::seek::{Seeker, Twice};

/// A place in the file: keys and indices from the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Path(Vec<Step>);

/// One step of a [`Path`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Into a map.
    Key(String),
    /// Into a list.
    Index(usize),
}

/// Which end of an entry a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spot {
    /// The key.
    Key,
    /// The value.
    Value,
}

/// Something wrong in the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line and column, from 1, where the text is known.
    pub position: Option<(usize, usize)>,
    /// The place, such as `models.smart.targets[0]`; empty for the whole file.
    pub path: String,
    /// What is wrong. Never holds a secret.
    pub message: String,
}

/// A parsed file.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    /// The tree.
    pub value: Value,
}

impl Path {
    /// The whole file.
    pub fn root() -> Self {
        Self::default()
    }

    /// An entry of the map here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Key(key.to_owned()));
        Self(steps)
    }

    /// An element of the list here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut steps = self.0.clone();
        steps.push(Step::Index(index));
        Self(steps)
    }

    /// The steps.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((line, column)) = self.position {
            write!(f, "{line}:{column}: ")?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

impl Document {
    /// Reads the text. The only faults here are those of YAML itself.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let fault = |error: &serde_yaml::Error| {
            let message = error.to_string();
            Fault {
                position: error.location().map(|at| (at.line(), at.column())),
                path: String::new(),
                message: message
                    .split_once(" at line ")
                    .map_or(message.as_str(), |(what, _)| what)
                    .to_owned(),
            }
        };
        let mut value: Value = serde_yaml::from_str(text).map_err(|error| {
            // Of a key that stands twice YAML tells no place; looking for it does.
            let again = Twice.deserialize(serde_yaml::Deserializer::from_str(text));
            fault(&again.err().unwrap_or(error))
        })?;
        value.apply_merge().map_err(|error| fault(&error))?;
        Ok(Self {
            text: text.to_owned(),
            value,
        })
    }

    /// A fault at this place.
    pub fn fault(&self, path: &Path, spot: Spot, message: impl Into<String>) -> Fault {
        Fault {
            position: self.position(path, spot),
            path: path.to_string(),
            message: message.into(),
        }
    }

    /// Reads one part of the tree as a type; the fault names the place within it.
    pub fn read<T: DeserializeOwned>(&self, at: &Path, part: Value) -> Result<T, (Path, Fault)> {
        serde_path_to_error::deserialize(part).map_err(|error| {
            let mut path = at.clone();
            for segment in error.path() {
                match segment {
                    Segment::Map { key } => path.0.push(Step::Key(key.clone())),
                    Segment::Seq { index } => path.0.push(Step::Index(*index)),
                    Segment::Enum { .. } | Segment::Unknown => {}
                }
            }
            let (spot, message) = explain(&error.inner().to_string());
            let fault = self.fault(&path, spot, message);
            (path, fault)
        })
    }

    /// Line and column of a place, or of the nearest place around it that stands in the text.
    fn position(&self, path: &Path, spot: Spot) -> Option<(usize, usize)> {
        let mut steps = path.steps();
        let mut spot = spot;
        loop {
            let seeker = Seeker { steps, spot };
            let found = seeker.deserialize(serde_yaml::Deserializer::from_str(&self.text));
            if let Err(error) = found {
                return error.location().map(|at| (at.line(), at.column()));
            }
            steps = steps.split_last()?.1;
            spot = Spot::Key;
        }
    }
}

/// Puts serde's message into our words: no values (they may be secrets), and a question for a mistyped name.
fn explain(message: &str) -> (Spot, String) {
    let names = || message.split('`').skip(1).step_by(2);
    if message.starts_with("unknown field") {
        let written = names().next().unwrap_or_default();
        let question = match nearest::question(written, names().skip(1)) {
            none if none.is_empty() => known(names().skip(1)),
            question => question,
        };
        return (Spot::Key, format!("unknown key `{written}`{question}"));
    }
    if message.starts_with("unknown variant") {
        let written = names().next().unwrap_or_default();
        let known = known(names().skip(1));
        let question = nearest::question(written, names().skip(1));
        return (
            Spot::Value,
            format!("`{written}` is not possible here{known}{question}"),
        );
    }
    let found = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "));
    let message = match found {
        Some((found, expected)) => format!("expected {}, found {}", words(expected), kind(found)),
        None => message.replace("missing field", "missing key"),
    };
    (Spot::Value, message)
}

fn known<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if names.is_empty() {
        return String::new();
    }
    format!("; known are {}", names.join(", "))
}

fn kind(found: &str) -> &'static str {
    match found.split(' ').next().unwrap_or_default() {
        "string" => "text",
        "integer" | "floating" => "a number",
        "boolean" => "true or false",
        "sequence" => "a list",
        "map" => "a map",
        "unit" | "null" => "nothing",
        _ => "something else",
    }
}

fn words(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "text",
        "a sequence" => "a list",
        "a Value::Tagged enum" => "a word",
        _ if expected.starts_with("struct ") => "a map",
        _ => expected,
    }
}
