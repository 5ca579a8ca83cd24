//! The limits of a connection to an endpoint.

use std::time::Duration;

use h2::client::Builder;

use crate::config;
use crate::h2::budget::ControlFrames;

/// How connections to endpoints are used, and what an endpoint may do on one.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; make it from `config::Upstream`")]
pub struct ClientSettings {
    /// Whether the connection is TLS, so that `:scheme` is `https`.
    pub is_tls: bool,
    /// The most streams of a connection; the endpoint may allow fewer.
    pub max_streams: u32,
    /// How much of a response may be under way and unread, which is what a slow client costs: 256 KiB are 2 Gbit/s at a round
    /// trip of 1 ms.
    pub stream_window: u32,
    /// The same of all streams together. So much that all streams may be slow at once and none stops the others. It also is half of
    /// what messages in small pieces may cost until they are put together (see `data_frame_budget`).
    pub connection_window: u32,
    /// The greatest list of fields of a response, each counted with 32 bytes more than its text.
    pub max_header_list: u32,
    /// How much of one request body may be held for the socket.
    pub stream_send_buffer: usize,
    /// How much of all request bodies may be held for the socket.
    pub connection_send_buffer: usize,
    /// How many control frames it may send.
    pub control_frames: ControlFrames,
    /// Until a block of fields is complete.
    pub header_timeout: Duration,
    /// For how long the socket may take nothing.
    pub write_timeout: Duration,
    /// For how long there may be no stream.
    pub keep_alive: Duration,
    /// The most requests of a connection.
    pub max_requests: u64,
    /// How old a connection may become.
    pub max_age: Duration,
    /// After how long a silence the endpoint is sent a PING while there are streams, and how long it has to answer it; none for
    /// never. A call that waits for the client has no other deadline that a dead host would miss.
    pub ping: Option<(Duration, Duration)>,
}

impl From<&config::Upstream> for ClientSettings {
    fn from(config: &config::Upstream) -> Self {
        const STREAMS: u32 = 100;
        const WINDOW: u32 = 256 << 10;
        Self {
            is_tls: false,
            max_streams: STREAMS,
            stream_window: WINDOW,
            connection_window: STREAMS * WINDOW,
            max_header_list: u32::try_from(config.max_head).unwrap_or(u32::MAX),
            stream_send_buffer: 64 << 10,
            connection_send_buffer: 1 << 20,
            control_frames: ControlFrames::default(),
            header_timeout: Duration::from_secs(10),
            write_timeout: Duration::from_secs(60),
            keep_alive: config.keep_alive_timeout,
            max_requests: config.keep_alive_requests,
            max_age: config.keep_alive_age,
            // gRPC servers take more than one in five minutes for an attack by default.
            ping: Some((Duration::from_secs(310), Duration::from_secs(20))),
        }
    }
}

impl ClientSettings {
    pub(super) fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            // Until the endpoint has said how many it takes.
            .initial_max_send_streams(1)
            .max_header_list_size(self.max_header_list)
            .initial_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .max_frame_size(16 << 10)
            .max_send_buffer_size(self.stream_send_buffer)
            // A client that goes away in the middle of its response is nothing special. What the endpoint sends before it
            // learns of that is an error to `h2` once it has forgotten the stream, and 1024 of those end the connection.
            .max_concurrent_reset_streams(1_000)
            .reset_stream_duration(Duration::from_secs(10))
            .max_local_error_reset_streams(Some(1_024))
            .data_frame_budget((self.connection_window * 2) as usize);
        builder
    }
}
