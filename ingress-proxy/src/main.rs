//! `ingress-proxy`: serve Kubernetes Ingress manifests.

mod cli;

use std::process::ExitCode;

use ingress_proxy::observe::error_log::ErrorLog;

use self::cli::capabilities;
use self::cli::check::check;
use self::cli::console::say;
use self::cli::descriptors;
use self::cli::flags::Flags;
use self::cli::service::{LAST_LINES, Service};
use self::cli::settings::{Machine, Settings};
use self::cli::wait_shutdown;

/// Exit status when the command line is wrong.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().collect();
    if wait_shutdown::is_meant(&args) {
        return wait_shutdown::run();
    }
    #[cfg(feature = "kubernetes")]
    if let Some(done) = self::cli::cluster::webhook_cert::run(args.clone()) {
        return done.unwrap_or_else(|error| {
            say(format_args!("error: {error}"));
            ExitCode::FAILURE
        });
    }
    capabilities::raise();
    let (flags, notes) = match Flags::read(args) {
        Ok(read) => read,
        Err(error) => error.exit(),
    };
    for note in notes {
        say(format_args!("info: {note}"));
    }
    let done = flags
        .resolve(Machine::this(descriptors::raise()))
        .and_then(|settings| if settings.check { check(settings) } else { serve(settings) });
    done.unwrap_or_else(|error| {
        say(format_args!("error: {error}"));
        ExitCode::from(USAGE)
    })
}

/// Serves until the process is told to end.
fn serve(settings: Settings) -> Result<ExitCode, String> {
    let errors = ErrorLog::default();
    let lines = settings.announcement();
    let service = Service::start(settings, errors.clone()).inspect_err(|_| {
        // What leads to it has been told before.
        errors.flush(LAST_LINES);
    })?;
    let Some(service) = service else { return Ok(ExitCode::SUCCESS) };
    for line in lines {
        errors.tell(&line);
    }
    Ok(service.run())
}
