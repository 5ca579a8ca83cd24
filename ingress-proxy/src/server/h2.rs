//! The client's side of HTTP/2: one task per stream.

use std::rc::Rc;
use std::time::Instant;

use super::Client;
use crate::exchange::{self, Refused, Scratch};
use crate::h2::Ended;
use crate::h2::server::{self, ServerSettings, ServerStream, Service};
use crate::io::Io;
use crate::message::{Rejection, RequestHead, Version};
use crate::worker::Worker;

/// Serves a connection until it ends.
pub(crate) async fn serve(worker: Rc<Worker>, io: Io, client: Client) {
    let settings = ServerSettings::from(&worker.config.downstream);
    let streams = Streams { worker: Rc::clone(&worker), client: Rc::new(client), served: std::cell::Cell::new(0) };
    let ended = server::serve(io, &settings, &worker.clock, &streams, worker.drained()).await;
    match ended {
        Ended::Excess(excess) => worker.metrics.http2_floods.count(excess.as_str()),
        Ended::Protocol(h2::Reason::ENHANCE_YOUR_CALM) => worker.metrics.http2_floods.count("enhance-your-calm"),
        _ => {}
    }
}

struct Streams {
    worker: Rc<Worker>,
    client: Rc<Client>,
    served: std::cell::Cell<u64>,
}

impl Service for Streams {
    fn request(&self, head: RequestHead, mut stream: ServerStream) {
        let (worker, client) = (Rc::clone(&self.worker), Rc::clone(&self.client));
        self.served.set(self.served.get().wrapping_add(1));
        let number = self.served.get();
        tokio::task::spawn_local(async move {
            let mut scratch = Scratch::default();
            exchange::run(&worker, &client, &mut stream, &head, &mut scratch, number).await;
        });
    }

    fn refused(&self, rejection: Rejection, parts: &http::request::Parts) {
        self.served.set(self.served.get().wrapping_add(1));
        let target = parts.uri.path_and_query().map_or("", |target| target.as_str());
        let mut head = RequestHead { version: Version::Http2, ..RequestHead::default() };
        head.method.extend_from_slice(parts.method.as_str().as_bytes());
        head.target.extend_from_slice(target.as_bytes());
        let refused = Refused {
            status: rejection.status(),
            reason: rejection.as_str(),
            head: &head,
            started: Instant::now(),
            number: self.served.get(),
        };
        refused.finish(&self.worker, &self.client, (0, 0), 0);
    }
}
