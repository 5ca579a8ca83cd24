//! Which headers go where.

use super::value::{Key, boolean, header_name, set, set_each, text};

/// Keys about headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Headers {
    /// The ConfigMap of headers for backends (`proxy-set-headers`).
    pub(crate) proxy_set_headers: Option<ConfigMapName>,
    /// What that one has.
    pub(crate) for_backends: Box<[(Box<str>, Box<str>)]>,
    /// The ConfigMap of headers for clients (`add-headers`).
    pub(crate) add_headers: Option<ConfigMapName>,
    /// What that one has.
    pub(crate) for_clients: Box<[(Box<str>, Box<str>)]>,
    /// Headers of backends that clients do not see (`hide-headers`).
    pub(crate) hide_headers: Box<[Box<str>]>,
    /// Headers that `custom-headers` may set (`global-allowed-response-headers`).
    pub(crate) allowed_response_headers: Box<[Box<str>]>,
    /// Whether the proxy names itself in `Server` (`server-tokens`).
    pub(crate) server_tokens: bool,
    /// Whether the backend's `Server` is passed on (`allow-backend-server-header`).
    pub(crate) allow_backend_server_header: bool,
    /// Whether names with `_` are passed on (`enable-underscores-in-headers`).
    pub(crate) enable_underscores_in_headers: bool,
    /// Whether headers with invalid names are dropped rather than refused (`ignore-invalid-headers`).
    pub(crate) ignore_invalid_headers: bool,
    /// Whether a request without an `X-Request-ID` gets one (`generate-request-id`).
    pub(crate) generate_request_id: bool,
    /// Whether backends get `X-Original-Uri` (`proxy-add-original-uri-header`).
    pub(crate) proxy_add_original_uri_header: bool,
    /// The type of a response that has none (`default-type`).
    pub(crate) default_type: Box<str>,
}

/// `namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ConfigMapName {
    /// Never empty.
    pub(crate) namespace: Box<str>,
    /// Never empty.
    pub(crate) name: Box<str>,
}

impl Default for Headers {
    fn default() -> Self {
        Self {
            proxy_set_headers: None,
            for_backends: Box::default(),
            add_headers: None,
            for_clients: Box::default(),
            hide_headers: Box::default(),
            allowed_response_headers: Box::default(),
            server_tokens: false,
            allow_backend_server_header: false,
            enable_underscores_in_headers: false,
            ignore_invalid_headers: true,
            generate_request_id: true,
            proxy_add_original_uri_header: false,
            default_type: "text/html".into(),
        }
    }
}

/// What each key does.
pub(super) const KEYS: &[Key<Headers>] = &[
    ("proxy-set-headers", |to, value| set(&mut to.proxy_set_headers, configmap(value))),
    ("add-headers", |to, value| set(&mut to.add_headers, configmap(value))),
    ("hide-headers", |to, value| set_each(&mut to.hide_headers, value, "the name of a header", header_name)),
    ("global-allowed-response-headers", |to, value| {
        set_each(&mut to.allowed_response_headers, value, "the name of a header", header_name)
    }),
    ("server-tokens", |to, value| set(&mut to.server_tokens, boolean(value))),
    ("allow-backend-server-header", |to, value| set(&mut to.allow_backend_server_header, boolean(value))),
    ("enable-underscores-in-headers", |to, value| set(&mut to.enable_underscores_in_headers, boolean(value))),
    ("ignore-invalid-headers", |to, value| set(&mut to.ignore_invalid_headers, boolean(value))),
    ("generate-request-id", |to, value| set(&mut to.generate_request_id, boolean(value))),
    ("proxy-add-original-uri-header", |to, value| set(&mut to.proxy_add_original_uri_header, boolean(value))),
    ("default-type", |to, value| set(&mut to.default_type, text(value))),
];

fn configmap(value: &str) -> Result<Option<ConfigMapName>, Box<str>> {
    let value = value.trim();
    if value.is_empty() {
        return Ok(None);
    }
    match value.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(Some(ConfigMapName { namespace: namespace.into(), name: name.into() }))
        }
        _ => Err("is not the `namespace/name` of a ConfigMap".into()),
    }
}
