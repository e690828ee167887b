//! How an answer that broke off is gone on with: what is asked, and how what comes joins what was said.
//!
//! Three means, from the surest to the last resort. All of it is pure; who is asked, and how often, is the gateway's.

pub mod graft;
pub mod joint;
mod request;

pub use request::{Said, continued};

/// How somebody is asked to go on with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// The model goes on from its own words.
    Prefill,
    /// The same request again; what was said is skipped, as long as the new answer begins with it.
    Anew,
    /// A user's message asks it to go on; what it repeats is trimmed.
    GoOn,
}

impl Means {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Prefill, Self::Anew, Self::GoOn];

    /// The word in the terminal response and the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prefill => "prefill",
            Self::Anew => "anew",
            Self::GoOn => "go_on",
        }
    }
}

/// What came does not go on with what was said: this way is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Diverged;
