//! Anthropic: the Messages API.
