//! A client of HTTP/1 that takes what it gets word by word: one answer after the other, and whether anything follows.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

/// Nothing takes so long unless it hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// A connection of a client.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// What has come and was not asked for yet.
    pub(crate) pending: Vec<u8>,
}

/// A final response.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// With the empty line.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: String,
    /// Whether the body came to its end.
    pub(crate) is_complete: bool,
    /// Heads of the interim responses before it.
    pub(crate) interim: Vec<String>,
}

impl Answer {
    /// The only value of a field; none if there is none.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        let mut values = values(&self.head, name);
        let first = values.next();
        assert!(values.next().is_none(), "{name} twice: {}", self.head);
        first
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The values of a field in a head.
pub(crate) fn values<'h>(head: &'h str, name: &str) -> impl Iterator<Item = &'h str> {
    let lines = head.split("\r\n").filter_map(|line| line.split_once(':'));
    lines.filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, pending: Vec::new() }
    }

    /// Sends bytes; the other side may have stopped reading.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        if let Err(error) = self.stream.write_all(bytes.as_ref()) {
            assert!(error.kind() != ErrorKind::WouldBlock, "nobody reads what is sent");
        }
        self
    }

    /// Asks for a path of the usual host.
    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n")).answer().expect("an answer")
    }

    /// The next answer to anything but HEAD; none if the connection ends before its head is complete.
    pub(crate) fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET")
    }

    /// The next answer to a method.
    pub(crate) fn answer_to(&mut self, method: &str) -> Option<Answer> {
        let mut interim = Vec::new();
        loop {
            let head = self.head()?;
            let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
            let status = status.expect("a status");
            if (100..200).contains(&status) && status != 101 {
                interim.push(head);
                continue;
            }
            let mut answer =
                Answer { status, head, body: Vec::new(), trailers: String::new(), is_complete: true, interim };
            self.body(&mut answer, method);
            return Some(answer);
        }
    }

    /// The next head as it is.
    pub(crate) fn head(&mut self) -> Option<String> {
        let head = self.until(b"\r\n\r\n")?;
        Some(String::from_utf8_lossy(&head).into_owned())
    }

    fn body(&mut self, answer: &mut Answer, method: &str) {
        let is_chunked = answer.value("transfer-encoding") == Some("chunked");
        let length: Option<usize> = answer.value("content-length").map(|length| length.parse().expect("a length"));
        assert!(!is_chunked || length.is_none(), "{}", answer.head);
        if method == "HEAD" || matches!(answer.status, 101 | 204 | 304) {
            return;
        }
        if is_chunked {
            answer.is_complete = self.chunks(answer).is_some();
        } else if let Some(length) = length {
            let body = self.exactly(length);
            answer.is_complete = body.is_some();
            answer.body = body.unwrap_or_else(|| std::mem::take(&mut self.pending));
        } else {
            while self.receive() > 0 {}
            answer.body = std::mem::take(&mut self.pending);
        }
    }

    fn chunks(&mut self, answer: &mut Answer) -> Option<()> {
        while let Some(chunk) = self.chunk()? {
            answer.body.extend(chunk);
        }
        loop {
            let line = self.until(b"\r\n")?;
            if line == b"\r\n" {
                return Some(());
            }
            answer.trailers.push_str(&String::from_utf8_lossy(&line));
        }
    }

    /// The data of the next chunk; `Some(None)` is the last one, before its trailers.
    pub(crate) fn chunk(&mut self) -> Option<Option<Vec<u8>>> {
        let line = String::from_utf8(self.until(b"\r\n")?).expect("a chunk size");
        let size = usize::from_str_radix(line.trim_end(), 16).expect("a chunk size");
        if size == 0 {
            return Some(None);
        }
        let data = self.exactly(size)?;
        assert_eq!(self.exactly(2)?, b"\r\n");
        Some(Some(data))
    }

    /// So many bytes; none if the connection ends before.
    pub(crate) fn exactly(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.pending.len() < length {
            if self.receive() == 0 {
                return None;
            }
        }
        let rest = self.pending.split_off(length);
        Some(std::mem::replace(&mut self.pending, rest))
    }

    fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut from = 0;
        loop {
            let found = self.pending.get(from..).and_then(|rest| rest.windows(end.len()).position(|it| it == end));
            if let Some(place) = found {
                return self.exactly(from + place + end.len());
            }
            from = self.pending.len().saturating_sub(end.len());
            if self.receive() == 0 {
                return None;
            }
        }
    }

    /// Some more bytes; 0 at the end, of whatever kind.
    pub(crate) fn receive(&mut self) -> usize {
        let mut buffer = [0; 64 << 10];
        match self.stream.read(&mut buffer) {
            Ok(amount) => {
                self.pending.extend_from_slice(&buffer[..amount]);
                amount
            }
            Err(error) => {
                assert!(error.kind() != ErrorKind::WouldBlock, "nothing comes, behind {:?}", self.pending);
                0
            }
        }
    }

    /// Waits for the end of the connection; what came before it.
    pub(crate) fn rest(&mut self) -> Vec<u8> {
        while self.receive() > 0 {}
        std::mem::take(&mut self.pending)
    }

    /// Says that it sends no more.
    pub(crate) fn finish(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}
