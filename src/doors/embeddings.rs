//! `POST /v1/embeddings`: OpenAI's shape, in front of every provider that embeds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::parse::parse;
use crate::canonical::embedding::{Embedded, Embedding, Piece};
use crate::error::Error;

/// OpenAI's limit of texts in one request.
const MOST_TEXTS: usize = 2048;

/// How a client wants its vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// Numbers.
    #[default]
    Float,
    /// The bytes of 32-bit floats, little-endian, in base64.
    Base64,
}

/// Reads a body.
pub fn decode(body: &[u8]) -> Result<(Embedding, Encoding), Error> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(default)]
        model: String,
        input: Input,
        #[serde(default)]
        encoding_format: Option<Encoding>,
        #[serde(default)]
        dimensions: Option<u64>,
        #[serde(default)]
        user: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(
        untagged,
        expecting = "expected a text, texts, tokens, or lists of tokens"
    )]
    enum Input {
        Text(String),
        Texts(Vec<String>),
        Tokens(Vec<u64>),
        Lists(Vec<Vec<u64>>),
    }
    let body: Body = parse(body)?;
    if body.model.is_empty() {
        return Err(
            Error::invalid("model", "`model` is missing").with_code("missing_required_parameter")
        );
    }
    let input: Vec<Piece> = match body.input {
        Input::Text(text) => vec![Piece::Text(text)],
        Input::Texts(texts) => texts.into_iter().map(Piece::Text).collect(),
        Input::Tokens(tokens) => vec![Piece::Tokens(tokens)],
        Input::Lists(lists) => lists.into_iter().map(Piece::Tokens).collect(),
    };
    if input.is_empty() || input.len() > MOST_TEXTS {
        let message = format!("{} texts where 1 to {MOST_TEXTS} are allowed", input.len());
        return Err(Error::invalid("input", message));
    }
    for (at, piece) in input.iter().enumerate() {
        if *piece == Piece::Text(String::new()) || *piece == Piece::Tokens(Vec::new()) {
            return Err(Error::invalid(format!("input[{at}]"), "a text is empty"));
        }
    }
    if body.dimensions == Some(0) {
        return Err(Error::invalid("dimensions", "0 is less than 1"));
    }
    let embedding = Embedding {
        model: body.model,
        input,
        dimensions: body.dimensions,
        user: body.user,
    };
    Ok((embedding, body.encoding_format.unwrap_or_default()))
}

/// Writes the reply. `model` is the one that answered, where the provider did not say.
pub fn encode(embedded: &Embedded, encoding: Encoding, model: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Reply<'a> {
        object: &'static str,
        data: Vec<Entry<'a>>,
        model: &'a str,
        usage: Option<Usage>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        object: &'static str,
        index: usize,
        embedding: Vector<'a>,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Vector<'a> {
        Float(&'a [f64]),
        Base64(String),
    }
    #[derive(Serialize)]
    struct Usage {
        prompt_tokens: u64,
        total_tokens: u64,
    }
    let entries = embedded
        .vectors
        .iter()
        .enumerate()
        .map(|(index, vector)| Entry {
            object: "embedding",
            index,
            embedding: match encoding {
                Encoding::Float => Vector::Float(vector),
                Encoding::Base64 => Vector::Base64(packed(vector)),
            },
        });
    let reply = Reply {
        object: "list",
        data: entries.collect(),
        model: if embedded.model.is_empty() {
            model
        } else {
            &embedded.model
        },
        usage: embedded.tokens.map(|tokens| Usage {
            prompt_tokens: tokens,
            total_tokens: tokens,
        }),
    };
    // Plain data cannot fail to serialise.
    serde_json::to_vec(&reply).unwrap_or_default()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the format has 32 bits for each number"
)]
fn packed(vector: &[f64]) -> String {
    let bytes: Vec<u8> = vector
        .iter()
        .flat_map(|value| (*value as f32).to_le_bytes())
        .collect();
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_forms_of_input_are_read() {
        let check = |input: &str, expect: Vec<Piece>| {
            let body = format!(r#"{{"model":"m","input":{input}}}"#);
            assert_eq!(decode(body.as_bytes()).unwrap().0.input, expect, "{input}");
        };
        check(r#""a""#, vec![Piece::Text("a".into())]);
        check(
            r#"["a","b"]"#,
            vec![Piece::Text("a".into()), Piece::Text("b".into())],
        );
        check("[1,2]", vec![Piece::Tokens(vec![1, 2])]);
        check(
            "[[1],[2]]",
            vec![Piece::Tokens(vec![1]), Piece::Tokens(vec![2])],
        );
    }

    #[test]
    fn a_fault_is_named_by_its_path() {
        let check = |fields: &str, param: &str| {
            let error = decode(format!("{{{fields}}}").as_bytes()).unwrap_err();
            assert_eq!(
                (error.status(), error.param()),
                (400, Some(param)),
                "{fields}"
            );
        };
        check(r#""input":"a""#, "model");
        check(r#""model":"m""#, "input");
        check(r#""model":"m","input":{}"#, "input");
        check(r#""model":"m","input":[]"#, "input");
        check(r#""model":"m","input":["a",""]"#, "input[1]");
        check(
            r#""model":"m","input":"a","encoding_format":"hex""#,
            "encoding_format",
        );
        check(r#""model":"m","input":"a","dimensions":0"#, "dimensions");
    }

    #[test]
    fn vectors_are_numbers_or_packed() {
        let embedded = Embedded {
            model: String::new(),
            vectors: vec![vec![1.0, -0.5]],
            tokens: Some(2),
        };
        let shown = |encoding| String::from_utf8(encode(&embedded, encoding, "m")).unwrap();
        assert_eq!(
            shown(Encoding::Float),
            r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[1.0,-0.5]}],"model":"m","usage":{"prompt_tokens":2,"total_tokens":2}}"#
        );
        // 1.0 is 0x3f800000 and -0.5 is 0xbf000000.
        let bytes = STANDARD.encode([0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf]);
        assert!(shown(Encoding::Base64).contains(&format!("\"embedding\":\"{bytes}\"")));
    }
}
