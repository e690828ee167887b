//! Replays recorded traffic through the decoders and prints what they found, one JSON line a recording.
//!
//! `cargo run --example replay -- FOLDER [--schema FILE]` for the facts, `--chunks` for the law that any split of the
//! bytes gives the same events. The comparison with an independent reading is `.ci/corpus/check.py`,
//! that of the costs with a published price list `.ci/corpus/costs.py`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

mod chunks;
mod cost;
mod door;
#[path = "../../tests/support/drive.rs"]
mod drive;
mod facts;
mod names;
mod own;
mod recording;
mod request;
mod schema;

use recording::Recording;

fn main() -> anyhow::Result<ExitCode> {
    let mut folder = None;
    let mut schema_file = None;
    let mut chunked = false;
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--chunks" => chunked = true,
            "--schema" => schema_file = arguments.next().map(PathBuf::from),
            _ => folder = Some(PathBuf::from(argument)),
        }
    }
    let folder = folder.ok_or_else(|| anyhow::anyhow!("name the folder of the recordings"))?;
    let recordings = recording::all(&folder)?;
    anyhow::ensure!(
        !recordings.is_empty(),
        "no recordings in {}",
        folder.display()
    );
    if chunked {
        return chunks::check(&recordings);
    }
    let schema = schema_file
        .map(|file| schema::Schema::load(&file))
        .transpose()?;
    let mut out = io::stdout().lock();
    for recording in &recordings {
        writeln!(out, "{}", line(recording, schema.as_ref()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Everything that is found in one recording.
fn line(recording: &Recording, schema: Option<&schema::Schema>) -> serde_json::Value {
    let mut found = facts::of(recording, schema);
    if let Some(sent) = request::sent(recording) {
        found["request"] = sent;
    }
    if let Some(own) = own::of(recording) {
        found["own"] = own;
    }
    found
}
