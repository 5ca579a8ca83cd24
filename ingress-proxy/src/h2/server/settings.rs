//! The limits of a client's connection.

use std::time::Duration;

use h2::server::Builder;

use crate::config;
use crate::h2::budget::ControlFrames;
use crate::h2::head::Limits;

/// What one client may do on one connection. Every limit is said to `h2`; none is left at its default.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; make it from `config::Downstream`")]
pub struct ServerSettings {
    /// The greatest list of fields, each counted with 32 bytes more than its text. 431 beyond; four times that much closes.
    pub max_header_list: u32,
    /// The most fields of a request, crumbs of cookies counted one by one. 431 beyond.
    pub max_fields: usize,
    /// The greatest `:path`. 414 beyond.
    pub max_target: usize,
    /// The most streams at one time.
    pub max_streams: u32,
    /// How much of a request body may be under way and unread. The connection's window is what bounds memory; this bounds how
    /// much of it one upload that nobody reads can take from the others, and how fast an upload can be: 256 KiB is 20 Mbit/s
    /// at a round trip of 100 ms, where 64 KiB would be 5.
    pub stream_window: u32,
    /// How much may be under way and unread on all streams together.
    pub connection_window: u32,
    /// How much of one response may be held for the socket.
    pub stream_send_buffer: usize,
    /// How much of all responses may be held for the socket.
    pub connection_send_buffer: usize,
    /// Streams that the client has reset and we have not looked at yet; more is a rapid reset.
    pub max_pending_resets: usize,
    /// Streams that had to be reset for the client's errors, in the life of a connection.
    pub max_error_resets: usize,
    /// How many control frames it may send.
    pub control_frames: ControlFrames,
    /// Until a block of fields is complete, and until the connection has begun.
    pub header_timeout: Duration,
    /// Between two pieces of a request body, unless the client may fall silent by design (gRPC, WebSocket).
    pub idle_timeout: Duration,
    /// For how long the client may take nothing of a response. Nothing else that it sends moves this deadline.
    pub stall_timeout: Duration,
    /// For how long there may be no stream.
    pub keep_alive: Duration,
    /// The most requests of a connection.
    pub max_requests: u64,
    /// How old a connection may become.
    pub max_age: Duration,
    /// For how long requests are still taken after GOAWAY from a client that does not acknowledge it.
    pub goaway_grace: Duration,
    /// Whether names with an underscore are kept.
    pub underscores: bool,
}

/// The list that there may be of fields, each counted with 32 bytes more (RFC 9113 6.5.2), where a head may be so large: a
/// client holds that for each of its streams, so it is half as much, but 16 KiB of it in any case.
fn header_list(max_head: usize) -> usize {
    max_head.min(16 << 10).max(max_head / 2)
}

impl From<&config::Downstream> for ServerSettings {
    fn from(config: &config::Downstream) -> Self {
        Self {
            max_header_list: u32::try_from(header_list(config.max_head)).unwrap_or(u32::MAX),
            max_fields: config.max_fields,
            max_target: config.max_target,
            max_streams: config.http2_max_streams,
            stream_window: 256 << 10,
            connection_window: 1 << 20,
            stream_send_buffer: 64 << 10,
            connection_send_buffer: 1 << 20,
            max_pending_resets: 20,
            max_error_resets: 256,
            control_frames: ControlFrames::default(),
            header_timeout: config.header_timeout,
            idle_timeout: config.idle_timeout,
            stall_timeout: config.stall_timeout,
            keep_alive: config.keep_alive,
            max_requests: config.keep_alive_requests,
            max_age: Duration::from_secs(3_600),
            goaway_grace: Duration::from_secs(10),
            underscores: config.underscores_in_headers,
        }
    }
}

impl ServerSettings {
    pub(super) fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .max_header_list_size(self.max_header_list)
            .max_concurrent_streams(self.max_streams)
            .initial_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .max_frame_size(16 << 10)
            .header_table_size(4 << 10)
            .max_send_buffer_size(self.stream_send_buffer)
            .max_pending_accept_reset_streams(self.max_pending_resets)
            .max_local_error_reset_streams(Some(self.max_error_resets))
            // Frames for a stream that was just reset are no errors of the client; so many are remembered for so long.
            .max_concurrent_reset_streams(100)
            .reset_stream_duration(Duration::from_secs(3))
            // Bodies in small pieces: what those cost that nobody has put together yet. Four times what `h2` has by default, as clients
            // that stream small messages write each by itself.
            .data_frame_budget((self.connection_window * 2) as usize)
            .enable_connect_protocol();
        builder
    }

    pub(super) fn limits(&self) -> Limits {
        Limits { max_fields: self.max_fields, max_target: self.max_target, underscores: self.underscores }
    }
}

#[cfg(test)]
mod tests {
    use super::header_list;

    #[test]
    fn a_list_grows_with_the_head_that_is_allowed() {
        for (max_head, list) in
            [(4 << 10, 4 << 10), (16 << 10, 16 << 10), (32 << 10, 16 << 10), (64 << 10, 32 << 10), (1 << 20, 512 << 10)]
        {
            assert_eq!(header_list(max_head), list, "{max_head}");
        }
    }
}
