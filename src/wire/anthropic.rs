//! The Messages API of Anthropic, as inert structs.
