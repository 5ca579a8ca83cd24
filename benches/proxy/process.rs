//! Processes that this program starts: on a core of their choice, with their output in a file, and ended whatever happens.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use benches::matcher::Error;
use rustix::process::{Pid, Signal, kill_process};

use crate::cores::{Cores, Place};
use crate::usage;

/// How long a process may take to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(5);

/// A command line.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
}

impl Launch {
    pub(crate) fn new(program: &Path) -> Self {
        Self { program: program.to_owned(), arguments: Vec::new() }
    }

    pub(crate) fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The same, run by another program, such as a tracer.
    pub(crate) fn under(self, tool: Self) -> Self {
        let mut arguments = tool.arguments;
        arguments.push(self.program.into());
        arguments.extend(self.arguments);
        Self { program: tool.program, arguments }
    }
}

/// A running process. It ends with the value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: PathBuf,
}

impl Process {
    /// Starts it somewhere; `output` takes what it writes.
    pub(crate) fn start(launch: &Launch, cores: Cores, place: Place, output: &Path) -> Result<Self, Error> {
        let file = File::create(output)?;
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments).stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = cores.on(place, || command.spawn())?;
        let child = child.map_err(|error| format!("cannot start {}: {error}", launch.program.display()))?;
        Ok(Self { child, output: output.to_owned() })
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// It and its descendants.
    pub(crate) fn family(&self) -> BTreeSet<u32> {
        usage::family(self.id())
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written.
    pub(crate) fn output(&self) -> String {
        fs::read(&self.output).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The end of what it has written, for messages.
    pub(crate) fn last_words(&self) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        lines.get(lines.len().saturating_sub(5)..).unwrap_or_default().join("\n")
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), Error> {
        send(self.id(), signal)
    }

    /// Asks it to end, or with `whom` a descendant on which it waits, and waits for that.
    pub(crate) fn stop(&mut self, whom: u32) -> Result<(), Error> {
        send(whom, Signal::TERM)?;
        self.wait(PATIENCE)
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, patience: Duration) -> Result<(), Error> {
        let end = Instant::now() + patience;
        while !self.has_ended() {
            if Instant::now() > end {
                return Err(format!("process {} did not end in {patience:?}", self.id()).into());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let family: Vec<(u32, Option<u64>)> = self
            .family()
            .into_iter()
            .map(|pid| (pid, usage::started(pid)))
            .filter(|(_, started)| started.is_some())
            .collect();
        if !self.has_ended() {
            // What does not end of itself is ended below.
            let _ = self.stop(self.id());
        }
        for (pid, started) in family {
            if pid != self.id() && usage::started(pid) == started {
                let _ = send(pid, Signal::KILL);
            }
        }
        if !self.has_ended() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn send(pid: u32, signal: Signal) -> Result<(), Error> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or("no such process id")?;
    Ok(kill_process(pid, signal)?)
}
