//! One connection: request after request, each with a deadline.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ingress_cli::simulate::Simulation;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout, timeout_at};

use super::SPARE_CONNECTIONS;
use super::pages::{Body, Page, Pages};
use crate::h1::{HeadParser, Limits, Writing, encode};
use crate::message::{BodyLength, OutgoingResponse, Rejection, RequestHead, Version};

/// From the first byte of a request to the last of its head; from the connection for the first.
const HEAD_TIMEOUT: Duration = Duration::from_secs(2);
/// Between two requests.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// For a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(60);
/// For a piece of a response.
const PIECE_TIMEOUT: Duration = Duration::from_secs(5);
/// For the client to see the last response before the connection goes.
const LINGER: Duration = Duration::from_secs(1);
const LIMITS: Limits = Limits { head: 8 << 10, fields: 64, target: 8 << 10, underscores: false };
/// A piece of a large body.
const PIECE: usize = 64 << 10;

/// Serves a connection until it ends; it is one of those that there may be.
pub(super) async fn serve(mut stream: TcpStream, peer: SocketAddr, pages: &Pages, place: OwnedSemaphorePermit) {
    let mut input = Vec::new();
    let mut head = RequestHead::default();
    let mut is_first = true;
    loop {
        let read = read_head(&mut stream, &mut input, &mut head, is_first).await;
        let (page, keep_alive, is_whole) = match read {
            Ok(Some(length)) => {
                input.drain(..length);
                let page = pages.page(&head, peer).await;
                // What may follow a refused request is its body.
                let has_room = place.semaphore().available_permits() >= SPARE_CONNECTIONS;
                let is_whole = !matches!(page.status, 400 | 405);
                (page, head.keep_alive && has_room && is_whole, is_whole && input.is_empty())
            }
            Ok(None) => return,
            Err(rejection) => {
                head.clear();
                (Page::refused(rejection.status(), rejection.as_str()), false, false)
            }
        };
        let is_head = head.method() == "HEAD";
        let written = timeout(RESPONSE_TIMEOUT, respond(&mut stream, page, is_head, head.version, keep_alive)).await;
        match written {
            Ok(Ok(true)) => is_first = false,
            Ok(Ok(false)) if !is_whole => return linger(stream).await,
            Ok(Ok(false)) => return,
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// Reads the head of the next request; none if there is none or it takes too long.
async fn read_head(
    stream: &mut TcpStream,
    input: &mut Vec<u8>,
    head: &mut RequestHead,
    is_first: bool,
) -> Result<Option<usize>, Rejection> {
    let mut parser = HeadParser::default();
    let mut deadline = Instant::now() + if is_first || !input.is_empty() { HEAD_TIMEOUT } else { IDLE_TIMEOUT };
    let mut piece = [0; 2048];
    loop {
        if !input.is_empty()
            && let Some(length) = parser.request(input, &LIMITS, head)?
        {
            return Ok(Some(length));
        }
        let was_empty = input.is_empty();
        match timeout_at(deadline, stream.read(&mut piece)).await {
            Ok(Ok(read)) if read > 0 => input.extend_from_slice(piece.get(..read).unwrap_or_default()),
            _ => return Ok(None),
        }
        if was_empty && !is_first {
            deadline = Instant::now() + HEAD_TIMEOUT;
        }
    }
}

/// Writes a response. Returned is whether the connection stays.
async fn respond(
    stream: &mut TcpStream,
    page: Page,
    is_head: bool,
    version: Version,
    keep_alive: bool,
) -> io::Result<bool> {
    let mut fields: Vec<(&[u8], &[u8])> = vec![
        (b"Content-Type", page.content_type.as_bytes()),
        (b"Cache-Control", b"no-store"),
        (b"X-Content-Type-Options", b"nosniff"),
    ];
    if page.status == 405 {
        fields.push((b"Allow", b"GET, HEAD"));
    }
    let body = match &page.body {
        Body::Whole(body) if is_head => BodyLength::Declared(body.len() as u64),
        Body::Whole(body) => BodyLength::Exact(body.len() as u64),
        Body::Pieces(_) | Body::Table(_) => BodyLength::Unknown,
    };
    let mut out = Vec::new();
    let response = OutgoingResponse { status: page.status, fields: &Fields(&fields), body };
    let writing = encode::response(&mut out, &response, version, keep_alive);
    match page.body {
        _ if is_head => {}
        Body::Whole(body) => out.extend_from_slice(&body),
        Body::Pieces(mut text) => {
            let mut pieces = Pieces { stream, writing, head: std::mem::take(&mut out) };
            while let Some(piece) = text.next().await? {
                pieces.write(&mut piece.into_bytes()).await?;
            }
            pieces.end(&mut out);
        }
        Body::Table(table) => {
            let mut pieces = Pieces { stream, writing, head: std::mem::take(&mut out) };
            write_table(&table, &mut pieces).await?;
            pieces.end(&mut out);
        }
    }
    stream.write_all(&out).await?;
    // Without chunks only the end of the connection says where the body ends.
    let is_endless = body == BodyLength::Unknown && writing != Writing::Chunked;
    Ok(keep_alive && !is_endless)
}

struct Fields<'a>(&'a [(&'a [u8], &'a [u8])]);

impl crate::message::EachField for Fields<'_> {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| call(name, value));
    }
}

/// A body of unknown length, and what is to be written before it.
struct Pieces<'a> {
    stream: &'a mut TcpStream,
    writing: Writing,
    head: Vec<u8>,
}

impl Pieces<'_> {
    async fn write(&mut self, piece: &mut Vec<u8>) -> io::Result<()> {
        let mut out = std::mem::take(&mut self.head);
        match self.writing {
            Writing::Chunked => encode::chunk(&mut out, piece),
            Writing::Identity | Writing::None => out.extend_from_slice(piece),
        }
        piece.clear();
        timeout(PIECE_TIMEOUT, self.stream.write_all(&out)).await?
    }

    /// Says that this was all.
    fn end(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head);
        if self.writing == Writing::Chunked {
            encode::last_chunk(out, None);
        }
    }
}

/// Writes the table as one object.
async fn write_table(table: &Simulation, to: &mut Pieces<'_>) -> io::Result<()> {
    let mut piece = Vec::with_capacity(PIECE + 4096);
    piece.extend_from_slice(b"{\"routes\":[");
    // What the snapshot was compiled from is not at hand.
    write_rows(table.routes(&|_| None), &mut piece, to).await?;
    piece.extend_from_slice(b"],\n\"default_backend\":");
    serde_json::to_writer(&mut piece, &table.default_backend())?;
    piece.extend_from_slice(b",\n\"certificates\":[");
    let certificates = table.table().certificates.iter().map(|(host, entry)| {
        let ingress = entry.origin.object.path();
        json!({"host": host.to_string(), "certificate": entry.certificate.to_string(), "ingress": ingress})
    });
    write_rows(certificates, &mut piece, to).await?;
    piece.extend_from_slice(b"]}\n");
    to.write(&mut piece).await
}

/// Writes the members of an array. Others get their turn between two pieces.
async fn write_rows(
    rows: impl Iterator<Item = impl serde::Serialize>,
    piece: &mut Vec<u8>,
    to: &mut Pieces<'_>,
) -> io::Result<()> {
    let mut separator: &[u8] = b"\n";
    for row in rows {
        piece.extend_from_slice(separator);
        separator = b",\n";
        serde_json::to_writer(&mut *piece, &row)?;
        if piece.len() >= PIECE {
            to.write(piece).await?;
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

/// Lets the client read the last response: closing with something unread would throw it away.
async fn linger(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        let mut piece = [0; 2048];
        while stream.read(&mut piece).await? > 0 {}
        io::Result::Ok(())
    };
    // Whatever happens, it ends here.
    let _drained = timeout(LINGER, drain).await;
}
