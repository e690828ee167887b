//! Spans as protobuf: the few messages of `opentelemetry/proto/trace/v1/trace.proto` that an export needs, written by
//! hand. The numbers are those of its fields.

use bytes::Bytes;

use super::attributes::Value;
use super::spans::Span;

/// The body of an export as it is being written: `ExportTraceServiceRequest`.
#[derive(Debug)]
pub(super) struct Body {
    /// The resource, which stands before the spans.
    described: Message,
    /// The spans with their scope, behind room for what encloses them: that has its length before it.
    scoped: Message,
}

impl Body {
    /// A body without spans, with room for about so many bytes of them.
    pub(super) fn begin(room: usize, resource: &[(String, String)]) -> Self {
        let mut described = Message::default();
        described.message(1, |message| {
            for (key, value) in resource {
                message.message(1, |pair| {
                    pair.text(1, key);
                    pair.message(2, |any| any.text(1, value));
                });
            }
        });
        let heads = described.0.len() + MOST_HEADS;
        let mut scoped = Message(Vec::with_capacity(heads + room));
        scoped.0.resize(heads, 0);
        scoped.message(1, |scope| {
            scope.text(1, "llmgw");
            scope.text(2, env!("CARGO_PKG_VERSION"));
        });
        Self { described, scoped }
    }

    /// How many bytes are written.
    pub(super) fn len(&self) -> usize {
        self.scoped.0.len()
    }

    /// One span more.
    pub(super) fn add(&mut self, span: &Span<'_>) {
        self.scoped.message(2, |message| write(span, message));
    }

    /// The whole.
    pub(super) fn end(self) -> Bytes {
        let Self {
            mut described,
            mut scoped,
        } = self;
        let room = described.0.len() + MOST_HEADS;
        let spans = scoped.0.len() - room;
        let mut inner = Message::default();
        inner.tag(2, Wire::Length);
        inner.raw(spans as u64);
        let mut head = Message::default();
        head.tag(1, Wire::Length);
        head.raw((described.0.len() + inner.0.len() + spans) as u64);
        head.0.append(&mut described.0);
        head.0.append(&mut inner.0);
        let begin = room - head.0.len();
        if let Some(place) = scoped.0.get_mut(begin..room) {
            place.copy_from_slice(&head.0);
        }
        Bytes::from(scoped.0).slice(begin..)
    }
}

/// What two tags and lengths can measure.
const MOST_HEADS: usize = 2 * (1 + 10);

fn write(span: &Span<'_>, message: &mut Message) {
    message.bytes(1, &span.trace.to_be_bytes());
    message.bytes(2, &span.id.get().to_be_bytes());
    message.text(3, span.state);
    if let Some(parent) = span.parent {
        message.bytes(4, &parent.get().to_be_bytes());
    }
    message.words(5, span.name);
    message.varint(6, span.kind as u64);
    message.fixed64(7, span.start);
    message.fixed64(8, span.end);
    for (key, value) in &span.attributes {
        message.attribute(key, *value);
    }
    if let Some(failure) = span.failure {
        message.message(15, |status| {
            status.text(2, failure);
            status.varint(3, 2);
        });
    }
    message.fixed32(16, span.flags);
}

/// A message as it is being written.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

/// How the bytes of a field are told from what follows.
#[derive(Debug, Clone, Copy)]
enum Wire {
    Varint = 0,
    Fixed64 = 1,
    Length = 2,
    Fixed32 = 5,
}

impl Message {
    fn tag(&mut self, field: u64, wire: Wire) {
        self.raw(field << 3 | wire as u64);
    }

    /// Seven bits a byte, the lowest first; the eighth says that more follow.
    fn raw(&mut self, mut number: u64) {
        loop {
            let [low, ..] = number.to_le_bytes();
            number >>= 7;
            if number == 0 {
                self.0.push(low);
                return;
            }
            self.0.push(low | 0x80);
        }
    }

    fn varint(&mut self, field: u64, number: u64) {
        self.tag(field, Wire::Varint);
        self.raw(number);
    }

    fn fixed64(&mut self, field: u64, number: u64) {
        self.tag(field, Wire::Fixed64);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn fixed32(&mut self, field: u64, number: u32) {
        self.tag(field, Wire::Fixed32);
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn bytes(&mut self, field: u8, bytes: &[u8]) {
        self.head(field, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// The tag of a field below 16 and a length, in one step where both have one byte.
    fn head(&mut self, field: u8, length: u64) {
        if let Ok(short @ ..0x80) = u8::try_from(length) {
            self.0.extend_from_slice(&[field << 3 | 2, short]);
        } else {
            self.tag(field.into(), Wire::Length);
            self.raw(length);
        }
    }

    /// Empty text is what a reader has without it.
    fn text(&mut self, field: u8, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    /// Two words with a blank between.
    fn words(&mut self, field: u8, (one, other): (&str, &str)) {
        self.head(field, (one.len() + 1 + other.len()) as u64);
        self.0.extend_from_slice(one.as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(other.as_bytes());
    }

    /// Field 9 of a span. There are dozens, so their lengths are reckoned and not found out by writing.
    fn attribute(&mut self, key: &str, value: Value<'_>) {
        if let Value::Text(text) = value
            && let Ok(pair @ ..0x80) = u8::try_from(key.len() + text.len() + 6)
        {
            return self.short(pair, key, text);
        }
        let any = any_length(value);
        let named = key.len() as u64;
        self.head(9, field_length(named) + field_length(any));
        self.bytes(1, key.as_bytes());
        self.head(2, any);
        // One of several: written even where it is the default, since its presence says which it is.
        match value {
            Value::Text(text) => self.bytes(1, text.as_bytes()),
            Value::Flag(flag) => self.varint(2, u64::from(flag)),
            // Two's complement, as protobuf has negative numbers.
            Value::Number(number) => self.varint(3, number.cast_unsigned()),
            Value::Real(real) => self.fixed64(4, real.to_bits()),
            Value::Listed(text) => {
                let item = field_length(text.len() as u64);
                self.head(5, field_length(item));
                self.head(1, item);
                self.bytes(1, text.as_bytes());
            }
        }
    }

    /// An attribute like most: a text, with which the whole is short, so that each length has one byte.
    fn short(&mut self, pair: u8, key: &str, text: &str) {
        let ([named, ..], [said, ..]) = (key.len().to_le_bytes(), text.len().to_le_bytes());
        self.0.extend_from_slice(&[0x4a, pair, 0x0a, named]);
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(&[0x12, said + 2, 0x0a, said]);
        self.0.extend_from_slice(text.as_bytes());
    }

    /// A message within. Its length stands before it and is known after it: there is room for a short one, and only a
    /// long one is moved.
    fn message(&mut self, field: u64, write: impl FnOnce(&mut Self)) {
        self.tag(field, Wire::Length);
        self.0.push(0);
        let begin = self.0.len();
        write(self);
        let length = self.0.len() - begin;
        if let (Ok(short @ ..0x80), Some(room)) = (u8::try_from(length), self.0.get_mut(begin - 1))
        {
            *room = short;
            return;
        }
        let mut prefix = Self::default();
        prefix.raw(length as u64);
        self.0.splice(begin - 1..begin, prefix.0);
    }
}

/// Bytes of a number as a varint.
fn varint_length(number: u64) -> u64 {
    u64::from(u64::BITS - (number | 1).leading_zeros()).div_ceil(7)
}

/// Bytes of a field that holds so many, if its number is below 16.
fn field_length(content: u64) -> u64 {
    1 + varint_length(content) + content
}

fn any_length(value: Value<'_>) -> u64 {
    match value {
        Value::Text(text) => field_length(text.len() as u64),
        Value::Flag(_) => 2,
        Value::Number(number) => 1 + varint_length(number.cast_unsigned()),
        Value::Real(_) => 9,
        Value::Listed(text) => field_length(field_length(field_length(text.len() as u64))),
    }
}
