//! What a process and its descendants use, as `/proc` tells it.

use std::collections::BTreeSet;
use std::fs;

use benches::matcher::Error;

/// Time on a core in seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    /// All of it, where the kernel tells to the nanosecond; else the sum of the others, which it tells in ticks.
    pub(crate) on_core: f64,
    pub(crate) user: f64,
    pub(crate) system: f64,
}

/// Resident memory in MiB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// As each process counts it.
    pub(crate) resident: f64,
    /// With pages that processes share divided between them.
    pub(crate) proportional: f64,
}

/// The process and its descendants.
pub(crate) fn family(root: u32) -> BTreeSet<u32> {
    let mut family = BTreeSet::from([root]);
    // Pairs of a process and its parent; a child may be listed before its parent, so until nothing is found.
    let pairs: Vec<(u32, u32)> = processes().into_iter().filter_map(|pid| Some((pid, parent(pid)?))).collect();
    loop {
        let more: Vec<u32> = pairs
            .iter()
            .filter(|(pid, parent)| family.contains(parent) && !family.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return family;
        }
        family.extend(more);
    }
}

/// The time that processes, with all their threads, have been on a core.
pub(crate) fn cpu(family: &BTreeSet<u32>) -> Cpu {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
    let mut cpu = Cpu::default();
    for pid in family {
        let Some((user, system)) = ticks(*pid) else { continue };
        cpu.user += user / ticks_per_second;
        cpu.system += system / ticks_per_second;
        cpu.on_core += scheduled(*pid).unwrap_or((user + system) / ticks_per_second);
    }
    cpu
}

/// The memory of processes. One that is just ending has none.
pub(crate) fn memory(family: &BTreeSet<u32>) -> Result<Memory, Error> {
    let mut memory = Memory::default();
    for pid in family {
        let Ok(text) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
        memory.resident += mebibytes(&text, "Rss:").unwrap_or_default();
        memory.proportional += mebibytes(&text, "Pss:").unwrap_or_default();
    }
    if memory.resident > 0.0 { Ok(memory) } else { Err("the memory of the proxy cannot be read".into()) }
}

/// When a process was started, which tells it from a later one of the same id.
pub(crate) fn started(pid: u32) -> Option<u64> {
    fields(pid)?.get(19)?.parse().ok()
}

fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

fn parent(pid: u32) -> Option<u32> {
    fields(pid)?.get(1)?.parse().ok()
}

/// What the scheduler counts: the first field for each thread, in nanoseconds.
fn scheduled(pid: u32) -> Option<f64> {
    let mut seconds = 0.0;
    for thread in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        // A thread that is just ending has nothing to tell.
        let Ok(text) = fs::read_to_string(thread.ok()?.path().join("schedstat")) else { continue };
        seconds += text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9;
    }
    (seconds > 0.0).then_some(seconds)
}

fn ticks(pid: u32) -> Option<(f64, f64)> {
    let fields = fields(pid)?;
    Some((fields.get(11)?.parse().ok()?, fields.get(12)?.parse().ok()?))
}

/// The fields of `stat` after the name, which is in brackets and may have anything in it. The first is the state.
fn fields(pid: u32) -> Option<Vec<String>> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, rest) = text.rsplit_once(") ")?;
    Some(rest.split_whitespace().map(str::to_owned).collect())
}

fn mebibytes(text: &str, name: &str) -> Option<f64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes / 1024.0)
}
