//! The demo's own tiny protocol, and its decoder: each frame is one verb of the composer's.
//!
//! A stream has one verb a frame, a whole reply is the array of the same verbs; so both fold to the same answer.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::canonical::compose::{Composer, Stop};
use crate::canonical::open;
use crate::canonical::part::Json;
use crate::canonical::usage::Usage;
use crate::error::Error;
use crate::providers::Decoder;
use crate::wire::sse;

/// One verb.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Verb<'a> {
    /// The answer begins. It has no id of its own: the same request would have the same.
    Begin {
        #[serde(borrow)]
        model: Cow<'a, str>,
    },
    /// Reasoning goes on.
    Reasoning {
        block: u64,
        #[serde(borrow)]
        delta: Cow<'a, str>,
    },
    /// The opaque state of that reasoning.
    Seal {
        block: u64,
        #[serde(borrow)]
        state: Cow<'a, str>,
    },
    /// Text goes on.
    Text {
        block: u64,
        #[serde(borrow)]
        delta: Cow<'a, str>,
    },
    /// A refusal goes on.
    Refusal {
        block: u64,
        #[serde(borrow)]
        delta: Cow<'a, str>,
    },
    /// A call begins.
    Call {
        block: u64,
        #[serde(borrow)]
        call_id: Cow<'a, str>,
        #[serde(borrow)]
        name: Cow<'a, str>,
    },
    /// Its arguments go on.
    Arguments {
        block: u64,
        #[serde(borrow)]
        delta: Cow<'a, str>,
    },
    /// A block is whole.
    Close { block: u64 },
    /// An item that comes in one piece.
    Item(Json),
    /// The counts of tokens.
    Usage {
        input: u64,
        output: u64,
        reasoning: u64,
    },
    /// The answer ends, and so do the frames.
    Stop(Reason),
    /// It failed.
    Error {
        status: u16,
        #[serde(borrow)]
        code: Cow<'a, str>,
        #[serde(borrow)]
        message: Cow<'a, str>,
    },
}

/// Why it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Reason {
    Complete,
    MaxTokens,
    ContentFilter,
}

/// Understands the peer. It has no state of its own: the composer has it all.
#[derive(Debug, Default)]
pub(super) struct DemoDecoder;

impl Decoder for DemoDecoder {
    fn frame(&mut self, frame: &sse::Frame<'_>, out: &mut Composer) -> Result<(), Error> {
        apply(serde_json::from_slice(&frame.data).map_err(garbled)?, out)
    }

    fn body(&mut self, body: &[u8], out: &mut Composer) -> Result<(), Error> {
        let verbs: Vec<Verb<'_>> = serde_json::from_slice(body).map_err(garbled)?;
        for verb in verbs {
            apply(verb, out)?;
        }
        out.end();
        Ok(())
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "handed over to be mapped, as `map_err` does"
)]
fn garbled(error: serde_json::Error) -> Error {
    Error::garbled(format!("the demo sent what is no verb: {error}"))
}

fn apply(verb: Verb<'_>, out: &mut Composer) -> Result<(), Error> {
    if out.is_ended() {
        return Ok(());
    }
    match verb {
        Verb::Begin { model } => out.begin("", &model),
        Verb::Reasoning { block, delta } => out.reasoning(block, &delta),
        Verb::Seal { block, state } => out.seal(block, state.into_owned()),
        Verb::Text { block, delta } => out.text(block, &delta),
        Verb::Refusal { block, delta } => out.refusal(block, &delta),
        Verb::Call {
            block,
            call_id,
            name,
        } => out.call(block, &call_id, &name),
        Verb::Arguments { block, delta } => out.arguments(block, &delta),
        Verb::Close { block } => out.close(block),
        Verb::Item(json) => out.item(open::read(json.get()).map_err(garbled)?),
        Verb::Usage {
            input,
            output,
            reasoning,
        } => out.usage(Usage::counted(input, 0, None, output, reasoning)),
        Verb::Stop(reason) => {
            out.stop(match reason {
                Reason::Complete => Stop::Complete,
                Reason::MaxTokens => Stop::MaxTokens,
                Reason::ContentFilter => Stop::ContentFilter(None),
            });
            out.end();
        }
        Verb::Error {
            status,
            code,
            message,
        } => {
            return Err(
                Error::new(super::kind_of(status, &code), message).with_upstream_status(status)
            );
        }
    }
    Ok(())
}
