//! Other people's clients: curl, and h2load and wrk for a little load. What is not installed is left out, with a line that
//! says so.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

mod support;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use support::authority::Authority;
use support::backend::{Backend, GREETING, WEBSOCKET_KEY};
use support::ingress::Ingress;
use support::origin::Origin;
use support::requests::{pattern, read, response, value};
use support::site::{Site, config};
use support::size::sized;

const LARGE: usize = 10 << 20;

/// `/bytes` are ten mebibytes, `/chunks` are the same without a length, everything else says what it was sent.
fn origin() -> Origin {
    Origin::start(|seen| {
        let (head, body) = read(seen)?;
        let path = head.split(' ').nth(1).unwrap();
        let is_head = head.starts_with("HEAD ");
        Some(match path {
            "/bytes" => response("200 OK", &pattern(LARGE)),
            "/chunks" => {
                let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
                for piece in pattern(LARGE).chunks(70_000) {
                    answer.extend(format!("{:x}\r\n", piece.len()).bytes());
                    answer.extend_from_slice(piece);
                    answer.extend_from_slice(b"\r\n");
                }
                answer.extend_from_slice(b"0\r\n\r\n");
                answer
            }
            _ if is_head => b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nX-Head: yes\r\n\r\n".to_vec(),
            _ => response("200 OK", &body),
        })
    })
}

struct World {
    site: Site,
    origin: Origin,
    /// The authority, where programs can read it.
    authority: PathBuf,
}

/// How curl is told to speak, and what it says that it has spoken.
const WAYS: [(&str, &str, &str); 4] = [
    ("--http1.1", "http", "1.1"),
    ("--http2-prior-knowledge", "http", "2"),
    ("--http1.1", "https", "1.1"),
    ("--http2", "https", "2"),
];

impl World {
    fn new(name: &str) -> Self {
        let mut config = config();
        config.downstream.http2_cleartext = true;
        let origin = origin();
        let annotations = [("proxy-body-size", "0")];
        let (secret, endpoints) = (Some("site-tls"), &[origin.address][..]);
        let ingress = Ingress { annotations: &annotations, secret, endpoints, ..Ingress::default() };
        let site = Site::start(&ingress.to_string(), config);
        let made = Authority::new("Test");
        made.issue(&["site.example"]).put(&site.certs, "site-tls");
        let authority = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pem"));
        std::fs::write(&authority, &made.pem).unwrap();
        Self { site, origin, authority }
    }

    fn url(&self, scheme: &str, path: &str) -> String {
        let port = if scheme == "https" { self.site.https.port() } else { self.site.http.port() };
        format!("{scheme}://site.example:{port}{path}")
    }

    /// What curl has received; behind the body the status and the version.
    fn curl(&self, way: (&str, &str, &str), path: &str, arguments: &[&str], input: &[u8]) -> (Vec<u8>, String) {
        let (http, https) = (self.site.http.port(), self.site.https.port());
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "60", way.0, "--cacert"]).arg(&self.authority);
        curl.args(["--resolve", &format!("site.example:{http}:127.0.0.1")]);
        curl.args(["--resolve", &format!("site.example:{https}:127.0.0.1")]);
        curl.args(["-w", "%{stderr}%{http_code} %{http_version}"]).args(arguments).arg(self.url(way.1, path));
        let mut child =
            curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a process");
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// The last request, without its body.
    fn last_head(&self) -> String {
        let seen = self.origin.seen.lock().unwrap();
        let all: Vec<_> = seen.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        let last = all.iter().flat_map(|text| text.split("\r\n\r\n")).filter(|text| text.contains(" HTTP/1.1\r\n"));
        last.last().unwrap().to_owned()
    }
}

fn has(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok();
    if !is_there {
        println!("skipped: there is no {program}");
    }
    is_there
}

#[test]
fn curl_gets_what_there_is() {
    if !has("curl") {
        return;
    }
    let world = World::new("get");
    let expected = pattern(LARGE);
    for way in WAYS {
        for path in ["/bytes", "/chunks"] {
            let (body, said) = world.curl(way, path, &[], b"");
            assert_eq!(said, format!("200 {}", way.2), "{way:?} {path}");
            assert!(body == expected, "{way:?} {path}: {} bytes", body.len());
        }
        let (head, said) = world.curl(way, "/", &["--head"], b"");
        assert_eq!(said, format!("200 {}", way.2), "{way:?}");
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert_eq!((value(&head, "content-length"), value(&head, "x-head")), (Some("12345"), Some("yes")), "{way:?}");
        if way.0 == "--http2-prior-knowledge" {
            // curl 7.88 does not manage a second request on such a connection, not with other servers either.
            continue;
        }
        // The connection is as good as before behind a head without a body.
        let twice = world.url(way.1, "/");
        let (_, said) = world.curl(way, "/", &["--head", &twice], b"");
        assert_eq!(said, format!("200 {0}200 {0}", way.2), "{way:?}");
    }
}

#[test]
fn curl_sends_what_it_has() {
    if !has("curl") {
        return;
    }
    let world = World::new("send");
    let body = pattern((2 << 20) + 1);
    for way in WAYS {
        // curl waits for 100 before it sends so much.
        let post = ["--data-binary", "@-", "-H", "Content-Type: application/octet-stream"];
        let (echoed, said) = world.curl(way, "/", &post, &body);
        assert_eq!(said, format!("200 {}", way.2), "{way:?}");
        assert!(echoed == body, "{way:?}: {} bytes", echoed.len());
        // Nobody knows the length beforehand.
        let (echoed, said) = world.curl(way, "/", &["-T", "-"], &body);
        assert_eq!(said, format!("200 {}", way.2), "{way:?}");
        assert!(echoed == body, "{way:?}: {} bytes", echoed.len());
        let (echoed, said) = world.curl(way, "/", &["-X", "POST"], b"");
        assert_eq!((said, echoed.len()), (format!("200 {}", way.2), 0), "{way:?}");
        assert!(!world.origin.text().to_ascii_lowercase().contains("\r\nexpect:"), "the proxy has answered it");
    }
}

#[test]
fn curl_tells_the_endpoint_who_it_is() {
    if !has("curl") {
        return;
    }
    let world = World::new("fields");
    for way in WAYS {
        let (_, said) = world.curl(way, "/a%20b?c=d", &["-b", "one=1; two=2", "-H", "X-Forwarded-Proto: gopher"], b"");
        assert_eq!(said, format!("200 {}", way.2), "{way:?}");
        let head = world.last_head();
        assert!(head.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"), "{head}");
        assert_eq!(value(&head, "cookie"), Some("one=1; two=2"));
        assert_eq!(value(&head, "x-forwarded-proto"), Some(way.1));
        let authority = world.url(way.1, "");
        assert_eq!(value(&head, "host"), authority.strip_prefix(&format!("{}://", way.1)));
    }
}

/// curl asks for the tunnel as for anything else and writes what comes out of it.
#[test]
fn curl_opens_a_websocket() {
    if !has("curl") {
        return;
    }
    let backend = Backend::one();
    let site = Site::start(&support::site::manifest("a.example", backend.address), config());
    for (scheme, address) in [("http", site.http), ("https", site.https)] {
        let key = format!("Sec-WebSocket-Key: {WEBSOCKET_KEY}");
        let mut curl = Command::new("curl");
        curl.args(["-sSkiN", "--max-time", "60", "--http1.1", "-H", "Connection: Upgrade", "-H", "Upgrade: websocket"]);
        curl.args(["-H", "Sec-WebSocket-Version: 13", "-H", &key]);
        curl.args(["--resolve", &format!("a.example:{}:127.0.0.1", address.port())]);
        curl.arg(format!("{scheme}://a.example:{}/greeting", address.port()));
        let output = curl.output().unwrap();
        let end = output.stdout.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, frames) = output.stdout.split_at(end.unwrap_or_else(|| panic!("{output:?}")) + 4);
        let head = &*String::from_utf8_lossy(head);
        assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
        assert_eq!(value(head, "sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
        // A frame of text, and one that closes.
        assert_eq!(frames, GREETING, "{scheme}");
    }
}

/// Some thousand requests, none of which fails.
#[test]
fn a_little_load() {
    let world = World::new("load");
    let (requests, seconds) = (sized(3_000, 100_000), sized(1, 10));
    let (http, https) = (world.site.http, world.site.https);
    if has("h2load") {
        for url in [format!("http://{http}/"), format!("https://{https}/")] {
            let load = [&format!("-n{requests}"), "-c4", "-m20", "--header=:authority: site.example", &url];
            let output = Command::new("h2load").args(load).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let succeeded = format!("{requests} done, {requests} succeeded, 0 failed, 0 errored, 0 timeout");
            assert!(text.contains(&succeeded), "{url}: {text}");
            assert!(text.contains(&format!("status codes: {requests} 2xx")), "{url}: {text}");
        }
    }
    if has("wrk") {
        for url in [format!("http://{http}/"), format!("https://{https}/")] {
            let load = ["-t1", "-c16", &format!("-d{seconds}s"), "-H", "Host: site.example", &url];
            let output = Command::new("wrk").args(load).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(text.contains(" requests in "), "{text}");
            assert!(!text.contains("Non-2xx") && !text.contains("Socket errors"), "{url}: {text}");
        }
    }
}
