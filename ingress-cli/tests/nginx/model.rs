//! Ingresses as the tests write them, and their manifests.

use std::fmt::Write;

/// What both sides are asked about: some Ingresses and the controller's default backend.
#[derive(Clone, Debug, Default)]
pub(crate) struct Set {
    pub(crate) ingresses: Vec<Ingress>,
    /// `namespace/service:port`; without one, what nobody takes is answered 404.
    pub(crate) default_backend: Option<String>,
}

/// One Ingress. Every Service is `name:80` of the Ingress's own namespace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ingress {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The day of a month on which it was made.
    pub(crate) created: Option<u8>,
    pub(crate) annotations: Annotations,
    pub(crate) default_backend: Option<String>,
    pub(crate) rules: Vec<Rule>,
}

/// The paths of one host, empty for every host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rule {
    pub(crate) host: String,
    pub(crate) paths: Vec<Path>,
}

/// One path.
#[derive(Clone, Debug)]
pub(crate) struct Path {
    pub(crate) path: String,
    pub(crate) kind: Kind,
    pub(crate) service: String,
}

/// `pathType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Exact,
    Prefix,
    ImplementationSpecific,
}

/// The annotations that nginx alone carries out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Annotations {
    pub(crate) use_regex: bool,
    pub(crate) rewrite_target: Option<String>,
    pub(crate) app_root: Option<String>,
    pub(crate) server_alias: Vec<String>,
    pub(crate) permanent_redirect: Option<String>,
    pub(crate) permanent_redirect_code: Option<u16>,
    pub(crate) temporal_redirect: Option<String>,
    pub(crate) temporal_redirect_code: Option<u16>,
    pub(crate) relative_redirects: bool,
}

impl Set {
    /// A set of one Ingress after the other.
    pub(crate) fn of(ingresses: impl IntoIterator<Item = Ingress>) -> Self {
        Self { ingresses: ingresses.into_iter().collect(), default_backend: None }
    }

    /// The manifests, one document for each Ingress.
    pub(crate) fn yaml(&self) -> String {
        self.ingresses.iter().map(Ingress::yaml).collect::<Vec<_>>().join("---\n")
    }
}

impl Ingress {
    /// An Ingress without rules.
    pub(crate) fn named(name: &str) -> Self {
        Self { namespace: "shop".to_owned(), name: name.to_owned(), ..Self::default() }
    }

    /// Adds a rule; of every path the service is named after the path's place.
    pub(crate) fn rule(mut self, host: &str, paths: &[(&str, Kind, &str)]) -> Self {
        let paths = paths.iter().map(|(path, kind, service)| Path {
            path: (*path).to_owned(),
            kind: *kind,
            service: (*service).to_owned(),
        });
        self.rules.push(Rule { host: host.to_owned(), paths: paths.collect() });
        self
    }

    /// Changes the annotations.
    pub(crate) fn with(mut self, change: impl FnOnce(&mut Annotations)) -> Self {
        change(&mut self.annotations);
        self
    }

    /// Sets `spec.defaultBackend`.
    pub(crate) fn or_else(mut self, service: &str) -> Self {
        self.default_backend = Some(service.to_owned());
        self
    }

    /// A Service of this Ingress in the form that decisions have.
    pub(crate) fn backend(&self, service: &str) -> String {
        format!("{}/{service}:80", self.namespace)
    }

    fn yaml(&self) -> String {
        let mut text = "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n".to_owned();
        let Self { namespace, name, .. } = self;
        let _ = writeln!(text, "  name: {name}\n  namespace: {namespace}");
        if let Some(day) = self.created {
            let _ = writeln!(text, "  creationTimestamp: \"2024-01-{day:02}T00:00:00Z\"");
        }
        let annotations = self.annotations.entries();
        if !annotations.is_empty() {
            text.push_str("  annotations:\n");
        }
        for (key, value) in annotations {
            let _ = writeln!(text, "    nginx.ingress.kubernetes.io/{key}: {value:?}");
        }
        text.push_str("spec:\n  ingressClassName: nginx\n");
        let backend = |service: &str| format!("{{service: {{name: {service}, port: {{number: 80}}}}}}");
        if let Some(service) = &self.default_backend {
            let _ = writeln!(text, "  defaultBackend: {}", backend(service));
        }
        if !self.rules.is_empty() {
            text.push_str("  rules:\n");
        }
        for Rule { host, paths } in &self.rules {
            let _ = writeln!(text, "  - host: {host:?}");
            if !paths.is_empty() {
                text.push_str("    http:\n      paths:\n");
            }
            for Path { path, kind, service } in paths {
                // YAML's double quotes know JSON's escapes, and `Debug` writes no others for these texts.
                let _ = writeln!(text, "      - {{path: {path:?}, pathType: {kind:?}, backend: {}}}", backend(service));
            }
        }
        text
    }
}

impl Annotations {
    fn entries(&self) -> Vec<(&'static str, String)> {
        let mut entries = Vec::new();
        let mut add = |key, value: Option<String>| entries.extend(value.map(|value| (key, value)));
        add("use-regex", self.use_regex.then(|| "true".to_owned()));
        add("rewrite-target", self.rewrite_target.clone());
        add("app-root", self.app_root.clone());
        add("server-alias", (!self.server_alias.is_empty()).then(|| self.server_alias.join(", ")));
        add("permanent-redirect", self.permanent_redirect.clone());
        add("permanent-redirect-code", self.permanent_redirect_code.map(|code| code.to_string()));
        add("temporal-redirect", self.temporal_redirect.clone());
        add("temporal-redirect-code", self.temporal_redirect_code.map(|code| code.to_string()));
        add("relative-redirects", self.relative_redirects.then(|| "true".to_owned()));
        entries
    }
}
