//! `ingress-proxy`: serve Kubernetes Ingress manifests.

mod cli;

use std::process::ExitCode;

use ingress_cli::input::SecretData;
use ingress_core::object::ObjectRef;

use self::cli::console::say;
use self::cli::flags::Flags;
use self::cli::service::Service;
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
        say(format_args!("info: {note}"));
    }
    let done = flags
        .resolve(Machine::this())
        .and_then(|settings| if settings.check { check(settings) } else { serve(settings) });
    done.unwrap_or_else(|error| {
        say(format_args!("error: {error}"));
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
    say("the configuration is valid");
    Ok(ExitCode::SUCCESS)
}

/// Serves until the process is told to end.
fn serve(settings: Settings) -> Result<ExitCode, String> {
    let lines = settings.announcement();
    let service = Service::start(settings)?;
    for line in lines {
        say(line);
    }
    service.run()
}

/// Prints to standard error, and serves nothing.
#[derive(Debug)]
struct Console;

impl Sink for Console {
    fn secret(&mut self, _: &ObjectRef, _: &SecretData) -> Option<Vec<Box<str>>> {
        None
    }

    fn secret_gone(&mut self, _: &ObjectRef) {}

    fn in_force(&mut self, _: State<'_>) {}

    fn lost(&mut self) {}

    fn say(&mut self, line: &str) {
        say(line);
    }
}
