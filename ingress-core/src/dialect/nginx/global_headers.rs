//! The headers of the controller's own for all backends and all clients: two ConfigMaps that its own one names.
//!
//! They are looked up with the settings, so that what is wrong with them is said once and not for each Ingress.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::headers::{Field, is_field};
use super::settings::Settings;
use super::settings::headers::ConfigMapName;
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::dialect::annotations::shown;
use crate::dialect::cluster::Cluster;
use crate::model::ConfigMap;
use crate::object::{FieldPath, Kind, ObjectRef};

/// Fills in what [`Settings`] has of the two, for the settings that `config` has.
pub(super) fn read(settings: &mut Settings, config: &ConfigMap, cluster: &Cluster<'_>, out: &mut Vec<Diagnostic>) {
    let headers = &mut settings.headers;
    let mut fields = |key, name: &Option<ConfigMapName>, verdict: fn(&str, &str) -> Verdict| {
        let map = found(key, name.as_ref()?, config, cluster, out)?;
        Some(checked(map, verdict, out))
    };
    headers.for_backends = fields("proxy-set-headers", &headers.proxy_set_headers, of_request).unwrap_or_default();
    headers.for_clients = fields("add-headers", &headers.add_headers, of_response).unwrap_or_default();
}

/// Whether a header of a response is about the message or its connection, and so the proxy's alone to write.
pub(super) fn is_of_the_message(name: &str) -> bool {
    const NAMES: [&str; 11] = [
        "Connection",
        "Content-Length",
        "HTTP2-Settings",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ];
    NAMES.iter().any(|other| name.eq_ignore_ascii_case(other))
}

/// What becomes of a header.
enum Verdict {
    Sent,
    /// It is set to nothing, so that nobody sends it, and why.
    Emptied(&'static str),
    LeftOut(&'static str),
}

fn of_request(name: &str, value: &str) -> Verdict {
    match name {
        _ if name.eq_ignore_ascii_case("Connection") => {
            Verdict::LeftOut("is the proxy's to write; annotation `connection-proxy-header` has a say in it")
        }
        _ if name.eq_ignore_ascii_case("Host") => {
            Verdict::LeftOut("is the proxy's to write; annotation `upstream-vhost` has a say in it")
        }
        _ if name.eq_ignore_ascii_case("X-Request-ID") => {
            Verdict::LeftOut("tells requests apart, so that it has a value of its own in each")
        }
        _ if is_of_the_message(name) => Verdict::LeftOut(OF_THE_MESSAGE),
        _ if !value.contains('$') => Verdict::Sent,
        _ if is_written(name) => {
            Verdict::LeftOut("has variables, which are not filled in here; what is written without it stays")
        }
        // The client could send what the backend takes for the controller's word.
        _ => Verdict::Emptied("has variables, which are not filled in here; backends do not get it"),
    }
}

fn of_response(name: &str, value: &str) -> Verdict {
    match value.contains('$') {
        _ if is_of_the_message(name) => Verdict::LeftOut(OF_THE_MESSAGE),
        true => Verdict::LeftOut("has variables, which are not filled in here; clients do not get it"),
        false => Verdict::Sent,
    }
}

pub(super) const OF_THE_MESSAGE: &str = "is about the message or its connection, which is the proxy's to write";

/// Whether a header is written for every request, whatever the client sends.
fn is_written(name: &str) -> bool {
    const EXACT: [&str; 2] = ["x-real-ip", "x-scheme"];
    const FAMILIES: [&str; 2] = ["x-forwarded-", "x-original-forwarded-"];
    let name = name.to_ascii_lowercase();
    EXACT.contains(&&*name) || FAMILIES.iter().any(|family| name.starts_with(family))
}

fn found<'c>(
    key: &str,
    name: &ConfigMapName,
    config: &ConfigMap,
    cluster: &Cluster<'c>,
    out: &mut Vec<Diagnostic>,
) -> Option<&'c ConfigMap> {
    let found = cluster.config_map(&name.namespace, &name.name).found();
    if found.is_none() {
        let object = Arc::new(config.metadata.reference(Kind::ConfigMap));
        let field = FieldPath::text(format!("data[{key}]"));
        let message = format!(
            "the ConfigMap `{}/{}` cannot be read or is not there; none of its headers are set",
            shown(&name.namespace),
            shown(&name.name)
        );
        out.push(Diagnostic::new(Code::ConfigmapValueInvalid, Some(object), field, message));
    }
    found
}

/// The headers of a ConfigMap that are sent. Line breaks at the end of a value come from how YAML writes it.
fn checked(map: &ConfigMap, verdict: fn(&str, &str) -> Verdict, out: &mut Vec<Diagnostic>) -> Box<[Field]> {
    let object: Arc<ObjectRef> = Arc::new(map.metadata.reference(Kind::ConfigMap));
    let mut say = |code, name: &str, what: &str| {
        let field = FieldPath::text(format!("data[{name}]"));
        let message = format!("the header `{}` {what}", shown(name));
        let finding = Diagnostic::new(code, Some(Arc::clone(&object)), field, message);
        let effect = finding.effect;
        out.push(finding.with_outcome(Severity::Warning, effect));
    };
    let mut names = BTreeSet::new();
    let fields = map.data.iter().filter_map(|(name, value)| {
        let value = value.trim();
        if !is_field(name, value) {
            say(Code::ConfigmapValueInvalid, name, "cannot be sent");
            return None;
        }
        if !names.insert(name.to_ascii_lowercase()) {
            say(Code::ConfigmapValueInvalid, name, "is there in another case too");
            return None;
        }
        match verdict(name, value) {
            Verdict::Sent => Some((name.clone(), value.into())),
            Verdict::Emptied(why) => {
                say(Code::ConfigmapKeyNotImplemented, name, why);
                Some((name.clone(), Box::default()))
            }
            Verdict::LeftOut(why) => {
                say(Code::ConfigmapKeyNotImplemented, name, why);
                None
            }
        }
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::super::Nginx;
    use super::*;
    use crate::dialect::Dialect;
    use crate::model::{Inputs, Metadata, Object};

    fn map(name: &str, data: &[(&str, &str)]) -> ConfigMap {
        let metadata = Metadata { namespace: "system".into(), name: name.into(), ..Metadata::default() };
        ConfigMap { metadata, data: data.iter().map(|(name, value)| (Box::from(*name), Box::from(*value))).collect() }
    }

    /// What is set on requests and responses, and the codes with their fields.
    fn read_them(data: &[(&str, &str)]) -> (Vec<Field>, Vec<Field>, Vec<(Code, String)>) {
        let config = map("controller", &[("proxy-set-headers", "system/all"), ("add-headers", "system/all")]);
        let mut inputs = Inputs::default();
        inputs.insert(Object::ConfigMap(map("all", data).into()));
        let mut out = Vec::new();
        let (mut settings, _) = Settings::read(&config.data);
        read(&mut settings, &config, &Cluster::new(&inputs), &mut out);
        let codes = out.iter().map(|finding| (finding.code, finding.field.to_string())).collect();
        (settings.headers.for_backends.into(), settings.headers.for_clients.into(), codes)
    }

    #[test]
    fn what_can_be_sent_is_and_the_rest_is_named() {
        let sent = |name: &str, value: &str| (Box::from(name), Box::from(value));
        let (invalid, not_done) = (Code::ConfigmapValueInvalid, Code::ConfigmapKeyNotImplemented);
        let both = |code| vec![code, code];
        for (name, value, on_request, on_response, codes) in [
            ("X-A", "b\n", Some("b"), Some("b"), vec![]),
            ("X-Forwarded-Proto", "https", Some("https"), Some("https"), vec![]),
            ("X-Forwarded-Proto", "$x", None, None, both(not_done)),
            ("X-B", "$geoip", Some(""), None, both(not_done)),
            ("X-C", "a\r\nb", None, None, both(invalid)),
            ("X:D", "", None, None, both(invalid)),
            ("content-length", "0", None, None, both(not_done)),
            ("connection", "close", None, None, both(not_done)),
            ("Host", "a", None, Some("a"), vec![not_done]),
            ("x-request-id", "1", None, Some("1"), vec![not_done]),
        ] {
            let (requests, responses, found) = read_them(&[(name, value)]);
            let expected = |value: Option<&str>| value.map(|value| sent(name, value)).into_iter().collect::<Vec<_>>();
            assert_eq!((requests, responses), (expected(on_request), expected(on_response)), "{name}: {value}");
            let field = format!("data[{name}]");
            assert_eq!(found, codes.into_iter().map(|code| (code, field.clone())).collect::<Vec<_>>(), "{name}");
        }
    }

    #[test]
    fn a_header_is_sent_once() {
        let (requests, _, found) = read_them(&[("X-A", "1"), ("x-a", "2")]);
        assert_eq!(requests, [("X-A".into(), "1".into())]);
        assert_eq!(found, [(); 2].map(|()| (Code::ConfigmapValueInvalid, "data[x-a]".to_owned())));
    }

    #[test]
    fn a_map_that_is_not_there_is_said_of_the_key() {
        let config = map("controller", &[("add-headers", "system/none")]);
        let mut out = Vec::new();
        assert!(Nginx::default().configured(&config, &Cluster::new(&Inputs::default()), &mut out).is_some());
        assert_eq!(
            out.iter().map(|finding| (finding.code, finding.field.to_string())).collect::<Vec<_>>(),
            [(Code::ConfigmapValueInvalid, "data[add-headers]".to_owned())]
        );
    }
}
