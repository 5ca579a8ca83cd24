//! The table of codes. A code is never reused and never changes its meaning; each has a page under `codes/`.

use std::fmt;

use super::Effect;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// Something that the author wrote is not in force.
    Error,
    /// It works, but probably not as meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// The severity in lower case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One row per code: variant, number, slug, severity, effect, one sentence.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal $slug:literal $severity:ident $effect:ident;)+) => {
        /// A stable diagnostic code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All codes in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is printed: `ING0304`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => concat!("ING", $number),)+ }
            }

            /// The code's name: `path-not-absolute`.
            #[must_use]
            pub fn slug(self) -> &'static str {
                match self { $(Self::$variant => $slug,)+ }
            }

            /// The severity that a finding with this code usually has.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What the engine usually does about it.
            #[must_use]
            pub fn effect(self) -> Effect {
                match self { $(Self::$variant => Effect::$effect,)+ }
            }

            /// The code's page in Markdown, with a manifest that emits it.
            #[must_use]
            pub fn page(self) -> &'static str {
                match self { $(Self::$variant => include_str!(concat!("../../codes/ING", $number, ".md")),)+ }
            }
        }
    };
}

codes! {
    /// A document is not well-formed YAML or JSON.
    YamlSyntax = "0101" "yaml-syntax" Error ObjectDropped;
    /// A mapping has the same key twice.
    DuplicateKey = "0102" "duplicate-key" Error ObjectDropped;
    /// A field has a value of the wrong type.
    WrongType = "0103" "wrong-type" Error ObjectDropped;
    /// The input is larger than the limits allow.
    InputTooLarge = "0104" "input-too-large" Error ObjectDropped;
    /// The same object is given twice.
    DuplicateObject = "0105" "duplicate-object" Warning ObjectDropped;
    /// A document is not a Kubernetes object.
    NotAnObject = "0106" "not-an-object" Warning ObjectDropped;
    /// A kind that routing reads has an API version that no server ever had.
    UnknownApiVersion = "0107" "unknown-api-version" Warning ObjectDropped;
    /// An API version that current servers no longer serve.
    RemovedApiVersion = "0108" "removed-api-version" Note None;

    /// `spec.ingressClassName` names a class that is not in the input.
    ClassNotFound = "0201" "class-not-found" Warning ObjectDropped;
    /// The object belongs to another controller.
    NotClaimed = "0202" "not-claimed" Note ObjectDropped;
    /// Class annotation and class field disagree.
    ClassConflict = "0203" "class-conflict" Error ObjectDropped;
    /// More than one IngressClass is marked as default.
    TwoDefaultClasses = "0204" "two-default-classes" Error ObjectDropped;
    /// The object names no class and nothing claims such objects.
    NoClass = "0205" "no-class" Note ObjectDropped;
    /// `spec.controller` of an IngressClass is missing or malformed.
    InvalidController = "0206" "invalid-controller" Error ObjectDropped;
    /// `spec.parameters` of an IngressClass is malformed.
    InvalidParameters = "0207" "invalid-parameters" Error ObjectDropped;

    /// `metadata.name` is missing or malformed.
    InvalidName = "0301" "invalid-name" Error ObjectDropped;
    /// An Ingress has neither rules nor a default backend.
    NoRules = "0302" "no-rules" Error ObjectDropped;
    /// `spec.ingressClassName` is malformed.
    InvalidClassName = "0303" "invalid-class-name" Error ObjectDropped;
    /// A path does not begin with a slash.
    PathNotAbsolute = "0304" "path-not-absolute" Error ObjectDropped;
    /// A rule's host is not a DNS name or a wildcard of one.
    InvalidHost = "0305" "invalid-host" Error ObjectDropped;
    /// `http.paths` is empty.
    NoPaths = "0306" "no-paths" Error ObjectDropped;
    /// `pathType` is missing.
    PathTypeMissing = "0307" "path-type-missing" Error ObjectDropped;
    /// `pathType` has an unknown value.
    PathTypeUnknown = "0308" "path-type-unknown" Error ObjectDropped;
    /// A path holds a sequence that the API server refuses.
    PathInvalidSequence = "0309" "path-invalid-sequence" Error ObjectDropped;
    /// A backend has neither or both of `service` and `resource`.
    BackendNotOne = "0310" "backend-not-one" Error ObjectDropped;
    /// A backend's Service name is missing or malformed.
    InvalidServiceName = "0311" "invalid-service-name" Error ObjectDropped;
    /// A backend's port has neither or both of `name` and `number`.
    PortNotOne = "0312" "port-not-one" Error ObjectDropped;
    /// A backend's port name is malformed.
    InvalidPortName = "0313" "invalid-port-name" Error ObjectDropped;
    /// A backend's port number is outside 1 to 65535.
    InvalidPortNumber = "0314" "invalid-port-number" Error ObjectDropped;
    /// A `resource` backend lacks its kind or a usable name.
    InvalidResource = "0315" "invalid-resource" Error ObjectDropped;
    /// Annotations of another controller have no effect under this dialect.
    AnnotationsWithoutEffect = "0316" "annotations-without-effect" Note ValueIgnored;
    /// No request path, once canonical, can equal this one.
    PathNeverMatches = "0317" "path-never-matches" Warning None;

    /// A TLS host is not a DNS name or a wildcard of one.
    InvalidTlsHost = "0401" "invalid-tls-host" Error ObjectDropped;
    /// A TLS entry's secret name is malformed.
    InvalidSecretName = "0402" "invalid-secret-name" Error ObjectDropped;
    /// A TLS entry names a Secret that is not in the input.
    SecretNotFound = "0403" "secret-not-found" Warning RouteDropped;
    /// A Secret holds no usable certificate and key.
    SecretUnusable = "0404" "secret-unusable" Warning RouteDropped;
    /// A certificate does not cover the host that it is listed for.
    CertificateHostMismatch = "0405" "certificate-host-mismatch" Warning RouteDropped;
    /// A TLS entry lists no hosts and so selects nothing.
    TlsWithoutHosts = "0406" "tls-without-hosts" Note RouteDropped;
    /// Two TLS entries name different Secrets for one host.
    TlsHostConflict = "0407" "tls-host-conflict" Warning RouteDropped;

    /// A backend's Service is not in the input.
    ServiceNotFound = "0501" "service-not-found" Warning RouteRefused;
    /// A Service has no such port.
    ServicePortNotFound = "0502" "service-port-not-found" Warning RouteRefused;
    /// A Service has no ready endpoint.
    NoReadyEndpoints = "0503" "no-ready-endpoints" Warning RouteRefused;
    /// A backend names a resource that is not a Service.
    ResourceBackend = "0504" "resource-backend" Warning RouteRefused;
    /// An endpoint's address is malformed.
    InvalidEndpointAddress = "0505" "invalid-endpoint-address" Warning ValueIgnored;
    /// An endpoint's address is one that a manifest must not name.
    ForbiddenEndpointAddress = "0506" "forbidden-endpoint-address" Warning ValueIgnored;

    /// Two rules have the same host, path and type.
    DuplicateRule = "0601" "duplicate-rule" Warning RouteDropped;
    /// Two prefixes differ only in their final slash.
    TrailingSlashDuplicate = "0602" "trailing-slash-duplicate" Warning RouteDropped;
    /// Another Ingress already has the default backend.
    DefaultBackendShadowed = "0603" "default-backend-shadowed" Warning RouteDropped;

    /// An annotation's value is malformed, and its default is used.
    AnnotationInvalid = "0701" "annotation-invalid" Warning ValueIgnored;
    /// An annotation's value is malformed, and the whole Ingress is given up for it.
    AnnotationDropsIngress = "0702" "annotation-drops-ingress" Error ObjectDropped;
    /// An annotation's value is malformed, and the routes of its Ingress are closed for it.
    AnnotationRefusesRoute = "0703" "annotation-refuses-route" Error RouteRefused;
    /// An annotation carries a prefix of this dialect, but its name is not known.
    AnnotationUnknown = "0704" "annotation-unknown" Note ValueIgnored;
    /// An annotation is one that ingress-nginx itself has removed.
    AnnotationRemoved = "0705" "annotation-removed" Note ValueIgnored;
    /// An annotation is known, but what it asks for is not done here.
    AnnotationNotImplemented = "0706" "annotation-not-implemented" Note ValueIgnored;
    /// A piece of another proxy's configuration language is refused.
    SnippetRefused = "0707" "snippet-refused" Error RouteRefused;
    /// A regular expression has a construct that cannot be matched in linear time.
    RegexUnsupported = "0708" "regex-unsupported" Error RouteRefused;
    /// A path is matched as a regular expression although its own Ingress does not ask for it.
    RegexHost = "0709" "regex-host" Warning None;
    /// An alias is already the name or an alias of another server.
    AliasConflict = "0710" "alias-conflict" Warning ValueIgnored;
    /// A redirect to or from `www.` is skipped, because the other name has rules.
    WwwRedirectSkipped = "0711" "www-redirect-skipped" Note ValueIgnored;
    /// A canary has no ordinary rule to stand beside.
    CanaryWithoutPrimary = "0712" "canary-without-primary" Warning RouteDropped;
    /// The backend of a rule has a canary already.
    SecondCanary = "0713" "second-canary" Warning RouteDropped;
    /// An older Ingress has made a setting that a host can have only once.
    ServerSettingConflict = "0714" "server-setting-conflict" Warning ValueIgnored;
    /// An older Ingress has made a setting that a Service port can have only once.
    UpstreamSettingConflict = "0715" "upstream-setting-conflict" Warning ValueIgnored;
    /// An annotation names a Secret or ConfigMap that is missing or has no usable content.
    ReferenceMissing = "0716" "reference-missing" Error RouteRefused;
    /// Ingresses that are read in different ways name one host.
    MixedDialects = "0717" "mixed-dialects" Warning None;
    /// A key of the controller's ConfigMap is not known.
    ConfigmapKeyUnknown = "0718" "configmap-key-unknown" Note ValueIgnored;
    /// A value in the controller's ConfigMap is malformed, and its default is used.
    ConfigmapValueInvalid = "0719" "configmap-value-invalid" Warning ValueIgnored;
    /// A key of the controller's ConfigMap is known, but what it asks for is not done here.
    ConfigmapKeyNotImplemented = "0720" "configmap-key-not-implemented" Note ValueIgnored;
    /// On this point the engine differs from ingress-nginx on purpose.
    DiffersFromIngressNginx = "0721" "differs-from-ingress-nginx" Note None;
    /// An annotation also governs the paths of the host that no rule lists.
    ImplicitLocation = "0722" "implicit-location" Warning None;
    /// An Ingress for every host is left out because of `--disable-catch-all`.
    CatchAllDisabled = "0723" "catch-all-disabled" Note ObjectDropped;
    /// The controller's ConfigMap is not in the input.
    ConfigmapNotFound = "0724" "configmap-not-found" Warning None;
    /// Headers say who the client is, and nobody has said whose headers.
    ForwardedHeadersOfAnybody = "0725" "forwarded-headers-of-anybody" Warning None;

    /// A TKE annotation that holds JSON is malformed.
    RuleListInvalid = "0731" "rule-list-invalid" Error RouteRefused;
    /// An entry of a TKE rule list has no rule in `spec`.
    RuleListUnmatched = "0732" "rule-list-unmatched" Warning ValueIgnored;
    /// A certificate is known by its id only.
    CertificateUnresolved = "0733" "certificate-unresolved" Warning RouteDropped;
    /// A TKE redirect leads to itself, to another redirect, or to where nobody listens.
    RewriteInvalid = "0734" "rewrite-invalid" Error ValueIgnored;
    /// Two settings of TKE exclude each other.
    AnnotationsExclusive = "0735" "annotations-exclusive" Error ValueIgnored;
    /// A certificate is named by an old annotation of TKE.
    CertificateAnnotation = "0736" "certificate-annotation" Note ValueIgnored;
}

impl Code {
    /// The code with this id (`ING0304`) or slug (`path-not-absolute`).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.id().eq_ignore_ascii_case(text) || code.slug() == text)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id(), self.slug())
    }
}
