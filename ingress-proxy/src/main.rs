//! `ingress-proxy`: serve Kubernetes Ingress manifests.

mod cli;

use std::process::ExitCode;

use ingress_cli::input::SecretData;
use ingress_core::object::ObjectRef;

use self::cli::flags::Flags;
use self::cli::settings::{Machine, Settings};
use self::cli::source::{FileSource, Sink, State};

/// Exit status when the command line is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let (flags, notes) = match Flags::read(std::env::args_os()) {
        Ok(read) => read,
        Err(error) => error.exit(),
    };
    for note in notes {
        eprintln!("info: {note}");
    }
    let done = flags
        .resolve(Machine::this())
        .and_then(|settings| if settings.check { check(settings) } else { serve(settings) });
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(USAGE)
    })
}

/// Reads everything and says what is wrong.
fn check(settings: Settings) -> Result<ExitCode, String> {
    let mut source = FileSource::open(settings.source, Console).map_err(|error| error.to_string())?;
    source.read();
    source.report(usize::MAX);
    if source.has_errors() {
        return Ok(ExitCode::FAILURE);
    }
    eprintln!("the configuration is valid");
    Ok(ExitCode::SUCCESS)
}

/// Follows the manifests until the process is told to end.
fn serve(settings: Settings) -> Result<ExitCode, String> {
    let lines = settings.announcement();
    let source = FileSource::open(settings.source, Console).map_err(|error| error.to_string())?;
    let reader = source.reader();
    let _watch = source.watch().map_err(|error| format!("cannot start a thread: {error}"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("cannot start a runtime: {error}"))?;
    for line in lines {
        eprintln!("{line}");
    }
    eprintln!("ready: {} hosts", reader.load().host_count());
    let ended = runtime.block_on(terminated());
    ended.map_err(|error| format!("cannot wait for signals: {error}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Ends when the process is asked to.
async fn terminated() -> std::io::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

/// Prints to standard error, and serves nothing.
#[derive(Debug)]
struct Console;

impl Sink for Console {
    fn secret(&mut self, _: &ObjectRef, _: &SecretData) {}

    fn secret_gone(&mut self, _: &ObjectRef) {}

    fn in_force(&mut self, State { snapshot, findings, stale_files }: State<'_>) {
        let (hosts, findings) = (snapshot.host_count(), findings.len());
        eprintln!("in force: {hosts} hosts; {findings} findings, {stale_files} files that cannot be read");
    }

    fn say(&mut self, line: &str) {
        eprintln!("{line}");
    }
}
