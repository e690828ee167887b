//! The Claude families, as data.
