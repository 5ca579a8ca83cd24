//! One HTTP/2 connection of a client.
//!
//! It takes requests out of the connection and hands each with its stream to a [`Service`], which answers it in a task of its
//! own; it keeps the connection's limits and ends it in good order. It decides nothing about a request that is well-formed.

mod connection;
mod settings;
mod stream;

pub use self::connection::{Service, serve};
pub use self::settings::ServerSettings;
pub use self::stream::ServerStream;
