//! Markdown for the terminal, by kind of text: bytes of source in a second, pushed in pieces as streams bring them.
//!
//! `cargo bench --bench render`. Compare as ratios within one run.

#![expect(
    clippy::unwrap_used,
    reason = "a bench that cannot begin measures nothing"
)]

use std::io;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use llmgw::cli::render::{Colour, Renderer};

/// So many bytes come at once.
const PIECE: usize = 16;

const DENSE: &str = include_str!("../tests/fixtures/markdown/mixed.md");
const CODE: &str = include_str!("../tests/fixtures/markdown/code.md");
const TABLE: &str = include_str!("../tests/fixtures/markdown/table.md");
const IDEOGRAPHS: &str = include_str!("../tests/fixtures/markdown/cjk.md");
const PROSE: &str = "The sky is blue because molecules of air scatter the short waves of light more than the long ones. \
    This is called Rayleigh scattering, and its strength grows with the fourth power of the frequency.\n\n";

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

#[divan::bench(args = ["dense", "prose", "code", "table", "ideographs"])]
fn styled(bencher: Bencher<'_, '_>, kind: &str) {
    render(bencher, kind, Colour::On);
}

#[divan::bench(args = ["dense"])]
fn plain(bencher: Bencher<'_, '_>, kind: &str) {
    render(bencher, kind, Colour::Off);
}

fn render(bencher: Bencher<'_, '_>, kind: &str, colour: Colour) {
    let source = match kind {
        "dense" => DENSE,
        "prose" => PROSE,
        "code" => CODE,
        "table" => TABLE,
        _ => IDEOGRAPHS,
    };
    let text = source.repeat(1 + 200_000 / source.len());
    bencher.counter(BytesCount::of_str(&text)).bench(|| {
        let mut renderer = Renderer::new(80, colour);
        let mut out = io::sink();
        let mut rest = black_box(text.as_str());
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.ceil_char_boundary(PIECE));
            renderer.push(piece, &mut out).unwrap();
            rest = after;
        }
        renderer.finish(&mut out).unwrap();
    });
}
