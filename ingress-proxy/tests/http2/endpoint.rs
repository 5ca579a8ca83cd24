//! An endpoint of frames, and a stream to it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use ingress_proxy::config;
use ingress_proxy::exchange::{HeadError, Upstream};
use ingress_proxy::h2::Ended;
use ingress_proxy::h2::client::{ClientSettings, ClientStream, Connection, connect};
use ingress_proxy::message::{BodyLength, OutgoingRequest, ResponseHead, Version};
use ingress_proxy::worker::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::time::sleep;

use super::site::{Pairs, patiently};
use super::wire::*;

pub const SHORT: Duration = Duration::from_millis(300);

pub fn client_settings() -> ClientSettings {
    ClientSettings::from(&config::Upstream::default())
}

/// An endpoint that is played by the test.
pub struct Endpoint {
    pub io: DuplexStream,
    pub connection: Connection,
    ended: Rc<RefCell<Option<Ended>>>,
}

impl Endpoint {
    pub async fn new(clock: &Clock, config: ClientSettings, values: &[(u16, u32)]) -> Self {
        let (mut io, ours) = duplex(1 << 20);
        let ended = Rc::new(RefCell::new(None));
        let end = Rc::clone(&ended);
        let connecting =
            connect(ours, &Rc::new(config), clock, move |how| *end.borrow_mut() = Some(how)).await.unwrap();
        let mut preface = [0; 24];
        patiently(io.read_exact(&mut preface)).await.unwrap();
        assert_eq!(preface, PREFACE);
        io.write_all(&[settings(values), frame(SETTINGS, ACK, 0, &[])].concat()).await.unwrap();
        let mut endpoint = Self { io, connection: connecting, ended };
        // Its settings are known when they are acknowledged.
        endpoint.until(|frame| frame.kind == SETTINGS && frame.flags & ACK != 0).await;
        endpoint
    }

    pub async fn send(&mut self, frames: &[&[u8]]) {
        let _ = self.io.write_all(&frames.concat()).await;
    }

    pub async fn until(&mut self, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = patiently(read_frame(&mut self.io)).await?;
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }

    pub async fn ended(&self) -> Ended {
        patiently(async {
            loop {
                if let Some(ended) = self.ended.borrow_mut().take() {
                    return ended;
                }
                sleep(Duration::from_millis(1)).await;
            }
        })
        .await
    }

    /// A stream on which a request was sent.
    pub async fn ask(&mut self, body: BodyLength) -> ClientStream {
        let mut stream = self.connection.stream().expect("there is room");
        stream.start(&outgoing(body, &Pairs(&[(b"Content-Type", b"application/grpc")]))).unwrap();
        assert_eq!(self.until(|frame| frame.kind == HEADERS).await.map(|frame| frame.kind), Some(HEADERS));
        stream
    }
}

pub fn outgoing<'a>(body: BodyLength, fields: &'a Pairs<'a>) -> OutgoingRequest<'a> {
    OutgoingRequest {
        version: Version::Http2,
        method: b"POST",
        target: b"/pkg.Service/Method",
        authority: b"a.example",
        fields,
        body,
        websocket: false,
        connection: None,
    }
}

pub fn response(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    headers(stream, END_HEADERS | flags, &block(fields))
}

pub async fn head(stream: &mut ClientStream) -> Result<ResponseHead, HeadError> {
    let mut head = ResponseHead::default();
    patiently(poll_fn(|cx| stream.poll_head(cx, &mut head))).await?;
    Ok(head)
}

pub fn go_away(last: u32, error: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), error.to_be_bytes()].concat())
}
