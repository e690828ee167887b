//! The law of chunking: any split of the upstream's bytes, also inside a character, gives the same events.

use std::io::{self, Write as _};
use std::process::ExitCode;

use llmgw::canonical::event::Batch;
use llmgw::canonical::request::{Delivery, Profile};
use llmgw::wire::sse::Reader;

use crate::recording::{Bytes, Recording};
use crate::{drive, facts, names};

/// Streams up to this size are split at every byte and decoded each time.
const SMALL: usize = 4 * 1024;
/// Random splits of a larger stream.
const RANDOM: usize = 64;

/// Splits every recorded stream and compares.
pub(crate) fn check(recordings: &[Recording]) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let (mut streams, mut splits, mut faults) = (0_usize, 0_usize, 0_usize);
    for recording in recordings {
        let Bytes::Stream(bytes) = recording.bytes() else {
            continue;
        };
        if recording.response.status >= 400 {
            continue;
        }
        let Some(expect) = decoded(recording, &[&bytes]) else {
            continue;
        };
        streams += 1;
        let mut differs = |at: &str, same: bool| -> io::Result<()> {
            splits += 1;
            if !same {
                faults += 1;
                writeln!(out, "{}: other events when split at {at}", recording.id)?;
            }
            Ok(())
        };
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        differs(
            "every byte",
            decoded(recording, &single).as_ref() == Some(&expect),
        )?;
        let frames = frames(&[&bytes]);
        for at in 1..bytes.len().min(SMALL) {
            let (a, b) = bytes.split_at(at);
            differs(&at.to_string(), self::frames(&[a, b]) == frames)?;
        }
        for at in positions(&bytes) {
            let (a, b) = bytes.split_at(at);
            differs(
                &at.to_string(),
                decoded(recording, &[a, b]).as_ref() == Some(&expect),
            )?;
        }
    }
    writeln!(
        out,
        "{streams} streams, {splits} splits, {faults} that differ"
    )?;
    Ok(if faults == 0 && streams > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn decoded(recording: &Recording, pieces: &[&[u8]]) -> Option<Batch> {
    let mut decoder = names::decoder(recording, Delivery::Streamed).ok()?;
    let setup = facts::setup(Delivery::Streamed, Profile::Native);
    Some(drive::stream(decoder.as_mut(), setup, pieces.iter().copied()).events)
}

/// The frames alone: what a decoder sees, so that where they are equal the events are.
fn frames(pieces: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut reader = Reader::default();
    let mut frames = Vec::new();
    for piece in pieces {
        reader.push(piece);
        while let Ok(Some(frame)) = reader.frame() {
            frames.push((frame.event.to_vec(), frame.data.to_vec()));
        }
    }
    frames.extend(
        reader
            .rest()
            .map(|frame| (frame.event.to_vec(), frame.data.to_vec())),
    );
    frames
}

/// Where a stream is split and decoded: everywhere in a small one; else at random, and inside every character of
/// several bytes (the first of them, where there are very many).
fn positions(bytes: &[u8]) -> Vec<usize> {
    if bytes.len() <= SMALL {
        return (1..bytes.len()).collect();
    }
    let inside = |at: &usize| bytes.get(*at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut found: Vec<usize> = (1..bytes.len()).filter(inside).take(256).collect();
    let mut draw = 0x9e37_79b9_7f4a_7c15_u64 ^ bytes.len() as u64;
    for _ in 0..RANDOM {
        draw = draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(draw >> 33).unwrap_or(0) % bytes.len();
        found.push(at.max(1));
    }
    found
}
