//! The PROXY protocol, versions 1 and 2: who a client is, according to the balancer in front.
//!
//! Bytes in, header out; reading them is the caller's, and so is the question whether the peer is believed. Source: HAProxy's
//! `doc/proxy-protocol.txt`.

mod v1;
mod v2;

use std::net::{IpAddr, SocketAddr};

/// The most bytes of a header: one of version 2 with whatever extensions.
pub const MAX_HEADER: usize = v2::MAX_HEADER;

/// A header that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "there is no third thing that it could say")]
pub enum Header {
    /// The addresses of the connection are those of the socket: the balancer itself asks (`LOCAL`), or it does not know or
    /// say in a way that concerns TCP (`UNKNOWN`, `UNSPEC`, UDP, UNIX).
    Socket,
    /// The connection is another one, handed on.
    Handed {
        /// Its client.
        client: SocketAddr,
        /// The address that the client connected to.
        server: SocketAddr,
    },
}

/// Why the bytes are no header. The connection must be closed without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Neither version begins like this.
    #[error("the connection does not begin with a PROXY header")]
    Signature,
    /// Version 1: no end of line where the last one may be.
    #[error("the PROXY header is longer than {} bytes", v1::MAX_HEADER)]
    LongLine,
    /// Version 1: not the words that there must be.
    #[error("the PROXY header is malformed")]
    Line,
    /// Version 2: another version, command, address family or protocol.
    #[error("the PROXY header is of an unknown kind")]
    Kind,
    /// Version 2: the addresses or the extensions do not fit their length.
    #[error("the PROXY header has a wrong length")]
    Length,
    /// Version 2: more extensions than anybody sends.
    #[error("the PROXY header is longer than {MAX_HEADER} bytes")]
    TooLong,
    /// Version 2: the checksum is wrong.
    #[error("the PROXY header has a wrong checksum")]
    Checksum,
}

/// Reads the header that a connection begins with. Returned is how many bytes it has, or none while more are to come.
///
/// # Errors
///
/// [`Invalid`] as soon as the bytes cannot become a header.
pub fn parse(input: &[u8]) -> Result<Option<(Header, usize)>, Invalid> {
    if begins_with(input, v1::SIGNATURE) {
        v1::parse(input)
    } else if begins_with(input, &v2::SIGNATURE) {
        v2::parse(input)
    } else {
        Err(Invalid::Signature)
    }
}

/// Whether one of them is the beginning of the other.
fn begins_with(input: &[u8], signature: &[u8]) -> bool {
    let length = input.len().min(signature.len());
    input.get(..length) == signature.get(..length)
}

/// A connection that was handed on. IPv4 addresses in the form of IPv6 ones are what they mean, as lists of addresses must not
/// be evaded by another spelling.
fn handed(client: (IpAddr, u16), server: (IpAddr, u16)) -> Header {
    let address = |(ip, port): (IpAddr, u16)| SocketAddr::new(ip.to_canonical(), port);
    Header::Handed { client: address(client), server: address(server) }
}

#[cfg(test)]
mod tests;
