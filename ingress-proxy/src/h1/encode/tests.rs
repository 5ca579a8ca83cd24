use super::*;
use crate::message::Fields;

const FIELDS: [(&[u8], &[u8]); 2] = [(b"X-A", b"1"), (b"X-B", b"")];

fn plain() -> OutgoingRequest<'static> {
    OutgoingRequest {
        version: Version::Http11,
        method: b"GET",
        target: b"/x?y",
        authority: b"a.example:81",
        fields: const { &Pairs(&FIELDS) },
        body: BodyLength::None,
        websocket: false,
        connection: None,
    }
}

struct Pairs(&'static [(&'static [u8], &'static [u8])]);

impl EachField for Pairs {
    fn each(&self, call: &mut dyn FnMut(&[u8], &[u8])) {
        self.0.iter().for_each(|(name, value)| call(name, value));
    }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut out = b"|".to_vec();
    write(&mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn requests() {
    let of = |request: OutgoingRequest<'_>| written(|out| super::request(out, &request));
    let start = "|GET /x?y HTTP/1.1\r\nHost: a.example:81\r\nX-A: 1\r\nX-B: \r\n";
    assert_eq!(of(plain()), format!("{start}\r\n"));
    assert_eq!(
        of(OutgoingRequest { body: BodyLength::Exact(0), ..plain() }),
        format!("{start}Content-Length: 0\r\n\r\n")
    );
    assert_eq!(
        of(OutgoingRequest { body: BodyLength::Exact(u64::MAX), ..plain() }),
        format!("{start}Content-Length: 18446744073709551615\r\n\r\n")
    );
    let unknown = OutgoingRequest { body: BodyLength::Unknown, ..plain() };
    assert_eq!(of(unknown), format!("{start}Transfer-Encoding: chunked\r\n\r\n"));
    assert_eq!(
        of(OutgoingRequest { websocket: true, ..plain() }),
        format!("{start}Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    );
    assert_eq!(
        of(OutgoingRequest { connection: Some(b"close"), ..plain() }),
        format!("{start}Connection: close\r\n\r\n")
    );
    let old = OutgoingRequest { version: Version::Http10, authority: b"", fields: &Pairs(&[]), ..plain() };
    assert_eq!(of(old), "|GET /x?y HTTP/1.0\r\n\r\n");
    let query = OutgoingRequest { target: b"?y", ..old };
    assert_eq!(of(query), "|GET /?y HTTP/1.0\r\n\r\n");
    // There is no other way to say where such a body ends.
    let unknown = OutgoingRequest { body: BodyLength::Unknown, ..old };
    assert_eq!(of(unknown), "|GET /x?y HTTP/1.1\r\nHost: \r\nTransfer-Encoding: chunked\r\n\r\n");
}

#[test]
fn responses() {
    let of = |status, body, client, keep_alive| {
        let mut writing = Writing::None;
        let response = OutgoingResponse { status, fields: &Pairs(&FIELDS[..1]), body };
        let text = written(|out| writing = super::response(out, &response, client, keep_alive));
        (text, writing)
    };
    let (new, old) = (Version::Http11, Version::Http10);
    let start = "|HTTP/1.1 200 OK\r\nX-A: 1\r\n";
    for (body, client, keep_alive, end, writing) in [
        (BodyLength::None, new, true, "", Writing::None),
        (BodyLength::None, new, false, "Connection: close\r\n", Writing::None),
        (BodyLength::None, old, true, "Connection: keep-alive\r\n", Writing::None),
        (BodyLength::None, old, false, "Connection: close\r\n", Writing::None),
        (BodyLength::Exact(0), new, true, "Content-Length: 0\r\n", Writing::None),
        (BodyLength::Exact(10), new, true, "Content-Length: 10\r\n", Writing::Identity),
        (BodyLength::Exact(10), old, true, "Content-Length: 10\r\nConnection: keep-alive\r\n", Writing::Identity),
        (BodyLength::Declared(10), new, true, "Content-Length: 10\r\n", Writing::None),
        (BodyLength::Unknown, new, true, "Transfer-Encoding: chunked\r\n", Writing::Chunked),
        (BodyLength::Unknown, new, false, "Transfer-Encoding: chunked\r\nConnection: close\r\n", Writing::Chunked),
        (BodyLength::Unknown, old, true, "Connection: close\r\n", Writing::Identity),
    ] {
        assert_eq!(of(200, body, client, keep_alive), (format!("{start}{end}\r\n"), writing), "{body:?} {client:?}");
    }
    for (status, line) in [(204, "204 No Content"), (199, "199 ")] {
        for body in
            [BodyLength::None, BodyLength::Exact(0), BodyLength::Exact(5), BodyLength::Declared(5), BodyLength::Unknown]
        {
            let expected = (format!("|HTTP/1.1 {line}\r\nX-A: 1\r\n\r\n"), Writing::None);
            assert_eq!(of(status, body, new, true), expected, "{status} {body:?}");
        }
    }
    let unmodified = "|HTTP/1.1 304 Not Modified\r\nX-A: 1\r\n";
    assert_eq!(
        of(304, BodyLength::Declared(5), new, true),
        (format!("{unmodified}Content-Length: 5\r\n\r\n"), Writing::None)
    );
    let (_, writing) = of(304, BodyLength::Exact(5), new, true);
    assert_eq!(writing, Writing::None);
    assert_eq!(of(304, BodyLength::Unknown, new, true), (format!("{unmodified}\r\n"), Writing::None));
}

#[test]
fn interim_responses() {
    let of = |status| written(|out| interim(out, status, &Pairs(&FIELDS[..1])));
    assert_eq!(of(103), "|HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n");
    assert_eq!(
        of(101),
        "|HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-A: 1\r\n\r\n"
    );
}

#[test]
fn chunks() {
    assert_eq!(written(|out| chunk(out, b"abc")), "|3\r\nabc\r\n");
    assert_eq!(written(|out| chunk(out, b"")), "|");
    assert_eq!(written(|out| chunk_head(out, 0x1_0a0f)), "|10a0f\r\n");
    assert_eq!(written(|out| chunk_head(out, usize::MAX)), "|ffffffffffffffff\r\n");
    assert_eq!(written(|out| last_chunk(out, None)), "|0\r\n\r\n");
    let mut fields = Fields::default();
    fields.push(b"grpc-status", b"0").unwrap();
    assert_eq!(written(|out| last_chunk(out, Some(&Trailers { fields }))), "|0\r\ngrpc-status: 0\r\n\r\n");
}

#[test]
fn reasons() {
    assert_eq!(reason(502), "Bad Gateway");
    assert_eq!((reason(299), reason(0)), ("", ""));
    for status in 0..1000 {
        assert!(reason(status).bytes().all(|byte| byte.is_ascii_graphic() || byte == b' '), "{status}");
    }
}
