//! Lines to standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Says a line. Whoever had been listening may be gone, which is no reason to end.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
