//! Things that are there now.

use std::sync::Arc;

use super::number::Gauge;
use super::worker::WorkerMetrics;

/// One thing that a gauge counts for as long as this is there. It belongs to the thread of the worker.
#[derive(Debug)]
#[must_use = "it is counted until this is dropped"]
pub struct Held {
    metrics: Arc<WorkerMetrics>,
    gauge: fn(&WorkerMetrics) -> &Gauge,
}

impl WorkerMetrics {
    /// Counts one more in a gauge.
    pub fn hold(self: &Arc<Self>, gauge: fn(&Self) -> &Gauge) -> Held {
        gauge(self).increment();
        Held { metrics: Arc::clone(self), gauge }
    }
}

impl Held {
    /// Counts it in another gauge from now on.
    #[inline]
    pub fn pass_to(&mut self, gauge: fn(&WorkerMetrics) -> &Gauge) {
        (self.gauge)(&self.metrics).decrement();
        gauge(&self.metrics).increment();
        self.gauge = gauge;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        (self.gauge)(&self.metrics).decrement();
    }
}
