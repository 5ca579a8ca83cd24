//! HTTP/2 in front, HTTP/1 behind: every kind of message, and what happens when one side is slow or gone.

#![expect(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "a test")]

mod support;

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use http::{HeaderMap, HeaderValue, StatusCode};
use ingress_proxy::config::Config;
use support::authority::Authority;
use support::http2::{Client, PATIENCE, piece, send, whole};
use support::ingress::Ingress;
use support::origin::Origin;
use support::requests::{pattern, read, response, value};
use support::site::{Site, config};
use support::tls::trusting_anybody;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const HOST: &str = "site.example";

/// A proxy in front of this endpoint.
fn site(endpoint: SocketAddr) -> Site {
    site_with(endpoint, config())
}

fn site_with(endpoint: SocketAddr, mut config: Config) -> Site {
    config.downstream.http2_cleartext = true;
    let annotations = [("proxy-body-size", "0")];
    let (secret, endpoints) = (Some("site-tls"), &[endpoint][..]);
    let ingress = Ingress { annotations: &annotations, secret, endpoints, ..Ingress::default() };
    let site = Site::start(&ingress.to_string(), config);
    Authority::new("Test").issue(&[HOST]).put(&site.certs, "site-tls");
    site
}

/// Runs something once in plain text and once over TLS.
fn both_ways(site: &Site, test: impl AsyncFn(Client)) {
    run(async {
        test(Client::plain(site.http).await).await;
        test(Client::tls(site.https, trusting_anybody(), HOST).await).await;
    });
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE * 2, test).await.expect("it hangs") });
}

/// Answers by the path.
fn pages() -> Origin {
    Origin::start(|seen| {
        let (head, body) = read(seen)?;
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let text = match &*path {
            "/chunked" => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n"
            }
            "/trailers" => {
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n2\r\nok\r\n0\r\nx-sum: 7\r\n\
                 \r\n"
            }
            "/none" => "HTTP/1.1 204 No Content\r\nX-Page: none\r\n\r\n",
            "/same" => "HTTP/1.1 304 Not Modified\r\nETag: \"1\"\r\nContent-Length: 500\r\n\r\n",
            "/early" => {
                "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            }
            "/hop" => {
                "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
                 Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"
            }
            _ if head.starts_with("HEAD ") => "HTTP/1.1 200 OK\r\nContent-Length: 77\r\n\r\n",
            "/large" => return Some(response("200 OK", &pattern(3 << 20))),
            _ => return Some(response("200 OK", &body)),
        };
        Some(text.as_bytes().to_vec())
    })
}

#[test]
fn bodies_with_and_without_a_length() {
    let origin = pages();
    let site = site(origin.address);
    both_ways(&site, async |client| {
        let answer = client.get(HOST, "/chunked").await;
        assert_eq!((&*answer.body, answer.field("content-length")), (&b"hello world"[..], None));
        assert_eq!(answer.trailers, None);
        let answer = client.get(HOST, "/large").await;
        assert_eq!(answer.field("content-length"), Some("3145728"));
        assert!(answer.body == pattern(3 << 20));
        for length in [0, 1, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_000] {
            let body = pattern(length);
            // Without a length it comes in chunks, with one in one piece.
            let answer = client.send(client.request("POST", HOST, "/echo"), &body, None).await;
            assert!(answer.body == body, "{length}");
            let mut request = client.request("PUT", HOST, "/echo");
            request.headers_mut().insert("content-length", length.into());
            let answer = client.send(request, &body, None).await;
            assert!(answer.body == body, "{length}");
        }
        let answer = client.ask(client.request("HEAD", HOST, "/")).await;
        assert_eq!((answer.status.as_u16(), answer.field("content-length"), answer.body.len()), (200, Some("77"), 0));
        let answer = client.get(HOST, "/none").await;
        assert_eq!((answer.status.as_u16(), answer.field("x-page"), answer.body.len()), (204, Some("none"), 0));
        let answer = client.get(HOST, "/same").await;
        assert_eq!((answer.status.as_u16(), answer.field("etag"), answer.body.len()), (304, Some("\"1\""), 0));
        assert_eq!(client.get(HOST, "/early").await.body, b"ok");
    });
}

#[test]
fn trailers_in_both_directions() {
    let origin = pages();
    let site = site(origin.address);
    both_ways(&site, async |client| {
        let answer = client.get(HOST, "/trailers").await;
        assert_eq!(answer.body, b"ok");
        let trailers = answer.trailers.expect("trailers");
        assert_eq!((trailers.len(), trailers.get("x-sum")), (1, Some(&HeaderValue::from_static("7"))));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-check", HeaderValue::from_static("yes"));
        assert_eq!(client.send(client.request("POST", HOST, "/"), b"body", Some(trailers)).await.body, b"body");
    });
    assert_eq!(origin.text().matches("0\r\nx-check: yes\r\n\r\n").count(), 2, "{}", origin.text());
}

/// HTTP/1 has no trailers behind a body whose length is declared.
#[test]
fn trailers_that_are_announced_go_before_a_length() {
    let origin = pages();
    let site = site(origin.address);
    both_ways(&site, async |client| {
        let mut request = client.request("POST", HOST, "/");
        request.headers_mut().insert("content-length", 4.into());
        request.headers_mut().insert("trailer", HeaderValue::from_static("x-check"));
        let mut trailers = HeaderMap::new();
        trailers.insert("x-check", HeaderValue::from_static("yes"));
        assert_eq!(client.send(request, b"body", Some(trailers)).await.body, b"body");
    });
    let text = origin.text();
    assert_eq!(text.matches("4\r\nbody\r\n0\r\nx-check: yes\r\n\r\n").count(), 2, "{text}");
    assert!(!text.to_ascii_lowercase().contains("content-length"), "{text}");
}

/// The word of a client does not make a call of it: the endpoint speaks HTTP.
#[test]
fn what_calls_itself_grpc_may_not_be_silent_for_longer() {
    let origin = pages();
    let mut config = config();
    config.downstream.idle_timeout = Duration::from_millis(300);
    let site = site_with(origin.address, config);
    both_ways(&site, async |client| {
        let mut request = client.request("POST", HOST, "/");
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
        let (response, _stream) = client.begin(request, false).await;
        assert_eq!(whole(response.await.unwrap()).await.unwrap().field("grpc-status"), Some("4"));
    });
}

/// 103 as the endpoint sends it, 100 from the proxy when the body is wanted.
#[test]
fn interim_responses_of_both_kinds() {
    let origin = pages();
    let site = site(origin.address);
    both_ways(&site, async |client| {
        let (mut response, _) = client.begin(client.request("GET", HOST, "/early"), true).await;
        let early = poll_fn(|cx| response.poll_informational(cx)).await.expect("early hints").unwrap();
        assert_eq!((early.status().as_u16(), early.headers()["link"].as_bytes()), (103, &b"</a.css>"[..]));
        assert_eq!(whole(response.await.unwrap()).await.unwrap().body, b"ok");

        let mut request = client.request("POST", HOST, "/");
        request.headers_mut().insert("expect", HeaderValue::from_static("100-continue"));
        let (mut response, mut stream) = client.begin(request, false).await;
        assert_eq!(poll_fn(|cx| response.poll_informational(cx)).await.expect("100").unwrap().status().as_u16(), 100);
        stream.send_data(Bytes::from_static(b"body"), true).unwrap();
        assert_eq!(whole(response.await.unwrap()).await.unwrap().body, b"body");
    });
    assert!(!origin.text().to_ascii_lowercase().contains("expect:"), "{}", origin.text());
}

#[test]
fn what_the_endpoint_is_told() {
    let origin = pages();
    let site = site(origin.address);
    both_ways(&site, async |client| {
        let mut request = client.request("GET", HOST, "/a%20b?q=1");
        for crumb in ["a=1", "b=2; c=3", "d=4"] {
            request.headers_mut().append("cookie", HeaderValue::from_static(crumb));
        }
        request.headers_mut().insert("te", HeaderValue::from_static("trailers"));
        request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("gopher"));
        assert_eq!(client.ask(request).await.status, 200);
        let answer = client.get(HOST, "/hop").await;
        assert!(["connection", "keep-alive", "x-hop"].iter().all(|name| answer.field(name).is_none()), "{answer:?}");
        assert_eq!(answer.fields.get_all("set-cookie").iter().count(), 2);
    });
    let text = origin.text();
    let heads: Vec<_> = text.split("\r\n\r\n").filter(|head| head.starts_with("GET /a%20b?q=1 HTTP/1.1\r\n")).collect();
    assert_eq!(heads.len(), 2, "{text}");
    for (head, scheme) in heads.iter().zip(["http", "https"]) {
        let lines = |name: &str| head.lines().filter(|line| line.to_ascii_lowercase().starts_with(name)).count();
        assert_eq!((lines("host:"), value(head, "host")), (1, Some(HOST)), "{head}");
        assert_eq!((lines("cookie:"), value(head, "cookie")), (1, Some("a=1; b=2; c=3; d=4")), "{head}");
        assert_eq!((lines("x-forwarded-proto:"), value(head, "x-forwarded-proto")), (1, Some(scheme)), "{head}");
        assert_eq!((lines("te:"), lines(":"), lines("connection:")), (0, 0, 0), "{head}");
    }
}

/// An endpoint that the test plays.
struct Endpoint(TcpListener);

impl Endpoint {
    async fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn site(&self) -> Site {
        site(self.0.local_addr().unwrap())
    }

    /// A connection on which a head has come.
    async fn accept(&self) -> TcpStream {
        let (mut stream, _) = timeout(PATIENCE, self.0.accept()).await.unwrap().unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, stream.read_u8()).await.unwrap().unwrap();
            seen.push(byte);
        }
        stream
    }
}

/// Reads until the connection ends, whichever way.
async fn until_closed(stream: &mut TcpStream) -> usize {
    let (mut all, mut buffer) = (0, vec![0; 1 << 16]);
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("the connection stays open") {
            Ok(0) | Err(_) => return all,
            Ok(amount) => all += amount,
        }
    }
}

#[test]
fn a_response_before_the_request_is_whole() {
    run(async {
        let endpoint = Endpoint::new().await;
        let site = endpoint.site();
        let client = Client::plain(site.http).await;
        let (response, mut stream) = client.begin(client.request("POST", HOST, "/"), false).await;
        send(&mut stream, b"begin").await.unwrap();
        let mut upstream = endpoint.accept().await;
        upstream
            .write_all(b"HTTP/1.1 413 Too Much\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmuch")
            .await
            .unwrap();
        let answer = whole(response.await.unwrap()).await.unwrap();
        assert_eq!((answer.status.as_u16(), &*answer.body), (413, &b"much"[..]));
        // The rest is not wanted, which is no error.
        let reason = poll_fn(|cx| stream.poll_reset(cx)).await.unwrap();
        assert_eq!(reason, Reason::NO_ERROR);
        until_closed(&mut upstream).await;
        let (response, _) = client.begin(client.request("GET", HOST, "/"), true).await;
        let mut upstream = endpoint.accept().await;
        upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        assert_eq!(response.await.unwrap().status(), 200, "the connection is as good as before");
    });
}

/// Whatever a client is doing when it gives up: the endpoint hears of it.
#[test]
fn a_client_that_gives_up() {
    run(async {
        let endpoint = Endpoint::new().await;
        let site = endpoint.site();
        let client = Client::plain(site.http).await;
        // It waits for the head.
        let (response, mut stream) = client.begin(client.request("GET", HOST, "/"), true).await;
        let mut upstream = endpoint.accept().await;
        stream.send_reset(Reason::CANCEL);
        until_closed(&mut upstream).await;
        drop(response);
        // It sends.
        let (response, mut stream) = client.begin(client.request("POST", HOST, "/"), false).await;
        send(&mut stream, &[b'x'; 50_000]).await.unwrap();
        let mut upstream = endpoint.accept().await;
        stream.send_reset(Reason::CANCEL);
        let seen = until_closed(&mut upstream).await;
        assert!(seen < 60_000, "{seen}");
        drop(response);
        // It waits for the rest, and the endpoint has nothing to say.
        let (response, mut stream) = client.begin(client.request("GET", HOST, "/"), true).await;
        let mut upstream = endpoint.accept().await;
        upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
        let mut body = response.await.unwrap().into_body();
        assert_eq!(piece(&mut body).await.unwrap().unwrap(), "half");
        stream.send_reset(Reason::CANCEL);
        until_closed(&mut upstream).await;
        // It closes the connection.
        let (response, _) = client.begin(client.request("GET", HOST, "/"), true).await;
        let mut upstream = endpoint.accept().await;
        drop((response, body, client, stream));
        until_closed(&mut upstream).await;
    });
}

/// An endpoint that ends too early must not look like one that has sent all.
#[test]
fn an_endpoint_that_gives_up() {
    run(async {
        let endpoint = Endpoint::new().await;
        let site = endpoint.site();
        let client = Client::plain(site.http).await;
        for head in ["Content-Length: 9", "Transfer-Encoding: chunked"] {
            let (response, _) = client.begin(client.request("GET", HOST, "/"), true).await;
            let mut upstream = endpoint.accept().await;
            upstream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n4\r\nhalf").as_bytes()).await.unwrap();
            let mut body = response.await.unwrap().into_body();
            assert!(piece(&mut body).await.unwrap().is_ok());
            drop(upstream);
            let error = loop {
                match piece(&mut body).await.expect("an error") {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(error.is_reset(), "{head}: {error}");
        }
        let (response, _) = client.begin(client.request("POST", HOST, "/"), true).await;
        drop(endpoint.accept().await);
        assert_eq!(response.await.unwrap().status(), StatusCode::BAD_GATEWAY);
    });
}

/// Endpoints of HTTP/2 that refuse streams, as many as each says, and serve after that.
async fn refusing(refusals: usize, says_good_bye: bool) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    if count.fetch_add(1, Ordering::SeqCst) < refusals {
                        respond.send_reset(Reason::REFUSED_STREAM);
                        if says_good_bye {
                            connection.graceful_shutdown();
                        }
                    } else {
                        respond.send_response(http::Response::new(()), true).unwrap();
                    }
                }
            });
        }
    });
    (address, asked)
}

/// RFC 9113 8.7: such a stream has not been processed, so that the same request may come again whatever its method.
#[test]
fn the_only_endpoint_refuses_a_stream() {
    run(async {
        for (refusals, says_good_bye, status, asked) in [(1, false, 200, 2), (2, true, 200, 3), (9, false, 502, 3)] {
            let (address, count) = refusing(refusals, says_good_bye).await;
            let annotations = [("backend-protocol", "GRPC")];
            let ingress = Ingress { annotations: &annotations, endpoints: &[address], ..Ingress::default() };
            let mut config = config();
            config.downstream.http2_cleartext = true;
            let site = Site::start(&ingress.to_string(), config);
            let client = Client::plain(site.http).await;
            let (response, _) = client.begin(client.request("POST", HOST, "/"), true).await;
            assert_eq!(response.await.unwrap().status(), status, "{refusals} {says_good_bye}");
            assert_eq!(count.load(Ordering::SeqCst), asked, "{refusals} {says_good_bye}");
        }
    });
}

/// How much is written to somebody who takes nothing, before it stops for a while.
async fn settled(count: &AtomicUsize) -> usize {
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = count.load(Ordering::Relaxed);
        if now > 0 && now == before {
            return now;
        }
        before = now;
    }
}

/// What lies between two sockets that nobody reads from: the buffers of the system on both sides, and the windows.
const BETWEEN: usize = 32 << 20;
const ENDLESS: usize = 256 << 20;

#[test]
fn a_client_that_reads_nothing_stops_the_endpoint() {
    run(async {
        let endpoint = Endpoint::new().await;
        let site = endpoint.site();
        let client = Client::plain(site.http).await;
        let (response, _) = client.begin(client.request("GET", HOST, "/"), true).await;
        let mut upstream = endpoint.accept().await;
        let written = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&written);
        let writer = tokio::spawn(async move {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {ENDLESS}\r\n\r\n");
            upstream.write_all(head.as_bytes()).await.unwrap();
            let page = vec![b'x'; 1 << 16];
            for _ in 0..ENDLESS / page.len() {
                upstream.write_all(&page).await?;
                count.fetch_add(page.len(), Ordering::Relaxed);
            }
            std::io::Result::Ok(())
        });
        let mut body = response.await.unwrap().into_body();
        let stuck = settled(&written).await;
        assert!(stuck < BETWEEN, "{stuck}");
        // Others are served meanwhile.
        let (response, _) = client.begin(client.request("GET", HOST, "/"), true).await;
        let mut other = endpoint.accept().await;
        other.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        assert_eq!(whole(response.await.unwrap()).await.unwrap().body, b"ok");
        let mut length = 0;
        while let Some(data) = piece(&mut body).await {
            length += data.unwrap().len();
        }
        writer.await.unwrap().unwrap();
        assert_eq!(length, ENDLESS);
    });
}

#[test]
fn an_endpoint_that_reads_nothing_stops_the_client() {
    run(async {
        let endpoint = Endpoint::new().await;
        let site = endpoint.site();
        let client = Client::plain(site.http).await;
        let (response, mut stream) = client.begin(client.request("POST", HOST, "/"), false).await;
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let writer = tokio::spawn(async move {
            let page = [b'x'; 1 << 16];
            for _ in 0..ENDLESS / page.len() {
                send(&mut stream, &page).await?;
                count.fetch_add(page.len(), Ordering::Relaxed);
            }
            stream.send_data(Bytes::new(), true)
        });
        let mut upstream = endpoint.accept().await;
        let stuck = settled(&sent).await;
        assert!(stuck < BETWEEN, "{stuck}");
        let (mut length, mut buffer, mut tail) = (0, vec![0; 1 << 16], Vec::new());
        while !tail.ends_with(b"\r\n0\r\n\r\n") {
            let amount = upstream.read(&mut buffer).await.unwrap();
            length += amount;
            tail.extend_from_slice(&buffer[..amount]);
            tail.drain(..tail.len().saturating_sub(7));
        }
        writer.await.unwrap().unwrap();
        upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        assert_eq!(response.await.unwrap().status(), 200);
        assert!(length > ENDLESS, "{length}");
    });
}

#[test]
fn a_hundred_streams_and_large_ones_among_them() {
    let origin = pages();
    let site = site(origin.address);
    both_ways(&site, async |client| {
        let large = pattern(3 << 20);
        let mut streams = tokio::task::JoinSet::new();
        for number in 0..100_usize {
            let (client, large) = (client.clone(), large.clone());
            streams.spawn(async move {
                if number % 10 == 0 {
                    assert!(client.get(HOST, "/large").await.body == large);
                } else {
                    let body = pattern(number * 500);
                    let answer = client.send(client.request("POST", HOST, "/echo"), &body, None).await;
                    assert!(answer.body == body, "{number}");
                }
            });
        }
        while let Some(done) = streams.join_next().await {
            done.unwrap();
        }
    });
}
