//! What is watched: each resource with the versions of its API, newest first.

use std::fmt;

use ingress_core::model::WireKind;

/// A resource of the API that the controller reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Resource {
    /// Ingresses.
    Ingresses,
    /// IngressClasses.
    IngressClasses,
    /// Services.
    Services,
    /// EndpointSlices; Endpoints where the server has no slices.
    EndpointSlices,
    /// Secrets: their metadata, and the whole of those that are referred to.
    Secrets,
    /// ConfigMaps, likewise.
    ConfigMaps,
    /// Namespaces: their names, where `--watch-namespace-selector` chooses among them.
    Namespaces,
}

/// Where a resource is watched.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the API has no third way")]
pub enum Scope {
    /// In the whole cluster.
    #[default]
    Cluster,
    /// In one namespace.
    Namespace(Box<str>),
}

/// One version of a resource's API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// What the path begins with, up to the version.
    prefix: &'static str,
    /// The resource in the path.
    plural: &'static str,
    /// How objects are read.
    pub(crate) form: Form,
}

/// How an object is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As a record of the engine.
    Whole(WireKind),
    /// Only who it is and whether it changed; the server is asked to send no more.
    Metadata,
}

const INGRESSES: &[Version] = &[
    whole("/apis/networking.k8s.io/v1", "ingresses", WireKind::Ingress),
    whole("/apis/networking.k8s.io/v1beta1", "ingresses", WireKind::LegacyIngress),
    whole("/apis/extensions/v1beta1", "ingresses", WireKind::LegacyIngress),
];
const CLASSES: &[Version] = &[
    whole("/apis/networking.k8s.io/v1", "ingressclasses", WireKind::IngressClass),
    whole("/apis/networking.k8s.io/v1beta1", "ingressclasses", WireKind::IngressClass),
];
const SERVICES: &[Version] = &[whole("/api/v1", "services", WireKind::Service)];
const SLICES: &[Version] = &[
    whole("/apis/discovery.k8s.io/v1", "endpointslices", WireKind::EndpointSlice),
    whole("/apis/discovery.k8s.io/v1beta1", "endpointslices", WireKind::EndpointSlice),
    whole("/api/v1", "endpoints", WireKind::Endpoints),
];
const SECRETS: &[Version] = &[Version { prefix: "/api/v1", plural: "secrets", form: Form::Metadata }];
const CONFIG_MAPS: &[Version] = &[Version { prefix: "/api/v1", plural: "configmaps", form: Form::Metadata }];
const NAMESPACES: &[Version] = &[Version { prefix: "/api/v1", plural: "namespaces", form: Form::Metadata }];

const fn whole(prefix: &'static str, plural: &'static str, wire: WireKind) -> Version {
    Version { prefix, plural, form: Form::Whole(wire) }
}

impl Resource {
    /// The resource as the API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingresses => "ingresses",
            Self::IngressClasses => "ingressclasses",
            Self::Services => "services",
            Self::EndpointSlices => "endpointslices",
            Self::Secrets => "secrets",
            Self::ConfigMaps => "configmaps",
            Self::Namespaces => "namespaces",
        }
    }

    /// The versions of its API; a server has at least one of them.
    pub(crate) fn versions(self) -> &'static [Version] {
        match self {
            Self::Ingresses => INGRESSES,
            Self::IngressClasses => CLASSES,
            Self::Services => SERVICES,
            Self::EndpointSlices => SLICES,
            Self::Secrets => SECRETS,
            Self::ConfigMaps => CONFIG_MAPS,
            Self::Namespaces => NAMESPACES,
        }
    }

    /// Where it is watched if everything else is watched in a scope: some resources have no namespace.
    pub(crate) fn within(self, scope: &Scope) -> Scope {
        match self {
            Self::IngressClasses | Self::Namespaces => Scope::Cluster,
            _ => scope.clone(),
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("the cluster"),
            Self::Namespace(name) => write!(f, "namespace `{name}`"),
        }
    }
}

impl Version {
    /// The path of the collection.
    pub(crate) fn collection(self, scope: &Scope) -> String {
        let Self { prefix, plural, .. } = self;
        match scope {
            Scope::Cluster => format!("{prefix}/{plural}"),
            Scope::Namespace(name) => format!("{prefix}/namespaces/{}/{plural}", escaped(name)),
        }
    }

    /// The resource as its path spells it.
    pub(crate) fn plural(self) -> &'static str {
        self.plural
    }

    /// The path of one object.
    pub(crate) fn object(self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.collection(&Scope::Namespace(namespace.into())), escaped(name))
    }
}

/// A text as it may stand in a path or a query: names come from annotations, where anybody may write `../`.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => escaped.push(char::from(byte)),
            // A name may have dots, but may not consist of them.
            b'.' if text.bytes().any(|byte| byte != b'.') => escaped.push('.'),
            _ => {
                escaped.push('%');
                for digit in [byte >> 4, byte & 15] {
                    escaped.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let all = |resource: Resource, scope: &Scope| -> Vec<String> {
            resource.versions().iter().map(|version| version.collection(scope)).collect()
        };
        let shop = Scope::Namespace("shop".into());
        assert_eq!(
            all(Resource::EndpointSlices, &shop),
            [
                "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices",
                "/apis/discovery.k8s.io/v1beta1/namespaces/shop/endpointslices",
                "/api/v1/namespaces/shop/endpoints",
            ]
        );
        assert_eq!(all(Resource::Services, &Scope::Cluster), ["/api/v1/services"]);
        assert_eq!(Resource::IngressClasses.within(&shop), Scope::Cluster);
    }

    #[test]
    fn a_name_stays_one_segment() {
        let secret = SECRETS[0];
        assert_eq!(secret.object("shop", "tea.example.com"), "/api/v1/namespaces/shop/secrets/tea.example.com");
        assert_eq!(secret.object("..", "a/../b?x=%"), "/api/v1/namespaces/%2E%2E/secrets/a%2F..%2Fb%3Fx%3D%25");
    }
}
