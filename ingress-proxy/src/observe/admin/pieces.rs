//! A text that is written while it is sent, so that no more of it is in memory than a few pieces.

use std::fmt;
use std::io;

use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How much is sent at a time.
const PIECE: usize = 64 << 10;
/// How many pieces wait for the client. A thread is held up by clients that are slower than that.
const WAITING: usize = 16;

/// Takes a text, on a thread that may wait.
#[derive(Debug)]
pub(super) struct Writer {
    to: Sender<Piece>,
    text: String,
}

/// What is to be sent.
#[derive(Debug)]
pub(super) struct Pieces {
    first: Option<Piece>,
    rest: Receiver<Piece>,
    is_over: bool,
}

#[derive(Debug)]
enum Piece {
    More(String),
    /// With this the text has come to its end, and not its writer to grief.
    Last(String),
}

/// A writer, and what is to become of what it takes.
pub(super) fn pieces() -> (Writer, Pieces) {
    let (to, rest) = channel(WAITING);
    (Writer { to, text: String::new() }, Pieces { first: None, rest, is_over: false })
}

impl Writer {
    fn send(&self, piece: Piece) -> fmt::Result {
        self.to.blocking_send(piece).map_err(|_| fmt::Error)
    }

    /// Says that this is all.
    ///
    /// # Errors
    ///
    /// When nobody takes it any more.
    pub(super) fn finish(mut self) -> fmt::Result {
        let text = std::mem::take(&mut self.text);
        self.send(Piece::Last(text))
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text.push_str(text);
        if self.text.len() < PIECE {
            return Ok(());
        }
        let text = std::mem::replace(&mut self.text, String::with_capacity(PIECE + 4096));
        self.send(Piece::More(text))
    }
}

impl Pieces {
    /// Waits until there is something; says whether there will be.
    pub(super) async fn begin(&mut self) -> bool {
        self.first = self.rest.recv().await;
        self.first.is_some()
    }

    /// The next piece; none behind the last.
    ///
    /// # Errors
    ///
    /// When the writer has not come to the end.
    pub(super) async fn next(&mut self) -> io::Result<Option<String>> {
        if self.is_over {
            return Ok(None);
        }
        let piece = match self.first.take() {
            Some(piece) => Some(piece),
            None => self.rest.recv().await,
        };
        match piece {
            Some(Piece::More(text)) => Ok(Some(text)),
            Some(Piece::Last(text)) => {
                self.is_over = true;
                Ok((!text.is_empty()).then_some(text))
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    /// What comes of a text of so many lines, and whether it has come to its end.
    fn sent(lines: usize, finishes: bool) -> (String, bool) {
        let (mut writer, mut pieces) = pieces();
        let thread = std::thread::spawn(move || {
            (0..lines).for_each(|line| writeln!(writer, "{line}").unwrap());
            finishes.then(|| writer.finish().unwrap());
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut text, mut is_whole) = (String::new(), false);
        if runtime.block_on(pieces.begin()) {
            is_whole = loop {
                match runtime.block_on(pieces.next()) {
                    Ok(Some(piece)) => text += &piece,
                    Ok(None) => break true,
                    Err(_) => break false,
                }
            };
        }
        thread.join().unwrap();
        (text, is_whole)
    }

    #[test]
    fn a_text_comes_whole_or_is_known_not_to() {
        for lines in [0, 1, 500_000] {
            let text: String = (0..lines).map(|line| format!("{line}\n")).collect();
            assert_eq!(sent(lines, true), (text, true), "{lines}");
            assert!(!sent(lines, false).1, "{lines}");
        }
    }

    #[test]
    fn a_writer_does_not_go_on_for_nobody() {
        let (mut writer, pieces) = pieces();
        drop(pieces);
        assert!((0..).find(|line| writeln!(writer, "{line}").is_err()).is_some_and(|line| line < PIECE));
    }
}
