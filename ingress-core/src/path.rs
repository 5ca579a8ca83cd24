//! Paths: as rules write them, and as requests are made comparable with them.
//!
//! A pattern and a request path meet only in canonical form. What canonical means is a [`PathPolicy`]; the two policies
//! are in [`canonical`].

pub mod canonical;
mod pattern;
mod pcre;
mod regex;
mod search;

pub use canonical::{PathPolicy, PathRejection};
pub use pattern::{PathKind, PathPattern};
pub use regex::{InvalidRegex, RegexPattern};
pub use search::Search;
