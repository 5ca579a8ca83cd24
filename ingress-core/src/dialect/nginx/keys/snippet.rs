//! What a snippet was written for, as far as its first known directive tells.
//!
//! Snippets are never carried out. This reads them only to name the typed setting that does the same.

/// What to write instead of the snippet with this text; none when no common directive is in it.
pub(crate) fn snippet_replacement(body: &str) -> Option<&'static str> {
    Statements { rest: body }.find_map(|statement| {
        let mut words = statement.split_ascii_whitespace();
        let directive = words.next()?;
        let first = words.next().unwrap_or_default();
        match directive {
            "proxy_set_header" if first.eq_ignore_ascii_case("Host") => Some("annotation `upstream-vhost`"),
            "return" => Some(match first {
                "301" | "308" => "annotation `permanent-redirect`",
                "302" | "303" | "307" => "annotation `temporal-redirect`",
                _ if first.starts_with(|c: char| c.is_ascii_digit()) => "a path rule whose backend gives this answer",
                _ => "annotation `temporal-redirect`",
            }),
            "rewrite" => Some(match words.next_back() {
                Some("permanent") => "annotation `permanent-redirect`",
                Some("redirect") => "annotation `temporal-redirect`",
                _ => "annotation `rewrite-target`",
            }),
            _ => DIRECTIVES.iter().find(|(names, _)| names.contains(&directive)).map(|(_, instead)| *instead),
        }
    })
}

/// Directives and what does the same. Those that ask for a look at their arguments are above.
const DIRECTIVES: [(&[&str], &str); 37] = [
    (&["add_header", "more_set_headers"], "annotation `custom-headers` with a ConfigMap of response headers"),
    (&["more_clear_headers", "proxy_hide_header"], "ConfigMap key `hide-headers`"),
    (&["proxy_set_header", "more_set_input_headers", "grpc_set_header"], "ConfigMap key `proxy-set-headers`"),
    (&["deny"], "annotation `denylist-source-range`, or `allowlist-source-range` if the rest is allowed"),
    (&["allow"], "annotation `allowlist-source-range`"),
    (&["proxy_connect_timeout", "grpc_connect_timeout"], "annotation `proxy-connect-timeout`"),
    (&["proxy_send_timeout", "grpc_send_timeout"], "annotation `proxy-send-timeout`"),
    (&["proxy_read_timeout", "grpc_read_timeout"], "annotation `proxy-read-timeout`"),
    (&["client_max_body_size"], "annotation `proxy-body-size`"),
    (&["client_body_buffer_size"], "annotation `client-body-buffer-size`"),
    (&["proxy_buffering"], "annotation `proxy-buffering`"),
    (&["proxy_buffer_size"], "annotation `proxy-buffer-size`"),
    (&["proxy_buffers"], "annotations `proxy-buffers-number` and `proxy-buffer-size`"),
    (&["proxy_request_buffering"], "annotation `proxy-request-buffering`"),
    (&["proxy_http_version"], "annotation `proxy-http-version`"),
    (&["proxy_next_upstream"], "annotation `proxy-next-upstream`"),
    (&["proxy_next_upstream_timeout"], "annotation `proxy-next-upstream-timeout`"),
    (&["proxy_next_upstream_tries"], "annotation `proxy-next-upstream-tries`"),
    (&["proxy_cookie_path"], "annotation `proxy-cookie-path`"),
    (&["proxy_cookie_domain"], "annotation `proxy-cookie-domain`"),
    (&["proxy_redirect"], "annotations `proxy-redirect-from` and `proxy-redirect-to`"),
    (&["proxy_ssl_name"], "annotation `proxy-ssl-name`"),
    (&["proxy_ssl_server_name"], "annotation `proxy-ssl-server-name`"),
    (&["proxy_ssl_verify"], "annotations `proxy-ssl-verify` and `proxy-ssl-secret`"),
    (&["proxy_pass", "grpc_pass"], "the backend of a path rule, with annotation `backend-protocol`"),
    (&["limit_req"], "annotation `limit-rps` or `limit-rpm`"),
    (&["limit_conn"], "annotation `limit-connections`"),
    (&["limit_rate"], "annotation `limit-rate`"),
    (&["auth_basic", "auth_basic_user_file"], "annotations `auth-type`, `auth-secret` and `auth-realm`"),
    (&["auth_request"], "annotation `auth-url`"),
    (&["satisfy"], "annotation `satisfy`"),
    (&["access_log"], "annotation `enable-access-log`"),
    (&["error_page", "proxy_intercept_errors"], "annotations `custom-http-errors` and `default-backend`"),
    (&["mirror"], "annotation `mirror-target`"),
    (&["location"], "a path rule of an Ingress"),
    (&["gzip", "gzip_types"], "ConfigMap keys `use-gzip` and `gzip-types`"),
    (&["large_client_header_buffers"], "ConfigMap key `large-client-header-buffers`"),
];

/// The statements of a text in nginx's language: up to `;`, `{` or `}`, without comments.
struct Statements<'a> {
    rest: &'a str,
}

impl<'a> Iterator for Statements<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix('#') else { break };
            self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
        }
        if self.rest.is_empty() {
            return None;
        }
        let (statement, rest) = self.rest.split_at_checked(end(self.rest)).unwrap_or((self.rest, ""));
        // The end is an ASCII character or the end of the text.
        self.rest = rest.get(1..).unwrap_or_default();
        Some(statement)
    }
}

/// Where the statement at the start of a text ends. What is in quotes or behind a backslash ends nothing.
fn end(text: &str) -> usize {
    let (mut quote, mut is_escaped) = (None, false);
    for (at, byte) in text.bytes().enumerate() {
        if std::mem::take(&mut is_escaped) {
            continue;
        }
        match (byte, quote) {
            (b'\\', _) => is_escaped = true,
            (_, Some(open)) if byte == open => quote = None,
            (b'"' | b'\'', None) => quote = Some(byte),
            // `${name}` is a variable, not a block.
            (b';' | b'}', None) => return at,
            (b'{', None) if !text.get(..at).is_some_and(|before| before.ends_with('$')) => return at,
            _ => {}
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_bodies_have_typed_replacements() {
        for (body, instead) in [
            ("more_set_headers \"X-Frame-Options: DENY\";", Some("custom-headers")),
            ("add_header X-A \"a; deny b\" always;\n", Some("custom-headers")),
            ("# deny all;\n  proxy_set_header X-Realm shop;", Some("proxy-set-headers")),
            ("proxy_set_header Host internal.example;", Some("upstream-vhost")),
            ("return 301 https://new.example$request_uri;", Some("permanent-redirect")),
            ("if ($host = old.example) {\n  return 302 https://new.example;\n}", Some("temporal-redirect")),
            ("location /admin { return 404; }", Some("a path rule of an Ingress")),
            ("if ($http_x = y) { return 403; }", Some("a path rule whose backend")),
            ("return https://new.example/;", Some("temporal-redirect")),
            ("rewrite ^/old/(.*)$ /new/$1 break;", Some("rewrite-target")),
            ("rewrite ^/old/(.*)$ /new/$1 permanent;", Some("permanent-redirect")),
            ("rewrite ^ https://new.example redirect;", Some("temporal-redirect")),
            ("deny 10.0.0.0/8;\nallow all;", Some("denylist-source-range")),
            ("allow 10.0.0.0/8;\ndeny all;", Some("allowlist-source-range")),
            ("proxy_read_timeout 3600;", Some("proxy-read-timeout")),
            ("client_max_body_size 50m;", Some("proxy-body-size")),
            ("limit_req zone=a burst=5;", Some("limit-rps")),
            ("auth_basic \"who?\";", Some("auth-secret")),
            ("set $a 1; set $b ${a}x; proxy_buffering off;", Some("proxy-buffering")),
            ("set $a 'it\\'s; deny'; satisfy any;", Some("satisfy")),
            ("content_by_lua_block { ngx.say(1) }", None),
            ("set $a \"unclosed; deny all;", None),
            ("# only a comment", None),
            (";;{}", None),
            ("", None),
        ] {
            let found = snippet_replacement(body);
            match instead {
                Some(instead) => assert!(found.is_some_and(|found| found.contains(instead)), "{body}: {found:?}"),
                None => assert_eq!(found, None, "{body}"),
            }
        }
    }

    #[test]
    fn the_replacements_are_keys() {
        let texts = DIRECTIVES.iter().map(|(_, instead)| instead).filter(|text| text.starts_with("annotation"));
        for key in texts.flat_map(|text| text.split('`').skip(1).step_by(2)) {
            assert!(super::super::standing(key).is_some(), "{key}");
        }
    }
}
