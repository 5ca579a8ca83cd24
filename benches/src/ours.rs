//! The engine as a contender.

use std::hint::black_box;

use ingress_core::policy::{Route, Target};
use ingress_core::snapshot::Snapshot;

use crate::keys::{Probes, view};
use crate::matcher::{Error, Matcher};
use crate::objects::{Services, table};
use crate::workload::{RouteId, Workload};

/// The bare index.
#[derive(Debug)]
pub struct Locate(Snapshot);

impl Locate {
    /// The index of a workload.
    ///
    /// # Errors
    ///
    /// The workload has a name that is not valid.
    pub fn new(workload: &Workload) -> Result<Self, Error> {
        Ok(Self(Snapshot::new(table(workload, Services::PerPath)?)))
    }

    /// The index of a snapshot whose Services are named after the numbers of their routes.
    #[must_use]
    pub fn over(snapshot: Snapshot) -> Self {
        Self(snapshot)
    }
}

impl Matcher for Locate {
    fn find(&self, host: &str, path: &str) -> Option<RouteId> {
        let (host, place) = self.0.locate(host, path.as_bytes())?;
        route_id(host.routes().get(place)?)
    }

    fn sweep(&self, probes: &Probes<'_>) {
        for (host, path) in &probes.pairs {
            black_box(self.0.locate(host, path.as_bytes()));
        }
    }
}

/// The whole decision, from a request that has been looked at.
#[derive(Debug)]
pub struct Decide(Snapshot);

impl Decide {
    /// The snapshot of a workload.
    ///
    /// # Errors
    ///
    /// The workload has a name that is not valid.
    pub fn new(workload: &Workload) -> Result<Self, Error> {
        Ok(Self(Snapshot::new(table(workload, Services::PerPath)?)))
    }

    /// The decisions of a snapshot whose Services are named after the numbers of their routes.
    #[must_use]
    pub fn over(snapshot: Snapshot) -> Self {
        Self(snapshot)
    }
}

impl Matcher for Decide {
    fn find(&self, host: &str, path: &str) -> Option<RouteId> {
        decided(&self.0, host, path)
    }

    fn sweep(&self, probes: &Probes<'_>) {
        for view in &probes.views {
            black_box(self.0.decide(view));
        }
    }
}

/// The whole decision with the look at the request.
#[derive(Debug)]
pub struct DecideFresh(Snapshot);

impl DecideFresh {
    /// The snapshot of a workload.
    ///
    /// # Errors
    ///
    /// The workload has a name that is not valid.
    pub fn new(workload: &Workload) -> Result<Self, Error> {
        Ok(Self(Snapshot::new(table(workload, Services::PerPath)?)))
    }
}

impl Matcher for DecideFresh {
    fn find(&self, host: &str, path: &str) -> Option<RouteId> {
        decided(&self.0, host, path)
    }

    fn sweep(&self, probes: &Probes<'_>) {
        for (host, path) in &probes.pairs {
            if let Ok(view) = view(host, path) {
                black_box(self.0.decide(&view));
            }
        }
    }
}

fn decided(snapshot: &Snapshot, host: &str, path: &str) -> Option<RouteId> {
    let view = view(host, path).ok()?;
    route_id(snapshot.decide(&view).matched()?.route()?)
}

/// The number that the route's Service is named after.
fn route_id(route: &Route) -> Option<RouteId> {
    let Target::Backend(backend) = &route.target else { return None };
    backend.service.strip_prefix("app-")?.parse().ok()
}
