//! Where a request may go: the endpoints of a backend, which of them is next, and which must not be dialled at all.
//!
//! Everything here belongs to one worker. The time and the randomness are arguments and nothing does IO, so that whatever
//! happens can be replayed in a test.

pub mod affinity;
mod balance;
mod endpoint;
pub mod forbidden;
mod group;
mod health;
mod maglev;
mod pool;

pub use self::endpoint::{Endpoint, InFlight, Outcome};
pub use self::group::{Choice, Group, Session};
pub use self::pool::Pool;
