//! What one of several replicas does for all: its flags, and its end.

use std::sync::Arc;
use std::time::Duration;

use clap::{ArgAction, Args};
use ingress_core::lower::{ClassSelection, ControllerClass};
use ingress_core::object::ObjectRef;
use ingress_kube::{Address, AddressSource, Client, Duties, DutySettings, Election, Handle, Pod, Say, StatusSettings};
use ingress_proxy::observe::error_log::ErrorLog;
use ingress_proxy::observe::metrics::Metrics;
use tokio::sync::oneshot;

use crate::cli::values;

/// What the replica that leads writes, and which one that is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Status of Ingresses")]
pub(crate) struct StatusArgs {
    /// Service in front of this controller, whose addresses are written to the status of its Ingresses
    #[arg(long, id = "publish-service", value_name = "NS/NAME", value_parser = service)]
    publish_service: Option<Published>,
    /// Addresses and host names that are written there, separated by commas; counts before --publish-service. Without
    /// either, the addresses of the nodes that run a replica which is ready
    #[arg(long, id = "publish-status-address", value_name = "LIST", value_parser = addresses)]
    publish_status_address: Option<Addresses>,
    /// Of nodes, write the addresses inside of the cluster even where they have others
    #[arg(long, id = "report-node-internal-ip-address")]
    report_node_internal_ip_address: bool,
    /// Write the status of Ingresses
    #[arg(
        long,
        id = "update-status",
        value_name = "BOOL",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    update_status: bool,
    /// Clear it when the last replica ends
    #[arg(
        long,
        id = "update-status-on-shutdown",
        value_name = "BOOL",
        default_value_t = true,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        action = ArgAction::Set
    )]
    update_status_on_shutdown: bool,
    /// How often the addresses are looked up
    #[arg(
        long,
        id = "status-update-interval",
        value_name = "TIME",
        default_value = "60s",
        value_parser = values::some_time
    )]
    status_update_interval: Duration,
    /// Lease that says which replica leads, in the namespace of this pod. Without a right to Leases a ConfigMap says it that is
    /// called like this, a hyphen and --ingress-class
    #[arg(long, id = "election-id", value_name = "NAME", default_value = "ingress-controller-leader")]
    election_id: String,
    /// How long a leader that says nothing more is waited for
    #[arg(long, id = "election-ttl", value_name = "TIME", default_value = "10s", value_parser = values::some_time)]
    election_ttl: Duration,
    /// Do not elect a leader: every replica writes
    #[arg(long, id = "disable-leader-election")]
    disable_leader_election: bool,
    /// Do not write Events on Ingresses
    #[arg(long, id = "disable-sync-events")]
    disable_sync_events: bool,
}

/// A Service, or none where the flag is empty, as ingress-nginx's default is.
#[derive(Clone, Debug)]
struct Published(Option<ObjectRef>);

/// What a list of addresses has.
#[derive(Clone, Debug)]
struct Addresses(Vec<Address>);

fn service(text: &str) -> Result<Published, String> {
    if text.is_empty() { Ok(Published(None)) } else { values::service(text).map(|service| Published(Some(service))) }
}

fn addresses(text: &str) -> Result<Addresses, String> {
    let wrong = |address| format!("`{address}` is neither an IP address nor a host name");
    let all = text.split(',').map(str::trim).filter(|address| !address.is_empty());
    all.map(|address| Address::parse(address).map_err(wrong)).collect::<Result<_, _>>().map(Addresses)
}

/// What the flags come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DutyFlags {
    status: Option<StatusSettings>,
    is_service_unused: bool,
    election: Option<(String, Duration)>,
    /// The class in the name of the ConfigMap that decides who leads where no Lease can.
    class: Box<str>,
    events: bool,
    pod: Option<Pod>,
    /// Of the pod, where only that is known.
    namespace: Option<String>,
    name: String,
}

impl StatusArgs {
    /// The same for a replica that writes nothing.
    pub(super) fn without_duties(self) -> Self {
        Self { update_status: false, disable_leader_election: true, disable_sync_events: true, ..self }
    }

    /// `pod` is the namespace and the name of the pod that this runs in, as far as they are known.
    pub(super) fn flags(self, (namespace, name): &(String, String)) -> DutyFlags {
        let service = self.publish_service.and_then(|Published(service)| service);
        let fixed = self.publish_status_address.map(|Addresses(fixed)| fixed).filter(|fixed| !fixed.is_empty());
        let is_service_unused = service.is_some() && fixed.is_some();
        let source = match (fixed, service) {
            (Some(fixed), _) => AddressSource::Fixed(fixed),
            (None, Some(service)) => {
                AddressSource::Service { namespace: service.namespace.to_string(), name: service.name.to_string() }
            }
            (None, None) => AddressSource::Nodes,
        };
        let mut status = StatusSettings::new(source);
        status.internal_addresses = self.report_node_internal_ip_address;
        status.interval = self.status_update_interval;
        status.clear_at_end = self.update_status_on_shutdown;
        let has_pod = !namespace.is_empty() && !name.is_empty();
        DutyFlags {
            status: self.update_status.then_some(status),
            is_service_unused,
            election: (!self.disable_leader_election).then_some((self.election_id, self.election_ttl)),
            class: ControllerClass::default().ingress_class,
            events: !self.disable_sync_events,
            pod: has_pod.then(|| Pod { namespace: namespace.clone(), name: name.clone() }),
            namespace: (!namespace.is_empty()).then(|| namespace.clone()),
            name: if name.is_empty() { host() } else { name.clone() },
        }
    }
}

/// What this machine is called, for whom no pod is known.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "ingress-proxy".to_owned() } else { name.trim().to_owned() }
}

impl DutyFlags {
    /// The same for a controller of these classes. That of ingress-nginx before 1.0 calls its lock after the annotation's value.
    pub(super) fn of(self, classes: &ClassSelection) -> Self {
        match classes {
            ClassSelection::Controller(ours) if !ours.ingress_class.is_empty() => {
                Self { class: ours.ingress_class.clone(), ..self }
            }
            _ => self,
        }
    }

    /// Does on the runtime that this is called on what falls to this replica, until `end` is told or dropped.
    pub(super) async fn carry_out(
        self,
        client: Client,
        handle: Handle,
        metrics: Arc<Metrics>,
        errors: ErrorLog,
        end: oneshot::Receiver<()>,
    ) {
        let Self { status, is_service_unused, election, class, events, pod, namespace, name } = self;
        if is_service_unused {
            errors.tell("`--publish-service` has no effect: `--publish-status-address` says which addresses there are");
        }
        let mut settings = DutySettings::default();
        settings.election = election.map(|(name, ttl)| {
            let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
            Election { namespace, config_map: Some(format!("{name}-{class}")), name, ttl }
        });
        settings.pod = pod;
        settings.name = name;
        settings.status = status;
        settings.events = events;
        let lease = settings.election.as_ref().map(|election| election.name.clone());
        let line: Say = Arc::new(move |line: &str| errors.tell(line));
        let duties = Duties::new(&client, &handle, settings, &line);
        let mut leads = duties.leads();
        let count = async {
            let Some(lease) = lease else { return };
            loop {
                metrics.set_leading(&lease, *leads.borrow_and_update());
                if leads.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::join!(duties.run(end), count);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        args: StatusArgs,
    }

    fn read(text: &str, pod: (&str, &str)) -> Result<DutyFlags, String> {
        let args = ["ingress-proxy"].into_iter().chain(text.split_whitespace());
        let only = Only::try_parse_from(args).map_err(|error| error.to_string())?;
        Ok(only.args.flags(&(pod.0.to_owned(), pod.1.to_owned())))
    }

    fn source(text: &str) -> AddressSource {
        read(text, ("ingress", "pod-1")).unwrap().status.unwrap().source
    }

    #[test]
    fn by_default_one_replica_writes() {
        let flags = read("", ("ingress", "pod-1")).unwrap();
        assert_eq!(flags.election, Some(("ingress-controller-leader".to_owned(), Duration::from_secs(10))));
        assert_eq!(flags.pod, Some(Pod { namespace: "ingress".to_owned(), name: "pod-1".to_owned() }));
        assert!(flags.events && flags.name == "pod-1");
        let status = flags.status.unwrap();
        assert_eq!(status, StatusSettings::new(AddressSource::Nodes));
        assert!(status.clear_at_end && status.interval == Duration::from_secs(60));
        let flags = read("", ("", "")).unwrap();
        assert!(flags.pod.is_none() && flags.namespace.is_none() && !flags.name.is_empty());
    }

    #[test]
    fn the_config_map_is_called_after_the_class() {
        let class = |classes: &ClassSelection| read("", ("ingress", "pod-1")).unwrap().of(classes).class;
        let ours = |name: &str| {
            ClassSelection::Controller(ControllerClass { ingress_class: name.into(), ..ControllerClass::default() })
        };
        assert_eq!(&*class(&ours("internal")), "internal");
        for classes in [ours("nginx"), ours(""), ClassSelection::All] {
            assert_eq!(&*class(&classes), "nginx", "{classes:?}");
        }
    }

    #[test]
    fn every_flag_counts() {
        let flags = read(
            "--report-node-internal-ip-address --update-status-on-shutdown=false --status-update-interval=5 \
             --election-id=ingress-nginx-leader --election-ttl=30s --disable-sync-events",
            ("ingress", "pod-1"),
        )
        .unwrap();
        assert_eq!(flags.election, Some(("ingress-nginx-leader".to_owned(), Duration::from_secs(30))));
        let status = flags.status.unwrap();
        assert!(status.internal_addresses && !status.clear_at_end && status.interval == Duration::from_secs(5));
        assert!(!flags.events);
        let flags = read("--update-status=false --disable-leader-election", ("ingress", "pod-1")).unwrap();
        assert!(flags.status.is_none() && flags.election.is_none());
    }

    #[test]
    fn addresses_are_those_of_the_flags() {
        let balancer = AddressSource::Service { namespace: "ingress".to_owned(), name: "lb".to_owned() };
        assert_eq!(source("--publish-service=ingress/lb"), balancer);
        let fixed = ["192.0.2.1", "lb.example", "2001:db8::1"].map(|text| Address::parse(text).unwrap());
        let list = "--publish-status-address=192.0.2.1,lb.example,2001:db8::1,";
        assert_eq!(source(list), AddressSource::Fixed(fixed.to_vec()));
        // A tutorial gives both, which ingress-nginx refuses.
        let both = read(&format!("--publish-service=ingress/lb {list}"), ("ingress", "pod-1")).unwrap();
        assert!(both.is_service_unused && matches!(both.status.unwrap().source, AddressSource::Fixed(_)));
        // ingress-nginx's defaults are empty texts.
        assert_eq!(source("--publish-service= --publish-status-address="), AddressSource::Nodes);
        for wrong in [
            "--publish-service=lb",
            "--publish-service=a/b/c",
            "--publish-status-address=192.0.2.1:80",
            "--publish-status-address=LB",
            "--election-ttl=0",
        ] {
            assert!(read(wrong, ("ingress", "pod-1")).is_err(), "{wrong}");
        }
    }
}
