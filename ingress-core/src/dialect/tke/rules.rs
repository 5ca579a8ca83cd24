//! The rules of `spec`, and the lists that say which protocol they are for (`http-rules`, `https-rules`).

use std::net::IpAddr;

use serde_json::Value;

use super::json::{Object, Refused};
use super::{PATHS, json, keys, switch};
use crate::dialect::annotations::Annotations;
use crate::host::HostPattern;
use crate::model::{HttpIngressPath, Ingress, PathType};
use crate::path::PathPattern;

/// The two lists.
#[derive(Debug)]
pub(super) struct Lists {
    /// What is for plain text.
    http: Vec<Entry>,
    /// What is for TLS; none if nothing is said, which is not the same as an empty list.
    https: Option<Vec<Entry>>,
}

/// An entry of a list.
#[derive(Debug)]
pub(super) struct Entry {
    /// The host as rules write it, empty for the address of the load balancer.
    pub(super) host: Box<str>,
    /// The path.
    pub(super) path: Box<str>,
    /// What is said of them.
    pub(super) what: What,
}

/// What an entry says of its host and path.
#[derive(Debug)]
pub(super) enum What {
    /// Which rule of `spec` is meant.
    Rule {
        /// The Service.
        service: Box<str>,
        /// Its port, as text.
        port: Box<str>,
    },
    /// Where requests are sent.
    Rewrite {
        /// The port of the listener.
        port: u16,
        /// The host; none is the request's.
        host: Option<Box<str>>,
        /// The path.
        path: Box<str>,
    },
}

/// An entry and where it was read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'l> {
    /// The annotation.
    pub(super) key: &'static str,
    /// Whether the list is that of TLS.
    pub(super) tls: bool,
    /// The index in the list.
    pub(super) index: usize,
    /// What is written there.
    pub(super) entry: &'l Entry,
}

impl Lists {
    /// Reads the lists; none unless `rule-mix` puts them in force.
    pub(super) fn read(a: &mut Annotations<'_>) -> Result<Option<Self>, Refused> {
        if !switch(a, keys::RULE_MIX) {
            return Ok(None);
        }
        let http = json::read(a, keys::HTTP_RULES, entries);
        let https = json::read(a, keys::HTTPS_RULES, entries);
        Ok(Some(Self { http: http?.unwrap_or_default(), https: https? }))
    }

    /// The entries of both lists.
    pub(super) fn entries(&self) -> impl Iterator<Item = Listed<'_>> {
        let listed = |key, tls| move |(index, entry)| Listed { key, tls, index, entry };
        let http = self.http.iter().enumerate().map(listed(keys::HTTP_RULES, false));
        http.chain(self.https.iter().flatten().enumerate().map(listed(keys::HTTPS_RULES, true)))
    }

    /// Whether anything is said of TLS.
    pub(super) fn speak_of_tls(&self) -> bool {
        self.https.is_some()
    }
}

fn entries(value: &Value) -> Result<Vec<Entry>, String> {
    json::items(value)?.iter().enumerate().map(|(i, item)| entry(&Object::new(item, format!("[{i}]"))?)).collect()
}

fn entry(item: &Object<'_>) -> Result<Entry, String> {
    let what = match (item.object("rewrite")?, item.object("backend")?) {
        (Some(rewrite), _) => What::Rewrite {
            port: json::port(rewrite.get("port").ok_or_else(|| rewrite.missing("port"))?, &rewrite.place("port"))?,
            host: rewrite.text("host")?.filter(|host| !host.is_empty()).map(Into::into),
            path: path_text(rewrite.text("path")?).into(),
        },
        (None, Some(backend)) => What::Rule {
            service: backend.text("serviceName")?.ok_or_else(|| backend.missing("serviceName"))?.into(),
            port: match backend.get("servicePort") {
                Some(Value::String(port)) => port.as_str().into(),
                Some(Value::Number(port)) => port.to_string().into(),
                Some(other) => return Err(format!("`{}` is {}", backend.place("servicePort"), json::kind(other))),
                None => return Err(backend.missing("servicePort")),
            },
        },
        (None, None) => return Err(item.missing("backend")),
    };
    Ok(Entry { host: host_text(item.text("host")?).into(), path: path_text(item.text("path")?).into(), what })
}

/// A host as rules write it: an address is that of the load balancer, whose rules have no host.
pub(super) fn host_text(host: Option<&str>) -> &str {
    host.filter(|host| host.parse::<IpAddr>().is_err()).unwrap_or_default()
}

fn path_text(path: Option<&str>) -> &str {
    path.filter(|path| !path.is_empty()).unwrap_or("/")
}

/// A path of a rule.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule<'i> {
    /// The index of the rule and of the path in it.
    pub(super) place: (usize, usize),
    /// The host of the rule.
    pub(super) host: &'i str,
    path: &'i HttpIngressPath,
}

/// All paths of all rules.
pub(super) fn of(ingress: &Ingress) -> impl Iterator<Item = Rule<'_>> {
    ingress.spec.rules.iter().enumerate().flat_map(|(i, rule)| {
        let paths = rule.http.as_ref().map_or(&[][..], |http| &http.paths);
        paths.iter().enumerate().map(move |(j, path)| Rule { place: (i, j), host: &rule.host, path })
    })
}

impl<'i> Rule<'i> {
    /// Host, path, Service and port, as the lists name rules; none if it does not lead to a Service.
    pub(super) fn name(&self) -> Option<(&'i str, &'i str, &'i str, String)> {
        let service = self.path.backend.service.as_ref()?;
        let port =
            if service.port.number > 0 { service.port.number.to_string() } else { service.port.name.to_string() };
        Some((self.host, path_text(Some(&self.path.path)), &service.name, port))
    }

    /// The requests that it takes.
    pub(super) fn pattern(&self) -> PathPattern {
        let text = PATHS.canonical_escapes(path_text(Some(&self.path.path)));
        match self.path.path_type {
            Some(PathType::Exact) => PathPattern::Exact(text),
            _ => PathPattern::Prefix(text),
        }
    }
}

/// The hosts that the host of a rule stands for: `*` is one label or more.
pub(super) fn host(text: &str) -> Option<HostPattern> {
    match HostPattern::new(text).ok()? {
        HostPattern::Wildcard(name) => Some(HostPattern::Suffix(name)),
        pattern => Some(pattern),
    }
}
