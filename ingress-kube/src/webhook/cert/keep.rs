//! A certificate that is issued here, kept in a Secret and made known in the webhook's configuration.
//!
//! The Secret is the only state, and every write of it is conditional: of several replicas one wins, and the others read what it
//! wrote. A new certificate comes with a new authority, so it takes over in three steps, and at no moment does anybody show a
//! certificate that the API server has no authority for:
//!
//! 1. the new pair is put beside the old one, and the authorities are both;
//! 2. both authorities are in the configuration, for as long as API servers may take to see that;
//! 3. the new pair takes the place of the old one.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use kube::Client;
use rustls::sign::CertifiedKey;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::sleep;

use super::configuration::{self, Configuration, Kind};
use super::issue::{Issued, Pair, bundle, issue};
use super::secret::{PemPair, Place, Stored};
use crate::api::{Failure, Reason};
use crate::client::{ClientOptions, connect};
use crate::webhook::Observer;

/// How often a write is tried again at once because somebody else was faster.
const ATTEMPTS: usize = 5;

/// How a certificate is issued and kept.
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "the flags there are for this")]
pub struct SelfIssued {
    /// The API server.
    pub client: ClientOptions,
    /// The namespace of the Secret and of the Service; that of the credentials if it is empty.
    pub namespace: String,
    /// The Secret.
    pub secret: String,
    /// The Service that the API server reaches the webhook by.
    pub service: String,
    /// Names and addresses beside those of the Service.
    pub hosts: Vec<String>,
    /// The ValidatingWebhookConfiguration that gets the authorities.
    pub configuration: String,
    /// For how long a certificate is good. It is renewed when a third of that is left.
    pub valid: Duration,
    /// How long a new authority is known before it counts.
    pub overlap: Duration,
    /// How often everything is looked at, whatever is heard of it.
    pub every: Duration,
    /// How long the API server may take for an answer.
    pub answer: Duration,
}

impl Default for SelfIssued {
    fn default() -> Self {
        Self {
            client: ClientOptions::default(),
            namespace: String::new(),
            secret: "ingress-nginx-admission".to_owned(),
            service: "ingress-nginx-controller-admission".to_owned(),
            hosts: Vec::new(),
            configuration: "ingress-nginx-admission".to_owned(),
            valid: Duration::from_secs(365 * 24 * 60 * 60),
            overlap: Duration::from_secs(10 * 60),
            every: Duration::from_secs(30),
            answer: Duration::from_secs(10),
        }
    }
}

/// The names by which a Service is reached.
pub(super) fn names_of_service(service: &str, namespace: &str) -> Vec<String> {
    vec![service.to_owned(), format!("{service}.{namespace}"), format!("{service}.{namespace}.svc")]
}

struct Keeper {
    client: Client,
    settings: SelfIssued,
    place: Place,
    hosts: Vec<String>,
    shown: watch::Sender<Option<Arc<CertifiedKey>>>,
    observer: Arc<dyn Observer>,
    /// What is shown.
    current: Option<Vec<u8>>,
    /// The authorities that the configuration has, and since when it is known to have them.
    known: Option<(String, Instant)>,
    /// What was said last of what does not work.
    said: Option<String>,
}

/// How it stands with the configuration.
enum Known {
    /// It has the authorities, in this version.
    Right(Option<String>),
    /// There is none, so that nobody asks.
    Absent,
    /// It is written by somebody else, or nobody knows.
    Unknown,
}

/// Keeps the certificate, for ever.
pub(super) async fn keep(
    settings: SelfIssued,
    shown: watch::Sender<Option<Arc<CertifiedKey>>>,
    observer: Arc<dyn Observer>,
) {
    let client = match connect(&settings.client).await {
        Ok(client) => client,
        Err(error) => return observer.say(&format!("error: the webhook has no certificate: {error}")),
    };
    let mut settings = settings;
    if settings.namespace.is_empty() {
        client.default_namespace().clone_into(&mut settings.namespace);
    }
    let mut hosts = names_of_service(&settings.service, &settings.namespace);
    hosts.extend(settings.hosts.iter().cloned());
    let place = Place { namespace: settings.namespace.clone(), name: settings.secret.clone() };
    let mut keeper = Keeper { client, settings, place, hosts, shown, observer, current: None, known: None, said: None };
    loop {
        let known = match keeper.pass().await {
            Ok(known) => {
                keeper.works();
                known
            }
            Err(why) => {
                keeper.fails(why);
                Known::Unknown
            }
        };
        keeper.wait(&known).await;
    }
}

impl Keeper {
    /// Looks at everything once, and does what there is to do.
    async fn pass(&mut self) -> Result<Known, String> {
        let of_secret =
            |place: &Place, failure: Failure| format!("Secret `{}/{}`: {failure}", place.namespace, place.name);
        for _ in 0..ATTEMPTS {
            let done = self.try_pass().await;
            match done {
                Err(Failure { reason: Reason::Conflict, .. }) => {}
                Err(failure) => return Err(of_secret(&self.place, failure)),
                Ok(secret) => return self.tell(&secret).await,
            }
        }
        Err(of_secret(&self.place, Failure::new(Reason::Conflict, "others write it all the time")))
    }

    /// Brings the Secret up to date, and shows what is in it.
    async fn try_pass(&mut self) -> Result<Stored, Failure> {
        let limit = self.settings.answer;
        let stored = match self.place.get(&self.client, limit).await? {
            None => self.place.create(&self.client, &self.issue(&self.hosts)?, limit).await?,
            Some(stored) => stored,
        };
        let stored = if stored.is_ours() { self.renewed(stored).await? } else { stored };
        self.show(&stored)?;
        Ok(stored)
    }

    fn issue(&self, hosts: &[String]) -> Result<Issued, Failure> {
        issue(hosts, SystemTime::now(), self.settings.valid)
            .map_err(|error| Failure::new(Reason::Malformed, &error.to_string()))
    }

    /// The Secret with a certificate that is good, and with the next one once that is due.
    async fn renewed(&self, stored: Stored) -> Result<Stored, Failure> {
        let (now, limit) = (SystemTime::now(), self.settings.answer);
        let pair = stored.pair().and_then(|pair| Pair::from_pem(&pair.certificate, &pair.key).ok());
        let next = stored.next().and_then(|next| Pair::from_pem(&next.certificate, &next.key).ok());
        let authorities = stored.authorities().unwrap_or_default();
        let mut authorities = bundle(&authorities);
        let is_good = pair.as_ref().is_some_and(|pair| pair.is_good(&self.hosts, now));
        let Some(pair) = pair.as_ref().filter(|_| is_good) else {
            // Replicas with other flags need other names, and must not take turns in issuing.
            let names = pair.iter().flat_map(|pair| &pair.names).chain(&self.hosts).cloned();
            let issued = self.issue(&names.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>())?;
            authorities = authorities.pop().into_iter().collect();
            authorities.push(issued.authority.trim());
            let issued_pair =
                PemPair { certificate: issued.certificate.clone().into_bytes(), key: issued.key.clone().into_bytes() };
            self.observer.say("the webhook's certificate is replaced at once: it was no good any more");
            let changed = stored.clone().with_pair(&joined(&authorities), &issued_pair);
            return self.place.replace(&self.client, &changed, limit).await;
        };
        let next_is_good = next.as_ref().is_some_and(|next| next.is_good(&self.hosts, now));
        if !next_is_good && pair.is_due(now) {
            let issued = self.issue(&self.hosts)?;
            // The last one vouches for the pair in use.
            authorities = authorities.pop().into_iter().collect();
            authorities.push(issued.authority.trim());
            self.observer.say("the webhook's certificate is renewed: its authority is made known");
            let changed = stored.clone().with_next(&joined(&authorities), &issued);
            return self.place.replace(&self.client, &changed, limit).await;
        }
        Ok(stored)
    }

    fn show(&mut self, stored: &Stored) -> Result<(), Failure> {
        let no_good = |why: &str| Failure::new(Reason::Malformed, why);
        let pem = stored.pair().ok_or_else(|| no_good("it has no `cert` and `key`"))?;
        if self.current.as_ref() == Some(&pem.certificate) {
            return Ok(());
        }
        let pair = Pair::from_pem(&pem.certificate, &pem.key).map_err(|why| no_good(&why.to_string()))?;
        self.shown.send_replace(Some(pair.certified));
        if self.current.replace(pem.certificate).is_some() {
            self.observer.say("the webhook has a new certificate");
        }
        Ok(())
    }

    /// Makes the authorities known, and lets the next pair take over when they have been for long enough.
    async fn tell(&mut self, stored: &Stored) -> Result<Known, String> {
        if !stored.is_ours() {
            return Ok(Known::Unknown);
        }
        let Some(authorities) = stored.authorities() else { return Ok(Known::Unknown) };
        let mut told = Ok(Known::Unknown);
        for _ in 0..ATTEMPTS {
            told = self.try_tell(&authorities).await;
            if !matches!(told, Err(Failure { reason: Reason::Conflict, .. })) {
                break;
            }
        }
        let kind = Kind::Validating.as_str();
        let known = told.map_err(|failure| format!("{kind} `{}`: {failure}", self.settings.configuration));
        match &known {
            Ok(Known::Right(_) | Known::Absent) => {
                if self.known.as_ref().is_none_or(|(before, _)| *before != authorities) {
                    self.known = Some((authorities.clone(), Instant::now()));
                }
            }
            _ => self.known = None,
        }
        self.take_over(stored, &authorities).await?;
        known
    }

    async fn try_tell(&self, authorities: &str) -> Result<Known, Failure> {
        let (limit, settings) = (self.settings.answer, &self.settings);
        let found = Configuration::get(&self.client, Kind::Validating, &settings.configuration, limit).await?;
        let Some(mut configuration) = found else { return Ok(Known::Absent) };
        if configuration.is_injected() {
            return Ok(Known::Unknown);
        }
        // One that is for somebody else's Service is not ours to write.
        let is_meant = |client: &Value| match client.get("service") {
            Some(service) if !service.is_null() => {
                let has = |key, value: &str| service.get(key).is_some_and(|it| it == value);
                has("name", &settings.service) && has("namespace", &settings.namespace)
            }
            _ => true,
        };
        if configuration.set(authorities, None, is_meant) {
            configuration = configuration.replace(&self.client, limit).await?;
            self.observer.say("the webhook's authorities have been written into its configuration");
        }
        Ok(Known::Right(configuration.resource_version().map(ToOwned::to_owned)))
    }

    async fn take_over(&mut self, stored: &Stored, authorities: &str) -> Result<(), String> {
        let is_known = self.known.as_ref().is_some_and(|(_, since)| since.elapsed() >= self.settings.overlap);
        let Some(pem) = stored.next().filter(|_| is_known) else { return Ok(()) };
        let Ok(next) = Pair::from_pem(&pem.certificate, &pem.key) else { return Ok(()) };
        if !next.is_good(&self.hosts, SystemTime::now()) {
            return Ok(());
        }
        let changed = stored.clone().with_pair(authorities, &pem);
        match self.place.replace(&self.client, &changed, self.settings.answer).await {
            Ok(stored) => self.show(&stored).map_err(|failure| failure.to_string()),
            // Whoever was faster has most likely done this.
            Err(Failure { reason: Reason::Conflict, .. }) => Ok(()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// Waits until there may be something to do.
    async fn wait(&self, known: &Known) {
        let (every, settings) = (self.settings.every, &self.settings);
        let version = match known {
            Known::Right(version) => version.as_deref(),
            Known::Absent => None,
            Known::Unknown => return sleep(every).await,
        };
        let changed =
            configuration::changed(&self.client, Kind::Validating, &settings.configuration, version, settings.answer);
        tokio::select! {
            () = sleep(every) => {}
            // Where nobody may watch, time has to do.
            changed = changed => if changed.is_err() { sleep(every).await },
        }
    }

    /// Says what does not work, once.
    fn fails(&mut self, why: String) {
        if self.said.as_ref() != Some(&why) {
            self.observer.say(&format!("warning: the webhook's certificate cannot be looked after: {why}"));
            self.said = Some(why);
        }
    }

    fn works(&mut self) {
        if self.said.take().is_some() {
            self.observer.say("the webhook's certificate is looked after again");
        }
    }
}

/// A bundle of these.
fn joined(authorities: &[&str]) -> String {
    let mut bundle = authorities.join("\n");
    bundle.push('\n');
    bundle
}
