//! Paths: as rules write them, and as requests are made comparable with them.
//!
//! A pattern and a request path meet only in canonical form. What canonical means is a [`PathPolicy`]; the two policies
//! are in [`canonical`].

pub mod canonical;
mod pattern;

pub use canonical::{PathPolicy, PathRejection};
pub use pattern::{InvalidRegex, PathKind, PathPattern, RegexPattern};
