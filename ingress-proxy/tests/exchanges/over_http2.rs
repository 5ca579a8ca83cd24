//! What clients of HTTP/2 get of responses that break off, and of connections that end.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use super::support::http2::{Client, PATIENCE, piece, send, whole};
use super::support::ingress::Ingress;
use super::support::scripted::{Scripted, eventually};
use super::support::site::{Site, config, manifest};

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { timeout(PATIENCE * 2, test).await.expect("it hangs") });
}

/// The end of a response that broke off takes nothing away from what came before it.
#[test]
fn what_came_before_the_end_gets_through() {
    let origin = Scripted::start(|peer| {
        if let Some(request) = peer.request() {
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
            if request.target == b"/two" {
                std::thread::sleep(Duration::from_millis(20));
            }
            peer.send("hello");
        }
    });
    let mut config = config();
    config.downstream.http2_cleartext = true;
    let site = Site::start(&manifest("a.example", origin.address), config);
    run(async {
        let client = Client::plain(site.http).await;
        for path in ["/one", "/two"].repeat(20) {
            let (response, _) = client.begin(client.request("GET", "a.example", path), true).await;
            let mut body = response.await.expect("a head").into_body();
            assert_eq!(piece(&mut body).await.expect("a piece").expect("a piece"), b"hello".as_slice(), "{path}");
            assert!(piece(&mut body).await.is_some_and(|end| end.is_err()), "it looks complete");
        }
    });
}

/// A connection that ends after a response is not reset while the client still reads it and opens its windows.
#[test]
fn the_last_response_of_a_connection_is_whole() {
    const LENGTH: usize = 2_000_000;
    // The preface, SETTINGS with the greatest window of streams, and that of the connection.
    const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff\
        \0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0";
    const GET: &[u8] = b"\0\0\x0e\x01\x05\0\0\0\x01\x82\x86\x84\x41\x09a.example";
    // What `h2` asks before it says which stream is the last.
    const PONG: &[u8] = b"\0\0\x08\x06\x01\0\0\0\0\x0b\x7b\xa2\xf0\x8b\x9b\xfe\x54";
    const WINDOW_UPDATE: &[u8] = b"\0\0\x04\x08\0\0\0\0\0\0\0\0\x01";
    let origin = Scripted::start(|peer| {
        while peer.request().is_some() {
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n"));
            peer.send(vec![b'x'; LENGTH]);
        }
    });
    let mut config = config();
    config.downstream.http2_cleartext = true;
    config.downstream.keep_alive_requests = 1;
    let site = Site::start(&manifest("a.example", origin.address), config);
    // Most of it stays with the proxy, which has sent all it has to say.
    let client = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    client.set_recv_buffer_size(32 << 10).expect("a size");
    client.connect(&site.http.into()).expect("a connection");
    let mut client = std::net::TcpStream::from(client);
    client.write_all(BEGINNING).and_then(|()| client.write_all(GET)).expect("to be heard");
    std::thread::sleep(Duration::from_millis(200));
    client.write_all(PONG).expect("to be heard");
    std::thread::sleep(Duration::from_millis(500));
    let (mut buffer, mut length) = (vec![0; 16 << 10], 0);
    while let Ok(amount @ 1..) = client.read(&mut buffer) {
        length += amount;
        // Whoever has closed does not listen.
        let _ = client.write_all(WINDOW_UPDATE);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(length > LENGTH, "{length} bytes");
}

/// An endpoint that answers the first request of a connection, and ends it when the second comes.
fn ends_with_the_second() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for stream in listener.incoming() {
            let stream = stream.expect("a connection");
            stream.set_nonblocking(true).expect("a socket");
            runtime.block_on(async {
                let stream = tokio::net::TcpStream::from_std(stream).expect("a socket");
                let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
                let (_, mut respond) = connection.accept().await.expect("a request").expect("a request");
                let head =
                    http::Response::builder().header("content-type", "application/grpc").header("grpc-status", "0");
                respond.send_response(head.body(()).expect("a head"), true).expect("a stream");
                let _second = connection.accept().await;
            });
        }
    });
    address
}

/// The endpoint may close an idle connection whenever it likes, and a call may come just then.
#[test]
fn that_an_idle_connection_is_gone_is_no_failure_of_its_endpoint() {
    let mut config = config();
    config.downstream.http2_cleartext = true;
    let (endpoints, annotations) = (&[ends_with_the_second()][..], &[("backend-protocol", "GRPC")][..]);
    let ingress = Ingress { host: "a.example", endpoints, annotations, ..Ingress::default() };
    let site = Site::start(&ingress.to_string(), config);
    run(async {
        let client = Client::plain(site.http).await;
        let call = async |status: &str| {
            let mut request = client.request("POST", "a.example", "/s/m");
            request.headers_mut().insert("content-type", http::HeaderValue::from_static("application/grpc"));
            request.headers_mut().insert("te", http::HeaderValue::from_static("trailers"));
            let answer = client.send(request, b"\0\0\0\0\0", None).await;
            assert_eq!(answer.field("grpc-status"), Some(status), "{answer:?}");
        };
        call("0").await;
        // Nothing has been heard of it when the others come.
        tokio::join!(call("14"), call("14"), call("14"));
    });
    assert!(!site.metrics.expose().contains("upstream_failures_total{"), "it is blamed");
}

/// Flow control is what holds a client back that sends small messages to a slow endpoint; its other streams go on.
#[test]
fn small_messages_wait_for_their_endpoint_like_others() {
    const COUNT: usize = 800_000;
    // The less the system holds, the sooner it waits.
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(4 << 10).expect("a size");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).and_then(|()| socket.listen(8)).expect("a listener");
    let may_read: Arc<AtomicBool> = Arc::default();
    let read = Arc::clone(&may_read);
    let origin = Scripted::at(socket.into(), move |peer| {
        eventually("it may read", || read.load(Ordering::SeqCst));
        let (mut all, mut end) = (0, Vec::new());
        while !end.ends_with(b"\r\n0\r\n\r\n") && peer.receive() {
            all += peer.pending.iter().filter(|byte| **byte == b'~').count();
            end.append(&mut peer.pending);
            end.drain(..end.len().saturating_sub(7));
        }
        let all = all.to_string();
        peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{all}", all.len()));
    });
    let mut config = config();
    config.downstream.http2_cleartext = true;
    let site = Site::start(&manifest("a.example", origin.address), config);
    run(async {
        let client = Client::plain(site.http).await;
        let (response, mut upload) = client.begin(client.request("POST", "a.example", "/"), false).await;
        let sent = async {
            for _ in 0..COUNT {
                send(&mut upload, b"abcdefghi~").await.expect("a window");
            }
            upload.send_data(bytes::Bytes::new(), true).expect("a stream");
        };
        let others = async {
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(150)).await;
                assert_eq!(client.get("nobody.example", "/").await.status, 404);
            }
            may_read.store(true, Ordering::SeqCst);
        };
        tokio::join!(sent, others);
        let answer = whole(response.await.expect("a response")).await.expect("a body");
        assert_eq!(answer.body, COUNT.to_string().as_bytes());
    });
}

/// Uploads that wait for a connection use the window up too, and it is not the client of another one who is slow.
#[test]
fn an_upload_waits_for_others_that_wait_for_a_connection() {
    // Nobody takes connections there, so that the system drops what more would begin.
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    full.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).and_then(|()| full.listen(0)).expect("a listener");
    let silent = full.local_addr().expect("an address").as_socket().expect("an address");
    let queued: Vec<_> =
        (0..4).map(|_| std::net::TcpStream::connect_timeout(&silent, Duration::from_millis(200))).collect();
    let origin = Scripted::echo();
    let annotations = &[("proxy-connect-timeout", "2"), ("proxy-next-upstream-tries", "1")];
    let of = |name, host, endpoints, annotations| Ingress { name, host, endpoints, annotations, ..Ingress::default() };
    let slow = of("slow", "slow.example", std::slice::from_ref(&silent), annotations);
    let good = of("good", "a.example", std::slice::from_ref(&origin.address), &[]);
    let mut config = config();
    config.downstream.http2_cleartext = true;
    config.downstream.idle_timeout = Duration::from_millis(300);
    let site = Site::start(&format!("{slow}{good}"), config);
    run(async {
        let client = Client::plain(site.http).await;
        let mut waiting = Vec::new();
        for _ in 0..4 {
            let (response, mut upload) = client.begin(client.request("POST", "slow.example", "/"), false).await;
            send(&mut upload, &vec![b'x'; 256 << 10]).await.expect("a window");
            waiting.push((response, upload));
        }
        let (response, mut upload) = client.begin(client.request("POST", "a.example", "/good"), false).await;
        send(&mut upload, b"x").await.expect("a window, some time");
        upload.send_data(bytes::Bytes::new(), true).expect("a stream");
        let answer = whole(response.await.expect("a response")).await.expect("a body");
        assert_eq!((answer.status.as_u16(), &*answer.body), (200, &b"/good"[..]));
        let (response, _upload) = waiting.remove(0);
        assert_eq!(response.await.expect("a response").status(), 504);
    });
    drop(queued);
}
