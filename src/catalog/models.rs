//! The table of models, read once when it is first asked for.

use std::sync::LazyLock;

use super::day::Day;
use super::glob;
use super::prices::{self, Price, Rates};

const MODELS: &str = include_str!("models.tsv");

static CATALOG: LazyLock<Vec<Model>> = LazyLock::new(|| {
    let mut models: Vec<Model> = data(MODELS).filter_map(model).collect();
    prices::fill(&mut models);
    models
});

/// What the built-in `demo` answers as, whatever name it is asked by. It is no line of the table, since the table's names
/// can be asked for without a provider's. It is free, which is another thing than a price that nobody knows.
static DEMO: LazyLock<Model> = LazyLock::new(|| Model {
    provider: "demo",
    id: "demo",
    also: "*",
    context: None,
    max_output: None,
    price: Some(Price {
        list: Rates {
            input: Some(0.0),
            output: Some(0.0),
            ..Rates::default()
        },
        ..Price::default()
    }),
    capabilities: vec![
        Capability::Tools,
        Capability::Structured,
        Capability::Reasoning,
        Capability::Vision,
        Capability::Pdf,
        Capability::Audio,
        Capability::Video,
    ],
    lifecycle: Lifecycle::Current,
    web_search: Some(0.0),
});

/// A model and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The vendor: `openai`, `anthropic`, `google`.
    pub provider: &'static str,
    /// The id that the vendor documents.
    pub id: &'static str,
    /// Further names, as [`glob::any`] reads them.
    pub also: &'static str,
    /// Tokens of prompt and answer together (some vendors count the prompt alone).
    pub context: Option<u64>,
    /// Tokens of one answer at most.
    pub max_output: Option<u64>,
    /// What it costs; without it the price is unknown.
    pub price: Option<Price>,
    /// What it can do, coarsely.
    pub capabilities: Vec<Capability>,
    /// How long it will be there.
    pub lifecycle: Lifecycle,
    /// USD per thousand calls of the vendor's own web search.
    pub web_search: Option<f64>,
}

/// What a model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Capability {
    /// Calls functions.
    Tools,
    /// Answers in JSON that fits a schema.
    Structured,
    /// Thinks first.
    Reasoning,
    /// Reads images.
    Vision,
    /// Reads PDF documents.
    Pdf,
    /// Hears.
    Audio,
    /// Watches.
    Video,
    /// Makes images.
    ImageOut,
    /// Makes films.
    VideoOut,
    /// Embeds texts, and does nothing else.
    Embeddings,
}

/// How long a model will be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifecycle {
    /// No end is known.
    Current,
    /// The vendor advises against it.
    Deprecated,
    /// Shut down on that day.
    Until(Day),
    /// Gone.
    Retired,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Tools,
        Self::Structured,
        Self::Reasoning,
        Self::Vision,
        Self::Pdf,
        Self::Audio,
        Self::Video,
        Self::ImageOut,
        Self::VideoOut,
        Self::Embeddings,
    ];

    /// The word in the table and in the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Structured => "structured",
            Self::Reasoning => "reasoning",
            Self::Vision => "vision",
            Self::Pdf => "pdf",
            Self::Audio => "audio",
            Self::Video => "video",
            Self::ImageOut => "image_out",
            Self::VideoOut => "video_out",
            Self::Embeddings => "embeddings",
        }
    }

    /// Reads the word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == word)
    }
}

impl Lifecycle {
    /// Is the model gone on that day?
    pub fn is_gone(self, today: Day) -> bool {
        match self {
            Self::Current | Self::Deprecated => false,
            Self::Until(day) => day <= today,
            Self::Retired => true,
        }
    }
}

impl Model {
    /// Can it do this?
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }

    /// Does it answer to this name?
    pub fn answers_to(&self, name: &str) -> bool {
        self.id == name || glob::any(self.also, name)
    }
}

/// All models, in the order of the table: newest first within a vendor.
pub fn all() -> &'static [Model] {
    &CATALOG
}

/// The model of that vendor that answers to this name; an exact id goes before further names.
pub fn find(provider: &str, model: &str) -> Option<&'static Model> {
    if provider == DEMO.provider {
        return Some(&DEMO);
    }
    let of_vendor = || all().iter().filter(|known| known.provider == provider);
    of_vendor()
        .find(|known| known.id == model)
        .or_else(|| of_vendor().find(|known| known.answers_to(model)))
}

/// The lines of a table that are no comments.
pub(super) fn data(table: &'static str) -> impl Iterator<Item = &'static str> {
    table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
}

/// A number, or nothing where the field is empty. A field that is no number fails the table's test.
pub(super) fn field<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

/// One line of the table; `None` only for a line that its test would not pass.
fn model(line: &'static str) -> Option<Model> {
    let mut fields = line.split('\t');
    Some(Model {
        provider: fields.next()?,
        id: fields.next()?,
        also: fields.next()?,
        context: field(fields.next()?),
        max_output: field(fields.next()?),
        capabilities: fields
            .next()?
            .split(',')
            .filter_map(Capability::from_word)
            .collect(),
        lifecycle: lifecycle(fields.next()?)?,
        web_search: field(fields.next()?),
        price: None,
    })
}

fn lifecycle(text: &str) -> Option<Lifecycle> {
    Some(match text {
        "" => Lifecycle::Current,
        "deprecated" => Lifecycle::Deprecated,
        "retired" => Lifecycle::Retired,
        _ => Lifecycle::Until(Day::parse(text.strip_prefix("until ")?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_read() {
        assert_eq!(all().len(), data(MODELS).count());
        for line in data(MODELS) {
            let fields: Vec<&str> = line.split('\t').collect();
            assert_eq!(fields.len(), 8, "{line}");
            for number in [fields[3], fields[4]] {
                assert!(number.is_empty() || number.parse::<u64>().is_ok(), "{line}");
            }
            for word in fields[5].split(',') {
                assert!(Capability::from_word(word).is_some(), "{word} in {line}");
            }
        }
    }

    #[test]
    fn an_id_stands_once() {
        for (at, model) in all().iter().enumerate() {
            let again = all()[..at]
                .iter()
                .any(|other| (other.provider, other.id) == (model.provider, model.id));
            assert!(!again, "{}", model.id);
        }
    }

    #[test]
    fn models_answer_to_their_ids_and_their_dated_names() {
        let check = |provider, name, expect: Option<&str>| {
            assert_eq!(find(provider, name).map(|model| model.id), expect, "{name}");
        };
        check("openai", "gpt-6-luna", Some("gpt-6-luna"));
        check("openai", "gpt-6-luna-2026-05-01", Some("gpt-6-luna"));
        check("openai", "gpt-5-6", Some("gpt-5.6-sol"));
        check("openai", "gpt-5-nano-2025-08-07", Some("gpt-5-nano"));
        check("anthropic", "claude-opus-5@20260101", Some("claude-opus-5"));
        check(
            "anthropic",
            "claude-haiku-4-5-20251001",
            Some("claude-haiku-4-5"),
        );
        check("google", "gemini-4-argon-2", Some("gemini-4-argon"));
        check("google", "gemini-3.8-flash-tts", None);
        check("google", "gpt-6-luna", None);
        check("openai", "gpt-7", None);
    }

    #[test]
    fn a_model_is_gone_from_the_day_of_its_shutdown() {
        let day = |text| Day::parse(text).unwrap();
        let o1 = find("openai", "o1").unwrap();
        assert_eq!(o1.lifecycle, Lifecycle::Until(day("2026-10-23")));
        assert!(o1.lifecycle.is_gone(day("2026-10-23")));
        assert!(!o1.lifecycle.is_gone(day("2026-10-22")));
        assert!(
            find("anthropic", "claude-3-haiku")
                .unwrap()
                .lifecycle
                .is_gone(day("2020-01-01"))
        );
    }
}
