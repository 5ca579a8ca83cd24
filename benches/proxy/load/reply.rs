//! Responses as the clients read them: a head, and a body of the length that the head says.

use memchr::memmem;

/// A response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The length of the body.
    pub(super) length: usize,
    /// The first byte of the body, which tells the origins apart; 0 if there is none.
    pub(super) origin: u8,
    /// Whether the connection ends with it.
    pub(super) last: bool,
}

/// A response that is being read.
#[derive(Debug, Default)]
pub(super) struct Reply {
    /// A head that is not complete.
    partial: Vec<u8>,
    /// A response whose body is not complete, and how much of that is missing.
    body: Option<(Answer, usize)>,
}

impl Reply {
    /// Takes bytes, and gives the response once it is complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Option<Answer>, String> {
        if let Some((answer, missing)) = self.body.take() {
            return self.take_body(answer, missing, bytes);
        }
        if self.partial.is_empty() {
            return match memmem::find(bytes, b"\r\n\r\n") {
                Some(end) => self.take_head(bytes, end),
                None => {
                    self.partial.extend_from_slice(bytes);
                    Ok(None)
                }
            };
        }
        self.partial.extend_from_slice(bytes);
        let Some(end) = memmem::find(&self.partial, b"\r\n\r\n") else { return Ok(None) };
        let whole = std::mem::take(&mut self.partial);
        self.take_head(&whole, end)
    }

    fn take_head(&mut self, bytes: &[u8], end: usize) -> Result<Option<Answer>, String> {
        let (head, rest) = bytes.split_at_checked(end + 4).unwrap_or_default();
        let answer = parse(head).ok_or_else(|| format!("malformed head: {}", String::from_utf8_lossy(head)))?;
        self.take_body(answer, answer.length, rest)
    }

    fn take_body(&mut self, mut answer: Answer, missing: usize, bytes: &[u8]) -> Result<Option<Answer>, String> {
        if answer.origin == 0 {
            answer.origin = bytes.first().copied().unwrap_or(0);
        }
        match missing.checked_sub(bytes.len()) {
            None => Err(format!("{} bytes too many", bytes.len() - missing)),
            Some(0) => Ok(Some(answer)),
            Some(missing) => {
                self.body = Some((answer, missing));
                Ok(None)
            }
        }
    }
}

/// Status, `Content-Length` and `Connection` of a head.
fn parse(head: &[u8]) -> Option<Answer> {
    let status = head.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let mut answer = Answer { status: number(status)?.try_into().ok()?, ..Answer::default() };
    let mut length = None;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', head) {
        let line = head.get(start..end)?;
        start = end + 1;
        match line.first() {
            Some(b'c' | b'C') => {}
            _ => continue,
        }
        if let Some(value) = value(line, b"content-length:") {
            length = Some(number(value)?);
        } else if let Some(value) = value(line, b"connection:") {
            answer.last = value.eq_ignore_ascii_case(b"close");
        }
    }
    answer.length = length?;
    Some(answer)
}

fn value<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let (found, value) = line.split_at_checked(name.len())?;
    found.eq_ignore_ascii_case(name).then(|| value.trim_ascii())
}

fn number(digits: &[u8]) -> Option<usize> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nDate: x\r\ncontent-length: 5\r\nConnection: close\r\n\r\nbcdef";

    #[test]
    fn wherever_it_is_cut() {
        for cut in 0..RESPONSE.len() {
            let (first, second) = RESPONSE.split_at(cut);
            let mut reply = Reply::default();
            assert_eq!(reply.feed(first), Ok(None), "cut at {cut}");
            let answer = Answer { status: 200, length: 5, origin: b'b', last: true };
            assert_eq!(reply.feed(second), Ok(Some(answer)), "cut at {cut}");
        }
    }

    #[test]
    fn too_much_is_refused() {
        assert!(Reply::default().feed(&[RESPONSE, b"!"].concat()).is_err());
    }

    #[test]
    fn a_length_is_needed() {
        assert!(Reply::default().feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
