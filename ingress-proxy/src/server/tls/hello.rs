//! The first message of a handshake, with the bytes that it came in.

use std::io;

use rustls::Error;
use rustls::server::{Accepted, Acceptor};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::HandshakeError;

/// The most bytes that a ClientHello may come in.
pub(super) const MAX_HELLO: usize = 64 << 10;

/// Room for the usual ClientHello, which a post-quantum key share takes up half of.
const USUAL: usize = 4 << 10;

/// Reads until the ClientHello is complete. Returned is all that was read, for whoever wants to read it again.
pub(super) async fn read(tcp: &mut TcpStream, mut bytes: Vec<u8>) -> Result<(Accepted, Vec<u8>), HandshakeError> {
    let mut acceptor = Acceptor::default();
    let mut fed = 0;
    loop {
        let step = feed(&mut acceptor, bytes.get(fed..).unwrap_or_default());
        fed = bytes.len();
        match step {
            Ok(Some(accepted)) => return Ok((accepted, bytes)),
            Ok(None) => {}
            Err(None) => return Err(HandshakeError::TooLarge),
            Err(Some((error, alert))) => {
                // It is a courtesy, so a client that does not read is not waited for.
                let _ = tcp.try_write(&alert);
                let _ = tcp.shutdown().await;
                return Err(error.into());
            }
        }
        // rustls keeps no more than that of a message either, but what it keeps of the rest is its own affair.
        if bytes.len() >= MAX_HELLO {
            return Err(HandshakeError::TooLarge);
        }
        bytes.reserve(USUAL);
        if tcp.read_buf(&mut bytes).await? == 0 {
            return Err(HandshakeError::Io(io::ErrorKind::UnexpectedEof.into()));
        }
    }
}

/// Hands on bytes. The error comes with the alert that the client should get; it is none if there is no room for more.
fn feed(acceptor: &mut Acceptor, mut bytes: &[u8]) -> Result<Option<Accepted>, Option<(Error, Vec<u8>)>> {
    while !bytes.is_empty() {
        // Nothing taken is no room, too: this loop must end.
        if acceptor.read_tls(&mut bytes).unwrap_or(0) == 0 {
            return Err(None);
        }
    }
    acceptor.accept().map_err(|(error, mut alert)| {
        let mut bytes = Vec::new();
        // Writing to memory does not fail.
        let _ = alert.write_all(&mut bytes);
        Some((error, bytes))
    })
}
