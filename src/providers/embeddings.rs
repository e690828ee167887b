//! `POST /embeddings` as OpenAI has it and most other servers too.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, Method};
use serde::{Deserialize, Serialize};

use super::{Answer, Call, Decoder};
use crate::canonical::compose::Composer;
use crate::canonical::embedding::{Embedded, Embedding, Piece};
use crate::error::{Error, Kind};
use crate::target::ModelId;
use crate::wire::sse;

/// The request. Vectors are asked for as numbers, which every server can; the door writes them as the client wants.
pub(super) fn call(url: String, embedding: &Embedding, model: &ModelId) -> Result<Call, Error> {
    #[derive(Serialize)]
    struct Body<'a> {
        model: &'a str,
        input: Vec<Input<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        dimensions: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        user: Option<&'a str>,
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Input<'a> {
        Text(&'a str),
        Tokens(&'a [u64]),
    }
    let input = embedding.input.iter().map(|piece| match piece {
        Piece::Text(text) => Input::Text(text),
        Piece::Tokens(tokens) => Input::Tokens(tokens),
    });
    let body = Body {
        model: model.as_str(),
        input: input.collect(),
        dimensions: embedding.dimensions,
        user: embedding.user.as_deref(),
    };
    post(url, &body)
}

/// A request whose reply `read` understands.
pub(super) fn post<T: Serialize>(url: String, body: &T) -> Result<Call, Error> {
    let body = serde_json::to_vec(body).map_err(|e| {
        Error::new(
            Kind::Internal,
            format!("the request cannot be written: {e}"),
        )
    })?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(Call {
        method: Method::POST,
        url,
        headers,
        body: Bytes::from(body),
        streamed: false,
        losses: Vec::new(),
        decoder: Box::new(NoResponse),
    })
}

/// Reads the reply. Servers may answer in any order: `index` says which text a vector belongs to.
pub(super) fn read(body: &[u8]) -> Result<Answer, Error> {
    #[derive(Deserialize)]
    struct Reply {
        #[serde(default)]
        model: Option<String>,
        data: Vec<Entry>,
        #[serde(default)]
        usage: Option<Usage>,
    }
    #[derive(Deserialize)]
    struct Entry {
        #[serde(default)]
        index: usize,
        embedding: Vec<f64>,
    }
    #[derive(Deserialize)]
    struct Usage {
        prompt_tokens: u64,
    }
    let mut reply: Reply = serde_json::from_slice(body)
        .map_err(|e| Error::garbled(format!("the embeddings are not understood: {e}")))?;
    reply.data.sort_by_key(|entry| entry.index);
    Ok(Answer::Embeddings(Embedded {
        model: reply.model.unwrap_or_default(),
        vectors: reply
            .data
            .into_iter()
            .map(|entry| entry.embedding)
            .collect(),
        tokens: reply.usage.map(|usage| usage.prompt_tokens),
    }))
}

/// The refusal of a provider that has no embeddings.
pub(super) fn unsupported(provider: &str) -> Error {
    Error::unsupported("model", format!("{provider} has no embeddings"))
        .with_hint("ask a model of OpenAI's, Google's or of a compatible server")
}

/// Stands where a call has no response: `read` understands its reply.
struct NoResponse;

impl Decoder for NoResponse {
    fn frame(&mut self, _frame: &sse::Frame<'_>, _out: &mut Composer) -> Result<(), Error> {
        Err(Error::new(Kind::Internal, "this call has no stream"))
    }

    fn body(&mut self, _body: &[u8], _out: &mut Composer) -> Result<(), Error> {
        Err(Error::new(Kind::Internal, "this call has no response"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_openais_and_vectors_come_back_in_order() {
        let embedding = Embedding {
            model: "alias".into(),
            input: vec![Piece::Text("a".into()), Piece::Tokens(vec![1, 2])],
            dimensions: Some(2),
            user: None,
        };
        let call = call("http://x/v1/embeddings".into(), &embedding, &"m".into()).unwrap();
        assert_eq!(
            call.body,
            r#"{"model":"m","input":["a",[1,2]],"dimensions":2}"#
        );
        let reply =
            br#"{"object":"list","model":"m-1","usage":{"prompt_tokens":3,"total_tokens":3},
            "data":[{"index":1,"embedding":[0.5,1]},{"index":0,"embedding":[-0.25,2e-3]}]}"#;
        assert_eq!(
            read(reply).unwrap(),
            Answer::Embeddings(Embedded {
                model: "m-1".into(),
                vectors: vec![vec![-0.25, 0.002], vec![0.5, 1.0]],
                tokens: Some(3),
            })
        );
    }
}
