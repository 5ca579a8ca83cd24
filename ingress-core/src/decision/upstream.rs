//! What the backend sees of a request.

use std::borrow::Cow;

use super::response::Header;
use super::short::Short;
use super::{Forward, client, cookie, template};
use crate::path::PathPolicy;
use crate::path::canonical::escape;
use crate::policy::{
    Access, ClientAddress, ClientCertificate, Filters, LoadBalance, PortRef, Protocol, UpstreamSettings, VerifyClient,
    is_read_as,
};
use crate::request::{PeerCertificate, RequestView};

/// What a backend is told of the client's certificate.
const CERTIFICATE_HEADERS: [&str; 4] =
    ["ssl-client-verify", "ssl-client-subject-dn", "ssl-client-issuer-dn", "ssl-client-cert"];

/// What only a proxy may say of a client, and what the endpoint might take for that.
const ABOUT_THE_CLIENT: [&str; 7] =
    ["Proxy", "Forwarded", "X-Real-IP", "X-Scheme", "X-Rewrite-URL", "X-Original-*", "ssl-client-*"];

/// What is said anew of a client that a proxy in front has spoken for; what else it has put into the family is left alone.
const FORWARDED: [&str; 5] =
    ["X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Scheme"];

impl<'s> Forward<'s> {
    /// The request target that is sent upstream, for the request that was decided on.
    ///
    /// A rewrite replaces the path and keeps the query. Without one, nginx's path policy sends the target as it was received
    /// and that of RFC 3986 the canonical path.
    #[must_use]
    pub fn upstream_target<'r>(&self, request: &'r RequestView<'_>) -> Cow<'r, [u8]> {
        if let Some(rewrite) = self.policy.and_then(|policy| policy.rewrite.as_ref()) {
            // Of a request that was forwarded the path was not refused.
            let path = request.path(self.path_policy).unwrap_or(b"/");
            let mut target = escape(&rewrite.apply(path));
            if let Some(query) = request.query().filter(|query| !query.is_empty()) {
                target.push(b'?');
                target.extend_from_slice(query);
            }
            return Cow::Owned(target);
        }
        match self.path_policy {
            PathPolicy::Nginx => match request.raw_target() {
                // What is left of an absolute form may be a query alone; the path is empty then (RFC 9112 3.2.1).
                target @ [b'?', ..] => Cow::Owned([b"/", target].concat()),
                target => Cow::Borrowed(target),
            },
            PathPolicy::Rfc3986 => request.canonical_target(self.path_policy).unwrap_or(Cow::Borrowed(b"/")),
        }
    }

    /// Appends [`upstream_target`](Self::upstream_target). Only a rewrite takes an allocation.
    pub fn append_upstream_target(&self, request: &RequestView<'_>, to: &mut Vec<u8>) {
        let is_rewritten = self.policy.is_some_and(|policy| policy.rewrite.is_some());
        match (self.path_policy, request.path(self.path_policy)) {
            (PathPolicy::Rfc3986, Ok(path)) if !is_rewritten => {
                to.extend_from_slice(path);
                if let Some(query) = request.query() {
                    to.push(b'?');
                    to.extend_from_slice(query);
                }
            }
            _ => to.extend_from_slice(&self.upstream_target(request)),
        }
    }

    /// The Host that the backend sees.
    #[must_use]
    pub fn upstream_host<'r>(&self, request: &RequestView<'r>) -> Cow<'r, [u8]>
    where
        's: 'r,
    {
        match self.filters().and_then(|filters| filters.upstream.vhost.as_deref()) {
            Some(vhost) => Cow::Borrowed(vhost.as_bytes()),
            None => Cow::Borrowed(request.authority()),
        }
    }

    /// Headers that are set on the request, each once, whatever the client sent under these names. What the controller's own
    /// settings say of one goes before what is worked out. Where the client sent no `X-Request-ID` of at most 128 visible characters the
    /// adapter makes one.
    #[must_use]
    pub fn upstream_headers(&self, request: &RequestView<'_>) -> Vec<Header> {
        let mut headers: Vec<Header> = Vec::new();
        self.each_upstream_header(request, &mut |name, value| headers.push((name.into(), value.to_vec())));
        headers
    }

    /// Those of [`upstream_headers`](Self::upstream_headers), one after the other. Only two take an allocation: `X-Forwarded-Prefix`,
    /// which is what the rewrite makes of the path, and `X-Original-Forwarded-For`, if the client sent several lines of it.
    pub fn each_upstream_header(&self, request: &RequestView<'_>, each: &mut dyn FnMut(&str, &[u8])) {
        let Some(filters) = self.filters() else { return };
        // What is empty is not sent, as with nginx's `proxy_set_header`.
        let each = &mut |name: &str, value: &[u8]| {
            if !value.is_empty() {
                each(name, value);
            }
        };
        let certificate = self.settings().and_then(|settings| settings.client_certificate.as_ref());
        for (name, value) in &filters.upstream.set_headers {
            // What a handshake has shown nobody else may say.
            if certificate.is_none() || !CERTIFICATE_HEADERS.iter().any(|it| it.eq_ignore_ascii_case(name)) {
                each(name, value.as_bytes());
            }
        }
        let set = || filters.upstream.set_headers.iter().filter(|(_, value)| !value.is_empty());
        let is_set = |name: &str| set().any(|(it, _)| it.eq_ignore_ascii_case(name));
        let mut or_else = |name: &str, value: &[u8]| {
            if !is_set(name) {
                each(name, value);
            }
        };
        let source = &*filters.access.client;
        let scheme: &[u8] = if client::is_https(source, request) { b"https" } else { b"http" };
        let port: &[u8] = if request.is_tls() || request.conn().tls_ended_in_front { b"443" } else { b"80" };
        if let Some(address) = client::address(source, request) {
            let address = Short::new(address);
            or_else("X-Real-IP", address.as_bytes());
            or_else("X-Forwarded-For", address.as_bytes());
        }
        or_else(
            "X-Forwarded-Host",
            client::forwarded(source, request, "x-forwarded-host").unwrap_or_else(|| request.authority()),
        );
        or_else("X-Forwarded-Port", client::forwarded(source, request, "x-forwarded-port").unwrap_or(port));
        or_else("X-Forwarded-Proto", scheme);
        or_else("X-Forwarded-Scheme", scheme);
        or_else("X-Scheme", scheme);
        if let Some(chain) = joined(request.header("x-forwarded-for")) {
            or_else("X-Original-Forwarded-For", &chain);
        }
        if let Some(host) = request.header("x-forwarded-host").next() {
            or_else("X-Original-Forwarded-Host", host);
        }
        if let (Some(prefix), Some(rewrite)) =
            (&filters.upstream.forwarded_prefix, self.policy.and_then(|it| it.rewrite.as_ref()))
        {
            let path = request.path(self.path_policy).unwrap_or(b"/");
            or_else("X-Forwarded-Prefix", &template::escape_controls(&rewrite.apply_to(prefix, path)));
        }
        // Of one that cannot be logged a new one takes the place.
        let is_good = |id: &&[u8]| (1..=128).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic);
        if let Some(id) = request.header("x-request-id").next().filter(is_good) {
            or_else("X-Request-ID", id);
        }
        if self.via == super::Via::Fallback
            && let Some(route) = self.matched.route()
            && let crate::policy::Target::Backend(wanted) = &route.target
        {
            or_else("X-Code", b"503");
            or_else("X-Format", request.header("accept").next().unwrap_or_default());
            or_else("X-Namespace", wanted.namespace.as_bytes());
            or_else("X-Ingress-Name", route.origin.object.name.as_bytes());
            or_else("X-Service-Name", wanted.service.as_bytes());
            match &wanted.port {
                PortRef::Name(name) => or_else("X-Service-Port", name.as_bytes()),
                port => or_else("X-Service-Port", Short::new(port).as_bytes()),
            }
        }
        if let Some(value) = &filters.upstream.connection_header {
            or_else("Connection", value.as_bytes());
        }
        if let Some(certificate) = certificate
            && let Some(tls) = &request.conn().tls
        {
            certificate_headers(certificate, tls.client_certificate.as_deref(), each);
        }
    }

    /// Headers that clients may have sent and backends must not see: what a proxy alone may say, and credentials that the
    /// proxy has used. A final `*` stands for any rest of a name. Those of [`upstream_headers`](Self::upstream_headers) are set
    /// afterwards.
    #[must_use]
    pub fn removed_headers(&self, request: &RequestView<'_>) -> Vec<&'s str> {
        self.removed(request).collect()
    }

    /// Whether a header is one of [`removed_headers`](Self::removed_headers), whatever the case of its name. An underscore in it
    /// counts as a hyphen, as many backends read it.
    #[must_use]
    pub fn removes_header(&self, request: &RequestView<'_>, name: &[u8]) -> bool {
        self.removed(request).any(|removed| match removed.strip_suffix('*') {
            Some(start) => name.get(..start.len()).is_some_and(|begin| is_read_as(begin, start.as_bytes())),
            None => is_read_as(name, removed.as_bytes()),
        })
    }

    fn removed(&self, request: &RequestView<'_>) -> impl Iterator<Item = &'s str> + use<'s> {
        let filters = self.filters();
        let uses_credentials = filters.is_some_and(|filters| filters.access.basic.is_some());
        let believes = filters.is_some_and(|filters| client::is_believed(&filters.access.client, request));
        let parts: [(bool, &'static [&'static str]); 4] = [
            (true, &ABOUT_THE_CLIENT),
            (believes, &FORWARDED),
            (!believes, &["X-Forwarded-*"]),
            (uses_credentials, &["Authorization"]),
        ];
        let is_removed = move |(applies, _): &(bool, _)| *applies && filters.is_some();
        let emptied = filters.into_iter().flat_map(|filters| filters.upstream.emptied());
        parts.into_iter().filter(is_removed).flat_map(|(_, names)| names.iter().copied()).chain(emptied)
    }

    /// What is spoken with the backend.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        if self.via == super::Via::Passthrough {
            return Protocol::TlsPassthrough;
        }
        self.filters().map_or(Protocol::Http, |filters| filters.upstream.protocol)
    }

    /// The text whose hash chooses the endpoint.
    #[must_use]
    pub fn hash_key(&self, request: &RequestView<'_>) -> Option<Vec<u8>> {
        let hash = self.sharing().filter(|_| self.affinity().is_none())?.hash.as_ref()?;
        Some(template::fill(&hash.key, self.client_source(), request))
    }

    /// The path that an affinity cookie is for, without what no cookie can have.
    #[must_use]
    pub fn cookie_path(&self, affinity: &'s crate::policy::Affinity) -> &'s str {
        cookie::path_of(match (&affinity.path, self.matched.route()) {
            (Some(path), _) => path,
            // A cookie has no use for an expression.
            (None, Some(route)) if route.path.kind() != crate::path::PathKind::Regex => route.path.as_str(),
            (None, _) => "/",
        })
    }

    /// How an endpoint is chosen where neither a cookie nor a hash does.
    #[must_use]
    pub fn load_balance(&self) -> LoadBalance {
        let plain = |settings: &UpstreamSettings| self.affinity().is_none() && settings.hash.is_none();
        self.sharing()
            .filter(|settings| plain(settings))
            .map_or(LoadBalance::RoundRobin, |settings| settings.load_balance)
    }

    /// Where the copy of the request goes.
    #[must_use]
    pub fn mirror_target(&self, request: &RequestView<'_>) -> Option<Vec<u8>> {
        let mirror = self.filters()?.mirror.as_ref()?;
        Some(template::fill(&mirror.target, self.client_source(), request))
    }

    /// The URL that is asked whether the request may pass.
    #[must_use]
    pub fn auth_url(&self, request: &RequestView<'_>) -> Option<Vec<u8>> {
        let external = self.filters()?.access.external.as_ref()?;
        Some(template::fill(&external.url, self.client_source(), request))
    }

    /// Where a client that is not known is sent to sign in.
    #[must_use]
    pub fn signin_url(&self, request: &RequestView<'_>) -> Option<Vec<u8>> {
        let external = self.filters()?.access.external.as_ref()?;
        let signin = external.signin.as_ref()?;
        let source = self.client_source();
        let mut url = template::fill(signin, source, request);
        let param = format!("{}=", external.signin_redirect_param);
        let text = String::from_utf8_lossy(&url).into_owned();
        let has_param = text.split(['?', '&']).skip(1).any(|pair| pair.starts_with(&param));
        if !has_param {
            url.push(if text.contains('?') { b'&' } else { b'?' });
            let scheme = if client::is_https(source, request) { "https" } else { "http" };
            url.extend_from_slice(format!("{param}{scheme}://{}", request.host()).as_bytes());
            template::escape(request.raw_target(), &mut url);
        }
        Some(url)
    }

    /// The limits that count for this client; none if it is exempt.
    #[must_use]
    pub fn limits(&self, request: &RequestView<'_>) -> Option<&'s crate::policy::Limits> {
        let limits = self.filters()?.limits.as_ref()?;
        let address = client::address(self.client_source(), request);
        let is_exempt = address.is_some_and(|address| limits.exempt.iter().any(|range| range.contains(address)));
        (!is_exempt).then_some(limits)
    }

    /// The restrictions that are left for the adapter to check: a password, a question to another service.
    #[must_use]
    pub fn access(&self, request: &RequestView<'_>) -> Option<&'s Access> {
        let access = &self.filters()?.access;
        let asks = access.basic.is_some() || access.external.is_some();
        (asks && !super::access::is_satisfied_by_address(access, request)).then_some(access)
    }

    fn client_source(&self) -> &'s ClientAddress {
        const PEER: &ClientAddress = &ClientAddress::Peer;
        self.filters().map_or(PEER, |filters: &Filters| &*filters.access.client)
    }
}

/// All lines of a header in one, as nginx gives them (`$http_x_forwarded_for`).
fn joined<'r>(mut lines: impl Iterator<Item = &'r [u8]>) -> Option<Cow<'r, [u8]>> {
    let mut all = Cow::Borrowed(lines.next()?);
    for line in lines {
        let all = all.to_mut();
        all.extend_from_slice(b", ");
        all.extend_from_slice(line);
    }
    Some(all)
}

/// What a handshake has shown, in nginx's words. Fields that would be empty are left out.
fn certificate_headers(wanted: &ClientCertificate, shown: Option<&PeerCertificate>, each: &mut dyn FnMut(&str, &[u8])) {
    let shown = shown.filter(|_| wanted.verify != VerifyClient::Off);
    let Some(shown) = shown else { return each("ssl-client-verify", b"NONE") };
    // Behind the colon stands what OpenSSL would say, which is not known here.
    each("ssl-client-verify", if shown.is_verified { b"SUCCESS" } else { b"FAILED:certificate rejected" });
    for (name, value) in [("ssl-client-subject-dn", &shown.subject), ("ssl-client-issuer-dn", &shown.issuer)] {
        if !value.is_empty() {
            each(name, value.as_bytes());
        }
    }
    if wanted.pass_to_upstream && !shown.pem.is_empty() {
        let mut escaped = Vec::with_capacity(shown.pem.len());
        template::escape(shown.pem.as_bytes(), &mut escaped);
        each("ssl-client-cert", &escaped);
    }
}
