//! Where in the text the renderer stands.

use super::fence::Fence;

#[derive(Debug)]
pub(super) enum State {
    /// At the beginning of a line.
    Start,
    /// Inside a line of prose.
    Prose,
    /// Inside a line of an indented code block.
    Indented,
    /// Inside a fence.
    Fence { fence: Fence, place: Place },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// At the beginning of a line of code, which may be the closing fence.
    LineStart,
    /// Inside a line of code.
    Code,
}
