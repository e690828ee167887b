//! `batchEmbedContents`: one request for each text.

use serde::{Deserialize, Serialize};

use crate::canonical::embedding::{Embedded, Embedding, Piece};
use crate::error::Error;
use crate::providers::{Answer, Call, embeddings};

/// The request.
pub(super) fn call(url: String, resource: &str, embedding: &Embedding) -> Result<Call, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        requests: Vec<One<'a>>,
    }
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct One<'a> {
        model: &'a str,
        content: Content<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        output_dimensionality: Option<u64>,
    }
    #[derive(Serialize)]
    struct Content<'a> {
        parts: [Part<'a>; 1],
    }
    #[derive(Serialize)]
    struct Part<'a> {
        text: &'a str,
    }
    let mut requests = Vec::with_capacity(embedding.input.len());
    for (at, piece) in embedding.input.iter().enumerate() {
        let Piece::Text(text) = piece else {
            let message = "Google embeds text, not another vendor's tokens";
            return Err(Error::unsupported(format!("input[{at}]"), message));
        };
        requests.push(One {
            model: resource,
            content: Content {
                parts: [Part { text }],
            },
            output_dimensionality: embedding.dimensions,
        });
    }
    embeddings::post(url, &Body { requests })
}

/// Reads the reply.
pub(super) fn read(body: &[u8]) -> Result<Answer, Error> {
    #[derive(Deserialize)]
    struct Reply {
        embeddings: Vec<Values>,
        #[serde(default, rename = "usageMetadata")]
        usage: Option<Usage>,
    }
    #[derive(Deserialize)]
    struct Values {
        values: Vec<f64>,
    }
    #[derive(Deserialize)]
    struct Usage {
        #[serde(default, rename = "promptTokenCount")]
        prompt: Option<u64>,
    }
    let reply: Reply = serde_json::from_slice(body)
        .map_err(|e| Error::garbled(format!("the embeddings are not understood: {e}")))?;
    Ok(Answer::Embeddings(Embedded {
        model: String::new(),
        vectors: reply.embeddings.into_iter().map(|e| e.values).collect(),
        tokens: reply.usage.and_then(|usage| usage.prompt),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_text_is_a_request_of_its_own() {
        let mut embedding = Embedding {
            model: "alias".into(),
            input: vec![Piece::Text("a".into()), Piece::Text("b".into())],
            dimensions: Some(8),
            user: Some("u".into()),
        };
        let call = |embedding: &Embedding| call("http://x".into(), "models/m", embedding);
        assert_eq!(
            call(&embedding).unwrap().body,
            r#"{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"outputDimensionality":8},{"model":"models/m","content":{"parts":[{"text":"b"}]},"outputDimensionality":8}]}"#
        );
        embedding.input.push(Piece::Tokens(vec![1]));
        assert_eq!(call(&embedding).unwrap_err().param(), Some("input[2]"));
        let reply = br#"{"embeddings":[{"values":[1,0.5]},{"values":[0,0]}]}"#;
        let Answer::Embeddings(embedded) = read(reply).unwrap() else {
            panic!("embeddings expected")
        };
        assert_eq!((embedded.vectors.len(), embedded.tokens), (2, None));
    }
}
