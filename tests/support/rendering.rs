//! What the renderer owes to any text, however it comes in.

use llmgw::cli::render::{Colour, Renderer};

/// Renders pieces of a text, one after the other.
pub(crate) fn render<'a>(
    pieces: impl IntoIterator<Item = &'a str>,
    width: usize,
    colour: Colour,
) -> String {
    let mut out = Vec::new();
    let mut renderer = Renderer::new(width, colour);
    for piece in pieces {
        renderer
            .push(piece, &mut out)
            .expect("memory can be written to");
    }
    renderer.finish(&mut out).expect("memory can be written to");
    String::from_utf8(out).expect("text remains text")
}

/// Holds the renderer to its laws over this text in these pieces.
pub(crate) fn hold(text: &str, pieces: &[&str], width: usize) {
    for colour in [Colour::On, Colour::Off] {
        let whole = render([text], width, colour);
        let parts = render(pieces.iter().copied(), width, colour);
        assert_eq!(
            parts, whole,
            "the output does not depend on the pieces: {text:?}"
        );
        assert!(
            whole.is_empty() || whole.ends_with('\n') && !whole.ends_with("\n\n"),
            "one newline ends it: {text:?}"
        );
        assert!(
            whole
                .chars()
                .all(|c| matches!(c, '\n' | '\t' | '\u{1b}') || !c.is_control()),
            "no control characters: {text:?}"
        );
        match colour {
            Colour::On => attributes_alone(&whole),
            Colour::Off => nothing_lost(text, &whole),
        }
    }
}

/// Escapes are attributes, and no line ends with any of them switched on.
fn attributes_alone(shown: &str) {
    for line in shown.lines() {
        let mut last = "0";
        for piece in line.split('\u{1b}').skip(1) {
            let (parameters, _) = piece
                .strip_prefix('[')
                .and_then(|rest| rest.split_once('m'))
                .expect("a sequence of attributes");
            assert!(
                parameters.bytes().all(|b| b.is_ascii_digit() || b == b';'),
                "{line:?}"
            );
            last = parameters;
        }
        assert_eq!(last, "0", "a line ends plain: {line:?}");
    }
}

/// Without attributes all letters and digits stay, in their order. A table drops cells that its head has no column for.
fn nothing_lost(text: &str, shown: &str) {
    let letters = |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).collect() };
    if !text.contains('|') {
        assert_eq!(letters(shown), letters(text), "nothing is lost: {text:?}");
    }
}
