//! Lines are whole, whatever is in them, and lost ones are counted.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use ingress_core::policy::{BackendRef, PortRef};
use serde_json::Value;

use super::*;
use crate::message::Fields;
use crate::observe::escape::Escape;
use crate::observe::metrics::Options;

fn line(format: &Format, entry: &Entry<'_>) -> String {
    let mut dates = Dates::default();
    dates.set(entry.unix_millis);
    let mut memory = vec![0; 200_000];
    let left = format.write(Room::new(&mut memory), entry, &dates).left();
    memory.truncate(200_000 - left);
    String::from_utf8(memory).unwrap()
}

fn backend(service: &str) -> BackendRef {
    BackendRef::new("shop".into(), service.into(), PortRef::Number(80))
}

fn entry<'a>(fields: &'a Fields, backend: &'a BackendRef, attempts: &'a [Attempt]) -> Entry<'a> {
    Entry {
        unix_millis: 1_795_863_946_123,
        remote_addr: Some("192.0.2.7".parse().unwrap()),
        remote_port: Some(5000),
        peer: Some("198.51.100.9:6000".parse().unwrap()),
        method: b"GET",
        target: b"/tea?x=1",
        host: b"cafe.example",
        fields: Some(fields),
        status: 200,
        request_length: 120,
        bytes_sent: 345,
        body_bytes_sent: 300,
        duration_us: 12_345,
        request_id: b"0123abcd",
        namespace: "shop",
        ingress: "cafe",
        rule_path: "/tea",
        backend: Some(backend),
        attempts,
        connection: 9,
        connection_requests: 2,
        ..Entry::default()
    }
}

fn attempts() -> [Attempt; 2] {
    let first = Attempt { addr: Some("10.0.0.1:8080".parse().unwrap()), status: Some(502), ..Attempt::default() };
    let addr = Some("[2001:db8::1]:8080".parse().unwrap());
    [first, Attempt { addr, status: Some(200), response_us: Some(7_000), response_bytes: 300, ..Attempt::default() }]
}

#[test]
fn the_default_format_of_ingress_nginx() {
    let mut fields = Fields::default();
    fields.push(b"User-Agent", b"curl/8 \"x\"").unwrap();
    let (backend, attempts) = (backend("tea"), attempts());
    let format = Format::parse(UPSTREAM, Escape::Default).unwrap();
    let expected = "192.0.2.7 - - [28/Nov/2026:11:05:46 +0000] \"GET /tea?x=1 HTTP/1.1\" 200 300 \"-\" \
                    \"curl/8 \\x22x\\x22\" 120 0.012 [shop-tea-80] [-] 10.0.0.1:8080, [2001:db8::1]:8080 0, 300 \
                    -, 0.007 502, 200 0123abcd\n";
    assert_eq!(line(&format, &entry(&fields, &backend, &attempts)), expected);
}

#[test]
fn variables() {
    let mut fields = Fields::default();
    fields.push(b"X-Two", b"1").unwrap();
    fields.push(b"x-two", b"2").unwrap();
    let sent: &[(&[u8], &[u8])] = &[(b"Content-Type", b"text/html")];
    struct Sent<'a>(&'a [(&'a [u8], &'a [u8])]);
    impl crate::message::EachField for Sent<'_> {
        fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
            self.0.iter().for_each(|(name, value)| call(name, value));
        }
    }
    let sent = Sent(sent);
    let (backend, attempts) = (backend("tea"), attempts());
    let canary = BackendRef::new("shop".into(), "green".into(), PortRef::Name("http".into()));
    let entry = Entry {
        response_fields: Some(&sent),
        canary: Some(&canary),
        is_https: true,
        tls: Some(Tls { protocol: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", server_name: Some("cafe.example") }),
        server_addr: Some("10.1.1.1:443".parse().unwrap()),
        ..entry(&fields, &backend, &attempts)
    };
    for (format, expected) in [
        ("$time_iso8601 $msec", "2026-11-28T11:05:46+00:00 1795863946.123"),
        ("$uri$is_args$args ${uri}x$request_uri", "/tea?x=1 /teax/tea?x=1"),
        ("$http_x_two|$http_x_three|$sent_http_content_type|$sent_http_x", "1, 2|-|text/html|-"),
        ("$scheme:$server_port $ssl_protocol/$ssl_cipher/$ssl_server_name", {
            "https:443 TLSv1.3/TLS_AES_128_GCM_SHA256/cafe.example"
        }),
        ("$namespace/$ingress_name/$service_name/$service_port$location_path", "shop/cafe/tea/80/tea"),
        ("[$proxy_alternative_upstream_name]", "[shop-green-http]"),
        ("$remote_port $connection $connection_requests $bytes_sent", "5000 9 2 345"),
        ("$remote_addr $realip_remote_addr $realip_remote_port", "192.0.2.7 198.51.100.9 6000"),
        ("a\n\tb \n$status c\n", "a b  200 c"),
    ] {
        let format = Format::parse(format, Escape::Default).unwrap();
        assert_eq!(line(&format, &entry), format!("{expected}\n"));
    }
    // As nginx has them: in one form, whatever the client sent.
    let format = Format::parse("$host $uri $request_uri $args", Escape::Default).unwrap();
    for (host, target, expected) in [
        ("A.Example.", "/a%20b/%2e%2e/c//d?x", "a.example /c/d /a%20b/%2e%2e/c//d?x x"),
        ("a.example", "http://A.example:80/b?x=://", "a.example /b /b?x=:// x=://"),
        ("a.example", "/../x", "a.example /../x /../x -"),
        ("a.example", "http://a.example", "a.example / / -"),
        ("a.example", "http://a.example?x", "a.example / ?x x"),
    ] {
        let entry = Entry { host: host.as_bytes(), target: target.as_bytes(), ..entry };
        assert_eq!(line(&format, &entry), format!("{expected}\n"));
    }
    let nothing = Format::parse("<$remote_user>", Escape::Json).unwrap();
    assert_eq!(line(&nothing, &entry), "<>\n");
}

#[test]
fn what_is_no_variable_is_named_with_its_column() {
    let error = |format: &str| Format::parse(format, Escape::Default).unwrap_err().to_string();
    assert_eq!(error("é $status $geoip_x"), "unknown variable `$geoip_x` at column 11");
    assert_eq!(error("${nope}"), "unknown variable `$nope` at column 1");
    assert_eq!(error("$http_"), "unknown variable `$http_` at column 1");
    assert_eq!(error("a $ b"), "`$` at column 3 begins no variable");
    assert_eq!(error("a ${status"), "`$` at column 3 begins no variable");
    for name in ["http_authorization", "http_cookie", "sent_http_set_cookie", "http_Proxy_Authorization"] {
        assert!(error(&format!("${name}")).ends_with("holds credentials, which are not logged"));
    }
}

/// Each byte alone, in the middle and in pairs that are UTF-8, and what turns text around.
fn hostile() -> Vec<Vec<u8>> {
    let mut values: Vec<Vec<u8>> = (0..=u8::MAX).flat_map(|byte| [vec![byte], vec![b'a', byte, b'"', b'}']]).collect();
    values.extend((0x80..=0xbf).map(|byte| vec![0xc2, byte]));
    let bidi = ('\u{200e}'..='\u{200f}').chain('\u{2028}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
    values.extend(bidi.map(|c| format!("x{c}y").into_bytes()));
    values.push("\",\"status\":200,\"x\":\"\n{\"forged\":true}".into());
    values.push(vec![0xff; 100_000]);
    values
}

#[test]
fn every_line_is_one_json_object_with_the_keys_of_what_is_known() {
    let keys = |line: &str| {
        let Value::Object(object) = serde_json::from_str(line).unwrap() else { panic!("no object: {line}") };
        object.into_iter().map(|(key, _)| key).collect::<BTreeSet<_>>()
    };
    let named = |keys: &str| keys.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let always = "time scheme protocol status request_length bytes_sent body_bytes_sent request_time \
                  upstream_attempts connection connection_requests";
    assert_eq!(keys(&line(&Format::json(), &Entry::default())), named(always));
    let known = "remote_addr remote_port remote_user method host uri reason referer user_agent forwarded_for request_id namespace ingress \
                 path service service_port canary upstream_addr upstream_status upstream_time upstream_bytes tls_protocol \
                 tls_cipher sni";
    let expected = named(&format!("{always} {known}"));
    let by_hand =
        Format::parse(r#"{"uri":"$request_uri","host":"$host","ua":"$http_user_agent"}"#, Escape::Json).unwrap();
    let text = Format::parse(UPSTREAM, Escape::Default).unwrap();
    let raw = Format::parse("$request $host $ssl_server_name", Escape::None).unwrap();
    for value in hostile() {
        let mut fields = Fields::default();
        for name in ["User-Agent", "Referer", "X-Forwarded-For"] {
            fields.push_checked(crate::message::Known::of(name.as_bytes()), name.as_bytes(), &value);
        }
        let (backend, attempts, sni) = (backend("tea"), attempts(), String::from_utf8_lossy(&value).into_owned());
        let entry = Entry {
            target: &value,
            host: &value,
            method: &value,
            remote_user: Some(&value),
            request_id: &value,
            rule_path: &sni,
            reason: Some("no-route"),
            canary: Some(&backend),
            is_https: true,
            tls: Some(Tls { protocol: "TLSv1.3", cipher: "x", server_name: Some(&sni) }),
            ..entry(&fields, &backend, &attempts)
        };
        let json = line(&Format::json(), &entry);
        assert_eq!(keys(&json), expected);
        assert_eq!(keys(&line(&by_hand, &entry)), named("uri host ua"));
        for line in [json, line(&text, &entry), line(&raw, &entry)] {
            assert!(line.bytes().rev().skip(1).all(|byte| matches!(byte, b' '..=b'~')), "{line:?}");
            assert!(line.ends_with('\n') && line.len() < 100_000);
        }
    }
    let (fields, backend, attempts) = (Fields::default(), backend("tea"), attempts());
    let value: Value = serde_json::from_str(&line(&Format::json(), &entry(&fields, &backend, &attempts))).unwrap();
    assert_eq!(value["time"], "2026-11-28T11:05:46.123Z");
    assert_eq!((&value["status"], &value["request_time"]), (&200.into(), &0.012.into()));
    assert_eq!((&value["uri"], &value["upstream_addr"]), (&"/tea?x=1".into(), &"[2001:db8::1]:8080".into()));
    assert_eq!((&value["upstream_status"], &value["upstream_attempts"]), (&200.into(), &2.into()));
    assert_eq!((&value["service_port"], value.get("sni"), value.get("user_agent")), (&"80".into(), None, None));
}

/// Says what is written, and waits as long as somebody holds the lock.
struct Slow {
    gate: Arc<Mutex<()>>,
    written: Sender<Vec<u8>>,
}

impl Write for Slow {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let _open = self.gate.lock().unwrap();
        self.written.send(data.to_vec()).map_err(io::Error::other)?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn lines_are_dropped_and_counted_while_the_writer_is_stuck() {
    let metrics = Metrics::new(1, Options::default());
    let gate = Arc::new(Mutex::new(()));
    let (written, lines) = channel();
    let of_writer = Arc::clone(&gate);
    let open: Open = Box::new(move || Ok(Box::new(Slow { gate: Arc::clone(&of_writer), written: written.clone() })));
    let log = AccessLog::start_with(open, Arc::clone(&metrics), ErrorLog::new(Box::new(io::sink()))).unwrap();
    let mut logger = log.logger(metrics.worker(0).unwrap(), Arc::new(Format::json()));
    let (fields, backend, attempts) = (Fields::default(), backend("tea"), attempts());
    let entry = entry(&fields, &backend, &attempts);
    let stuck = gate.lock().unwrap();
    const LINES: u64 = 20_000;
    for _ in 0..LINES / 2 {
        logger.log(&entry);
    }
    // From here on every buffer is dropped, and the same two take turns.
    let mut buffers = BTreeSet::new();
    for _ in 0..LINES / 2 {
        logger.log(&entry);
        buffers.insert(logger.buffer.as_ptr());
    }
    assert_eq!(buffers.len(), 2);
    drop(logger);
    drop(stuck);
    assert!(log.finish(Duration::from_secs(60)));
    let written: Vec<u8> = lines.try_iter().flatten().collect();
    let whole = written.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let whole = whole.inspect(|line| drop(serde_json::from_slice::<Value>(line).unwrap())).count() as u64;
    let text = metrics.expose();
    let dropped: u64 = number(&text, "ingress_proxy_access_log_dropped_total");
    assert!(dropped > 0 && whole > 0);
    assert_eq!(whole + dropped, LINES);
    assert_eq!(number(&text, "ingress_proxy_access_log_lines_total"), LINES);
}

fn number(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().parse().unwrap()
}

#[test]
fn a_line_longer_than_a_buffer_is_whole() {
    let metrics = Metrics::new(1, Options::default());
    let (written, lines) = channel();
    let open: Open = Box::new(move || Ok(Box::new(Slow { gate: Arc::default(), written: written.clone() })));
    let log = AccessLog::start_with(open, Arc::clone(&metrics), ErrorLog::new(Box::new(io::sink()))).unwrap();
    let format = Format::parse(&"$request_uri".repeat(100), Escape::Default).unwrap();
    let mut logger = log.logger(metrics.worker(0).unwrap(), Arc::new(format));
    let long = [b'x'; MAX_VALUE];
    for target in [&b"short"[..], &long, b"short"] {
        logger.log(&Entry { target, ..Entry::default() });
    }
    drop(logger);
    assert!(log.finish(Duration::from_secs(60)));
    let written: Vec<u8> = lines.try_iter().flatten().collect();
    let expected = [&b"short"[..], &long, b"short"].map(|target| target.repeat(100));
    assert!(written.split(|byte| *byte == b'\n').take(3).eq(expected.iter().map(Vec::as_slice)));
    assert_eq!(number(&metrics.expose(), "ingress_proxy_access_log_dropped_total"), 0);
}

#[test]
fn old_lines_are_handed_on() {
    let metrics = Metrics::new(1, Options::default());
    let (written, lines) = channel();
    let open: Open = Box::new(move || Ok(Box::new(Slow { gate: Arc::default(), written: written.clone() })));
    let log = AccessLog::start_with(open, Arc::clone(&metrics), ErrorLog::new(Box::new(io::sink()))).unwrap();
    let mut logger = log.logger(metrics.worker(0).unwrap(), Arc::new(Format::json()));
    logger.log(&Entry::default());
    logger.flush_if_older(1_000);
    logger.flush_if_older(1_000 + OLD - 1);
    assert_eq!(logger.lines, 1);
    logger.flush_if_older(1_000 + OLD);
    assert_eq!(logger.lines, 0);
    assert!(lines.recv_timeout(Duration::from_secs(60)).unwrap().ends_with(b"\n"));
    logger.flush_if_older(5_000);
    logger.log(&Entry::default());
    logger.flush_if_older(5_001);
    assert_eq!(logger.lines, 1);
}

#[test]
fn moments_have_dates() {
    let metrics = Metrics::new(1, Options::default());
    let log = AccessLog::start_with(Box::new(|| Ok(Box::new(io::sink()))), Arc::clone(&metrics), {
        ErrorLog::new(Box::new(io::sink()))
    });
    let mut logger = log.unwrap().logger(metrics.worker(0).unwrap(), Arc::new(Format::json()));
    let later = Instant::now() + Duration::from_millis(3_500);
    let date = logger.unix_millis(later);
    logger.flush_if_older(0);
    // What came before the clocks were read last, too; they need not move alike to the millisecond.
    let earlier = later - Duration::from_secs(10);
    assert!(date.abs_diff(logger.unix_millis(later)) <= 100);
    assert!((date - 10_000).abs_diff(logger.unix_millis(earlier)) <= 100);
    assert!(super::now().1.abs_diff(date - 3_500) < 60_000);
}

#[test]
fn a_file_is_appended_to_and_opened_anew() {
    let metrics = Metrics::new(1, Options::default());
    let directory = std::env::temp_dir().join(format!("ingress-proxy-access-log-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let (path, moved) = (directory.join("access.log"), directory.join("access.log.1"));
    std::fs::write(&path, "before\n").unwrap();
    let errors = ErrorLog::new(Box::new(io::sink()));
    let log = AccessLog::start(Destination::File(path.clone()), Arc::clone(&metrics), errors.clone()).unwrap();
    let format = Arc::new(Format::parse("line", Escape::Default).unwrap());
    let mut logger = log.logger(metrics.worker(0).unwrap(), format);
    logger.log(&Entry::default());
    logger.flush();
    while std::fs::read_to_string(&path).unwrap() != "before\nline\n" {
        std::thread::sleep(Duration::from_millis(1));
    }
    std::fs::rename(&path, &moved).unwrap();
    log.reopen();
    logger.log(&Entry::default());
    drop(logger);
    assert!(log.finish(Duration::from_secs(60)));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "line\n");
    assert_eq!(std::fs::read_to_string(&moved).unwrap(), "before\nline\n");
    std::fs::remove_dir_all(&directory).unwrap();
    let nowhere = Destination::File(directory.join("no/such"));
    assert!(AccessLog::start(nowhere, metrics, errors).is_err());
}
