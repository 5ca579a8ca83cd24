//! `--check`: everything is read as it is for serving, and nothing is served.

use std::process::ExitCode;
use std::sync::Arc;

use ingress_cli::input::SecretData;
use ingress_core::model::SecretState;
use ingress_core::object::ObjectRef;
use ingress_proxy::certs::CertStore;

use super::console::say;
use super::plane::Certificates;
use super::settings::Settings;
use super::source::{FileSource, Sink, State};

/// Reads everything and says what is wrong.
///
/// # Errors
///
/// What cannot be done, for people.
pub(crate) fn check(settings: Settings) -> Result<ExitCode, String> {
    let store = Arc::new(CertStore::new(settings.default_certificate));
    let certs = Certificates { store, cloud: settings.cloud_certificates };
    let console = Console { certs, has_bad_secrets: false };
    let mut source = FileSource::open(settings.source, console).map_err(|error| error.to_string())?;
    source.read();
    source.report(usize::MAX);
    let console = source.sink();
    let missing = console.certs.store.missing_default();
    if let Some(id) = missing {
        say(format_args!("error: --default-ssl-certificate: {id} has no certificate"));
    }
    if source.has_errors() || console.has_bad_secrets || missing.is_some() {
        return Ok(ExitCode::FAILURE);
    }
    say("the configuration is valid");
    Ok(ExitCode::SUCCESS)
}

/// Prints to standard error.
#[derive(Debug)]
struct Console {
    certs: Certificates,
    has_bad_secrets: bool,
}

impl Sink for Console {
    fn secret(&mut self, name: &ObjectRef, data: &SecretData) -> SecretState {
        let trouble = self.certs.take(name, data).and_then(Result::err);
        if let Some(why) = &trouble {
            say(format_args!("error: {name} cannot be used: {why}"));
            self.has_bad_secrets = true;
        }
        self.certs.state(name, data)
    }

    fn secret_gone(&mut self, _: &ObjectRef) {}

    fn in_force(&mut self, _: State<'_>) {}

    fn lost(&mut self) {}

    fn say(&mut self, line: &str) {
        say(line);
    }
}
