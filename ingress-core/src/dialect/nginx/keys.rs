//! Every annotation that ingress-nginx 1.15.1 reads, and what becomes of it here.
//!
//! Names without the prefix. What a value means is the business of the code that reads it.

mod removed;
mod snippet;

pub(crate) use removed::removed;
pub(crate) use snippet::snippet_replacement;

use Standing::{Honoured, HonouredInPart, NotDone, Refused};

/// What becomes of an annotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does what it does in ingress-nginx.
    Honoured,
    /// It does, except for what the text says.
    HonouredInPart(&'static str),
    /// It is recognised and without effect; the text says what is not done.
    NotDone(&'static str),
    /// The routes of its Ingress are closed, because ignoring it could open them; the text says what to write instead.
    Refused(&'static str),
}

/// What becomes of the annotation with this name; none when ingress-nginx does not know it either.
pub(crate) fn standing(key: &str) -> Option<Standing> {
    let at = KEYS.binary_search_by_key(&key, |(name, _)| name).ok()?;
    KEYS.get(at).map(|(_, standing)| *standing)
}

/// All names, the aliases among them, in alphabetical order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(name, _)| *name)
}

// What is to be written instead of the refused ones.
const CONFIGURATION_SNIPPET: &str = "write annotations: `custom-headers` for response headers, \
    `permanent-redirect` and `rewrite-target` for `return` and `rewrite`, `denylist-source-range` and \
    `allowlist-source-range` for `deny` and `allow`";
const SERVER_SNIPPET: &str = "write annotations, and path rules instead of `location` blocks";
const STREAM_SNIPPET: &str = "expose TCP and UDP services with the ConfigMaps of `--tcp-services-configmap` and \
    `--udp-services-configmap`";
const AUTH_SNIPPET: &str = "name a ConfigMap of headers for the authentication service with `auth-proxy-set-headers`";
const NO_FIREWALL: &str =
    "there is no ModSecurity here; put a web application firewall in front and remove the annotation";

/// In alphabetical order, which the search relies on.
const KEYS: [(&str, Standing); 138] = [
    ("affinity", Honoured),
    ("affinity-canary-behavior", Honoured),
    ("affinity-mode", Honoured),
    ("allowlist-source-range", Honoured),
    ("app-root", Honoured),
    ("auth-always-set-cookie", Honoured),
    ("auth-cache-duration", Honoured),
    ("auth-cache-key", Honoured),
    ("auth-keepalive", Honoured),
    ("auth-keepalive-requests", Honoured),
    ("auth-keepalive-share-vars", Honoured),
    ("auth-keepalive-timeout", Honoured),
    ("auth-method", Honoured),
    ("auth-proxy-set-headers", Honoured),
    ("auth-realm", Honoured),
    ("auth-request-redirect", Honoured),
    ("auth-response-headers", Honoured),
    ("auth-secret", Honoured),
    ("auth-secret-type", Honoured),
    ("auth-signin", Honoured),
    ("auth-signin-redirect-param", Honoured),
    ("auth-snippet", Refused(AUTH_SNIPPET)),
    ("auth-tls-error-page", Honoured),
    ("auth-tls-match-cn", Honoured),
    ("auth-tls-pass-certificate-to-upstream", Honoured),
    ("auth-tls-secret", Honoured),
    ("auth-tls-verify-client", Honoured),
    ("auth-tls-verify-depth", Honoured),
    ("auth-type", Honoured),
    ("auth-url", Honoured),
    ("backend-protocol", Honoured),
    ("canary", Honoured),
    ("canary-by-cookie", Honoured),
    ("canary-by-header", Honoured),
    ("canary-by-header-pattern", Honoured),
    ("canary-by-header-value", Honoured),
    ("canary-weight", Honoured),
    ("canary-weight-total", Honoured),
    ("client-body-buffer-size", Honoured),
    ("configuration-snippet", Refused(CONFIGURATION_SNIPPET)),
    ("connection-proxy-header", Honoured),
    ("cors-allow-credentials", Honoured),
    ("cors-allow-headers", Honoured),
    ("cors-allow-methods", Honoured),
    ("cors-allow-origin", Honoured),
    ("cors-expose-headers", Honoured),
    ("cors-max-age", Honoured),
    ("custom-headers", Honoured),
    ("custom-http-errors", Honoured),
    ("default-backend", Honoured),
    ("denylist-source-range", Honoured),
    ("disable-proxy-intercept-errors", Honoured),
    ("enable-access-log", Honoured),
    ("enable-cors", Honoured),
    ("enable-global-auth", Honoured),
    ("enable-modsecurity", Refused(NO_FIREWALL)),
    ("enable-opentelemetry", Honoured),
    ("enable-owasp-core-rules", Refused(NO_FIREWALL)),
    ("enable-rewrite-log", NotDone("rewrites are not logged; an explanation of the request shows them")),
    ("fastcgi-index", NotDone("no index file name is sent to a FastCGI backend")),
    ("fastcgi-params-configmap", NotDone("no parameters beyond the standard ones are sent to a FastCGI backend")),
    ("force-ssl-redirect", Honoured),
    ("from-to-www-redirect", Honoured),
    ("http2-push-preload", NotDone("nothing is pushed; browsers no longer accept it")),
    ("limit-allowlist", Honoured),
    ("limit-burst-multiplier", Honoured),
    ("limit-connections", Honoured),
    ("limit-rate", Honoured),
    ("limit-rate-after", Honoured),
    ("limit-rpm", Honoured),
    ("limit-rps", Honoured),
    ("limit-whitelist", Honoured),
    ("load-balance", Honoured),
    ("mirror-host", Honoured),
    ("mirror-request-body", Honoured),
    ("mirror-target", Honoured),
    ("modsecurity-snippet", Refused(NO_FIREWALL)),
    ("modsecurity-transaction-id", Refused(NO_FIREWALL)),
    ("opentelemetry-operation-name", Honoured),
    ("opentelemetry-trust-incoming-span", Honoured),
    ("permanent-redirect", Honoured),
    ("permanent-redirect-code", Honoured),
    ("preserve-trailing-slash", Honoured),
    ("proxy-body-size", Honoured),
    ("proxy-buffer-size", Honoured),
    ("proxy-buffering", Honoured),
    ("proxy-buffers-number", Honoured),
    ("proxy-busy-buffers-size", NotDone("buffers are not divided into busy and free ones")),
    ("proxy-connect-timeout", Honoured),
    ("proxy-cookie-domain", Honoured),
    ("proxy-cookie-path", Honoured),
    ("proxy-http-version", Honoured),
    ("proxy-max-temp-file-size", NotDone("responses are never written to disk")),
    ("proxy-next-upstream", Honoured),
    ("proxy-next-upstream-timeout", Honoured),
    ("proxy-next-upstream-tries", Honoured),
    ("proxy-read-timeout", Honoured),
    ("proxy-redirect-from", Honoured),
    ("proxy-redirect-to", Honoured),
    ("proxy-request-buffering", Honoured),
    ("proxy-send-timeout", Honoured),
    ("proxy-ssl-ciphers", HonouredInPart("cipher suites that the TLS library does not have are left out")),
    ("proxy-ssl-name", Honoured),
    ("proxy-ssl-protocols", Honoured),
    ("proxy-ssl-secret", Honoured),
    ("proxy-ssl-server-name", Honoured),
    ("proxy-ssl-verify", Honoured),
    ("proxy-ssl-verify-depth", Honoured),
    ("relative-redirects", Honoured),
    ("rewrite-target", Honoured),
    ("satisfy", Honoured),
    ("server-alias", Honoured),
    ("server-snippet", Refused(SERVER_SNIPPET)),
    ("service-upstream", Honoured),
    ("session-cookie-change-on-failure", Honoured),
    ("session-cookie-conditional-samesite-none", Honoured),
    ("session-cookie-domain", Honoured),
    ("session-cookie-expires", Honoured),
    ("session-cookie-max-age", Honoured),
    ("session-cookie-name", Honoured),
    ("session-cookie-path", Honoured),
    ("session-cookie-samesite", Honoured),
    ("session-cookie-secure", Honoured),
    ("ssl-ciphers", NotDone("cipher suites are not chosen for single hosts")),
    ("ssl-passthrough", Honoured),
    ("ssl-prefer-server-ciphers", NotDone("the preference among cipher suites is not chosen for single hosts")),
    ("ssl-redirect", Honoured),
    ("stream-snippet", Refused(STREAM_SNIPPET)),
    ("temporal-redirect", Honoured),
    ("temporal-redirect-code", Honoured),
    ("upstream-hash-by", Honoured),
    ("upstream-hash-by-subset", Honoured),
    ("upstream-hash-by-subset-size", Honoured),
    ("upstream-vhost", Honoured),
    ("use-port-in-redirects", Honoured),
    ("use-regex", Honoured),
    ("whitelist-source-range", Honoured),
    ("x-forwarded-prefix", Honoured),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_without_repetition() {
        assert!(KEYS.is_sorted_by(|(one, _), (two, _)| one < two));
    }

    #[test]
    fn every_key_has_the_standing_that_it_was_given() {
        let count = |wanted: fn(&Standing) -> bool| KEYS.iter().filter(|(_, standing)| wanted(standing)).count();
        assert_eq!(count(|standing| matches!(standing, NotDone(_))), 8);
        assert_eq!(count(|standing| matches!(standing, HonouredInPart(_))), 1);
        // Five snippets, three keys of ModSecurity.
        assert_eq!(count(|standing| matches!(standing, Refused(_))), 8);
        for (key, expected) in [
            ("rewrite-target", Some(Honoured)),
            ("affinity", Some(Honoured)),
            ("x-forwarded-prefix", Some(Honoured)),
            ("whitelist-source-range", Some(Honoured)),
            ("enable-modsecurity", Some(Refused(NO_FIREWALL))),
            ("server-snippet", Some(Refused(SERVER_SNIPPET))),
            ("Rewrite-target", None),
            ("rewrite", None),
            ("", None),
        ] {
            assert_eq!(standing(key), expected, "{key}");
        }
    }

    #[test]
    fn there_are_136_keys_and_two_aliases() {
        assert_eq!(names().count(), 136 + ["limit-whitelist", "whitelist-source-range"].len());
    }

    #[test]
    fn no_key_is_both_known_and_removed() {
        for name in names() {
            assert_eq!(removed(name), None, "{name}");
        }
    }
}
