//! What models say, as scripts.

use llmgw::canonical::compose::{Composer, Stop};
use llmgw::canonical::open::Open;
use llmgw::canonical::part::{Annotation, UrlCitation};
use llmgw::canonical::sealed::{Block, Envelope, Place};
use llmgw::canonical::usage::Usage;
use llmgw::error::{Error, Kind};

/// A script and its name.
type Answer = (&'static str, fn(&mut Composer));

/// All of them.
pub(crate) const ALL: [Answer; 15] = [
    ("text", |out| {
        begin(out);
        out.text(0, "Hello");
        out.text(0, ", world.");
        done(out);
    }),
    ("unicode", |out| {
        begin(out);
        for piece in [
            "e\u{301}",
            " 👩\u{200d}🚀",
            " \u{2028}\u{feff}",
            " \u{5e9}\u{5dc}",
            " \"\\\n\u{1f}",
        ] {
            out.text(0, piece);
        }
        done(out);
    }),
    ("annotated", |out| {
        begin(out);
        out.text(0, "See the page.");
        let page = UrlCitation {
            url: "https://a.example/".into(),
            title: "A".into(),
            start_index: 4,
            end_index: 12,
            ..empty()
        };
        out.annotate(0, Open::Known(Annotation::UrlCitation(page)));
        done(out);
    }),
    ("refusal", |out| {
        begin(out);
        out.refusal(0, "I will");
        out.refusal(0, " not.");
        done(out);
    }),
    ("reasoning_sealed", |out| {
        begin(out);
        out.reasoning(0, "Let me ");
        out.reasoning(0, "think.");
        out.seal(0, thinking("Let me think."));
        out.close(0);
        out.text(1, "42");
        done(out);
    }),
    ("reasoning_hidden", |out| {
        begin(out);
        out.seal(
            0,
            sealed(Block::Redacted {
                data: "opaque".into(),
            }),
        );
        out.close(0);
        out.seal(1, thinking(""));
        out.close(1);
        out.text(2, "42");
        done(out);
    }),
    ("call", |out| {
        begin(out);
        out.call(0, "call_1", "weather");
        for piece in ["{\"city\"", ":\"Par", "is\"}"] {
            out.arguments(0, piece);
        }
        out.close(0);
        done(out);
    }),
    ("call_without_arguments", |out| {
        begin(out);
        out.text(0, "One moment.");
        out.call(1, "call_1", "now");
        out.close(1);
        done(out);
    }),
    ("calls_in_parallel", |out| {
        begin(out);
        out.seal(9, signature("sig-1"));
        out.close(9);
        out.call(0, "call_1", "weather");
        out.call(1, "call_2", "weather");
        out.arguments(0, "{\"city\":");
        out.arguments(1, "{\"city\":\"Rome\"}");
        out.arguments(0, "\"Oslo\"}");
        out.close(0);
        out.close(1);
        done(out);
    }),
    ("everything", |out| {
        begin(out);
        out.reasoning(0, "First a word.");
        out.seal(0, thinking("First a word."));
        out.close(0);
        out.text(1, "Looking.");
        out.close(1);
        out.reasoning(2, "Now the tool.");
        out.seal(2, thinking("Now the tool."));
        out.close(2);
        out.call(3, "call_1", "weather");
        out.arguments(3, "{}");
        out.close(3);
        done(out);
    }),
    ("empty", |out| {
        begin(out);
        done(out);
    }),
    ("cut", |out| {
        begin(out);
        out.text(0, "Half an ans");
        out.end();
    }),
    ("failure", |out| {
        begin(out);
        out.call(0, "call_1", "weather");
        out.arguments(0, "{\"city\":");
        out.fail(&Error::new(Kind::Overloaded, "the provider is overloaded"));
    }),
    ("token_limit", |out| {
        begin(out);
        out.text(0, "Once upon a");
        out.usage(Usage::counted(9, 0, None, 16, 0));
        out.stop(Stop::MaxTokens);
        out.end();
    }),
    ("filter", |out| {
        begin(out);
        out.stop(Stop::ContentFilter(Some("not here".into())));
        out.end();
    }),
];

fn begin(out: &mut Composer) {
    out.begin("up_1", "model-1");
}

fn done(out: &mut Composer) {
    out.usage(Usage::counted(20, 8, Some(2), 7, 3));
    out.stop(Stop::Complete);
    out.end();
}

fn empty() -> UrlCitation {
    UrlCitation {
        url: String::new(),
        title: String::new(),
        start_index: 0,
        end_index: 0,
        extra: llmgw::canonical::extra::Extra::default(),
    }
}

fn thinking(text: &str) -> String {
    sealed(Block::Thinking {
        text: text.to_owned(),
        signature: "c2ln".to_owned(),
    })
}

fn signature(signature: &str) -> String {
    let block = Block::Signature {
        place: Place::NextCall,
        signature: signature.to_owned(),
    };
    Envelope {
        vendor: "google".to_owned(),
        model: "model-1".to_owned(),
        blocks: vec![block],
    }
    .seal()
}

fn sealed(block: Block) -> String {
    Envelope {
        vendor: "anthropic".to_owned(),
        model: "model-1".to_owned(),
        blocks: vec![block],
    }
    .seal()
}
