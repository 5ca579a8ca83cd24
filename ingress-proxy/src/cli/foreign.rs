//! Flags of ingress-nginx that change nothing here. They are taken, so that a Deployment's command line works as it is, and
//! the log says once what became of each.

use clap::{Arg, ArgAction, ArgMatches, Command, parser::ValueSource};

/// Why a flag changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// It is about a cluster, and manifests come from files.
    Cluster,
    /// It is about the inside of nginx or of its controller.
    Inside,
    /// It asks for something that is missing here.
    Missing,
}

/// The flags, and whether they have a value.
const FLAGS: &[(&str, bool, Why)] = &[
    ("apiserver-host", true, Why::Cluster),
    ("certificate-authority", true, Why::Cluster),
    ("disable-leader-election", false, Why::Cluster),
    ("disable-sync-events", false, Why::Cluster),
    ("election-id", true, Why::Cluster),
    ("election-ttl", true, Why::Cluster),
    ("enable-topology-aware-routing", false, Why::Cluster),
    ("kubeconfig", true, Why::Cluster),
    ("publish-service", true, Why::Cluster),
    ("publish-status-address", true, Why::Cluster),
    ("report-node-internal-ip-address", false, Why::Cluster),
    ("status-update-interval", true, Why::Cluster),
    ("sync-period", true, Why::Cluster),
    ("sync-rate-limit", true, Why::Cluster),
    ("update-status", false, Why::Cluster),
    ("update-status-on-shutdown", false, Why::Cluster),
    ("validating-webhook", true, Why::Cluster),
    ("validating-webhook-certificate", true, Why::Cluster),
    ("validating-webhook-key", true, Why::Cluster),
    ("watch-namespace-selector", true, Why::Cluster),
    ("alsologtostderr", false, Why::Inside),
    ("deep-inspect", false, Why::Inside),
    ("default-server-port", true, Why::Inside),
    ("disable-full-test", false, Why::Inside),
    ("dynamic-configuration-retries", true, Why::Inside),
    ("enable-annotation-validation", false, Why::Inside),
    ("exclude-socket-metrics", true, Why::Inside),
    ("health-check-timeout", true, Why::Inside),
    ("internal-logger-address", true, Why::Inside),
    ("logtostderr", false, Why::Inside),
    ("monitor-max-batch-size", true, Why::Inside),
    ("profiler-port", true, Why::Inside),
    ("profiling", false, Why::Inside),
    ("ssl-passthrough-proxy-port", true, Why::Inside),
    ("status-port", true, Why::Inside),
    ("stderrthreshold", true, Why::Inside),
    ("stream-port", true, Why::Inside),
    ("v", true, Why::Inside),
    ("bucket-factor", true, Why::Missing),
    ("enable-ssl-chain-completion", false, Why::Missing),
    ("length-buckets", true, Why::Missing),
    ("max-buckets", true, Why::Missing),
    ("metrics-per-host", false, Why::Missing),
    ("metrics-per-undefined-host", false, Why::Missing),
    ("report-status-classes", false, Why::Missing),
    ("size-buckets", true, Why::Missing),
    ("tcp-services-configmap", true, Why::Missing),
    ("time-buckets", true, Why::Missing),
    ("udp-services-configmap", true, Why::Missing),
];

/// Flags of a cluster that count where one is followed.
const OF_CLUSTER: &[&str] = &[
    "apiserver-host",
    "certificate-authority",
    "disable-leader-election",
    "disable-sync-events",
    "election-id",
    "election-ttl",
    "kubeconfig",
    "publish-service",
    "publish-status-address",
    "report-node-internal-ip-address",
    "status-update-interval",
    "update-status",
    "update-status-on-shutdown",
    "validating-webhook",
    "validating-webhook-certificate",
    "validating-webhook-key",
    "watch-namespace-selector",
];

/// Those that are about what is written to a cluster, or decided for it.
const OF_WRITERS: &[&str] = &[
    "publish-service",
    "publish-status-address",
    "report-node-internal-ip-address",
    "update-status",
    "update-status-on-shutdown",
    "validating-webhook",
    "validating-webhook-certificate",
    "validating-webhook-key",
];

fn counts_for_cluster(name: &str) -> bool {
    cfg!(feature = "kubernetes") && OF_CLUSTER.contains(&name)
}

/// Adds the flags to a command, unseen in its help.
pub(super) fn add(command: Command) -> Command {
    let others = FLAGS.iter().filter(|(name, ..)| !counts_for_cluster(name));
    // A Deployment may say what is so in any case. Something else would leave annotations out, restrictions among them.
    let prefix = Arg::new("annotations-prefix").long("annotations-prefix").hide(true);
    let command = command.arg(prefix.value_parser(super::values::annotations_prefix));
    command.args(others.map(|(name, has_value, _)| {
        let arg = Arg::new(*name).long(*name).hide(true);
        let arg = if *name == "v" { arg.short('v') } else { arg };
        if *has_value { arg.allow_hyphen_values(true) } else { arg.action(ArgAction::SetTrue) }
    }))
}

/// A line on each of the flags that was given.
pub(super) fn notes(matches: &ArgMatches) -> Vec<String> {
    let is_cluster = cfg!(feature = "kubernetes") && matches.get_flag("kubernetes");
    let given = |name: &str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let note = |(name, _, why): &(&str, bool, Why)| {
        let flag = if *name == "v" { "-v".to_owned() } else { format!("--{name}") };
        match why {
            Why::Cluster if is_cluster => format!("`{flag}` has no effect: what it asks for is not there yet"),
            Why::Cluster => format!("`{flag}` has no effect: it needs a cluster as the source of manifests"),
            Why::Inside => format!("`{flag}` has no effect: it is about the inside of ingress-nginx"),
            Why::Missing => format!("`{flag}` has no effect: what it asks for is not there yet"),
        }
    };
    let has_effect = |name| is_cluster && counts_for_cluster(name);
    let without_effect = FLAGS.iter().filter(|(name, ..)| given(name) && !has_effect(name)).map(note);
    let is_shadow = has_effect("validating-webhook") && matches.get_flag("shadow");
    let of_writers = OF_WRITERS.iter().filter(|name| is_shadow && given(name));
    let left_to_another = |name| format!("`--{name}` has no effect: a shadow leaves it to the controller in charge");
    without_effect.chain(of_writers.map(left_to_another)).collect()
}
