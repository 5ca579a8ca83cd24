//! A certificate in files that somebody else replaces: the kubelet, cert-manager, people.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::sign::CertifiedKey;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::issue::Pair;
use crate::webhook::Observer;

/// How often the files are read. They are small, and a mounted Secret changes by a link that is no event everywhere.
const EVERY: Duration = Duration::from_secs(1);

/// Shows what the files have, as soon as it is good, for ever.
pub(super) async fn follow(
    certificate: &Path,
    key: &Path,
    shown: &watch::Sender<Option<Arc<CertifiedKey>>>,
    observer: &dyn Observer,
) {
    let mut last = None;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let read = read(certificate).and_then(|certificate| Ok((certificate, read(key)?)));
        if last.as_ref() == Some(&read) {
            continue;
        }
        let pair = read.clone().and_then(|(certificate_pem, key_pem)| {
            Pair::from_pem(&certificate_pem, &key_pem)
                .map_err(|why| format!("`{}` and `{}`: {why}", certificate.display(), key.display()))
        });
        match pair {
            Ok(pair) => {
                if shown.borrow().is_some() {
                    observer.say("the webhook has a new certificate");
                }
                shown.send_replace(Some(pair.certified));
            }
            Err(why) => {
                let then = if shown.borrow().is_some() { "the one before stays in use" } else { "it is waited for" };
                observer.say(&format!("warning: the webhook's certificate cannot be used: {why}; {then}"));
            }
        }
        last = Some(read);
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}
