//! Embeddings: texts become vectors. One shape for all providers, OpenAI's.

/// What is to be embedded.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedding {
    /// The name that the client uses.
    pub model: String,
    /// The texts, in order.
    pub input: Vec<Piece>,
    /// How long the vectors are to be; absent means the model's own length.
    pub dimensions: Option<u64>,
    /// An opaque name of the end user.
    pub user: Option<String>,
}

/// One text.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// As text.
    Text(String),
    /// As tokens of the model's own.
    Tokens(Vec<u64>),
}

/// The vectors.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Embedded {
    /// The model that answered; empty where the provider does not say.
    pub model: String,
    /// One for each text, in order.
    pub vectors: Vec<Vec<f64>>,
    /// Tokens of all texts; `None` where the provider gave no count.
    pub tokens: Option<u64>,
}
