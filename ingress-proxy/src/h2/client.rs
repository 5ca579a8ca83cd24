//! HTTP/2 to an endpoint, for gRPC: many streams on few connections.
//!
//! A [`Multiplexer`] knows the connections of one worker to one endpoint. It does not dial: whoever asks it for a stream is
//! told to, and brings the connection, plain or with TLS, to [`connect`]. WebSockets do not go this way.

mod connection;
mod multiplexer;
mod settings;
mod stream;

pub use self::connection::{Connection, connect};
pub use self::multiplexer::{Dial, Multiplexer, Next};
pub use self::settings::ClientSettings;
pub use self::stream::ClientStream;
