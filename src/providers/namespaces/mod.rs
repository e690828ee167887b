//! Tools in namespaces, tools that an item adds, and calls of hosted tools that the client answered itself: OpenAI's
//! way of offering tools (coding agents use it), for every provider that has one flat list.
//!
//! A request that uses none of it passes untouched. What is left to the provider is a plain list of tools and calls of
//! them; the answer's calls get their namespaces back before anybody sees them.

use http::{HeaderMap, StatusCode};

use super::{Answer, Ask, AskKind, Call, Decoder, Need, Provider, Remedies};
use crate::canonical::compose::{Composer, Names};
use crate::canonical::native::Protocol;
use crate::canonical::request::Request;
use crate::error::Error;
use crate::secret::Secret;
use crate::target::ModelId;
use crate::wire::sse;

mod flat;

use flat::Flat;

/// A provider with one flat list of tools.
#[derive(Debug)]
pub(super) struct Flattened<P>(pub(super) P);

impl<P: Provider> Provider for Flattened<P> {
    fn speaks(&self, request: &Request, model: &ModelId) -> Option<Protocol> {
        self.0.speaks(request, model)
    }

    fn needs(&self, request: &Request, model: &ModelId) -> Vec<Need> {
        self.0.needs(request, model)
    }

    fn encode(&self, ask: Ask<'_>, model: &ModelId, remedies: &Remedies) -> Result<Call, Error> {
        let flat = match ask {
            Ask::Respond(request) | Ask::Count(request) => Flat::of(request),
            Ask::Compact(_) | Ask::Embed(_) | Ask::Models(_) => None,
        };
        let Some(mut flat) = flat else {
            return self.0.encode(ask, model, remedies);
        };
        let ask = match ask {
            Ask::Count(_) => Ask::Count(&flat.request),
            Ask::Respond(_) | Ask::Compact(_) | Ask::Embed(_) | Ask::Models(_) => {
                Ask::Respond(&flat.request)
            }
        };
        let encoded = self.0.encode(ask, model, remedies);
        let mut call = encoded.map_err(|error| match error.param() {
            Some(param) => {
                let param = flat.place(param);
                error.with_param(param)
            }
            None => error,
        })?;
        for loss in &mut call.losses {
            loss.field = flat.place(&loss.field);
        }
        call.losses.append(&mut flat.losses);
        call.losses.sort();
        call.losses.dedup();
        call.decoder = Box::new(Renaming {
            names: Some(flat.names),
            inner: call.decoder,
        });
        Ok(call)
    }

    fn authorize(&self, headers: &mut HeaderMap, key: &Secret) -> Result<(), Error> {
        self.0.authorize(headers, key)
    }

    fn read(&self, kind: AskKind, body: &[u8]) -> Result<Answer, Error> {
        self.0.read(kind, body)
    }

    fn error(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Error {
        self.0.error(status, headers, body)
    }
}

/// Tells the composer the clients' names of tools before the first call.
struct Renaming {
    names: Option<Names>,
    inner: Box<dyn Decoder>,
}

impl Renaming {
    fn tell(&mut self, out: &mut Composer) {
        if let Some(names) = self.names.take() {
            out.names(names);
        }
    }
}

impl Decoder for Renaming {
    fn frame(&mut self, frame: &sse::Frame<'_>, out: &mut Composer) -> Result<(), Error> {
        self.tell(out);
        self.inner.frame(frame, out)
    }

    fn body(&mut self, body: &[u8], out: &mut Composer) -> Result<(), Error> {
        self.tell(out);
        self.inner.body(body, out)
    }

    fn finish(&mut self, out: &mut Composer) -> Result<(), Error> {
        self.inner.finish(out)
    }
}
