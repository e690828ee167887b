//! Why a target stands where it stands in a plan, as data; the sentences are for people.

use std::fmt;
use std::time::Duration;

use crate::catalog::models::Capability;
use crate::config::alias::Policy;

/// One reason. A target may have several.
#[derive(Debug, Clone, PartialEq)]
pub enum Reason {
    /// The policy put it at this place, counted from 1, among so many.
    Ordered(Policy, usize, usize),
    /// The chance with which the draw begins with it.
    Share(f64),
    /// The draw is the subject's own, and always the same.
    Sticky,
    /// The estimated cost in USD; `None` if its price is unknown.
    Cost(Option<f64>),
    /// The average time to first content; `None` before the first answer.
    Speed(Option<Duration>),
    /// Asked only after all targets.
    Then,
    /// The prompt is longer than so many tokens, and such prompts begin here.
    ContextOver(u64),
    /// Kept for prompts that turn out to be too long elsewhere.
    KeptForContext,
    /// Kept for prompts that are refused elsewhere.
    KeptForRefusal,
    /// Left alone for so long, after failures: asked only behind healthy targets.
    Failing(Duration),
    /// It asked to be left alone for so long: asked only behind healthy targets.
    Throttled(Duration),
    /// It may have recovered: the next request to it is a probe.
    Probing,
    /// It would lose these fields, so those that lose nothing come first.
    Loses(Vec<String>),
    /// Its provider has no key; one of these variables wakes it.
    Asleep(Vec<String>),
    /// The catalogue knows that it cannot do what this field demands.
    Lacks(Capability, &'static str),
    /// The route requires what it cannot do, or what nobody knows of it.
    Requires(Capability),
    /// So many tokens do not fit its window.
    TooLong(u64, u64),
    /// The estimated cost in USD is more than the client allows.
    TooDear(f64, f64),
    /// The client names a limit, and its price is unknown.
    NoPrice,
    /// Its average time to first content is longer than the client allows.
    TooSlow(Duration, Duration),
    /// Under `lossy: reject` it may not lose this field.
    MayNotLose(String),
    /// It cannot carry the request, for this reason.
    Refuses(String),
}

impl Reason {
    /// Does it keep the target out of the plan?
    pub fn excludes(&self) -> bool {
        match self {
            Self::Asleep(_)
            | Self::Lacks(..)
            | Self::Requires(_)
            | Self::TooLong(..)
            | Self::TooDear(..)
            | Self::NoPrice
            | Self::TooSlow(..)
            | Self::MayNotLose(_)
            | Self::Refuses(_) => true,
            Self::Ordered(..)
            | Self::Share(_)
            | Self::Sticky
            | Self::Cost(_)
            | Self::Speed(_)
            | Self::Then
            | Self::ContextOver(_)
            | Self::KeptForContext
            | Self::KeptForRefusal
            | Self::Failing(_)
            | Self::Throttled(_)
            | Self::Probing
            | Self::Loses(_) => false,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ordered(policy, place, of) => {
                write!(f, "{} puts it at place {place} of {of}", policy.as_str())
            }
            Self::Share(share) => write!(f, "first in {:.1} % of draws", share * 100.0),
            Self::Sticky => f.write_str("the same draw for this user each time"),
            Self::Cost(Some(cost)) => write!(f, "about ${cost:.6}"),
            Self::Cost(None) => f.write_str("its price is unknown"),
            Self::Speed(Some(time)) => write!(f, "first content after {} on average", shown(*time)),
            Self::Speed(None) => f.write_str("its speed is not known yet"),
            Self::Then => f.write_str("listed under `then`"),
            Self::ContextOver(tokens) => write!(
                f,
                "`when_context_over`: the prompt has about {tokens} tokens"
            ),
            Self::KeptForContext => f.write_str("kept for prompts that are too long elsewhere"),
            Self::KeptForRefusal => f.write_str("kept for prompts that are refused elsewhere"),
            Self::Failing(wait) => {
                write!(f, "it keeps failing: left alone for {} more", shown(*wait))
            }
            Self::Throttled(wait) => {
                write!(f, "it asked to be left alone for {} more", shown(*wait))
            }
            Self::Probing => f.write_str("it may have recovered: this request is a probe"),
            Self::Loses(fields) => write!(f, "would lose {}", fields.join(", ")),
            Self::Asleep(variables) => write!(f, "no key: {} is not set", variables.join(" or ")),
            Self::Lacks(ability, field) => write!(
                f,
                "cannot do `{}`, which `{field}` demands",
                ability.as_str()
            ),
            Self::Requires(ability) => write!(f, "the route requires `{}`", ability.as_str()),
            Self::TooLong(tokens, window) => {
                write!(f, "about {tokens} tokens do not fit its window of {window}")
            }
            Self::TooDear(cost, most) => write!(
                f,
                "about ${cost:.6}, more than the ${most} that the client allows"
            ),
            Self::NoPrice => f.write_str("its price is unknown, and the client names a limit"),
            Self::TooSlow(time, most) => write!(
                f,
                "first content after {} on average, later than the {} that the client allows",
                shown(*time),
                shown(*most)
            ),
            Self::MayNotLose(field) => write!(f, "`lossy: reject`, and it would lose `{field}`"),
            Self::Refuses(why) => write!(f, "cannot carry the request: {why}"),
        }
    }
}

/// Milliseconds are as fine as anybody needs.
fn shown(time: Duration) -> String {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    format!("{:?}", Duration::from_millis(millis))
}
