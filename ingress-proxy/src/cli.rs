//! The command line and the source of the configuration: what the binary adds to the library.

pub(crate) mod capabilities;
pub(crate) mod check;
#[cfg(feature = "kubernetes")]
pub(crate) mod cluster;
pub(crate) mod console;
pub(crate) mod descriptors;
pub(crate) mod flags;
mod foreign;
mod pin;
mod plane;
pub(crate) mod service;
pub(crate) mod settings;
mod shadow;
pub(crate) mod source;
mod values;
pub(crate) mod wait_shutdown;
