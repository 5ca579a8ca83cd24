//! The one backend behind all locations: it says which location sent a request, and what came.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

/// Answers at a socket for as long as the process lives.
pub(crate) fn serve(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("a socket for the backend");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // nginx closes a connection when it likes; that is no failure of the test.
            std::thread::spawn(move || answer_all(stream).ok());
        }
    });
}

fn answer_all(stream: UnixStream) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let (mut backend, mut host, mut length) = (Vec::new(), Vec::new(), 0);
        loop {
            let mut header = Vec::new();
            reader.read_until(b'\n', &mut header)?;
            let header = header.trim_ascii();
            if header.is_empty() {
                break;
            }
            let colon = header.iter().position(|byte| *byte == b':').unwrap_or(header.len());
            let (name, value) = header.split_at(colon);
            let value = value.get(1..).unwrap_or_default().trim_ascii();
            match name.to_ascii_lowercase().as_slice() {
                b"x-backend" => backend = value.to_vec(),
                b"host" => host = value.to_vec(),
                b"content-length" => length = std::str::from_utf8(value).ok().and_then(|n| n.parse().ok()).unwrap_or(0),
                _ => {}
            }
        }
        io::copy(&mut reader.by_ref().take(length), &mut io::sink())?;
        let target = target(&line);
        let status = if backend == b"none" { "404 Not Found" } else { "200 OK" };
        write!(writer, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nX-Backend: ", target.len())?;
        writer.write_all(&[&backend, b"\r\nX-Host: ".as_slice(), &host, b"\r\n\r\n", target].concat())?;
    }
}

/// What stands between the method and the version.
fn target(line: &[u8]) -> &[u8] {
    let space = |byte: &u8| *byte == b' ';
    let first = line.iter().position(space).map_or(0, |at| at + 1);
    let last = line.iter().rposition(space).unwrap_or(0);
    line.get(first..last).unwrap_or_default()
}
