//! Who is asked: a provider's name and a model's name, which are never confused with other strings.

use std::fmt;
use std::sync::Arc;

/// The configured name of a provider, such as `openai` or `lab`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderName(Arc<str>);

/// A model as its provider names it, such as `claude-sonnet-5-5`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(Arc<str>);

/// One model at one provider: what an attempt is made at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Target {
    /// The provider that is asked.
    pub provider: ProviderName,
    /// The model, verbatim as sent to it.
    pub model: ModelId,
}

impl Target {
    /// Joins the two names.
    pub fn new(provider: impl Into<ProviderName>, model: impl Into<ModelId>) -> Self {
        Self {
            provider: provider.into(),
            model: model.into(),
        }
    }

    /// The same as its `Display`, for what is written with every answer: joining costs less than formatting.
    pub fn joined(&self) -> String {
        self.pieces().concat()
    }

    /// The same in pieces, for what is not even joined.
    pub fn pieces(&self) -> [&str; 3] {
        [self.provider.as_str(), "/", self.model.as_str()]
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.provider, self.model)
    }
}

impl ProviderName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ModelId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ProviderName {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<&str> for ModelId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
