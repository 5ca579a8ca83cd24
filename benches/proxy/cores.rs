//! Which core runs what: the proxy has one to itself, this program the other.

use benches::matcher::Error;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores. On a machine with one they are the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) generator: usize,
    pub(crate) proxy: usize,
}

impl Cores {
    /// The first and the last that this process may use; puts it on the first.
    pub(crate) fn take() -> Result<Self, Error> {
        let allowed = sched_getaffinity(None)?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let generator = usable.next().ok_or("no core to run on")?;
        let cores = Self { generator, proxy: usable.next_back().unwrap_or(generator) };
        pin(generator)?;
        Ok(cores)
    }

    /// Does something on a core that what it starts inherits.
    pub(crate) fn on<T>(self, core: usize, action: impl FnOnce() -> T) -> Result<T, Error> {
        pin(core)?;
        let value = action();
        pin(self.generator)?;
        Ok(value)
    }

    pub(crate) fn are_two(self) -> bool {
        self.generator != self.proxy
    }
}

fn pin(core: usize) -> Result<(), Error> {
    let mut set = CpuSet::new();
    set.set(core);
    Ok(sched_setaffinity(None, &set)?)
}
