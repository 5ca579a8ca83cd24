//! How many descriptors the process may have, and how many connections that allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for other things than connections, and those of each worker.
const RESERVE: usize = 64;
const OF_WORKER: usize = 8;
/// Where there is no limit.
const MANY: u64 = 1 << 20;

/// Takes all that the process may have, as ingress-nginx does for nginx. Returned is how many that are.
pub(crate) fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(MANY);
    let is_raised = limit.current.is_some_and(|current| current < most)
        && setrlimit(Resource::Nofile, Rlimit { current: Some(most), maximum: limit.maximum }).is_ok();
    let now = if is_raised { most } else { limit.current.unwrap_or(MANY) };
    usize::try_from(now).unwrap_or(usize::MAX)
}

/// The connections that each worker may have of so many descriptors: one that is proxied needs two of them.
pub(super) fn connections(descriptors: usize, workers: usize) -> usize {
    const LEAST: usize = 16;
    let left = descriptors.saturating_sub(RESERVE).saturating_sub(workers.saturating_mul(OF_WORKER));
    (left / workers.max(1) / 2).max(LEAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_two_descriptors() {
        for (descriptors, workers, expected) in
            [(1_024, 1, 476), (1_024, 4, 116), (1_048_576, 4, 131_060), (60, 1, 16), (0, 0, 16)]
        {
            assert_eq!(connections(descriptors, workers), expected, "{descriptors} {workers}");
        }
    }
}
