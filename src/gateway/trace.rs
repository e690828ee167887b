//! Where a request stands in a distributed trace, by [W3C Trace Context](https://www.w3.org/TR/trace-context/): read from
//! what the caller sends, put on what goes to providers.
//!
//! Where nobody here records spans, what came goes on as it came.

use std::fmt::Write as _;
use std::num::NonZeroU64;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::Caller;
use super::journal::Leg;
use crate::target::Target;

const PARENT: HeaderName = HeaderName::from_static("traceparent");
const STATE: HeaderName = HeaderName::from_static("tracestate");

/// What a `tracestate` may measure and still be sent on, by the specification.
const MOST_STATE: usize = 512;

/// The id of a span; never zero.
pub type SpanId = NonZeroU64;

/// Is the trace recorded?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampled {
    /// Its spans go to the collector.
    Yes,
    /// They do not.
    No,
}

/// A request's place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The id of the whole trace; never zero.
    pub id: u128,
    /// The caller's span; `None` if the trace begins here.
    pub parent: Option<SpanId>,
    /// The span of this request; `None` where nobody here records spans.
    pub span: Option<SpanId>,
    /// The flags of version 00: bit 0 says that the trace is recorded, bit 1 that its id is random.
    pub flags: u8,
    /// What other vendors noted in the trace.
    pub state: Option<HeaderValue>,
}

impl Trace {
    /// What the caller says; `None` if it says nothing, or nothing that is well-formed.
    pub fn incoming(headers: &HeaderMap) -> Option<Self> {
        let mut parents = headers.get_all(PARENT).iter();
        let parent = parents.next()?.to_str().ok()?;
        if parents.next().is_some() {
            return None;
        }
        let (id, span, flags) = parse(parent)?;
        Some(Self {
            id,
            parent: Some(span),
            span: None,
            flags,
            state: state(headers),
        })
    }

    /// A trace that begins here.
    pub fn root() -> Self {
        let id = u128::from(random().get()) << 64 | u128::from(random().get());
        Self {
            id,
            parent: None,
            span: None,
            flags: 0b10,
            state: None,
        }
    }

    /// With a span of this request's own.
    #[must_use]
    pub fn spanned(mut self, sampled: Sampled) -> Self {
        self.span = Some(random());
        match sampled {
            Sampled::Yes => self.flags |= 1,
            Sampled::No => self.flags &= !1,
        }
        self
    }

    /// Is it recorded?
    pub fn sampled(&self) -> Sampled {
        if self.flags & 1 == 1 {
            Sampled::Yes
        } else {
            Sampled::No
        }
    }

    /// The id for a span below this request's; `None` where nobody here records spans.
    fn child(&self) -> Option<SpanId> {
        self.span.map(|_| random())
    }

    /// Tells whoever gets these headers where it stands: below that span.
    fn put(&self, headers: &mut HeaderMap, child: Option<SpanId>) {
        let Some(span) = child.or(self.parent) else {
            return;
        };
        let mut parent = *b"00-00000000000000000000000000000000-0000000000000000-00";
        show_hex(&mut parent, 3, self.id, 32);
        show_hex(&mut parent, 36, span.get().into(), 16);
        show_hex(&mut parent, 53, (self.flags & 0b11).into(), 2);
        if let Ok(parent) = HeaderValue::from_bytes(&parent) {
            headers.insert(PARENT, parent);
        }
        if let Some(state) = &self.state {
            headers.insert(STATE, state.clone());
        }
    }
}

impl Caller {
    /// An upstream request goes out, with these headers: the journal takes note, and the upstream is told where it
    /// stands in the request's trace.
    pub(super) fn leg(&self, target: &Target, headers: &mut HeaderMap) -> Leg {
        let trace = self.trace.as_deref();
        let span = trace.and_then(Trace::child);
        if let Some(trace) = trace {
            trace.put(headers, span);
        }
        self.journal.attempt(target, span)
    }
}

/// A version that is newer than 00 may have more at its end.
fn parse(parent: &str) -> Option<(u128, SpanId, u8)> {
    let mut parts = parent.splitn(5, '-');
    let version = hex(parts.next()?, 2)?;
    let id = hex(parts.next()?, 32).filter(|id| *id != 0)?;
    let span = hex(parts.next()?, 16)?;
    let flags = hex(parts.next()?, 2)?;
    if version == 0xff || (version == 0 && parts.next().is_some()) {
        return None;
    }
    let span = SpanId::new(u64::try_from(span).ok()?)?;
    Some((id, span, u8::try_from(flags).ok()?))
}

/// So many digits, in lower case.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != digits || !text.bytes().all(is_digit) {
        return None;
    }
    u128::from_str_radix(text, 16).ok()
}

/// Several headers are one list.
fn state(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut list = String::new();
    for value in headers.get_all(STATE) {
        let value = value.to_str().ok()?;
        let comma = if list.is_empty() { "" } else { "," };
        // Writing to a string cannot fail.
        let _ = write!(list, "{comma}{value}");
    }
    if list.is_empty() || list.len() > MOST_STATE {
        return None;
    }
    HeaderValue::from_str(&list).ok()
}

/// The last so many digits, at that place. The general writer takes longer for this than the whole trace does besides.
fn show_hex(out: &mut [u8], at: usize, mut number: u128, digits: usize) {
    for place in out.iter_mut().skip(at).take(digits).rev() {
        let [low, ..] = number.to_le_bytes();
        let digit = low & 15;
        *place = digit + if digit < 10 { b'0' } else { b'a' - 10 };
        number >>= 4;
    }
}

/// Ids have to be different, not secret.
fn random() -> SpanId {
    SpanId::new(rand::random()).unwrap_or(SpanId::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the specification.
    const EXAMPLE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                (
                    HeaderName::from_static(name),
                    HeaderValue::from_static(value),
                )
            })
            .collect()
    }

    #[test]
    fn a_well_formed_parent_is_read_and_any_other_is_as_good_as_none() {
        let check = |parent: &'static str, expect: bool| {
            let read = Trace::incoming(&headers(&[("traceparent", parent)]));
            assert_eq!(read.is_some(), expect, "{parent}");
        };
        check(EXAMPLE, true);
        check(
            "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-the-future-brings",
            true,
        );
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            false,
        );
        check(
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            false,
        );
        check(
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            false,
        );
        check(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            false,
        );
        check(
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            false,
        );
        check("00-4bf92f35-00f067aa0ba902b7-01", false);
        check("", false);
        let twice = headers(&[("traceparent", EXAMPLE), ("traceparent", EXAMPLE)]);
        assert_eq!(Trace::incoming(&twice), None);
    }

    #[test]
    fn without_spans_of_ours_what_came_goes_on_as_it_came() {
        let trace = Trace::incoming(&headers(&[
            ("traceparent", EXAMPLE),
            ("tracestate", "rojo=1"),
            ("tracestate", "congo=2"),
        ]));
        let trace = trace.unwrap();
        let mut outgoing = HeaderMap::new();
        trace.put(&mut outgoing, trace.child());
        assert_eq!(outgoing["traceparent"], EXAMPLE);
        assert_eq!(outgoing["tracestate"], "rojo=1,congo=2");
    }

    #[test]
    fn a_provider_stands_below_the_span_of_its_attempt() {
        let trace = Trace::incoming(&headers(&[("traceparent", EXAMPLE)])).unwrap();
        let trace = trace.spanned(Sampled::No);
        assert_eq!(trace.sampled(), Sampled::No);
        let child = trace.child();
        assert!(child.is_some() && child != trace.span && child != trace.parent);
        let mut outgoing = HeaderMap::new();
        trace.put(&mut outgoing, child);
        let expect = format!(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-{:016x}-00",
            child.unwrap()
        );
        assert_eq!(outgoing["traceparent"], expect.as_str());
    }

    #[test]
    fn traces_that_begin_here_have_ids_of_their_own() {
        let (one, two) = (Trace::root(), Trace::root());
        assert!(one.id != two.id && one.id != 0);
        let mut outgoing = HeaderMap::new();
        one.put(&mut outgoing, None);
        assert!(outgoing.is_empty(), "there is no span to stand below");
    }

    #[test]
    fn an_overlong_state_is_left_behind() {
        let mut long = headers(&[("traceparent", EXAMPLE)]);
        long.insert(STATE, HeaderValue::from_str(&"a".repeat(513)).unwrap());
        assert_eq!(Trace::incoming(&long).unwrap().state, None);
    }
}
