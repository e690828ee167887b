use std::sync::Mutex;

use super::*;
use crate::error::Kind;
use crate::telemetry::record::{Outcome, Record};
use crate::telemetry::redact::Redactor;
use crate::telemetry::sinks::{ContentFor, Sink};

/// Keeps what it gets.
#[derive(Debug, Default)]
struct Kept(Mutex<Vec<Record>>);

impl Sink for Kept {
    fn take(&self, records: &[Record]) {
        self.0.lock().unwrap().extend_from_slice(records);
    }
}

/// What was kept of requests that told these.
struct Seen(Sinks, Arc<Kept>);

impl Seen {
    fn all(&self) -> Vec<Record> {
        self.0.hand_over();
        self.1.0.lock().unwrap().clone()
    }

    fn only(&self) -> Record {
        let records = self.all();
        assert_eq!(records.len(), 1);
        records[0].clone()
    }
}

fn recorder(log: Option<Arc<Redactor>>) -> (Recorder, Seen) {
    recorder_for(ContentFor { log, spans: None })
}

fn recorder_for(content: ContentFor) -> (Recorder, Seen) {
    let kept = Arc::new(Kept::default());
    let sinks = Sinks::new(vec![kept.clone()], content);
    let recorder = Recorder::begin(&sinks, Door::Chat, Transport::Http, "r1");
    (recorder, Seen(sinks, kept))
}

#[test]
fn what_nobody_tells_the_end_of_was_given_up_by_its_client() {
    let (recorder, seen) = recorder(None);
    let held = recorder.clone();
    drop(recorder);
    assert!(seen.all().is_empty(), "somebody still holds it");
    drop(held);
    let record = seen.only();
    assert_eq!((record.outcome, record.status), (Outcome::HungUp, 499));
}

#[test]
fn the_first_end_that_is_told_is_the_end() {
    let (recorder, seen) = recorder(None);
    recorder.asked("m");
    recorder.failed(&Error::invalid("input", "no"), 400);
    recorder.delivered();
    drop(recorder);
    let record = seen.only();
    assert_eq!(record.outcome, Outcome::Refused);
    assert_eq!((record.status, record.asked.as_str()), (400, "m"));
    assert_eq!(record.message.as_deref(), Some("about `input`"));
    assert_eq!(record.overhead, record.total);
}

#[test]
fn a_request_over_which_we_break_down_has_failed() {
    let (recorder, seen) = recorder(None);
    let broken = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _held = recorder;
        std::panic::resume_unwind(Box::new(()));
    }));
    assert!(broken.is_err());
    let record = seen.only();
    assert_eq!((record.outcome, record.status), (Outcome::Failed, 500));
}

#[test]
fn a_complaint_that_may_quote_the_prompt_is_told_only_with_the_content() {
    let complaint = "invalid type: string \"a secret plan\", expected f64";
    let check = |content, error: &Error, expect: &str| {
        let (recorder, seen) = recorder(content);
        recorder.failed(error, 400);
        assert_eq!(seen.only().message.as_deref(), Some(expect));
    };
    let invalid = Error::invalid("temperature", complaint);
    check(None, &invalid, "about `temperature`");
    check(Some(Arc::default()), &invalid, complaint);
    let busy = Error::new(Kind::Busy, "come back later");
    check(None, &busy, "come back later");
}

#[test]
fn a_providers_words_are_told_only_with_the_content() {
    let refused =
        Error::new(Kind::UpstreamInvalid, "bad prompt: a secret plan").with_upstream_status(400);
    for (content, expect) in [
        (None, None),
        (Some(Arc::default()), Some("bad prompt: a secret plan")),
    ] {
        let (recorder, seen) = recorder(content);
        recorder.body(b"{\"input\":\"a secret plan\"}");
        recorder.failed(&refused, 400);
        let record = seen.only();
        assert_eq!(record.message.as_deref(), expect);
        assert_eq!(record.content.is_some(), expect.is_some());
    }
}

#[test]
fn spans_have_what_was_said_where_they_want_it_and_are_made_and_the_log_has_not() {
    let check = |spans: Option<Arc<Redactor>>, sampled: Sampled, expect: Option<&str>| {
        let (recorder, seen) = recorder_for(ContentFor { log: None, spans });
        let recorder = recorder.traced(Some(Arc::new(Trace::root().spanned(sampled))));
        recorder.body(b"{\"input\":\"a secret plan\"}");
        recorder.understood(&Request::ask("m", "a secret plan"), Delivery::Whole);
        recorder.delivered();
        let record = seen.only();
        assert_eq!(record.content, None);
        let messages = record.messages.as_ref();
        assert_eq!(messages.map(|it| it.input.as_str()), expect);
    };
    let said = r#"[{"role":"user","parts":[{"type":"text","content":"a secret plan"}]}]"#;
    check(Some(Arc::default()), Sampled::Yes, Some(said));
    check(Some(Arc::default()), Sampled::No, None);
    check(None, Sampled::Yes, None);
}

#[test]
fn nothing_of_a_request_is_in_the_next_one() {
    let (recorder, seen) = recorder(None);
    recorder.key(Some("team".into()));
    recorder.asked("a-model");
    recorder.withheld(&["top_k".to_owned()]);
    recorder.transport(Transport::Background);
    recorder.failed(&Error::new(Kind::InvalidRequest, "no"), 400);
    drop(recorder);
    let first = seen.only();
    assert_eq!((&*first.asked, first.losses.len()), ("a-model", 1));
    // The draft of the first is there again.
    let recorder = Recorder::begin(&seen.0, Door::Responses, Transport::Http, "r2");
    drop(recorder);
    let records = seen.all();
    let [_, second] = records.as_slice() else {
        panic!("{records:#?}")
    };
    let fresh = {
        let (recorder, seen) = self::recorder(None);
        recorder.door(Door::Responses);
        drop(recorder);
        seen.only()
    };
    let expect = Record {
        request_id: "r2".to_owned(),
        began: second.began,
        started: second.started,
        total: second.total,
        overhead: second.overhead,
        ..fresh
    };
    assert_eq!(*second, expect);
}
