//! The origin: answers every GET with one of two sizes. It listens twice, and fills its bodies with `a` or `b` accordingly.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};

use benches::matcher::Error;
use memchr::memmem;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};

use super::ORIGIN;
use crate::site::NAMED;

/// The lengths of the two bodies.
pub(super) const SMALL: usize = 1 << 10;
pub(super) const LARGE: usize = 100 << 10;
/// The longest head that it reads.
const MOST_HEAD: usize = 16 << 10;
/// What a proxy adds.
const ADDED: [&str; 4] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-request-id"];

/// Listeners and connections.
pub(super) struct Origin {
    listeners: [TcpListener; 2],
    pub(super) addresses: [SocketAddr; 2],
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    /// Small and large, of the one and of the other.
    responses: [[Vec<u8>; 2]; 2],
    strict: bool,
    pub(super) answered: u64,
    pub(super) complaint: Option<String>,
}

struct Connection {
    stream: TcpStream,
    /// Which listener it came through.
    listener: usize,
    /// A head that is not complete.
    partial: Vec<u8>,
    /// The response under way, large or not, and how much of it is sent.
    sending: Option<(bool, usize)>,
    /// Whether its first request has been looked at.
    seen: bool,
}

impl Origin {
    pub(super) fn new(registry: &Registry, strict: bool) -> Result<Self, Error> {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut listeners = [TcpListener::bind(any)?, TcpListener::bind(any)?];
        for (index, listener) in listeners.iter_mut().enumerate() {
            registry.register(listener, Token(index), Interest::READABLE)?;
        }
        let addresses = [listeners[0].local_addr()?, listeners[1].local_addr()?];
        let responses = NAMED.map(|fill| [SMALL, LARGE].map(|length| response(fill, length)));
        let (connections, free) = (Vec::new(), Vec::new());
        Ok(Self { listeners, addresses, connections, free, responses, strict, answered: 0, complaint: None })
    }

    /// Takes all connections that wait at a listener.
    pub(super) fn accept(&mut self, listener: usize, registry: &Registry) -> io::Result<()> {
        let Some(socket) = self.listeners.get(listener) else { return Ok(()) };
        loop {
            let mut stream = match socket.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            registry.register(&mut stream, Token(ORIGIN + index), Interest::READABLE | Interest::WRITABLE)?;
            if let Some(slot) = self.connections.get_mut(index) {
                *slot = Some(Connection { stream, listener, partial: Vec::new(), sending: None, seen: !self.strict });
            }
        }
    }

    /// Goes on with a connection.
    pub(super) fn serve(&mut self, index: usize, scratch: &mut [u8]) {
        let Some(slot) = self.connections.get_mut(index) else { return };
        let Some(connection) = slot else { return };
        let Some(responses) = self.responses.get(connection.listener) else { return };
        match connection.advance(responses, scratch) {
            Ok(Advance { answered, complaint, open }) => {
                self.answered += answered;
                if let Some(complaint) = complaint {
                    self.complaint.get_or_insert(complaint);
                }
                if open {
                    return;
                }
            }
            // A proxy that stops resets what it had open.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                self.complaint.get_or_insert_with(|| error.to_string());
            }
            Err(_) => {}
        }
        *slot = None;
        self.free.push(index);
    }
}

/// What became of a connection.
struct Advance {
    answered: u64,
    complaint: Option<String>,
    open: bool,
}

impl Connection {
    fn advance(&mut self, responses: &[Vec<u8>; 2], scratch: &mut [u8]) -> io::Result<Advance> {
        let mut result = Advance { answered: 0, complaint: None, open: true };
        loop {
            if !self.send(responses)? {
                return Ok(result);
            }
            let count = match self.stream.read(scratch) {
                Ok(0) => return Ok(Advance { open: false, ..result }),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(result),
                Err(error) => return Err(error),
            };
            let drained = count < scratch.len();
            let bytes = scratch.get(..count).unwrap_or_default();
            // Proxies do not pipeline, and no request has a body: what ends like a head is one request.
            if !bytes.ends_with(b"\r\n\r\n") || !self.partial.is_empty() {
                self.partial.extend_from_slice(bytes);
                if self.partial.len() > MOST_HEAD {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, "the origin got a head without an end"));
                }
                if !self.partial.ends_with(b"\r\n\r\n") {
                    continue;
                }
                let whole = std::mem::take(&mut self.partial);
                result.complaint = self.answer(&whole);
            } else {
                result.complaint = self.answer(bytes);
            }
            result.answered += 1;
            if drained {
                self.send(responses)?;
                return Ok(result);
            }
        }
    }

    /// Chooses the response, and looks at the first request of the connection.
    fn answer(&mut self, head: &[u8]) -> Option<String> {
        let line = head.get(..memchr::memchr(b'\r', head)?)?;
        self.sending = Some((memmem::find(line, b"/large/").is_some(), 0));
        if std::mem::replace(&mut self.seen, true) {
            return None;
        }
        let text = String::from_utf8_lossy(head).to_ascii_lowercase();
        if !text.contains("\r\nhost: h") || !text.contains(".example.com\r\n") {
            return Some(format!("the origin got another host: {text}"));
        }
        let missing = ADDED.iter().find(|name| !text.contains(&format!("\r\n{name}: ")))?;
        Some(format!("the origin got a request without {missing}: {text}"))
    }

    /// Sends what is under way; whether that is done.
    fn send(&mut self, responses: &[Vec<u8>; 2]) -> io::Result<bool> {
        let Some((large, sent)) = &mut self.sending else { return Ok(true) };
        let Some(response) = responses.get(usize::from(*large)) else { return Ok(true) };
        while let Some(rest) = response.get(*sent..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(count) => *sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        self.sending = None;
        Ok(true)
    }
}

/// Six headers and a body.
fn response(fill: u8, length: usize) -> Vec<u8> {
    let mut response = format!(
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nServer: origin\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nCache-Control: max-age=60\r\nETag: \"5f3759df\"\r\n\r\n"
    )
    .into_bytes();
    response.resize(response.len() + length, fill);
    response
}
