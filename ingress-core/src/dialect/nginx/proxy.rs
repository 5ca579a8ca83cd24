//! How a backend is spoken to.

use super::settings::Settings;
use super::{grammar, upstream_tls};
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::dialect::cluster::Cluster;
use crate::policy::{Buffering, HttpVersion, Protocol, Retries, RetryCondition, Rewrite, Timeouts, Upstream};

/// The greatest body in bytes; none for no limit.
pub(super) fn body_limit(a: &mut Annotations<'_>, s: &Settings) -> Option<u64> {
    let size = a.size("proxy-body-size", Bad::Default).unwrap_or(s.upstream.body_size);
    (size > 0).then_some(size)
}

/// Whether the address of the Service is dialled instead of its endpoints.
pub(super) fn service_upstream(a: &mut Annotations<'_>, s: &Settings) -> bool {
    a.flag("service-upstream", Bad::Default).unwrap_or(s.upstream.service_upstream)
}

/// Everything else.
pub(super) fn read(a: &mut Annotations<'_>, s: &Settings, cluster: &Cluster<'_>) -> Upstream {
    Upstream {
        protocol: protocol(a),
        http_version: http_version(a, s),
        timeouts: timeouts(a, s),
        retries: retries(a, s),
        buffering: buffering(a, s),
        vhost: vhost(a),
        forwarded_prefix: a.checked("x-forwarded-prefix", is_prefix, "a path", Bad::Drop).map(Box::from),
        connection_header: a.word("connection-proxy-header", &["close", "keep-alive"], Bad::Drop).map(Box::from),
        set_headers: s.headers.for_backends.clone(),
        tls: upstream_tls::read(a, s, cluster),
    }
}

fn protocol(a: &mut Annotations<'_>) -> Protocol {
    const KEY: &str = "backend-protocol";
    const PROTOCOLS: [Protocol; 6] =
        [Protocol::Http, Protocol::Https, Protocol::AutoHttp, Protocol::Grpc, Protocol::Grpcs, Protocol::Fcgi];
    let Some(value) = a.text(KEY) else { return Protocol::Http };
    let protocol = PROTOCOLS.into_iter().find(|protocol| protocol.as_str().eq_ignore_ascii_case(value));
    if protocol.is_none() {
        let names = PROTOCOLS.map(Protocol::as_str).join("`, `");
        a.bad(KEY, Bad::Default, format_args!("`{}` is none of `{names}`", shown(value)));
    }
    protocol.unwrap_or_default()
}

fn http_version(a: &mut Annotations<'_>, s: &Settings) -> HttpVersion {
    let word = a.word("proxy-http-version", &["1.0", "1.1"], Bad::Default);
    match word.map_or(s.upstream.is_http_1_0, |version| version == "1.0") {
        true => HttpVersion::Http10,
        false => HttpVersion::Http11,
    }
}

fn timeouts(a: &mut Annotations<'_>, s: &Settings) -> Timeouts {
    Timeouts {
        connect: a.count("proxy-connect-timeout", Bad::Default).unwrap_or(s.upstream.connect_timeout),
        send: a.count("proxy-send-timeout", Bad::Default).unwrap_or(s.upstream.send_timeout),
        read: a.count("proxy-read-timeout", Bad::Default).unwrap_or(s.upstream.read_timeout),
    }
}

fn retries(a: &mut Annotations<'_>, s: &Settings) -> Retries {
    let words =
        next_upstream(a).unwrap_or_else(|| s.upstream.next_upstream.iter().copied().filter_map(retry).collect());
    let conditions = words.iter().filter_map(|word| match word {
        Retry::On(condition) => Some(*condition),
        Retry::Off | Retry::NonIdempotent => None,
    });
    Retries {
        // `off` beats whatever stands beside it.
        conditions: if words.contains(&Retry::Off) { Box::default() } else { conditions.collect() },
        tries: a.count("proxy-next-upstream-tries", Bad::Default).unwrap_or(s.upstream.next_upstream_tries),
        timeout: a.count("proxy-next-upstream-timeout", Bad::Default).unwrap_or(s.upstream.next_upstream_timeout),
        non_idempotent: words.contains(&Retry::NonIdempotent) || s.upstream.retry_non_idempotent,
    }
}

/// A word of `proxy-next-upstream`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Retry {
    On(RetryCondition),
    NonIdempotent,
    Off,
}

fn next_upstream(a: &mut Annotations<'_>) -> Option<Vec<Retry>> {
    const KEY: &str = "proxy-next-upstream";
    let value = a.text(KEY)?;
    let mut words = Vec::new();
    for word in value.split_ascii_whitespace() {
        let Some(word) = retry(word) else {
            let why = format!("`{}` is no condition for another endpoint, such as `http_502`", shown(word));
            a.bad(KEY, Bad::Default, why);
            return None;
        };
        // There are twelve words, however long the value is.
        if !words.contains(&word) {
            words.push(word);
        }
    }
    Some(words)
}

fn retry(word: &str) -> Option<Retry> {
    Some(match word {
        "error" => Retry::On(RetryCondition::Error),
        "timeout" => Retry::On(RetryCondition::Timeout),
        "invalid_header" => Retry::On(RetryCondition::InvalidHeader),
        "http_403" => Retry::On(RetryCondition::Status(403)),
        "http_404" => Retry::On(RetryCondition::Status(404)),
        "http_429" => Retry::On(RetryCondition::Status(429)),
        "http_500" => Retry::On(RetryCondition::Status(500)),
        "http_502" => Retry::On(RetryCondition::Status(502)),
        "http_503" => Retry::On(RetryCondition::Status(503)),
        "http_504" => Retry::On(RetryCondition::Status(504)),
        "non_idempotent" => Retry::NonIdempotent,
        "off" => Retry::Off,
        _ => return None,
    })
}

fn buffering(a: &mut Annotations<'_>, s: &Settings) -> Buffering {
    let in_memory = s.data_plane.connections.client_body_buffer_size;
    Buffering {
        request: a.switch("proxy-request-buffering", Bad::Default).unwrap_or(s.upstream.request_buffering),
        response: a.switch("proxy-buffering", Bad::Default).unwrap_or(s.upstream.buffering),
        buffer_size: a.size("proxy-buffer-size", Bad::Default).unwrap_or(s.upstream.buffer_size),
        buffers: a.count("proxy-buffers-number", Bad::Default).unwrap_or(s.upstream.buffers_number),
        body_buffer_size: a.size("client-body-buffer-size", Bad::Drop).unwrap_or(in_memory),
    }
}

fn vhost(a: &mut Annotations<'_>) -> Option<Box<str>> {
    const KEY: &str = "upstream-vhost";
    let value = a.checked(KEY, grammar::regex, "the name of a server", Bad::Drop)?;
    if value.contains('$') {
        // The `$` itself, or the client's own Host, could lead to a virtual host that is meant for nobody.
        a.bad(KEY, Bad::Refuse, format_args!("`{}` has a variable, which is not filled in here", shown(value)));
        return None;
    }
    Some(value.into())
}

fn is_prefix(text: &str) -> bool {
    grammar::path(text) && Rewrite::check(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::limits::probe::{Reading, read, read_in};
    use super::*;

    #[test]
    fn body_limits() {
        for (value, expected, finding) in [
            ("", Some(1 << 20), ""),
            ("0", None, ""),
            ("8m", Some(8 << 20), ""),
            ("2K", Some(2 << 10), ""),
            ("1g", Some(1 << 30), ""),
            ("10MB", Some(1 << 20), "annotation-invalid"),
            ("99999999999999999999g", Some(1 << 20), "annotation-invalid"),
        ] {
            let reading = read(&[("proxy-body-size", value)]);
            assert_eq!((reading.filters().body_limit, reading.finding()), (expected, finding), "{value}");
        }
        let reading = read_in(&[("proxy-body-size", "5m")], Vec::new(), &[("proxy-body-size", "much")]);
        assert_eq!(reading.filters().body_limit, Some(5 << 20));
    }

    #[test]
    fn protocols() {
        for (value, expected, finding) in [
            ("", Protocol::Http, ""),
            ("https", Protocol::Https, ""),
            ("auto_HTTP", Protocol::AutoHttp, ""),
            ("gRpc", Protocol::Grpc, ""),
            ("GRPCS", Protocol::Grpcs, ""),
            ("fcgi", Protocol::Fcgi, ""),
            ("TLS_PASSTHROUGH", Protocol::Http, "annotation-invalid"),
            ("H2C", Protocol::Http, "annotation-invalid"),
        ] {
            let reading = read(&[("backend-protocol", value)]);
            assert_eq!((reading.filters().upstream.protocol, reading.finding()), (expected, finding), "{value}");
        }
    }

    #[test]
    fn retries_to_other_endpoints() {
        let table: &[(&str, &[&str], bool, &str)] = &[
            ("", &["error", "timeout"], false, ""),
            ("error http_502  http_503", &["error", "http_502", "http_503"], false, ""),
            ("timeout non_idempotent", &["timeout"], true, ""),
            ("error off", &[], false, ""),
            ("error sometimes", &["error", "timeout"], false, "annotation-invalid"),
        ];
        for (value, conditions, non_idempotent, finding) in table {
            let reading = read(&[("proxy-next-upstream", value)]);
            let retries = &reading.filters().upstream.retries;
            let words: Vec<_> = retries.conditions.iter().map(ToString::to_string).collect();
            assert_eq!(
                (&*words, retries.non_idempotent, reading.finding()),
                (&*conditions.iter().map(ToString::to_string).collect::<Vec<_>>(), *non_idempotent, *finding)
            );
        }
        let settings = [("proxy-next-upstream", "http_404"), ("retry-non-idempotent", "true")];
        let numbers = [("proxy-next-upstream-tries", "2"), ("proxy-next-upstream-timeout", "10")];
        let expected =
            Retries { conditions: [RetryCondition::Status(404)].into(), tries: 2, timeout: 10, non_idempotent: true };
        assert_eq!(read_in(&settings, Vec::new(), &numbers).filters().upstream.retries, expected);
    }

    #[test]
    fn numbers_and_switches() {
        assert_eq!(read(&[]).filters().upstream, Upstream::default());
        let own = [
            ("proxy-http-version", "1.0"),
            ("proxy-connect-timeout", "100"),
            ("proxy-send-timeout", "20"),
            ("proxy-read-timeout", "3600"),
            ("proxy-request-buffering", "off"),
            ("proxy-buffering", "on"),
            ("proxy-buffer-size", "8k"),
            ("proxy-buffers-number", "8"),
            ("client-body-buffer-size", "1M"),
        ];
        let expected = Upstream {
            http_version: HttpVersion::Http10,
            timeouts: Timeouts { connect: 100, send: 20, read: 3600 },
            buffering: Buffering {
                request: false,
                response: true,
                buffer_size: 8 << 10,
                buffers: 8,
                body_buffer_size: 1 << 20,
            },
            ..Upstream::default()
        };
        assert_eq!(read(&own).filters().upstream, expected);
        assert_eq!(read_in(&own, Vec::new(), &[]).filters().upstream, expected);
        for (key, _) in own {
            let reading = read(&[(key, "10s")]);
            let finding =
                if key == "client-body-buffer-size" { "annotation-drops-ingress" } else { "annotation-invalid" };
            assert_eq!((&reading.filters().upstream, reading.finding()), (&Upstream::default(), finding), "{key}");
        }
        for (value, reach) in [("true", true), ("false", false), ("yes", false)] {
            assert_eq!(read(&[("service-upstream", value)]).intent.reach.is_some(), reach, "{value}");
        }
    }

    #[test]
    fn what_the_backend_sees() {
        let seen = |reading: &Reading| {
            let upstream = &reading.filters().upstream;
            [&upstream.vhost, &upstream.forwarded_prefix, &upstream.connection_header]
                .map(|it| it.as_deref().map(String::from))
        };
        for (key, value, at) in [
            ("upstream-vhost", "b.example", 0),
            ("x-forwarded-prefix", "/a/$1", 1),
            ("connection-proxy-header", "close", 2),
        ] {
            let reading = read(&[(key, value)]);
            assert_eq!((seen(&reading)[at].as_deref(), reading.finding()), (Some(value), ""), "{key}");
        }
        for (key, value) in [
            ("upstream-vhost", "b.example\r\nX: y"),
            ("x-forwarded-prefix", "/$host"),
            ("x-forwarded-prefix", "/a;"),
            ("connection-proxy-header", "upgrade"),
        ] {
            let reading = read(&[(key, value)]);
            assert_eq!((seen(&reading), reading.intent.is_dropped), ([None, None, None], true), "{key}");
        }
        let reading = read(&[("upstream-vhost", "$http_x")]);
        assert_eq!((seen(&reading)[0].as_deref(), reading.finding()), (None, "annotation-refuses-route"));
    }
}
