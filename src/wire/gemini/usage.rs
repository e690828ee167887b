//! The counts of tokens beside an answer, and the terms on which it was served.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// `usageMetadata`: absent counts are zero or unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UsageMetadata {
    /// The prompt, what was cached included.
    #[serde(default)]
    pub prompt_token_count: Option<u64>,
    /// Read from a cache.
    #[serde(default)]
    pub cached_content_token_count: Option<u64>,
    /// The answer without the thoughts.
    #[serde(default)]
    pub candidates_token_count: Option<u64>,
    /// The thoughts.
    #[serde(default)]
    pub thoughts_token_count: Option<u64>,
    /// What Google's own tools put into the prompt.
    #[serde(default)]
    pub tool_use_prompt_token_count: Option<u64>,
    /// The prompt's tokens by what they stand for.
    #[serde(default)]
    pub prompt_tokens_details: Option<Modalities>,
    /// The answer's.
    #[serde(default)]
    pub candidates_tokens_details: Option<Modalities>,
    /// The terms on which it was served, as the Gemini API tells them.
    #[serde(default)]
    pub service_tier: Option<Terms>,
    /// The same, as Vertex AI tells them.
    #[serde(default)]
    pub traffic_type: Option<Terms>,
}

/// The terms on which an answer was served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Terms {
    /// Cheaper and later.
    #[serde(rename = "flex", alias = "ON_DEMAND_FLEX")]
    Flex,
    /// Dearer and sooner.
    #[serde(rename = "priority", alias = "ON_DEMAND_PRIORITY")]
    Priority,
    /// Bought beforehand.
    #[serde(rename = "PROVISIONED_THROUGHPUT")]
    Provisioned,
    /// None in particular.
    #[serde(other)]
    Standard,
}

/// Tokens by what they stand for, as far as that has a price of its own: a list on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Modalities {
    /// Sound.
    pub audio: u64,
    /// Pictures.
    pub pictures: u64,
}

impl<'de> Deserialize<'de> for Modalities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(ModalityList)
    }
}

/// Adds a list up without keeping it: counts come with every chunk.
struct ModalityList;

impl<'de> Visitor<'de> for ModalityList {
    type Value = Modalities;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of counts")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Modalities, A::Error> {
        #[derive(Deserialize)]
        enum Modality {
            #[serde(rename = "AUDIO")]
            Audio,
            #[serde(rename = "IMAGE")]
            Image,
            #[serde(other)]
            Other,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Counted {
            modality: Option<Modality>,
            token_count: Option<u64>,
        }
        let mut sums = Modalities::default();
        while let Some(counted) = list.next_element::<Counted>()? {
            let tokens = counted.token_count.unwrap_or_default();
            let sum = match counted.modality {
                Some(Modality::Audio) => &mut sums.audio,
                Some(Modality::Image) => &mut sums.pictures,
                Some(Modality::Other) | None => continue,
            };
            *sum = sum.saturating_add(tokens);
        }
        Ok(sums)
    }
}
