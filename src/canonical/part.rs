//! Content parts: what messages, tool outputs and reasoning items are made of.
//!
//! One type for both directions: which part may stand where is checked at the doors and by the providers.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::extra::Extra;
use super::open::{Open, Tagged, nullable, payload};

/// One piece of content.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Part {
    /// Text from the user, a system message or a tool.
    InputText(TextPart),
    /// An image by URL or data URL.
    InputImage(ImagePart),
    /// A document by data or URL.
    InputFile(FilePart),
    /// A video by URL or base64; in tool outputs.
    InputVideo(VideoPart),
    /// Sound; an extension of OpenAI's that Google and Chat Completions take too.
    InputAudio(AudioPart),
    /// Text that the model said.
    OutputText(OutputText),
    /// The model's refusal.
    Refusal(RefusalPart),
    /// Reasoning that may be shown.
    SummaryText(TextPart),
    /// Reasoning as the model produced it.
    ReasoningText(TextPart),
    /// Plain text; in the specification's unions, produced by nobody.
    Text(TextPart),
}

/// `{text}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TextPart {
    /// The text.
    pub text: String,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `{image_url, detail}`; `file_id` is OpenAI's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImagePart {
    /// `https:` or `data:` URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_url: Option<String>,
    /// `low`, `high`, `auto`, or a newer word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The id of a file at OpenAI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

impl ImagePart {
    /// The media type of a data URL that is no image's.
    pub fn foreign_media(&self) -> Option<&str> {
        let rest = self.image_url.as_deref()?.strip_prefix("data:")?;
        let media = rest.split([';', ',']).next().unwrap_or_default();
        let is_image = media
            .get(..6)
            .is_some_and(|kind| kind.eq_ignore_ascii_case("image/"));
        (!is_image).then_some(if media.is_empty() {
            "text/plain"
        } else {
            media
        })
    }
}

/// `{filename, file_data, file_url}`; `file_id` is OpenAI's.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FilePart {
    /// The name that is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filename: Option<String>,
    /// Base64, bare or as a data URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_data: Option<String>,
    /// Where it is fetched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_url: Option<String>,
    /// The id of a file at OpenAI.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_id: Option<String>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `{video_url}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct VideoPart {
    /// URL or base64.
    pub video_url: String,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `{input_audio: {data, format}}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioPart {
    /// The sound itself.
    pub input_audio: AudioData,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// Base64 sound and its format.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioData {
    /// Base64.
    pub data: String,
    /// `wav` or `mp3`.
    pub format: String,
}

/// Text with its annotations.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct OutputText {
    /// The text.
    pub text: String,
    /// Citations; always sent, also when there are none.
    #[serde(default, deserialize_with = "nullable")]
    pub annotations: Vec<Open<Annotation>>,
    /// Log probabilities, if they were asked for.
    #[serde(default, deserialize_with = "nullable")]
    pub logprobs: Vec<Json>,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// `{refusal}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RefusalPart {
    /// What the model said instead of an answer.
    pub refusal: String,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A note on a range of the text.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Annotation {
    /// A web page that the range rests on.
    UrlCitation(UrlCitation),
}

/// The range is in characters (Unicode scalar values) of the part's text; the end is exclusive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UrlCitation {
    /// The page.
    pub url: String,
    /// Its title.
    #[serde(default, deserialize_with = "nullable")]
    pub title: String,
    /// First character of the range; 0 where a server gives no range.
    #[serde(default, deserialize_with = "nullable")]
    pub start_index: u64,
    /// One past the last character; 0 where a server gives no range.
    #[serde(default, deserialize_with = "nullable")]
    pub end_index: u64,
    /// Fields beyond the specification.
    #[serde(flatten)]
    pub extra: Extra,
}

/// A JSON value that is passed on byte for byte.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json(pub Box<RawValue>);

impl Json {
    /// The JSON text.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Serialises a value, which cannot fail for the plain data that this is used for.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(value).map(Self)
    }
}

impl PartialEq for Json {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Part {
    /// Text of the user's side.
    pub fn input_text(text: impl Into<String>) -> Self {
        Self::InputText(TextPart {
            text: text.into(),
            extra: Extra::new(),
        })
    }

    /// Text of the model's side.
    pub fn output_text(text: impl Into<String>) -> Self {
        Self::OutputText(OutputText {
            text: text.into(),
            ..OutputText::default()
        })
    }

    /// Reasoning that may be shown.
    pub fn summary_text(text: impl Into<String>) -> Self {
        Self::SummaryText(TextPart {
            text: text.into(),
            extra: Extra::new(),
        })
    }

    /// The part's text, if it has one: a refusal's included.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::InputText(p) | Self::SummaryText(p) | Self::ReasoningText(p) | Self::Text(p) => {
                Some(&p.text)
            }
            Self::OutputText(p) => Some(&p.text),
            Self::Refusal(p) => Some(&p.refusal),
            Self::InputImage(_)
            | Self::InputFile(_)
            | Self::InputVideo(_)
            | Self::InputAudio(_) => None,
        }
    }

    /// The part's `type`.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::InputText(_) => "input_text",
            Self::InputImage(_) => "input_image",
            Self::InputFile(_) => "input_file",
            Self::InputVideo(_) => "input_video",
            Self::InputAudio(_) => "input_audio",
            Self::OutputText(_) => "output_text",
            Self::Refusal(_) => "refusal",
            Self::SummaryText(_) => "summary_text",
            Self::ReasoningText(_) => "reasoning_text",
            Self::Text(_) => "text",
        }
    }
}

impl Tagged for Part {
    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        Some(match tag {
            "input_text" => payload(json).map(Self::InputText),
            "input_image" => payload(json).map(Self::InputImage),
            "input_file" => payload(json).map(Self::InputFile),
            "input_video" => payload(json).map(Self::InputVideo),
            "input_audio" => payload(json).map(Self::InputAudio),
            "output_text" => payload(json).map(Self::OutputText),
            "refusal" => payload(json).map(Self::Refusal),
            "summary_text" => payload(json).map(Self::SummaryText),
            "reasoning_text" => payload(json).map(Self::ReasoningText),
            "text" => payload(json).map(Self::Text),
            _ => return None,
        })
    }
}

impl Tagged for Annotation {
    fn read(tag: &str, json: &str) -> Option<Result<Self, serde_json::Error>> {
        match tag {
            "url_citation" => Some(payload(json).map(Self::UrlCitation)),
            _ => None,
        }
    }
}
