//! Drives a decoder as the gateway does: bytes to frames, frames to events, and one terminal event whatever happens.

use llmgw::canonical::compose::{Composer, Setup};
use llmgw::canonical::event::{Batch, Event};
use llmgw::canonical::open::Open;
use llmgw::canonical::response::Response;
use llmgw::error::{Error, Kind};
use llmgw::providers::Decoder;
use llmgw::wire::sse::{Frame, Reader};

/// What came of a reply.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The events, in order.
    pub(crate) events: Batch,
    /// Why the decoder gave up, if it did.
    pub(crate) error: Option<Error>,
}

impl Outcome {
    /// The response inside the terminal event.
    pub(crate) fn response(&self) -> Option<&Response> {
        self.events
            .iter()
            .rev()
            .find_map(|emitted| emitted.event.known()?.terminal())
    }

    /// The events that this version knows.
    pub(crate) fn known(&self) -> impl Iterator<Item = &Event> {
        self.events
            .iter()
            .filter_map(|emitted| match &emitted.event {
                Open::Known(event) => Some(event),
                Open::Unknown(_) => None,
            })
    }
}

/// A stream that arrives in these pieces.
pub(crate) fn stream<'a>(
    decoder: &mut dyn Decoder,
    setup: Setup,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut out = Composer::new(setup);
    let error = feed(decoder, &mut out, pieces).err();
    settle(out, error)
}

/// A whole reply.
pub(crate) fn whole(decoder: &mut dyn Decoder, setup: Setup, body: &[u8]) -> Outcome {
    let mut out = Composer::new(setup);
    let error = decoder.body(body, &mut out).err();
    settle(out, error)
}

fn feed<'a>(
    decoder: &mut dyn Decoder,
    out: &mut Composer,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Result<(), Error> {
    let mut reader = Reader::default();
    for piece in pieces {
        reader.push(piece);
        while let Some(frame) = reader
            .frame()
            .map_err(|_| Error::new(Kind::UpstreamTooLarge, "a frame is too large"))?
        {
            take(decoder, out, &frame)?;
            if out.is_ended() {
                return Ok(());
            }
        }
    }
    if let Some(frame) = reader.rest() {
        take(decoder, out, &frame)?;
    }
    decoder.finish(out)
}

fn take(decoder: &mut dyn Decoder, out: &mut Composer, frame: &Frame<'_>) -> Result<(), Error> {
    decoder.frame(frame, out)?;
    out.fault().cloned().map_or(Ok(()), Err)
}

fn settle(mut out: Composer, error: Option<Error>) -> Outcome {
    if let Some(error) = &error {
        out.fail(error);
    }
    out.end();
    Outcome {
        events: out.take(),
        error,
    }
}
