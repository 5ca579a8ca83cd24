//! Indices over a table, made to be searched fast. They answer with a host and the place of a route in it.
//!
//! A search takes one probe into a table of exact hosts, at most one more for a wildcard, and then runs the host's path
//! program. What wins is settled when an index is built: programs test routes in the order of the table.
//! That the answers are those of [`crate::reference`] is a law kept by property tests and fuzzing.

mod counted;
mod hash;
mod hosts;
mod literals;
mod names;
mod paths;
mod program;
mod regexes;
mod shapes;

pub(crate) use counted::Counted;
pub(crate) use hosts::{Bound, Hosts};
pub(crate) use names::{Named, Names};
pub(crate) use program::{Program, Programs};
pub(crate) use shapes::{Shape, Shapes};

/// So many programs or shapes may be unused before it is worth while to look for them.
const PRUNE_FROM: usize = 1_024;
