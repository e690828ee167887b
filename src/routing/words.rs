//! The terminal's own way to name a model: `-m sonnet`. Scripts and servers never search by words, for a new model
//! could change what their words mean.

use crate::catalog::day::Day;
use crate::config::{Config, nearest};
use crate::error::{Error, Kind};

use super::resolve::{Listed, current_names, target};

/// The code of an error that says that words fit more than one model.
pub const SEVERAL: &str = "model_ambiguous";

/// What the words of the terminal mean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// The name as it was written.
    Exact(String),
    /// Another name, which is worth saying.
    Found(String),
}

impl Meaning {
    /// The name to ask for.
    pub fn name(&self) -> &str {
        match self {
            Self::Exact(name) | Self::Found(name) => name,
        }
    }
}

/// An exact alias or id; else the one name that has all the words in it, in any case. If several have, the error names
/// the nearest three. Models that are gone today are not searched.
pub fn search(
    config: &Config,
    listed: &Listed,
    written: &str,
    today: Day,
) -> Result<Meaning, Error> {
    if config.alias(written).is_some() {
        return Ok(Meaning::Exact(written.to_owned()));
    }
    let error = match target(config, listed, written) {
        Ok(found) if found.to_string() == written || written == "demo" => {
            return Ok(Meaning::Exact(written.to_owned()));
        }
        Ok(found) => return Ok(Meaning::Found(found.to_string())),
        Err(error) => error,
    };
    let words: Vec<String> = written.split_whitespace().map(str::to_lowercase).collect();
    if words.is_empty() {
        return Err(error);
    }
    let names = current_names(config, listed, today);
    let all = |name: &&String| {
        let name = name.to_lowercase();
        words.iter().all(|word| name.contains(word.as_str()))
    };
    let found: Vec<&str> = names.iter().filter(all).map(String::as_str).collect();
    match found.as_slice() {
        [] => Err(error),
        [name] => Ok(Meaning::Found((*name).to_owned())),
        _ => Err(several(written, &found)),
    }
}

fn several(written: &str, found: &[&str]) -> Error {
    let mut near = nearest::nearest(written, found.iter().copied(), 3);
    near.extend(
        found
            .iter()
            .copied()
            .filter(|name| !near.contains(name))
            .collect::<Vec<_>>(),
    );
    near.truncate(3);
    let more = found.len() - near.len();
    let mut list: Vec<String> = near.iter().map(|name| format!("`{name}`")).collect();
    if more > 0 {
        list.push(format!("{more} more"));
    }
    let message = format!(
        "`{written}` fits {} models: {}",
        found.len(),
        list.join(", ")
    );
    Error::new(Kind::ModelNotFound, message)
        .with_param("model")
        .with_code(SEVERAL)
        .with_hint("add a word, or list what there is with `llmgw models`")
}
