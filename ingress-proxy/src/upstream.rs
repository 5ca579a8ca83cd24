//! Where a request may go: the endpoints of a backend, which of them is next, which must not be dialled at all, and the
//! connections to them.
//!
//! Everything here belongs to one worker. Choosing does no IO, and the time and the randomness are arguments, so that
//! whatever happens can be replayed in a test.

pub mod affinity;
mod balance;
pub(crate) mod connect;
mod connection;
mod endpoint;
pub mod forbidden;
mod group;
pub mod h1;
mod health;
mod maglev;
mod pool;
pub mod tls;

pub(crate) use self::connection::Connection;
pub use self::endpoint::{Endpoint, InFlight, Outcome};
pub use self::forbidden::Own;
pub use self::group::{Choice, Group, Session};
pub(crate) use self::pool::Key;
pub use self::pool::{Pool, Pools};
