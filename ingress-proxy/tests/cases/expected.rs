//! Which fields messages have when the proxy does what a report says: all of them, and no others.

use ingress_cli::question::Question;
use serde_json::Value;

use super::client;
use super::endpoints::Arrived;
use super::message::{Field, first, of_endpoint};
use super::verdict::text;

/// Fields that concern one connection (RFC 9110 7.6.1) or that have a place of their own in a message.
const NEVER_PASSED: [&str; 12] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "content-length",
    "upgrade",
    "host",
    "expect",
    "x-request-id",
];

/// Fields that say who the client is and how it came: the proxy's to say, whoever routes the request.
const IDENTITY: [&str; 13] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-forwarded-scheme",
    "x-forwarded-prefix",
    "x-original-url",
    "x-original-uri",
    "x-rewrite-url",
    "x-real-ip",
    "x-scheme",
    "proxy",
];

/// In what the fields that came to an endpoint differ from those that the report says are sent.
pub(crate) fn of_request(question: &Question, report: &Value, arrived: &Arrived) -> Option<String> {
    let upstream = &report["upstream"];
    let set: Vec<Field> = match upstream.get("headers").and_then(Value::as_object) {
        Some(set) => set.iter().map(pair).collect(),
        None => identity(question),
    };
    let removed = upstream.get("removed_headers").and_then(Value::as_array).into_iter().flatten();
    let removed: Vec<String> = removed.filter_map(Value::as_str).map(str::to_ascii_lowercase).collect();
    let is_removed = |name: &str| {
        removed.iter().any(|it| it.strip_suffix('*').map_or(name == it, |start| name.starts_with(start)))
            // Routes without a policy of their own have no such list.
            || removed.is_empty() && IDENTITY.contains(&name)
    };
    let own = question.with_raw(|_, headers| {
        let owned = |(name, value): &(&str, &[u8])| (name.to_ascii_lowercase(), shown(value));
        headers.iter().map(owned).collect::<Vec<_>>()
    });
    let mut wanted: Vec<Field> = own
        .iter()
        .filter(|(name, _)| {
            let is_set = set.iter().any(|(other, _)| other.eq_ignore_ascii_case(name));
            !is_set && !NEVER_PASSED.contains(&name.as_str()) && !is_removed(name) && !name.contains('_')
        })
        .cloned()
        .collect();
    wanted.extend(set);
    let method = question.with_raw(|raw, _| raw.method.to_owned());
    if client::is_chunked(question) && arrived.version != "2" {
        wanted.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
    } else if first(&own, "content-length").is_some() || ["POST", "PUT", "PATCH"].contains(&method.as_str()) {
        wanted.push(("content-length".to_owned(), client::body_length(question).to_string()));
    }
    let host = text(upstream, "host");
    if !host.is_empty() {
        wanted.push(("host".to_owned(), host.to_owned()));
    }
    if arrived.version == "2" {
        // It has a meaning between two neighbours of HTTP/1 only.
        wanted.retain(|(name, _)| !name.eq_ignore_ascii_case("connection"));
    }
    let mut found = arrived.fields.clone();
    if first(&wanted, "x-request-id").is_none() {
        let id = first(&found, "x-request-id").map(str::to_owned);
        let is_made = id.is_some_and(|id| id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !is_made {
            return Some("no X-Request-ID was made".to_owned());
        }
        found.retain(|(name, _)| !name.eq_ignore_ascii_case("x-request-id"));
    }
    differ("the endpoint got", with_one_cookie(wanted), with_one_cookie(found))
}

/// The fields with all cookies in one line, which is what becomes of several over HTTP/2 (RFC 9113 8.2.3).
fn with_one_cookie(mut fields: Vec<Field>) -> Vec<Field> {
    let is_cookie = |(name, _): &Field| name.eq_ignore_ascii_case("cookie");
    let cookies: Vec<String> = fields.iter().filter(|field| is_cookie(field)).map(|(_, value)| value.clone()).collect();
    if cookies.len() > 1 {
        fields.retain(|field| !is_cookie(field));
        fields.push(("cookie".to_owned(), cookies.join("; ")));
    }
    fields
}

/// Routes without a policy of their own have the proxy say who the client is.
fn identity(question: &Question) -> Vec<Field> {
    let conn = question.conn();
    let address = conn.remote_addr.map(|address| address.to_string()).unwrap_or_default();
    let (scheme, port) = if conn.tls.is_some() { ("https", "443") } else { ("http", "80") };
    let host = question.with_view(|view| view.map(|view| shown(view.authority())).unwrap_or_default());
    let fields = [
        ("X-Forwarded-For", &*address),
        ("X-Real-IP", &address),
        ("X-Forwarded-Host", &host),
        ("X-Forwarded-Port", port),
        ("X-Forwarded-Proto", scheme),
        ("X-Forwarded-Scheme", scheme),
        ("X-Scheme", scheme),
    ];
    let fields = fields.into_iter().filter(|(_, value)| !value.is_empty());
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// In what the fields of an endpoint's response differ on their way to the client.
pub(crate) fn of_response(report: &Value, endpoint: &str, found: &[Field]) -> Option<String> {
    let set = response_headers(report);
    let hidden = report.get("hidden_headers").and_then(Value::as_array).into_iter().flatten();
    let hidden: Vec<&str> = hidden.filter_map(Value::as_str).collect();
    let gets_lost = |name: &str| {
        let mut names = set.iter().map(|(other, _)| other.as_str()).chain(hidden.iter().copied());
        names.any(|other| other.eq_ignore_ascii_case(name))
    };
    let mut wanted: Vec<Field> = of_endpoint(endpoint)
        .iter()
        .filter(|(name, _)| !gets_lost(name))
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    wanted.extend(set);
    let mut found = found.to_vec();
    let given = report.get("affinity").filter(|affinity| affinity["is_set"] == true);
    if let Some(cookie) = given.map(|affinity| text(affinity, "cookie")) {
        // What it says is the subject of other tests.
        found.retain(|(name, value)| {
            !(name.eq_ignore_ascii_case("set-cookie") && value.starts_with(&format!("{cookie}=")))
        });
    }
    differ("the client got", wanted, without_framing(&found))
}

/// In what the fields of an answer of the proxy's own differ from those that the report says.
pub(crate) fn of_own_answer(report: &Value, status: u16, found: &[Field]) -> Option<String> {
    let mut wanted = response_headers(report);
    if let Some(location) = report.get("location").and_then(Value::as_str) {
        wanted.push(("location".to_owned(), location.to_owned()));
    }
    let mut found = without_framing(found);
    // When it was (RFC 9110 6.6.1); of the body, if there is one; and which methods there are (RFC 9110 15.5.6), of which reports do not speak.
    found.retain(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "date" => !value.ends_with(" GMT"),
        "content-type" => value != "text/plain; charset=utf-8",
        "allow" => status != 405,
        _ => true,
    });
    differ("the client got", wanted, found)
}

fn response_headers(report: &Value) -> Vec<Field> {
    report.get("response_headers").and_then(Value::as_object).into_iter().flatten().map(pair).collect()
}

fn pair((name, value): (&String, &Value)) -> Field {
    (name.clone(), value.as_str().unwrap_or_default().trim_matches([' ', '\t']).to_owned())
}

fn without_framing(fields: &[Field]) -> Vec<Field> {
    let is_framing = |name: &str| ["connection", "content-length", "transfer-encoding"].contains(&name);
    fields.iter().filter(|(name, _)| !is_framing(&name.to_ascii_lowercase())).cloned().collect()
}

fn shown(value: &[u8]) -> String {
    let value = value.trim_ascii();
    std::str::from_utf8(value).map_or_else(|_| value.escape_ascii().to_string(), str::to_owned)
}

/// What is missing of the one and what the other has beyond it, whatever the order.
fn differ(whose: &str, wanted: Vec<Field>, found: Vec<Field>) -> Option<String> {
    let sorted = |fields: Vec<Field>| {
        let mut fields: Vec<Field> =
            fields.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
        fields.sort();
        fields
    };
    let (wanted, found) = (sorted(wanted), sorted(found));
    let without = |these: &[Field], those: &[Field]| -> Vec<Field> {
        these.iter().filter(|field| !those.contains(field)).cloned().collect()
    };
    (wanted != found).then(|| {
        let (missing, more) = (without(&wanted, &found), without(&found, &wanted));
        format!("{whose} fields {more:?} that nobody speaks of and not {missing:?} (of {found:?})")
    })
}
