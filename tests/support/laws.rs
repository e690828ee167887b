//! What every decoder owes to arbitrary bytes: no panic, events within the grammar, one terminal event at the end, a
//! fold that equals it, and the same events however the bytes are cut.

use llmgw::canonical::compose::Setup;
use llmgw::canonical::fold::Fold;
use llmgw::canonical::grammar::Grammar;
use llmgw::canonical::item::{Item, Role};
use llmgw::canonical::request::{Delivery, Profile, Request};
use llmgw::canonical::response::Status;
use llmgw::providers::{self, Api, Ask, Decoder, Kind, Remedies, Settings};
use llmgw::target::ModelId;

#[path = "drive.rs"]
mod drive;

use drive::Outcome;

/// The first byte says how the rest is taken: odd as a whole body, even as a stream; bit 2 for the strict profile.
/// The second byte is the size of the pieces in which a stream arrives; 0 means in one.
pub(crate) fn decode(kind: Kind, api: Api, model: &str, data: &[u8]) {
    let [how, piece, bytes @ ..] = data else {
        return;
    };
    let profile = if how & 4 == 0 {
        Profile::Native
    } else {
        Profile::Strict
    };
    let setup = Setup {
        delivery: Delivery::Streamed,
        profile,
        seed: "fuzz".to_owned(),
        created_at: 1,
        ..Setup::default()
    };
    let decoder = || decoder(kind, api, model);
    if how & 1 == 1 {
        return lawful(&drive::whole(decoder().as_mut(), setup, bytes));
    }
    let at_once = drive::stream(decoder().as_mut(), setup.clone(), [bytes]);
    lawful(&at_once);
    if *piece > 0 {
        let pieces = bytes.chunks(usize::from(*piece));
        let in_pieces = drive::stream(decoder().as_mut(), setup, pieces);
        assert_eq!(
            at_once.events, in_pieces.events,
            "pieces of {piece} give other events"
        );
    }
}

fn decoder(kind: Kind, api: Api, model: &str) -> Box<dyn Decoder> {
    let settings = Settings {
        name: "fuzz".into(),
        base_url: "https://upstream.invalid/v1".to_owned(),
        api,
        vendor: None,
    };
    let request = Request {
        input: vec![Item::message(Role::User, "hi").into()],
        delivery: Delivery::Streamed,
        ..Request::default()
    };
    let provider = providers::build(kind, &settings);
    match provider.encode(
        Ask::Respond(&request),
        &ModelId::from(model),
        &Remedies::default(),
    ) {
        Ok(call) => call.decoder,
        Err(error) => panic!("the smallest request is refused: {error}"),
    }
}

fn lawful(outcome: &Outcome) {
    if let Err(violation) = Grammar::check_all(&outcome.events) {
        panic!("{violation}\n{:#?}", outcome.events);
    }
    let Some(response) = outcome.response() else {
        panic!("there is no terminal event\n{:#?}", outcome.events);
    };
    let folded = Fold::of(outcome.known().filter(|event| event.terminal().is_none()));
    assert_eq!(
        folded.output, response.output,
        "the fold is not the terminal response"
    );
    if outcome.error.is_some() {
        assert_eq!(
            response.status,
            Status::Failed,
            "what failed ends as failed"
        );
    }
}
