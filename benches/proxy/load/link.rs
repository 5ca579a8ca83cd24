//! A client's connection, with or without TLS.

use std::io::{self, Read as _, Write as _};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::job::Plan;

/// A connection.
pub(super) struct Link {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// What the socket did not take at once.
    unsent: Vec<u8>,
}

/// What came in.
pub(super) enum Received {
    /// So many bytes; `drained` if there are no more for now.
    Bytes { count: usize, drained: bool },
    /// Nothing for now.
    Nothing,
    /// The other end is done.
    End,
}

impl Link {
    /// Begins to connect.
    pub(super) fn open(plan: &Plan, registry: &Registry, token: Token) -> io::Result<Self> {
        let mut stream = TcpStream::connect(plan.target)?;
        stream.set_nodelay(true)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        let tls = match &plan.tls {
            None => None,
            Some(config) => {
                let name = ServerName::try_from("h0.example.com").map_err(io::Error::other)?;
                Some(Box::new(ClientConnection::new(config.clone(), name).map_err(io::Error::other)?))
            }
        };
        Ok(Self { stream, tls, unsent: Vec::new() })
    }

    /// Sends a request, now or once the connection is there.
    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(request)?,
            None => self.unsent.extend_from_slice(request),
        }
        self.flush()
    }

    /// Sends what is still to be sent, as far as that goes.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            while !self.unsent.is_empty() {
                match self.stream.write(&self.unsent) {
                    Ok(count) => drop(self.unsent.drain(..count)),
                    Err(error) => return settle(error),
                }
            }
            return Ok(());
        };
        push(tls, &mut self.stream)
    }

    /// Takes what there is of a response.
    pub(super) fn receive(&mut self, scratch: &mut [u8]) -> io::Result<Received> {
        let Some(tls) = &mut self.tls else {
            return match self.stream.read(scratch) {
                Ok(0) => Ok(Received::End),
                // Edge-triggered epoll tells again once there is more than a short read took.
                Ok(count) => Ok(Received::Bytes { count, drained: count < scratch.len() }),
                Err(error) => settle(error).map(|()| Received::Nothing),
            };
        };
        loop {
            match tls.reader().read(scratch) {
                Ok(0) => return Ok(Received::End),
                Ok(count) => return Ok(Received::Bytes { count, drained: false }),
                Err(error) => settle(error)?,
            }
            match tls.read_tls(&mut self.stream) {
                Ok(0) => return Ok(Received::End),
                Ok(_) => {}
                Err(error) => return settle(error).map(|()| Received::Nothing),
            }
            tls.process_new_packets().map_err(io::Error::other)?;
            // Our part of the handshake, and the request that waits for it.
            push(tls, &mut self.stream)?;
        }
    }

    /// Says goodbye as TLS wants it.
    pub(super) fn close(mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
            // Whether the other end still hears it does not matter.
            let _ = self.flush();
        }
    }
}

/// Sends what TLS has to send, as far as that goes.
fn push(tls: &mut ClientConnection, stream: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        if let Err(error) = tls.write_tls(stream) {
            return settle(error);
        }
    }
    Ok(())
}

/// What only has to wait is no error.
fn settle(error: io::Error) -> io::Result<()> {
    match error.kind() {
        // A socket that is still connecting says the latter.
        io::ErrorKind::WouldBlock | io::ErrorKind::NotConnected => Ok(()),
        _ => Err(error),
    }
}
