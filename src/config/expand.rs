//! `${VAR}`, `${VAR:-default}` and `${file:/path}` in the string values of a parsed file.
//!
//! Expansion comes after parsing, so that a value can never change the structure of the file. `$${` is a literal `${`.

use serde_yaml::Value;

use super::document::Path;

/// What a reference asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference<'a> {
    /// An environment variable.
    Variable(&'a str),
    /// The text of a file.
    File(&'a str),
}

/// What came of the references in a tree.
#[derive(Debug, Default)]
pub struct Expansion {
    /// The places that had references: their values are explicit, and may be secrets.
    pub references: Vec<Path>,
    /// Places left empty because of a variable that is not set, with its name.
    pub unset: Vec<(Path, String)>,
    /// Other faults.
    pub faults: Vec<(Path, String)>,
}

/// The value of a reference: `Ok(None)` if the variable is not set, an error if the file cannot be read.
pub type Look<'a> = dyn FnMut(Reference<'_>) -> Result<Option<String>, String> + 'a;

/// Expands all string values of the tree in place.
pub fn expand(tree: &mut Value, look: &mut Look<'_>) -> Expansion {
    let mut out = Expansion::default();
    walk(tree, &Path::root(), look, &mut out);
    out
}

fn walk(value: &mut Value, path: &Path, look: &mut Look<'_>, out: &mut Expansion) {
    match value {
        Value::String(text) if text.contains("${") => {
            out.references.push(path.clone());
            match replace(text, look) {
                Ok(expanded) => *text = expanded,
                Err(Failure::Unset(variable)) => {
                    out.unset.push((path.clone(), variable));
                    *value = Value::Null;
                }
                Err(Failure::Broken(message)) => out.faults.push((path.clone(), message)),
            }
        }
        Value::Sequence(list) => {
            for (at, element) in list.iter_mut().enumerate() {
                walk(element, &path.index(at), look, out);
            }
        }
        Value::Mapping(map) => {
            for (key, element) in map.iter_mut() {
                // Keys that are no text are refused where the map is read.
                if let Some(key) = key.as_str() {
                    walk(element, &path.key(key), look, out);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Tagged(_) => {}
    }
}

enum Failure {
    Unset(String),
    Broken(String),
}

fn replace(text: &str, look: &mut Look<'_>) -> Result<String, Failure> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = after;
            continue;
        }
        let Some((inside, after)) = after.split_once('}') else {
            return Err(Failure::Broken("`${` without `}`".to_owned()));
        };
        out.push_str(before);
        out.push_str(&value(inside, look)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn value(inside: &str, look: &mut Look<'_>) -> Result<String, Failure> {
    if let Some(path) = inside.strip_prefix("file:") {
        let text = look(Reference::File(path)).map_err(Failure::Broken)?;
        return text.ok_or_else(|| Failure::Broken(format!("`{path}` cannot be read")));
    }
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if name.is_empty() || !is_name {
        let message = "between `${` and `}` stands a variable, `VAR:-default` or `file:/path`";
        return Err(Failure::Broken(message.to_owned()));
    }
    match (
        look(Reference::Variable(name)).map_err(Failure::Broken)?,
        default,
    ) {
        (Some(text), Some(default)) if text.is_empty() => Ok(default.to_owned()),
        (Some(text), _) => Ok(text),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Failure::Unset(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str) -> (Value, Expansion) {
        let mut tree = serde_yaml::from_str(text).unwrap();
        let mut look = |reference: Reference<'_>| match reference {
            Reference::Variable("A") => Ok(Some("alpha".to_owned())),
            Reference::Variable("EMPTY") => Ok(Some(String::new())),
            Reference::Variable(_) => Ok(None),
            Reference::File("/key") => Ok(Some("from file".to_owned())),
            Reference::File(path) => Err(format!("`{path}`: not there")),
        };
        let expansion = expand(&mut tree, &mut look);
        (tree, expansion)
    }

    fn check(written: &str, expect: &str) {
        let (tree, expansion) = run(&format!("x: '{written}'"));
        assert_eq!(tree["x"], Value::from(expect), "{written}");
        assert!(expansion.unset.is_empty() && expansion.faults.is_empty());
    }

    #[test]
    fn variables_defaults_and_files_are_put_in() {
        check("${A}", "alpha");
        check("http://${A}:${PORT:-80}/", "http://alpha:80/");
        check("${EMPTY:-x}", "x");
        check("${EMPTY}", "");
        check("${NONE:-}", "");
        check("${file:/key}", "from file");
        check("$${A} costs $5", "${A} costs $5");
    }

    #[test]
    fn an_unset_variable_is_named_with_its_place() {
        let (_, expansion) = run("a: [{b: 'x ${NONE}'}]");
        let [(path, variable)] = &expansion.unset[..] else {
            panic!("{expansion:?}")
        };
        assert_eq!(
            (path.to_string().as_str(), variable.as_str()),
            ("a[0].b", "NONE")
        );
    }

    #[test]
    fn broken_references_are_faults() {
        for text in ["${A", "${}", "${a b}", "${file:/none}"] {
            let (_, expansion) = run(&format!("x: '{text}'"));
            assert_eq!(expansion.faults.len(), 1, "{text}");
        }
    }
}
