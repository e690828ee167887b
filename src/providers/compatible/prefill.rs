//! How servers are told to go on from the model's own words.

use super::quirks::Prefill;
use super::request::Context;
use crate::canonical::beyond::LastMessage;
use crate::error::Error;
use crate::providers::begins_anew;
use crate::wire::chat::request as chat;

/// Tells the server to go on from the last message, where that is the beginning of its answer.
pub(super) fn mark(context: &Context<'_>, body: &mut chat::Request<'_>) -> Result<(), Error> {
    match context.request.beyond.last_message {
        LastMessage::Said => return Ok(()),
        LastMessage::Begun => {}
    }
    match (context.quirks.prefill, body.messages.last_mut()) {
        (Prefill::Never, _) | (_, None) => return Err(begins_anew()),
        (Prefill::LastMessage, Some(_)) => {}
        (Prefill::Mark(mark), Some(last)) => {
            last.extra.insert(mark.to_owned(), true.into());
        }
        (Prefill::ContinueFinal, Some(_)) => {
            let fields = [
                ("continue_final_message", true),
                ("add_generation_prompt", false),
            ];
            let fields = fields.map(|(name, value)| (name.to_owned(), value.into()));
            body.extra.extend(fields);
        }
    }
    Ok(())
}
