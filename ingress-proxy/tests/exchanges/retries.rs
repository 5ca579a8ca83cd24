//! Another endpoint, or another connection, where that can do no harm.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::support::client::Client;
use super::support::ingress::Ingress;
use super::support::scripted::Scripted;
use super::support::site::{Site, config};
use super::{annotated, request, site};

/// An address at which nobody listens. The listener keeps others from taking it.
fn nobody() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).expect("an address");
    let address = socket.local_addr().expect("an address").as_socket().expect("an address");
    (socket, address)
}

fn post(path: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nhello")
}

#[test]
fn who_cannot_be_reached_is_passed_over() {
    let (origin, (_held, dead)) = (Scripted::echo(), nobody());
    let site = annotated(&[dead, origin.address], &[]);
    let mut client = Client::new(site.http);
    for number in 0..20 {
        let path = format!("/{number}");
        assert_eq!(client.get(&path).text(), path);
        // Nobody has seen it, so that it may be sent again whatever it does.
        let answer = client.send(post(&path)).answer().expect("an answer");
        assert_eq!((answer.status, answer.text()), (200, path));
    }
    assert_eq!(origin.requests().len(), 40);
}

#[test]
fn nobody_is_left() {
    let dead = [nobody(), nobody()];
    let addresses = [dead[0].1, dead[1].1];
    let site = annotated(&addresses, &[]);
    let mut client = Client::new(site.http);
    for _ in 0..3 {
        assert_eq!(client.get("/").status, 502);
    }
    // The connection goes on, unless there is something on it that nobody reads.
    let answer = client.send(post("/")).answer().expect("an answer");
    assert_eq!((answer.status, answer.value("connection")), (502, Some("close")));
    assert!(client.rest().is_empty());
    let site = annotated(&[], &[]);
    assert_eq!(Client::new(site.http).get("/").status, 503);
}

/// On a connection that was used before the endpoint takes the request and leaves.
fn leaving() -> (Scripted, Arc<AtomicUsize>) {
    let seen: Arc<AtomicUsize> = Arc::default();
    let count = Arc::clone(&seen);
    let origin = Scripted::start(move |peer| {
        if peer.echo().is_some() && peer.request().is_some() {
            count.fetch_add(1, Ordering::SeqCst);
        }
    });
    (origin, seen)
}

#[test]
fn a_connection_that_was_about_to_end() {
    let (origin, seen) = leaving();
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    assert_eq!(client.get("/first").text(), "/first");
    for (number, method) in ["GET", "OPTIONS", "DELETE", "GET"].iter().enumerate() {
        let path = format!("/{number}");
        let answer = client.send(request(method, &path)).answer().expect("an answer");
        assert_eq!((answer.status, answer.text()), (200, path), "{method}");
        assert_eq!(seen.load(Ordering::SeqCst), number + 1, "the connection had not been used");
    }
    // What may have been done must not be done again.
    let answer = client.send(post("/once")).answer().expect("an answer");
    assert_eq!(answer.status, 502);
    let count = origin.requests().iter().filter(|(_, request)| request.target == b"/once").count();
    assert_eq!(count, 1, "it was sent again");
}

#[test]
fn a_connection_that_has_ended() {
    // Closed while it was idle, which is known before the request is sent.
    let origin = Scripted::start(|peer| _ = peer.echo());
    let site = site(origin.address);
    let mut client = Client::new(site.http);
    for number in 0..20 {
        let path = format!("/{number}");
        let answer = client.send(request("PATCH", &path)).answer().expect("an answer");
        // Its end may come only now.
        assert!(answer.status == 502 || answer.text() == path, "{answer:?}");
        assert_eq!(client.get(&path).text(), path);
    }
}

#[test]
fn who_does_not_answer() {
    let silent = Scripted::start(|peer| {
        peer.request();
        peer.wait_for_end();
    });
    let origin = Scripted::echo();
    let alone = annotated(&[silent.address], &[("proxy-read-timeout", "1")]);
    let answer = Client::new(alone.http).get("/");
    assert_eq!(answer.status, 504);
    // The other one is asked, but not for what may have been done.
    let both = annotated(&[silent.address, origin.address], &[("proxy-read-timeout", "1")]);
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |text: String| move || Client::new(both.http).send(text).answer().expect("an answer").status;
        let asked: Vec<_> = (0..4)
            .map(|number| if number < 2 { request("GET", "/get") } else { post("/post") })
            .map(|text| scope.spawn(ask(text)))
            .collect();
        asked.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    assert_eq!(statuses[..2], [200, 200]);
    let posts = |origin: &Scripted| origin.requests().iter().filter(|(_, it)| it.target == b"/post").count();
    assert_eq!(posts(&silent) + posts(&origin), 2, "something was done twice");
    let good = statuses[2..].iter().filter(|status| **status == 200).count();
    assert_eq!((good, statuses[2..].iter().filter(|status| **status == 504).count()), (posts(&origin), posts(&silent)));
}

#[test]
fn half_an_answer_and_then_nothing() {
    let silent = Scripted::start(|peer| {
        peer.request();
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        peer.wait_for_end();
    });
    let site = annotated(&[silent.address], &[("proxy-read-timeout", "1")]);
    let mut client = Client::new(site.http);
    let answer = client.get("/");
    assert_eq!((answer.status, answer.is_complete, answer.text().as_str()), (200, false, "hello"));
    silent.wait_for_end(0);
}

/// A listener whose queue is full does not answer to those who knock.
#[test]
fn who_does_not_accept() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    let any: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&any.into()).and_then(|()| socket.listen(0)).expect("a listener");
    let listener: TcpListener = socket.into();
    let address = listener.local_addr().expect("an address");
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
    }
    let alone = annotated(&[address], &[("proxy-connect-timeout", "1")]);
    assert_eq!(Client::new(alone.http).get("/").status, 504);
    let origin = Scripted::echo();
    let both = annotated(&[address, origin.address], &[("proxy-connect-timeout", "1")]);
    let mut client = Client::new(both.http);
    for path in ["/1", "/2"] {
        let answer = client.send(post(path)).answer().expect("an answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, path));
    }
}

/// An endpoint that answers everything with one status and says which endpoint it is.
fn saying(status: u16, name: &'static str) -> Scripted {
    Scripted::start(move |peer| {
        while peer.request().is_some() {
            peer.send(format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n{name}", name.len()));
        }
    })
}

/// Whoever is the last to be asked has the last word.
#[test]
fn the_last_response_is_passed_on() {
    let (one, other) = (saying(404, "one"), saying(404, "two"));
    let wanted = [("proxy-next-upstream", "error http_404")];
    for endpoints in [&[one.address][..], &[one.address, other.address]] {
        let site = annotated(endpoints, &wanted);
        let mut client = Client::new(site.http);
        for _ in 0..3 {
            let before = one.requests().len() + other.requests().len();
            let answer = client.get("/");
            assert_eq!(answer.status, 404);
            assert!(matches!(answer.text().as_str(), "one" | "two"), "{answer:?}");
            assert_eq!(one.requests().len() + other.requests().len() - before, endpoints.len());
        }
    }
}

/// Failures are remembered here.
#[test]
fn what_is_not_there_is_no_failure() {
    let (nothing, origin) = (saying(404, "no"), Scripted::echo());
    let endpoints = [nothing.address, origin.address];
    for (condition, status) in [("http_404", 404), ("http_403", 403)] {
        let forbidding = saying(status, "no");
        let endpoints = [if status == 404 { endpoints[0] } else { forbidding.address }, endpoints[1]];
        let annotations = [("proxy-next-upstream", condition)];
        let ingress =
            Ingress { host: "a.example", endpoints: &endpoints, annotations: &annotations, ..Ingress::default() };
        let site = Site::start(&ingress.to_string(), config());
        let mut client = Client::new(site.http);
        for _ in 0..10 {
            assert_eq!(client.get("/x").text(), "/x");
        }
        let refused = if status == 404 { &nothing } else { &forbidding };
        assert!(refused.requests().len() >= 5, "it was left out after {}", refused.requests().len());
    }
}

/// HTTP/2 cannot say everything that HTTP/1 can, and endpoints are not to blame for it.
#[test]
fn what_cannot_be_said_to_grpc() {
    let origin = Scripted::start(|peer| peer.wait_for_end());
    let annotations = [("backend-protocol", "GRPC")];
    let endpoints = [origin.address];
    let ingress = Ingress { host: "a.example", endpoints: &endpoints, annotations: &annotations, ..Ingress::default() };
    let site = Site::start(&ingress.to_string(), config());
    let websocket = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    for (request, status) in [(websocket.to_owned(), 502), (request("GET", "/a`b"), 400), (request("GET", "/<"), 400)] {
        let answer = Client::new(site.http).send(&request).answer().expect("an answer");
        assert_eq!(answer.status, status, "{request}");
    }
    let metrics = site.metrics.expose();
    assert!(!metrics.contains("upstream_failures_total{"), "an endpoint is blamed");
}

/// An endpoint that stops reading is too slow, whoever had the connection before.
#[test]
fn who_takes_nothing() {
    let deaf = Scripted::start(|peer| {
        peer.echo();
        std::thread::sleep(Duration::from_secs(20));
    });
    let site = annotated(&[deaf.address], &[("proxy-send-timeout", "1"), ("proxy-body-size", "0")]);
    let mut client = Client::new(site.http);
    assert_eq!(client.get("/").status, 200);
    let length = 64 << 20;
    client.send(format!("PUT / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {length}\r\n\r\n"));
    let mut stream = client.stream.try_clone().expect("another handle");
    std::thread::spawn(move || std::io::Write::write_all(&mut stream, &vec![b'x'; length]));
    assert_eq!(client.answer().expect("an answer").status, 504);
}

/// They can be read only once, and so are kept for whoever is next.
#[test]
fn trailers_of_an_empty_body_are_sent_again() {
    let leaves = Scripted::start(|peer| _ = peer.request());
    let origin = Scripted::echo();
    let site = annotated(&[leaves.address, origin.address], &[]);
    let mut client = Client::new(site.http);
    for number in 0..4 {
        let head = format!("PUT /{number} HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
        client.send(head + "0\r\nX-A: 1\r\n\r\n").answer().expect("an answer");
        let (_, request) = origin.find(&format!("/{number}")).expect("a request");
        assert_eq!(request.trailers, [("x-a".to_owned(), b"1".to_vec())], "{number}");
    }
    assert!(!leaves.requests().is_empty());
}
