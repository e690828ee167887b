//! The frames of deltas, which streams consist of, written straight into the buffer. The same bytes as the general
//! writer's, at a fraction of its cost.

use bytes::{BufMut as _, BytesMut};

use crate::canonical::event::Event;

/// What a frame has besides its names, numbers and text.
const ROOM: usize = 192;

/// Writes the frame up to its blank line, if the event is a plain delta. False if it is another event.
pub(super) fn write(tag: &str, event: &Event, sequence: u64, out: &mut BytesMut) -> bool {
    let (id, item, part, text) = match event {
        Event::TextDelta(e) if e.logprobs.is_empty() => {
            let part = Some((",\"content_index\":", e.content_index));
            (&e.item_id, e.output_index, part, &e.delta)
        }
        Event::RefusalDelta(e) | Event::ReasoningDelta(e) => {
            let part = Some((",\"content_index\":", e.content_index));
            (&e.item_id, e.output_index, part, &e.delta)
        }
        Event::SummaryDelta(e) => {
            let part = Some((",\"summary_index\":", e.summary_index));
            (&e.item_id, e.output_index, part, &e.delta)
        }
        Event::ArgumentsDelta(e) | Event::InputDelta(e) => {
            (&e.item_id, e.output_index, None, &e.delta)
        }
        _ => return false,
    };
    out.reserve(ROOM + id.len() + text.len());
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put("event: ");
    put(tag);
    put("\ndata: {\"type\":\"");
    put(tag);
    put("\",\"sequence_number\":");
    number(sequence, out);
    out.extend_from_slice(b",\"item_id\":");
    string(id, out);
    out.extend_from_slice(b",\"output_index\":");
    number(item.into(), out);
    if let Some((name, at)) = part {
        out.extend_from_slice(name.as_bytes());
        number(at.into(), out);
    }
    out.extend_from_slice(b",\"delta\":");
    string(text, out);
    if matches!(event, Event::TextDelta(_)) {
        out.extend_from_slice(b",\"logprobs\":[]");
    }
    out.extend_from_slice(b"}");
    true
}

pub(super) fn number(number: u64, out: &mut BytesMut) {
    // A number into memory cannot fail to be written.
    let _written = serde_json::to_writer(out.writer(), &number);
}

fn string(text: &str, out: &mut BytesMut) {
    // All bytes are looked at, many at once.
    let special = |b: u8| u8::from(b < 0x20) | u8::from(b == b'"') | u8::from(b == b'\\');
    if text.bytes().fold(0, |found, b| found | special(b)) != 0 {
        // Neither can a text.
        let _written = serde_json::to_writer(out.writer(), text);
        return;
    }
    out.extend_from_slice(b"\"");
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(b"\"");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::event::{ContentDelta, ItemDelta, SummaryDelta, TextDelta};
    use crate::canonical::part::Json;

    /// The general writer is the measure.
    fn check(event: &Event) {
        let mut out = BytesMut::new();
        assert!(write(event.tag(), event, 12, &mut out));
        let tag = event.tag();
        let payload = serde_json::to_string(event).unwrap();
        let expect = format!(
            "event: {tag}\ndata: {{\"type\":\"{tag}\",\"sequence_number\":12,{}",
            &payload[1..]
        );
        assert_eq!(std::str::from_utf8(&out).unwrap(), expect);
    }

    #[test]
    fn deltas_are_written_as_the_general_writer_does() {
        for text in ["", "hé", "a\"b\\c\n\u{1}\u{7f}\u{2028}", "🦀"] {
            let (item_id, delta) = (std::sync::Arc::from("msg_1"), text.to_owned());
            let content = ContentDelta {
                item_id,
                output_index: 3,
                content_index: 2,
                delta,
            };
            check(&Event::TextDelta(TextDelta {
                item_id: content.item_id.clone(),
                output_index: 70,
                content_index: 1,
                delta: content.delta.clone(),
                logprobs: Vec::new(),
            }));
            let item = ItemDelta {
                item_id: content.item_id.clone(),
                output_index: 0,
                delta: content.delta.clone(),
            };
            check(&Event::SummaryDelta(SummaryDelta {
                item_id: content.item_id.clone(),
                output_index: 1,
                summary_index: 4,
                delta: content.delta.clone(),
            }));
            check(&Event::ArgumentsDelta(item.clone()));
            check(&Event::InputDelta(item));
            check(&Event::RefusalDelta(content.clone()));
            check(&Event::ReasoningDelta(content));
        }
    }

    #[test]
    fn other_events_are_for_the_general_writer() {
        let event = Event::TextDelta(TextDelta {
            item_id: "m".into(),
            output_index: 0,
            content_index: 0,
            delta: "x".to_owned(),
            logprobs: vec![Json::of("p").unwrap()],
        });
        let mut out = BytesMut::new();
        assert!(!write(event.tag(), &event, 0, &mut out));
        assert!(out.is_empty());
    }
}
