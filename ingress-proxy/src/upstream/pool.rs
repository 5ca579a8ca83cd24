//! The idle connections to one endpoint.

use std::cell::RefCell;

/// The idle connections to one endpoint.
#[derive(Debug, Default)]
pub struct Pool {
    /// Those that can be used again.
    pub idle: RefCell<Vec<()>>,
}
