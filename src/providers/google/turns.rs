//! Turns while they are built, and what holds for all of them at the end.

use std::borrow::Cow;

use crate::wire::gemini::request as gemini;
use gemini::Data;

/// Google's documented stand-in for a signature that is lost or was another model's
/// (ai.google.dev, "Thought signatures", section "FAQs").
const NO_SIGNATURE: &str = "skip_thought_signature_validator";

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The user speaks.
    User,
    /// The model speaks or calls.
    Model,
    /// The calls are answered; Google's role for it is the user's.
    Responses,
}

/// A call that waits for its response.
#[derive(Debug)]
pub(super) struct Call<'a> {
    /// Its place in the input.
    pub(super) at: usize,
    /// What joins it and its response.
    pub(super) id: &'a str,
    /// The client's name of the function.
    pub(super) name: &'a str,
}

/// One turn.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// Whose it is.
    pub(super) side: Side,
    /// What is in it.
    pub(super) parts: Vec<gemini::Part<'a>>,
    /// What waits for responses.
    pub(super) calls: Vec<Call<'a>>,
}

/// The last turn if it is this side's, or a new one.
pub(super) fn last<'t, 'a>(turns: &'t mut Vec<Turn<'a>>, side: Side) -> &'t mut Turn<'a> {
    let turn = turns.pop_if(|turn| turn.side == side).unwrap_or(Turn {
        side,
        parts: Vec::new(),
        calls: Vec::new(),
    });
    turns.push_mut(turn)
}

/// Does the conversation end with the model's words?
pub(super) fn ends_with_model(turns: &[Turn<'_>]) -> bool {
    turns.last().is_some_and(|turn| turn.side == Side::Model)
}

/// Since the user's last words the first call of each turn must be signed; earlier turns are not looked at.
pub(super) fn sign_current(turns: &mut [Turn<'_>]) {
    let current = turns.iter().rposition(|turn| turn.side == Side::User);
    for turn in turns.iter_mut().skip(current.map_or(0, |at| at + 1)) {
        let mut parts = turn.parts.iter_mut();
        if let Some(call) = parts.find(|part| matches!(part.data, Data::FunctionCall(_))) {
            call.thought_signature
                .get_or_insert(Cow::Borrowed(NO_SIGNATURE));
        }
    }
}

/// What the operator says, before the user's first text: for models without a system instruction.
pub(super) fn system_as_user<'a>(turns: &mut Vec<Turn<'a>>, system: Vec<gemini::Part<'a>>) {
    let texts: Vec<Cow<'a, str>> = system
        .into_iter()
        .filter_map(|part| match part.data {
            Data::Text(text) => Some(text),
            Data::InlineData(_)
            | Data::FileData(_)
            | Data::FunctionCall(_)
            | Data::FunctionResponse(_) => None,
        })
        .collect();
    if texts.is_empty() {
        return;
    }
    let system = texts.join("\n\n");
    match turns.first_mut().filter(|turn| turn.side == Side::User) {
        Some(turn) => match turn.parts.first_mut().map(|part| &mut part.data) {
            Some(Data::Text(text)) => *text = format!("{system}\n\n{text}").into(),
            _ => turn.parts.insert(0, gemini::Part::text(system)),
        },
        None => turns.insert(
            0,
            Turn {
                side: Side::User,
                parts: vec![gemini::Part::text(system)],
                calls: Vec::new(),
            },
        ),
    }
}
