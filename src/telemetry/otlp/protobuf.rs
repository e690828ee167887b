//! Spans as protobuf: the few messages of `opentelemetry/proto/trace/v1/trace.proto` that an export needs, written by
//! hand. The numbers are those of its fields.

use super::spans::{Span, Value};

/// The body of an export: `ExportTraceServiceRequest`.
pub(super) fn encode(spans: &[Span], resource: &[(String, String)]) -> Vec<u8> {
    let mut scoped = Message::default();
    scoped.message(1, |scope| {
        scope.text(1, "llmgw");
        scope.text(2, env!("CARGO_PKG_VERSION"));
    });
    for span in spans {
        scoped.message(2, |message| write(span, message));
    }
    let mut body = Message::default();
    body.message(1, |of_resource| {
        of_resource.message(1, |message| {
            for (key, value) in resource {
                message.message(1, |pair| {
                    pair.text(1, key);
                    pair.message(2, |any| any.text(1, value));
                });
            }
        });
        of_resource.bytes(2, &scoped.0);
    });
    body.0
}

fn write(span: &Span, message: &mut Message) {
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
        message.message(9, |pair| {
            pair.text(1, key);
            pair.message(2, |any| write_any(*value, any));
        });
    }
    if let Some(failure) = span.failure {
        message.message(15, |status| {
            status.text(2, failure);
            status.varint(3, 2);
        });
    }
    message.fixed32(16, span.flags);
}

/// One of several: written even where it is the default, since its presence says which it is.
fn write_any(value: Value<'_>, any: &mut Message) {
    match value {
        Value::Text(text) => any.bytes(1, text.as_bytes()),
        Value::Flag(flag) => any.varint(2, u64::from(flag)),
        // Two's complement, as protobuf has negative numbers.
        Value::Number(number) => any.varint(3, number.cast_unsigned()),
        Value::Real(real) => any.fixed64(4, real.to_bits()),
        Value::Texts(text) => any.message(5, |array| {
            array.message(1, |any| any.bytes(1, text.as_bytes()));
        }),
    }
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

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.tag(field, Wire::Length);
        self.raw(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    /// Empty text is what a reader has without it.
    fn text(&mut self, field: u64, text: &str) {
        if !text.is_empty() {
            self.bytes(field, text.as_bytes());
        }
    }

    /// Two words with a blank between.
    fn words(&mut self, field: u64, (one, other): (&str, &str)) {
        self.tag(field, Wire::Length);
        self.raw((one.len() + 1 + other.len()) as u64);
        self.0.extend_from_slice(one.as_bytes());
        self.0.push(b' ');
        self.0.extend_from_slice(other.as_bytes());
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
