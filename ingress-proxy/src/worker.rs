//! One thread, one runtime, and what the connections on it share.

mod buffers;
mod clock;

pub use self::buffers::{Buffer, Buffers};
pub use self::clock::{Clock, Timer};
