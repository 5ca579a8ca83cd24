//! Every annotation that the controller reads, and what becomes of it here.

use self::Standing::{Honoured, NotDone, Written};
use crate::diagnostic::Code;
use crate::dialect::annotations::{Annotations, shown};
use crate::dialect::nearest::nearest;

pub(super) const AUTO_REWRITE: &str = "ingress.cloud.tencent.com/auto-rewrite";
pub(super) const AUTO_REWRITE_CODE: &str = "ingress.cloud.tencent.com/auto-rewrite-code";
pub(super) const CERTIFICATE: &str = "ingress.cloud.tencent.com/certificate";
pub(super) const DIRECT_ACCESS: &str = "ingress.cloud.tencent.com/direct-access";
pub(super) const LISTEN_PORTS: &str = "ingress.cloud.tencent.com/listen-ports";
pub(super) const REWRITE_SUPPORT: &str = "ingress.cloud.tencent.com/rewrite-support";
pub(super) const EXISTING_LOAD_BALANCER: &str = "kubernetes.io/ingress.existLbId";
pub(super) const HTTP_RULES: &str = "kubernetes.io/ingress.http-rules";
pub(super) const HTTPS_RULES: &str = "kubernetes.io/ingress.https-rules";
pub(super) const LOAD_BALANCER: &str = "kubernetes.io/ingress.qcloud-loadbalance-id";
pub(super) const RULE_MIX: &str = "kubernetes.io/ingress.rule-mix";
pub(super) const RULE_MIX_BOTH: &str = "kubernetes.io/ingress.rule-mix-both";

/// What the controller's annotations begin with.
const PREFIXES: [&str; 2] = ["ingress.cloud.tencent.com/", "kubernetes.io/ingress."];

/// Annotations that configure some other controller carry a prefix that ends like this.
const OTHER_PREFIX: &str = "ingress.kubernetes.io";

/// What becomes of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It does what it does in the product.
    Honoured,
    /// The controller writes it, for people to read.
    Written,
    /// It is recognised and without effect; the text says what is not done.
    NotDone(&'static str),
}

const BALANCER: &str = "no load balancer is created or set up";
const CONFIG: &str = "TkeServiceConfig objects are not read";
const FIREWALL: &str = "security groups belong to the network and are not checked";
const NETWORK: &str = "backends are dialled by the addresses that the input has, whatever the network";
const SHUTDOWN: &str = "connections to a backend that goes away are not drained";
const PROTECTION: &str = "no load balancer is protected or kept";

/// In alphabetical order.
const KEYS: [(&str, Standing); 39] = [
    (AUTO_REWRITE, Honoured),
    (AUTO_REWRITE_CODE, Honoured),
    (CERTIFICATE, Honoured),
    ("ingress.cloud.tencent.com/cross-region-id", NotDone(NETWORK)),
    ("ingress.cloud.tencent.com/cross-vpc-id", NotDone(NETWORK)),
    ("ingress.cloud.tencent.com/deletion-protection", NotDone(PROTECTION)),
    (DIRECT_ACCESS, Honoured),
    ("ingress.cloud.tencent.com/enable-grace-deletion", NotDone(SHUTDOWN)),
    ("ingress.cloud.tencent.com/enable-grace-shutdown", NotDone(SHUTDOWN)),
    ("ingress.cloud.tencent.com/enable-grace-shutdown-tkex", NotDone(SHUTDOWN)),
    // All Ingresses form one table here, which is what it asks for.
    ("ingress.cloud.tencent.com/enable-group", Honoured),
    ("ingress.cloud.tencent.com/hybrid-type", NotDone(NETWORK)),
    ("ingress.cloud.tencent.com/lb-rs-weight", NotDone("backends have no weights")),
    (LISTEN_PORTS, Honoured),
    ("ingress.cloud.tencent.com/loadbalance-ipv6", Written),
    ("ingress.cloud.tencent.com/loadbalance-nat-ipv6", Written),
    ("ingress.cloud.tencent.com/loadbalance-retain", NotDone(PROTECTION)),
    ("ingress.cloud.tencent.com/mix-target-prefer", NotDone("addresses of both families are dialled alike")),
    ("ingress.cloud.tencent.com/mode", NotDone("the object is read whether or not the load balancer follows it")),
    ("ingress.cloud.tencent.com/modification-protection", NotDone(PROTECTION)),
    ("ingress.cloud.tencent.com/pass-to-target", NotDone(FIREWALL)),
    (REWRITE_SUPPORT, Honoured),
    ("ingress.cloud.tencent.com/security-groups", NotDone(FIREWALL)),
    ("ingress.cloud.tencent.com/snat-pro-info", NotDone(NETWORK)),
    ("ingress.cloud.tencent.com/status.conditions", Written),
    ("ingress.cloud.tencent.com/tke-service-config", NotDone(CONFIG)),
    ("ingress.cloud.tencent.com/tke-service-config-auto", NotDone(CONFIG)),
    ("kubernetes.io/ingress.class", Honoured),
    (EXISTING_LOAD_BALANCER, Honoured),
    ("kubernetes.io/ingress.extensiveParameters", NotDone(BALANCER)),
    (HTTP_RULES, Honoured),
    (HTTPS_RULES, Honoured),
    ("kubernetes.io/ingress.internetChargeType", NotDone(BALANCER)),
    ("kubernetes.io/ingress.internetMaxBandwidthOut", NotDone(BALANCER)),
    (LOAD_BALANCER, Written),
    (RULE_MIX, Honoured),
    (RULE_MIX_BOTH, Honoured),
    ("kubernetes.io/ingress.subnetId", NotDone(BALANCER)),
    (super::CERTIFICATE_ID, Honoured),
];

/// Reports annotations that do nothing here.
pub(super) fn report(a: &mut Annotations<'_>) {
    for key in a.keys() {
        let standing = KEYS.iter().find(|(name, _)| *name == key).map(|(_, standing)| *standing);
        match standing {
            Some(Honoured | Written) => {}
            Some(NotDone(what)) => {
                a.report(Code::AnnotationNotImplemented, key, format!("annotation `{key}` has no effect: {what}"));
            }
            None if own_name(key).is_some() => unknown(a, key),
            None if is_of_another_controller(key) => {
                let message = format!("annotation `{}` has no effect in the TKE dialect", shown(key));
                a.report(Code::AnnotationsWithoutEffect, key, message);
            }
            None => {}
        }
    }
}

fn unknown(a: &mut Annotations<'_>, key: &str) {
    let message = format!("annotation `{}` is not known", shown(key));
    // The name may be right and the prefix the other one.
    let names = || KEYS.iter().filter_map(|(known, _)| Some((*known, own_name(known)?)));
    let meant = own_name(key).and_then(|name| nearest(name, names().map(|(_, name)| name)));
    match names().find(|(_, name)| Some(*name) == meant) {
        Some((known, _)) => {
            a.report_with_help(Code::AnnotationUnknown, key, message, &format!("did you mean `{known}`?"));
        }
        None => a.report(Code::AnnotationUnknown, key, message),
    }
}

/// What follows the controller's prefix.
fn own_name(key: &str) -> Option<&str> {
    PREFIXES.iter().find_map(|prefix| key.strip_prefix(prefix))
}

fn is_of_another_controller(key: &str) -> bool {
    let prefix = key.split_once('/').and_then(|(prefix, _)| prefix.strip_suffix(OTHER_PREFIX));
    prefix.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_in_order() {
        // Upper case after lower case, as people sort.
        let folded: Vec<String> = KEYS.iter().map(|(key, _)| key.to_ascii_lowercase()).collect();
        assert!(folded.is_sorted(), "{folded:?}");
    }
}
