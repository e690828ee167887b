//! What is asked of somebody who is to go on with an answer.

use super::Means;
use super::joint::Joint;
use crate::canonical::beyond::LastMessage;
use crate::canonical::item::{Item, Role};
use crate::canonical::open::Open;
use crate::canonical::request::{Delivery, Format, Request};

/// What the client has of an answer that broke off.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// All text, over all messages.
    pub text: String,
    /// Whether the model thought.
    pub thought: bool,
    /// Whether it refused.
    pub refused: bool,
}

/// Asks a model that is not to go on from its own words.
const GO_ON: &str = "The connection broke while you were answering, right after the last character of your message \
above. Go on with that answer from exactly there: begin with the very next character. Do not repeat what you have said, \
do not begin anew, and say nothing about the interruption.";

/// What remains of a limit of tokens is at least this: OpenAI takes no less.
const LEAST_TOKENS: u64 = 16;

/// So many characters are about one token.
const CHARACTERS_A_TOKEN: usize = 4;

impl Said {
    /// Is this a sound way to go on here?
    ///
    /// A model that is held to JSON would begin its document anew, and one that thinks would think after its own words.
    /// Nobody goes on with half a refusal.
    pub fn allows(&self, means: Means, request: &Request) -> bool {
        let in_words = !self.refused && !self.text.trim().is_empty() && !is_held_to_json(request);
        match means {
            Means::Prefill => in_words && !self.thought,
            Means::Anew => !self.refused,
            Means::GoOn => in_words,
        }
    }

    /// How the text of the next attempt joins this.
    pub fn joint(&self, means: Means) -> Joint {
        match means {
            Means::Prefill => Joint::seam(&self.text),
            Means::Anew => Joint::skip(&self.text),
            Means::GoOn => Joint::overlap(&self.text),
        }
    }
}

/// The request that asks for the rest. It is always streamed, so that the next break is seen as soon as this one.
pub fn continued(request: &Request, said: &Said, means: Means) -> Request {
    let mut request = request.clone();
    request.delivery = Delivery::Streamed;
    let message = |role, text: &str| Open::Known(Item::message(role, text));
    match means {
        Means::Anew => return request,
        Means::Prefill => {
            let text = said.text.trim_end();
            request.input.push(message(Role::Assistant, text));
            request.beyond.last_message = LastMessage::Begun;
        }
        Means::GoOn => {
            request.input.push(message(Role::Assistant, &said.text));
            request.input.push(message(Role::User, GO_ON));
        }
    }
    if let Some(limit) = &mut request.max_output_tokens {
        let spent = u64::try_from(said.text.chars().count() / CHARACTERS_A_TOKEN);
        let left = limit.saturating_sub(spent.unwrap_or(u64::MAX));
        *limit = left.max(LEAST_TOKENS.min(*limit));
    }
    request
}

fn is_held_to_json(request: &Request) -> bool {
    match request.format() {
        None | Some(Open::Known(Format::Text(_))) => false,
        Some(Open::Known(Format::JsonObject(_) | Format::JsonSchema(_)) | Open::Unknown(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::request::{PlainFormat, TextSettings};

    fn said(text: &str) -> Said {
        Said {
            text: text.to_owned(),
            ..Said::default()
        }
    }

    fn allowed(said: &Said, request: &Request) -> Vec<Means> {
        let is_allowed = |means: &Means| said.allows(*means, request);
        Means::ALL.into_iter().filter(is_allowed).collect()
    }

    #[test]
    fn each_means_has_its_place() {
        let plain = Request::ask("m", "hi");
        assert_eq!(allowed(&said("Well"), &plain), Means::ALL);
        assert_eq!(allowed(&said(""), &plain), [Means::Anew]);
        assert_eq!(allowed(&said(" \n"), &plain), [Means::Anew]);
        let thought = Said {
            thought: true,
            ..said("Well")
        };
        assert_eq!(allowed(&thought, &plain), [Means::Anew, Means::GoOn]);
        let refused = Said {
            refused: true,
            ..said("Well")
        };
        assert_eq!(allowed(&refused, &plain), []);
        let json = Request {
            text: Some(TextSettings {
                format: Some(Format::JsonObject(PlainFormat::default()).into()),
                ..TextSettings::default()
            }),
            ..plain
        };
        assert_eq!(allowed(&said("{\"a\""), &json), [Means::Anew]);
    }

    fn last_texts(request: &Request) -> Vec<(Role, String)> {
        let texts = request.input.iter().filter_map(|item| match item.known() {
            Some(Item::Message(message)) => {
                let part = message.content[0].known().unwrap();
                Some((message.role, part.text().unwrap().to_owned()))
            }
            _ => None,
        });
        texts.collect()
    }

    #[test]
    fn what_was_said_goes_along() {
        let asked = (Role::User, "hi".to_owned());
        let request = Request::ask("m", "hi");
        let prefilled = continued(&request, &said("Well, \n"), Means::Prefill);
        assert_eq!(
            last_texts(&prefilled),
            [asked.clone(), (Role::Assistant, "Well,".to_owned())]
        );
        assert_eq!(prefilled.beyond.last_message, LastMessage::Begun);
        assert_eq!(prefilled.delivery, Delivery::Streamed);
        let anew = continued(&request, &said("Well, "), Means::Anew);
        assert_eq!(last_texts(&anew), std::slice::from_ref(&asked));
        let on = continued(&request, &said("Well, "), Means::GoOn);
        assert_eq!(
            last_texts(&on),
            [
                asked,
                (Role::Assistant, "Well, ".to_owned()),
                (Role::User, GO_ON.to_owned())
            ]
        );
        assert_eq!(on.beyond.last_message, LastMessage::Said);
    }

    #[test]
    fn the_limit_of_tokens_is_for_both_together() {
        let limited = |limit| Request {
            max_output_tokens: Some(limit),
            ..Request::ask("m", "hi")
        };
        let left = |limit, means| {
            continued(&limited(limit), &said(&"x".repeat(400)), means).max_output_tokens
        };
        assert_eq!(left(1000, Means::Prefill), Some(900));
        assert_eq!(left(1000, Means::Anew), Some(1000));
        assert_eq!(left(90, Means::GoOn), Some(16));
        assert_eq!(left(10, Means::GoOn), Some(10));
    }
}
