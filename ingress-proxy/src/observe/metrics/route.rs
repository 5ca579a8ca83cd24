//! What is counted for each request of a route, on one worker.

use std::sync::atomic::{AtomicBool, Ordering};

use super::labels::{Method, Outcome};
use super::number::Chain;
use super::series::{Histograms, Likeness, Part, Usual};

/// One request that is done.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a record without invariants; build it with `..Default::default()`")]
pub struct Sample {
    /// The method.
    pub method: Method,
    /// The status that the client got; 499 if it left before.
    pub status: u16,
    /// From the first byte of the request to the last of the response.
    pub duration_us: u64,
    /// Until there was a connection to the endpoint; 0 if there was one before; none if none was needed.
    pub connect_us: Option<u64>,
    /// From asking the endpoint to the head of its response.
    pub header_us: Option<u64>,
    /// From asking the endpoint to the end of its response.
    pub upstream_us: Option<u64>,
    /// The request with its head.
    pub request_bytes: u64,
    /// The response with its head.
    pub response_bytes: u64,
}

/// The figures of one route on one worker.
#[derive(Debug, Default)]
pub struct RouteMetrics {
    usual: Usual,
    /// What is not like the first request.
    others: Chain<Outcome, Histograms>,
    /// Whether nobody reads these figures any more, because no table has the route.
    is_gone: AtomicBool,
}

impl RouteMetrics {
    /// Whether nobody reads these figures any more, because no table has had the route for a while.
    #[inline]
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Says that these figures are not read any more.
    pub(super) fn retire(&self) {
        self.is_gone.store(true, Ordering::Relaxed);
    }

    /// Counts a request.
    #[inline]
    pub fn record(&self, sample: &Sample) {
        let outcome = Outcome::new(sample.method, sample.status);
        let likeness = Likeness::new(outcome, sample);
        if likeness.is_some() && likeness == self.usual.likeness() {
            self.usual.record(sample);
        } else {
            self.record_other(likeness, outcome, sample);
        }
    }

    #[inline(never)]
    fn record_other(&self, likeness: Option<Likeness>, outcome: Outcome, sample: &Sample) {
        match likeness {
            Some(likeness) if self.usual.likeness().is_none() => self.usual.begin(likeness, sample),
            _ => self.others.get(outcome).record(sample),
        }
    }

    /// What was counted, by method and status, of which one may have two parts.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Outcome, Part<'_>)> {
        let usual = self.usual.likeness().map(|likeness| (likeness.outcome(), Part::Usual(likeness, &self.usual)));
        usual.into_iter().chain(self.others.iter().map(|(outcome, others)| (outcome, Part::Other(others))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::series::Totals;
    use super::*;

    /// Requests of which many are alike.
    fn sample() -> impl Strategy<Value = Sample> {
        let time = || prop_oneof![4 => 0_u64..10, 1 => 4_990_u64..5_010, 1 => any::<u32>().prop_map(u64::from)];
        let size = || prop_oneof![4 => 60_u64..75, 1 => 0_u64..20_000];
        let method = prop_oneof![4 => Just(Method::Get), 1 => Just(Method::Post)];
        let status = prop_oneof![4 => Just(200_u16), 1 => 100_u16..600];
        let upstream = prop_oneof![
            4 => (time(), time(), time()).prop_map(|(a, b, c)| (Some(a), Some(b), Some(c))),
            1 => Just((None, None, None)),
            1 => time().prop_map(|connect| (Some(connect), None, None)),
        ];
        (method, status, time(), upstream, size(), size()).prop_map(
            |(method, status, duration_us, (connect_us, header_us, upstream_us), request_bytes, response_bytes)| {
                Sample {
                    method,
                    status,
                    duration_us,
                    connect_us,
                    header_us,
                    upstream_us,
                    request_bytes,
                    response_bytes,
                }
            },
        )
    }

    proptest! {
        /// Wherever a request is counted, totals have it.
        #[test]
        fn totals_are_of_all_that_was_observed(samples in proptest::collection::vec(sample(), 0..50)) {
            let route = RouteMetrics::default();
            let (mut wanted, mut totals) = (BTreeMap::<_, Totals>::new(), BTreeMap::<_, Totals>::new());
            for sample in samples {
                route.record(&sample);
                let histograms = Histograms::default();
                histograms.record(&sample);
                let totals = wanted.entry(Outcome::new(sample.method, sample.status)).or_default();
                Part::Other(&histograms).add_to(totals);
            }
            route.parts().for_each(|(outcome, part)| part.add_to(totals.entry(outcome).or_default()));
            prop_assert_eq!(totals, wanted);
        }
    }

    #[test]
    fn requests_like_the_first_need_no_memory_of_their_own() {
        let route = RouteMetrics::default();
        let usual = Sample {
            status: 200,
            upstream_us: Some(70),
            header_us: Some(60),
            connect_us: Some(0),
            ..Sample::default()
        };
        for duration_us in [80, 4_000] {
            route.record(&Sample { duration_us, ..usual });
        }
        assert_eq!(route.others.iter().count(), 0);
        route.record(&Sample { duration_us: 6_000, ..usual });
        assert_eq!(route.others.iter().count(), 1);
    }
}
