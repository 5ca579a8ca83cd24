//! How much one client may ask for, and how fast it gets it.

use super::grammar;
use super::settings::Settings;
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::policy::{AddressRange, Limits, Throttle};

/// How many times the rate may come at once where nothing is said.
const BURST: u32 = 5;

/// Limits by the client's address, if there are any.
pub(super) fn read(a: &mut Annotations<'_>, s: &Settings) -> Option<Limits> {
    let limits = Limits {
        connections: a.count("limit-connections", Bad::Drop).unwrap_or(0),
        rps: a.count("limit-rps", Bad::Drop).unwrap_or(0),
        rpm: a.count("limit-rpm", Bad::Drop).unwrap_or(0),
        burst_multiplier: a.count("limit-burst-multiplier", Bad::Default).unwrap_or(BURST),
        exempt: exempt(a),
        rate_status: s.access.limit_req_status_code,
        connections_status: s.access.limit_conn_status_code,
    };
    let has_any = [limits.connections, limits.rps, limits.rpm].into_iter().any(|limit| limit > 0);
    has_any.then_some(limits)
}

/// How fast responses are sent.
pub(super) fn throttle(a: &mut Annotations<'_>, s: &Settings) -> Throttle {
    Throttle {
        rate: a.count("limit-rate", Bad::Default).unwrap_or(s.access.limit_rate),
        after: a.count("limit-rate-after", Bad::Default).unwrap_or(s.access.limit_rate_after),
    }
}

/// Clients that are not counted. The older name counts only where the newer one says nothing.
fn exempt(a: &mut Annotations<'_>) -> Box<[AddressRange]> {
    let given = ["limit-allowlist", "limit-whitelist"].into_iter().find_map(|key| Some((key, a.text(key)?)));
    let Some((key, value)) = given else { return Box::default() };
    match grammar::list(value).map(AddressRange::parse).collect() {
        Ok(ranges) => ranges,
        Err(fault) => {
            let why = format!("`{}` is neither an address nor a network", shown(&fault.text));
            a.bad(key, Bad::Drop, why);
            Box::default()
        }
    }
}

/// Reads the annotations of one Ingress, `shop/main`, in a cluster.
#[cfg(test)]
pub(super) mod probe {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use super::super::{Nginx, PREFIX};
    use crate::dialect::{Cluster, Dialect, Intent, Subject};
    use crate::model::{AuthoritiesState, ConfigMap, Ingress, Inputs, Metadata, Object, Secret, SecretState, Service};
    use crate::object::{Kind, ObjectRef};
    use crate::policy::{Filters, UpstreamSettings};

    /// What became of the annotations.
    pub(in super::super) struct Reading {
        pub(in super::super) intent: Intent,
        /// The slugs of the findings, each with its annotation.
        pub(in super::super) findings: Vec<(&'static str, String)>,
        pub(in super::super) messages: Vec<String>,
    }

    impl Reading {
        pub(in super::super) fn filters(&self) -> &Filters {
            self.intent.filters.as_deref().expect("an Ingress has filters")
        }

        pub(in super::super) fn sharing(&self) -> &UpstreamSettings {
            self.intent.upstream.as_deref().expect("an Ingress says how endpoints share requests")
        }

        /// The one finding; empty if there is none.
        pub(in super::super) fn finding(&self) -> &'static str {
            assert!(self.findings.len() < 2, "{:?}", self.findings);
            self.findings.first().map_or("", |(slug, _)| *slug)
        }
    }

    pub(in super::super) type Pairs<'a> = &'a [(&'a str, &'a str)];

    /// With the controller's defaults and in an empty cluster.
    pub(in super::super) fn read(annotations: Pairs<'_>) -> Reading {
        read_in(&[], Vec::new(), annotations)
    }

    pub(in super::super) fn read_in(settings: Pairs<'_>, objects: Vec<Object>, annotations: Pairs<'_>) -> Reading {
        let settings = ConfigMap { metadata: Metadata::default(), data: map(settings, "") };
        let mut inputs = Inputs::default();
        for object in objects {
            inputs.insert(object);
        }
        let cluster = Cluster::new(&inputs);
        let dialect = Nginx::default().configured(&settings, &cluster, &mut Vec::new()).expect("settings are read");
        let mut ingress = Ingress { metadata: metadata("shop", "main"), ..Ingress::default() };
        ingress.metadata.annotations = map(annotations, PREFIX);
        let object = Arc::new(ObjectRef::new(Kind::Ingress, "shop", "main"));
        let mut out = Vec::new();
        let subject = Subject { object: &object, ingress: &ingress, cluster: &cluster };
        let intent = dialect.interpret(&subject, &mut out);
        let key = |field: String| field.replace(&format!("metadata.annotations[{PREFIX}"), "").replace(']', "");
        let findings = out.iter().map(|finding| (finding.code.slug(), key(finding.field.to_string()))).collect();
        Reading { intent, findings, messages: out.iter().map(ToString::to_string).collect() }
    }

    pub(in super::super) fn config_map(namespace: &str, name: &str, data: Pairs<'_>) -> Object {
        Object::ConfigMap(ConfigMap { metadata: metadata(namespace, name), data: map(data, "") }.into())
    }

    pub(in super::super) fn service(name: &str) -> Object {
        Object::Service(Service { metadata: metadata("shop", name), ..Service::default() }.into())
    }

    /// A Secret `shop/name` with some keys, and without a certificate of its own.
    pub(in super::super) fn secret(name: &str, keys: &[&str]) -> Object {
        let authorities = if keys.contains(&"ca.crt") { AuthoritiesState::Usable } else { AuthoritiesState::default() };
        let state = SecretState { authorities, ..SecretState::default() };
        let keys = keys.iter().map(|key| Box::from(*key)).collect();
        Object::Secret(Secret { metadata: metadata("shop", name), state, keys, cloud: None }.into())
    }

    fn metadata(namespace: &str, name: &str) -> Metadata {
        Metadata { namespace: namespace.into(), name: name.into(), ..Metadata::default() }
    }

    fn map(pairs: Pairs<'_>, prefix: &str) -> BTreeMap<Box<str>, Box<str>> {
        pairs.iter().map(|(key, value)| (format!("{prefix}{key}").into(), Box::from(*value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys;
    use super::probe::{Pairs, read, read_in};

    #[test]
    fn limits_by_address() {
        let table: &[(Pairs<'_>, [u32; 4])] = &[
            (&[("limit-rps", "5")], [0, 5, 0, 5]),
            (&[("limit-rpm", "300"), ("limit-burst-multiplier", "3")], [0, 0, 300, 3]),
            (&[("limit-connections", "1"), ("limit-rps", "2"), ("limit-rpm", "3")], [1, 2, 3, 5]),
            (&[("limit-rps", "5"), ("limit-burst-multiplier", "double")], [0, 5, 0, 5]),
        ];
        for (annotations, expected) in table {
            let reading = read(annotations);
            let limits = reading.filters().limits.clone().expect("limits");
            let numbers = [limits.connections, limits.rps, limits.rpm, limits.burst_multiplier];
            assert_eq!((numbers, limits.rate_status, limits.connections_status), (*expected, 503, 503));
            assert!(!reading.intent.is_dropped);
        }
        for annotations in [&[][..], &[("limit-rps", "0"), ("limit-connections", "0"), ("limit-allowlist", "::1")]] {
            assert_eq!(read(annotations).filters().limits, None);
        }
        let settings = [("limit-req-status-code", "429"), ("limit-conn-status-code", "430")];
        let reading = read_in(&settings, Vec::new(), &[("limit-rps", "1")]);
        let limits = reading.filters().limits.clone().expect("limits");
        assert_eq!((limits.rate_status, limits.connections_status), (429, 430));
    }

    #[test]
    fn a_limit_that_cannot_be_read_drops_the_ingress() {
        for key in ["limit-connections", "limit-rps", "limit-rpm", "limit-allowlist", "limit-whitelist"] {
            for value in ["many", "-1", "4294967296", "99999999999999999999", "1.5", "10.0.0.0/33,::1"] {
                let reading = read(&[(key, value)]);
                assert_eq!((reading.finding(), reading.intent.is_dropped), ("annotation-drops-ingress", true), "{key}");
            }
        }
    }

    #[test]
    fn clients_that_are_not_counted() {
        let table: &[(Pairs<'_>, &[&str])] = &[
            (&[("limit-allowlist", "192.0.2.0/24, 2001:db8::/32")], &["192.0.2.0/24", "2001:db8::/32"]),
            (&[("limit-whitelist", "192.0.2.7")], &["192.0.2.7/32"]),
            (&[("limit-allowlist", "192.0.2.1"), ("limit-whitelist", "nobody")], &["192.0.2.1/32"]),
            (&[("limit-allowlist", ""), ("limit-whitelist", "192.0.2.2")], &["192.0.2.2/32"]),
        ];
        for (annotations, expected) in table {
            let reading = read(&[annotations, &[("limit-rps", "5")][..]].concat());
            let exempt = reading.filters().limits.clone().expect("limits").exempt;
            assert_eq!(exempt.iter().map(ToString::to_string).collect::<Vec<_>>(), *expected);
        }
    }

    #[test]
    fn throttling() {
        let settings = [("limit-rate", "7"), ("limit-rate-after", "8")];
        for (annotations, expected, finding) in [
            (&[][..], (7, 8), ""),
            (&[("limit-rate", "100"), ("limit-rate-after", "0")], (100, 0), ""),
            (&[("limit-rate", "fast")], (7, 8), "annotation-invalid"),
        ] {
            let reading = read_in(&settings, Vec::new(), annotations);
            let throttle = reading.filters().throttle;
            assert_eq!(((throttle.rate, throttle.after), reading.finding()), (expected, finding));
        }
    }

    /// Of the whole dialect: nothing makes it panic, nothing with a line break or a NUL gets through, and no message is
    /// longer than a few lines.
    #[test]
    fn hostile_values_of_every_annotation() {
        let long = "a".repeat(64 << 10);
        let nested = "(".repeat(64 << 10);
        let many = "a,".repeat(32 << 10);
        let values = [
            "\"",
            "'",
            "\r\n",
            "a\r\nSet-Cookie: b",
            "a,\r\nb",
            "https://a.example,\r\nnull",
            ";",
            "}",
            "{{",
            "${",
            "$",
            "$$",
            "\0",
            "a\0b",
            "\\",
            "*",
            "~",
            "~*(",
            "[",
            "..",
            "/../..",
            "//",
            "://",
            ":",
            ",",
            "%",
            "%0a",
            "<script>",
            "é",
            "\u{202e}",
            "\u{feff}",
            "-1",
            "0",
            "+1",
            "18446744073709551616",
            "-9223372036854775809",
            "1e9",
            "0x10",
            "NaN",
            "99999999999999999999g",
            "true",
            "on",
            "off",
            "cookie",
            "a/b",
            "shop/pair",
            "/",
            "1\n",
            " ",
            "\t1\t",
            &long,
            &nested,
            &many,
        ];
        let switched_on: Pairs<'_> = &[
            ("enable-cors", "true"),
            ("affinity", "cookie"),
            ("proxy-ssl-secret", "shop/pair"),
            ("limit-rps", "1"),
            ("mirror-target", "http://a.example/"),
            ("custom-http-errors", "404"),
        ];
        for key in keys::names() {
            for value in values {
                let mut annotations = switched_on.to_vec();
                annotations.retain(|(other, _)| *other != key);
                annotations.push((key, value));
                let reading = read(&annotations);
                let text = format!("{:?} {:?}", reading.filters(), reading.sharing());
                assert!(!["\\n", "\\r", "\\0"].iter().any(|bad| text.contains(bad)), "{key} {value:?}");
                for message in &reading.messages {
                    assert!(message.len() < 1000, "{key}: {message}");
                }
            }
        }
    }
}
