//! A request that somebody asks about: from the command line or from a line of JSON to what the engine looks at.

use std::net::IpAddr;

use http::Version;
use ingress_core::request::{BadRequest, ConnInfo, Headers, PeerCertificate, RawRequest, RequestView, TlsInfo};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A request in full, owned.
#[derive(Clone, Debug)]
pub struct Question {
    /// The request as it was given, for the output.
    pub given: Value,
    method: String,
    target: Vec<u8>,
    version: Version,
    authority: Option<String>,
    headers: Vec<(String, String)>,
    conn: ConnInfo,
    draw: u64,
}

/// What the options say of every `--request`.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// `-H`.
    pub headers: Vec<(String, String)>,
    /// `--remote-addr`.
    pub remote_addr: Option<IpAddr>,
    /// `--sni`; empty for a handshake without a server name.
    pub sni: Option<String>,
    /// `--draw`.
    pub draw: u64,
    /// Whether the proxy takes header names with an underscore (`--enable-underscores-in-headers`).
    pub underscores: bool,
}

/// One line of `--requests`. All but `url` may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    url: String,
    #[serde(default)]
    method: Option<String>,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    remote_addr: Option<IpAddr>,
    #[serde(default)]
    sni: Option<String>,
    #[serde(default)]
    draw: u64,
    /// The certificate that the client shows.
    #[serde(default)]
    client_certificate: Option<Certificate>,
    /// `1.0`, `1.1` (the default) or `2`.
    #[serde(default)]
    version: Option<String>,
    /// Sends the URL as an absolute-form target.
    #[serde(default)]
    absolute: bool,
    /// Sends no Host field.
    #[serde(default)]
    no_host: bool,
    /// The request target in place of the URL's.
    #[serde(default)]
    target: Option<String>,
}

/// A client's certificate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Certificate {
    subject: String,
    #[serde(default)]
    issuer: String,
    #[serde(default)]
    pem: String,
    #[serde(default)]
    verified: bool,
}

impl Question {
    /// Reads `METHOD URL` or `URL`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, fit for a person.
    pub fn from_text(text: &str, defaults: &Defaults) -> Result<Self, String> {
        let text = text.trim();
        let (method, url) = match text.split_once(char::is_whitespace) {
            Some((method, url)) if is_method(method) => (method, url.trim_start()),
            _ => ("GET", text),
        };
        let mut headers = Map::new();
        for (name, value) in &defaults.headers {
            let values = headers.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(values) = values {
                values.push(Value::String(value.clone()));
            }
        }
        let mut given = json!({"method": method, "url": url});
        if let Value::Object(given) = &mut given {
            let single = |values: &Value| match values {
                Value::Array(values) if values.len() == 1 => values.first().cloned().unwrap_or_default(),
                other => other.clone(),
            };
            if !headers.is_empty() {
                let shown = headers.iter().map(|(name, values)| (name.clone(), single(values))).collect();
                given.insert("headers".into(), Value::Object(shown));
            }
            if let Some(address) = defaults.remote_addr {
                given.insert("remote_addr".into(), json!(address.to_string()));
            }
            if let Some(sni) = &defaults.sni {
                given.insert("sni".into(), json!(sni));
            }
            if defaults.draw != 0 {
                given.insert("draw".into(), json!(defaults.draw));
            }
        }
        let line = Line {
            url: url.to_owned(),
            method: Some(method.to_owned()),
            headers,
            remote_addr: defaults.remote_addr,
            sni: defaults.sni.clone(),
            draw: defaults.draw,
            client_certificate: None,
            version: None,
            absolute: false,
            no_host: false,
            target: None,
        };
        Self::new(line, given, defaults.underscores)
    }

    /// Reads one JSON object.
    ///
    /// # Errors
    ///
    /// What is wrong with it, fit for a person.
    pub fn from_json(given: Value) -> Result<Self, String> {
        Self::from_json_to(given, false)
    }

    /// Reads one JSON object as a question to a proxy that takes header names with an underscore, or does not
    /// (`--enable-underscores-in-headers`).
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_json_to(given: Value, underscores: bool) -> Result<Self, String> {
        let line: Line = Line::deserialize(&given).map_err(|error| error.to_string())?;
        Self::new(line, given, underscores)
    }

    fn new(line: Line, given: Value, underscores: bool) -> Result<Self, String> {
        let url = Url::parse(&line.url)?;
        let version = match line.version.as_deref() {
            None | Some("1.1") => Version::HTTP_11,
            Some("1.0") => Version::HTTP_10,
            Some("2") => Version::HTTP_2,
            Some(other) => return Err(format!("version `{other}` is none of `1.0`, `1.1` and `2`")),
        };
        let mut headers = Vec::new();
        let mut has_host = line.no_host || version == Version::HTTP_2;
        for (name, value) in line.headers {
            has_host |= name.eq_ignore_ascii_case("host");
            // A proxy takes them away before anything is decided: to many backends they are others' names.
            if name.contains('_') && (!underscores || is_known(&name.replace('_', "-"))) {
                continue;
            }
            let values = match value {
                Value::Array(values) => values,
                value => vec![value],
            };
            for value in values {
                let Value::String(value) = value else { return Err(format!("header `{name}` is not a string")) };
                // White space around a value is no part of it (RFC 9110 5.5).
                headers.push((name.clone(), value.trim_matches([' ', '\t']).to_owned()));
            }
        }
        if version != Version::HTTP_2 {
            without_named(&mut headers);
        }
        if !has_host {
            headers.insert(0, ("Host".to_owned(), url.authority.to_owned()));
        }
        let target =
            line.target.unwrap_or_else(|| if line.absolute { line.url.clone() } else { url.target.to_owned() });
        let tls = url.is_https.then(|| {
            let sni = line.sni.unwrap_or_else(|| url.server_name().to_owned());
            let client_certificate = line.client_certificate.map(|certificate| {
                let Certificate { subject, issuer, pem, verified: is_verified } = certificate;
                PeerCertificate { subject: subject.into(), issuer: issuer.into(), pem: pem.into(), is_verified }.into()
            });
            TlsInfo { sni: (!sni.is_empty()).then(|| sni.into()), client_certificate }
        });
        Ok(Self {
            given,
            method: line.method.unwrap_or_else(|| "GET".to_owned()),
            target: target.into_bytes(),
            version,
            authority: (version == Version::HTTP_2).then(|| url.authority.to_owned()),
            headers,
            conn: ConnInfo { remote_addr: line.remote_addr, tls, tls_ended_in_front: false },
            draw: line.draw,
        })
    }

    /// Calls `ask` with the request as the engine sees it.
    pub fn with_view<T>(&self, ask: impl FnOnce(Result<RequestView<'_>, BadRequest>) -> T) -> T {
        self.with_raw(|raw, headers| {
            let raw = RawRequest { headers: Headers::List(headers), ..*raw };
            ask(RequestView::from_raw(&raw, &self.conn, self.draw))
        })
    }

    /// Calls `ask` with the pieces of the request as they would stand on the wire.
    pub fn with_raw<T>(&self, ask: impl FnOnce(&RawRequest<'_>, &[(&str, &[u8])]) -> T) -> T {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let raw = RawRequest {
            method: &self.method,
            target: &self.target,
            version: self.version,
            authority: self.authority.as_deref().map(str::as_bytes),
            headers: Headers::List(&headers),
        };
        ask(&raw, &headers)
    }

    /// What stands for any request on the connection of this one, if nobody but the endpoint is to read them.
    pub(crate) fn of_its_connection(&self) -> Self {
        let name = self.conn.tls.as_ref().and_then(|tls| tls.sni.as_deref()).unwrap_or_default();
        let mut of_connection = self.clone();
        of_connection.method = "GET".to_owned();
        of_connection.target = b"/".to_vec();
        (of_connection.version, of_connection.authority) = (Version::HTTP_10, None);
        of_connection.headers = if name.is_empty() { Vec::new() } else { vec![("Host".to_owned(), name.to_owned())] };
        of_connection
    }

    /// The connection.
    #[must_use]
    pub fn conn(&self) -> &ConnInfo {
        &self.conn
    }
}

/// What a proxy acts upon. It stays although `Connection` names it: a proxy in front that passes `Connection` on as it came must
/// not be made to lose what it has added, and of a message's framing nothing is to be lost at all.
const KNOWN: [&str; 31] = [
    "host",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "proxy-authenticate",
    "proxy",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "http2-settings",
    "expect",
    "forwarded",
    "x-rewrite-url",
    "x-real-ip",
    "x-request-id",
    "x-scheme",
    "authorization",
    "cookie",
    "user-agent",
    "referer",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-accept",
    "location",
    "set-cookie",
    "www-authenticate",
    "content-type",
    "date",
];

/// Takes away the fields that `Connection` names, which are for the next hop alone (RFC 9110 7.6.1), as a proxy does before
/// anything is decided.
fn without_named(headers: &mut Vec<(String, String)>) {
    let connection = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"));
    let named = connection.flat_map(|(_, list)| list.split(',')).map(|name| name.trim().to_ascii_lowercase());
    let named: Vec<String> = named.filter(|name| !is_known(name)).collect();
    headers.retain(|(name, _)| !named.contains(&name.to_ascii_lowercase()));
}

/// Whether a name, whatever its case, is one of [`KNOWN`] or of a family of such.
fn is_known(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    KNOWN.contains(&&*name) || name.starts_with("x-forwarded-") || name.starts_with("x-original-")
}

/// Everything but whitespace that cannot begin a URL.
fn is_method(text: &str) -> bool {
    !text.is_empty() && !text.contains("://") && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-')
}

/// A URL cut into pieces and left as it is: nothing is decoded, encoded or put in order.
struct Url<'u> {
    is_https: bool,
    authority: &'u str,
    target: &'u str,
}

impl<'u> Url<'u> {
    fn parse(url: &'u str) -> Result<Self, String> {
        let (scheme, rest) = match url.split_once("://") {
            // `://` behind a slash or a question mark belongs to a path or a query.
            Some((scheme, rest)) if !scheme.contains(['/', '?', '#']) => (scheme, rest),
            _ => ("http", url),
        };
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            other => return Err(format!("URL `{url}` has scheme `{other}`, not `http` or `https`")),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if authority.is_empty() {
            return Err(format!("URL `{url}` has no host"));
        }
        Ok(Self { is_https, authority, target: if target.is_empty() { "/" } else { target } })
    }

    /// What a client would put into its TLS handshake: the host, unless that is an address.
    fn server_name(&self) -> &'u str {
        if self.authority.starts_with('[') {
            return "";
        }
        let host = self.authority.split(':').next().unwrap_or_default();
        if host.parse::<IpAddr>().is_ok() { "" } else { host }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_an_underscore_are_left_out() {
        let headers = json!({"X_Canary": "always", "X-Canary": ["a", "b"], "X_Real_IP": "192.0.2.1"});
        let names = |underscores| {
            let given = json!({"url": "http://a.example/", "headers": headers});
            let question = Question::from_json_to(given, underscores).expect("a question");
            question.with_raw(|_, headers| headers.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names(false), ["Host", "X-Canary", "X-Canary"]);
        // Never those that whoever reads them as hyphens would believe.
        assert_eq!(names(true), ["Host", "X_Canary", "X-Canary", "X-Canary"]);
    }

    #[test]
    fn what_connection_names_is_left_out() {
        let headers = json!({
            "Connection": ["close, X-Canary", "X-Forwarded-For"],
            "x-canary": "always",
            "X-Forwarded-For": "192.0.2.1",
        });
        let names = |version: &str| {
            let given = json!({"url": "http://a.example/", "headers": headers, "version": version});
            let question = Question::from_json(given).expect("a question");
            question.with_raw(|_, headers| headers.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(names("1.1"), ["Host", "Connection", "Connection", "X-Forwarded-For"]);
        assert_eq!(names("2"), ["Connection", "Connection", "x-canary", "X-Forwarded-For"]);
    }
}
