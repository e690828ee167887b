use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;
use crate::telemetry::record::{Door, Transport};
use crate::telemetry::recorder::Recorder;

/// Passes on the ids of what it gets.
#[derive(Debug)]
struct Ids(Sender<String>);

impl Sink for Ids {
    fn take(&self, records: &[Record]) {
        for record in records {
            self.0.send(record.request_id.clone()).unwrap();
        }
    }
}

fn sinks() -> (Sinks, Receiver<String>) {
    let (sender, ids) = channel();
    let sinks = Sinks::new(vec![Arc::new(Ids(sender))], ContentFor::default());
    (sinks, ids)
}

fn request(sinks: &Sinks, id: &str) {
    drop(Recorder::begin(sinks, Door::Chat, Transport::Http, id));
}

#[test]
fn nobody_has_to_ask_for_records() {
    let (sinks, ids) = sinks();
    for id in ["a", "b"] {
        request(&sinks, id);
        let came = ids.recv_timeout(Duration::from_secs(10));
        assert_eq!(came.as_deref(), Ok(id));
    }
}

#[test]
fn the_last_records_come_when_nobody_is_left() {
    let (sinks, ids) = sinks();
    request(&sinks, "a");
    request(&sinks, "b");
    drop(sinks);
    assert_eq!(ids.iter().collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn all_records_come_once_and_in_order_however_many_bring_them() {
    const EACH: usize = 3 * MOST_WAITING;
    let (sinks, ids) = sinks();
    thread::scope(|scope| {
        for name in ["x", "y", "z"] {
            let sinks = &sinks;
            scope.spawn(move || {
                for number in 0..EACH {
                    request(sinks, &format!("{name}{number}"));
                }
            });
        }
    });
    drop(sinks);
    let came: Vec<String> = ids.iter().collect();
    assert_eq!(came.len(), 3 * EACH);
    for name in ["x", "y", "z"] {
        let of = came.iter().filter_map(|id| id.strip_prefix(name));
        let numbers: Vec<usize> = of.map(|number| number.parse().unwrap()).collect();
        assert!(numbers.into_iter().eq(0..EACH), "{name}");
    }
}
