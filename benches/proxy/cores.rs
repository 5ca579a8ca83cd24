//! Which core runs what: the proxy has one to itself, this program the other.

use std::fs;

use benches::matcher::Error;
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// The two cores. On a machine with one they are the same.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) generator: usize,
    pub(crate) proxy: usize,
}

/// Where something runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Generator,
    Proxy,
    Both,
}

impl Cores {
    /// The first and the last that this process may use; puts it on the first.
    pub(crate) fn take() -> Result<Self, Error> {
        let allowed = sched_getaffinity(None)?;
        let mut usable = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core));
        let generator = usable.next().ok_or("no core to run on")?;
        let cores = Self { generator, proxy: usable.next_back().unwrap_or(generator) };
        pin(None, &cores.of(Place::Generator))?;
        Ok(cores)
    }

    /// Does something on a core, or on both, where all that it starts stays.
    pub(crate) fn on<T>(self, place: Place, action: impl FnOnce() -> T) -> Result<T, Error> {
        pin(None, &self.of(place))?;
        let value = action();
        pin(None, &self.of(Place::Generator))?;
        Ok(value)
    }

    /// Moves all threads of a process to where it shall be from now on.
    pub(crate) fn hold(self, process: u32, place: Place) -> Result<(), Error> {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let id: Option<i32> = thread?.file_name().to_str().and_then(|name| name.parse().ok());
            if let Some(id) = id.and_then(Pid::from_raw) {
                pin(Some(id), &self.of(place))?;
            }
        }
        Ok(())
    }

    fn of(self, place: Place) -> CpuSet {
        let mut set = CpuSet::new();
        if place != Place::Proxy {
            set.set(self.generator);
        }
        if place != Place::Generator {
            set.set(self.proxy);
        }
        set
    }

    pub(crate) fn are_two(self) -> bool {
        self.generator != self.proxy
    }
}

fn pin(thread: Option<Pid>, set: &CpuSet) -> Result<(), Error> {
    match sched_setaffinity(thread, set) {
        // A thread that has ended need not be anywhere.
        Err(Errno::SRCH) if thread.is_some() => Ok(()),
        result => Ok(result?),
    }
}
