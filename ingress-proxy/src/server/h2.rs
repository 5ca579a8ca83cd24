//! The client's side of HTTP/2: one task for each request that is under way.

mod activity;
mod crew;

use std::rc::Rc;
use std::time::Instant;

use self::activity::Activity;
pub(crate) use self::crew::Crew;
use self::crew::Job;
use super::Client;
use crate::exchange::Refused;
use crate::h2::Ended;
use crate::h2::server::{self, ServerSettings, ServerStream, Service};
use crate::io::Io;
use crate::message::{Rejection, RequestHead, Version};
use crate::worker::Worker;

/// Serves a connection until it ends.
pub(crate) async fn serve(worker: Rc<Worker>, io: Io, client: Client) {
    let settings = ServerSettings::from(&worker.config.downstream);
    let _open = worker.metrics.hold(|it| &it.open_http2);
    let streams = Streams {
        worker: Rc::clone(&worker),
        client: Rc::new(client),
        served: std::cell::Cell::new(0),
        activity: Activity::new(&worker.metrics),
    };
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
    activity: Rc<Activity>,
}

impl Service for Streams {
    fn head(&self) -> RequestHead {
        self.worker.crew.head()
    }

    fn request(&self, head: RequestHead, stream: ServerStream) {
        self.served.set(self.served.get().wrapping_add(1));
        let busy = self.activity.begin();
        let job = Job { client: Rc::clone(&self.client), head, stream, number: self.served.get(), busy };
        Crew::take(&self.worker, job);
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
