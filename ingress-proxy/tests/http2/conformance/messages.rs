//! Section 8, HPACK (RFC 7541) and extended CONNECT (RFC 8441): what is in a message.

use super::Expect::{Connection, Ignored, Status, Stream};
use super::*;

const REQUEST: [(&str, &str); 4] =
    [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")];

/// A complete request with these fields.
fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    after(&[&headers(1, END_HEADERS | END_STREAM, &block(fields))])
}

/// A complete request with one field more.
fn and(name: &str, value: &str) -> Vec<u8> {
    fields(&[&REQUEST[..], &[(name, value)]].concat())
}

/// A request without one of its fields, or with another value.
fn but(name: &str, value: Option<&str>) -> Vec<u8> {
    let replaced: Vec<_> = REQUEST
        .into_iter()
        .filter_map(|(it, old)| if it == name { value.map(|value| (it, value)) } else { Some((it, old)) })
        .collect();
    fields(&replaced)
}

fn body(length: &str, pieces: &[&[u8]]) -> Vec<u8> {
    let mut bytes = after(&[&headers(1, END_HEADERS, &request("POST", "/", &[("content-length", length)]))]);
    for (at, piece) in pieces.iter().enumerate() {
        bytes.extend(data(1, if at + 1 == pieces.len() { END_STREAM } else { 0 }, piece));
    }
    bytes
}

fn trailers(flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    after(&[&post(1, "/"), &data(1, 0, b"x"), &headers(1, flags, &block(fields))])
}

#[test]
fn requests() {
    let malformed = Stream(&[PROTOCOL_ERROR]);
    check_all(
        &[
            case("8.1", "a second block that does not end the stream", trailers(END_HEADERS, &[("x", "y")]), malformed),
            case("8.1", "trailers", trailers(END_HEADERS | END_STREAM, &[("x", "y")]), Status(1, 200)),
            case(
                "8.1",
                "trailers without a body",
                after(&[&post(1, "/"), &headers(1, END_HEADERS | END_STREAM, &block(&[("x", "y")]))]),
                Status(1, 200),
            ),
            case("8.1.1", "DATA less than declared", body("3", &[b"ok"]), malformed),
            case("8.1.1", "DATA more than declared", body("1", &[b"ok"]), malformed),
            case("8.1.1", "DATA more than declared, in pieces", body("3", &[b"ok", b"ok"]), malformed),
            case("8.1.1", "DATA less than declared, in pieces", body("5", &[b"ok", b"", b"ok"]), malformed),
            case("8.1.1", "DATA as declared, in pieces", body("4", &[b"ok", b"ok"]), Status(1, 200)),
            case("8.1.1", "no DATA, but declared", and("content-length", "1"), malformed),
            case("8.1.1", "no DATA, and declared so", and("content-length", "0"), Status(1, 200)),
            case(
                "8.1.1",
                "less than declared, ended by trailers",
                after(&[
                    &headers(1, END_HEADERS, &request("POST", "/", &[("content-length", "3")])),
                    &data(1, 0, b"ok"),
                    &headers(1, END_HEADERS | END_STREAM, &block(&[("x", "y")])),
                ]),
                malformed,
            ),
            case("8.2", "a name in upper case", and("X-Test", "ok"), Connection(&[PROTOCOL_ERROR])),
            case("8.2.1", "a name with a space", and("x test", "ok"), Connection(&[PROTOCOL_ERROR])),
            case("8.2.1", "a name with a colon", and("x:test", "ok"), Connection(&[PROTOCOL_ERROR])),
            case("8.2.1", "a name that is empty", and("", "ok"), Connection(&[PROTOCOL_ERROR])),
            case("8.2.1", "a value with CR LF", and("x-test", "ok\r\nx: y"), Connection(&[PROTOCOL_ERROR])),
            case("8.2.1", "a value with NUL", and("x-test", "o\0k"), Connection(&[PROTOCOL_ERROR])),
            case("8.2.1", "a value that begins with a space", and("x-test", " ok"), malformed),
            case("8.2.1", "a value that ends with a tab", and("x-test", "ok\t"), malformed),
            case("8.2.1", "a value that is empty", and("x-test", ""), Status(1, 200)),
            case("8.2.2", "connection", and("connection", "keep-alive"), malformed),
            case("8.2.2", "keep-alive", and("keep-alive", "timeout=5"), malformed),
            case("8.2.2", "proxy-connection", and("proxy-connection", "keep-alive"), malformed),
            case("8.2.2", "transfer-encoding", and("transfer-encoding", "chunked"), malformed),
            case("8.2.2", "upgrade", and("upgrade", "websocket"), malformed),
            case("8.2.2", "te", and("te", "trailers, deflate"), malformed),
            case("8.2.2", "te: trailers", and("te", "trailers"), Status(1, 200)),
            case(
                "8.2.3",
                "a cookie in crumbs",
                fields(&[&REQUEST[..], &[("cookie", "a=1"), ("cookie", "b=2")]].concat()),
                Status(1, 200),
            ),
            case("8.3", "a pseudo-header that does not exist", and(":test", "ok"), Connection(&[PROTOCOL_ERROR])),
            case("8.3", "the pseudo-header of a response", and(":status", "200"), malformed),
            case(
                "8.3",
                "a pseudo-header after a field",
                fields(&[("x", "y"), REQUEST[0], REQUEST[1], REQUEST[2], REQUEST[3]]),
                malformed,
            ),
            // It should be malformed; `h2` drops it, so that nobody sees it.
            case(
                "8.3",
                "a pseudo-header among trailers",
                trailers(END_HEADERS | END_STREAM, &[(":method", "GET")]),
                Status(1, 200),
            ),
            case(
                "8.3.1",
                ":method twice",
                fields(&[REQUEST[0], REQUEST[0], REQUEST[1], REQUEST[2], REQUEST[3]]),
                malformed,
            ),
            case(
                "8.3.1",
                ":scheme twice",
                fields(&[REQUEST[0], REQUEST[1], REQUEST[1], REQUEST[2], REQUEST[3]]),
                malformed,
            ),
            case(
                "8.3.1",
                ":path twice",
                fields(&[REQUEST[0], REQUEST[1], REQUEST[2], REQUEST[3], REQUEST[3]]),
                malformed,
            ),
            case(
                "8.3.1",
                ":authority twice",
                fields(&[REQUEST[0], REQUEST[1], REQUEST[2], REQUEST[2], REQUEST[3]]),
                malformed,
            ),
            case("8.3.1", "no :method", but(":method", None), malformed),
            case("8.3.1", "no :scheme", but(":scheme", None), malformed),
            case("8.3.1", "no :path", but(":path", None), malformed),
            case(
                "8.3.1",
                "no :path and no :authority",
                fields(&[REQUEST[0], REQUEST[1], ("host", "a.example")]),
                malformed,
            ),
            case(
                "8.3.1",
                "host in place of :authority",
                fields(&[REQUEST[0], REQUEST[1], REQUEST[3], ("host", "a.example")]),
                Status(1, 200),
            ),
            case("8.3.1", "host equal to :authority", and("host", "A.EXAMPLE"), Status(1, 200)),
            case("8.3.1", "host unlike :authority", and("host", "b.example"), malformed),
            case(
                "8.3.1",
                "host twice",
                fields(&[&REQUEST[..], &[("host", "a.example"), ("host", "a.example")]].concat()),
                malformed,
            ),
            case("8.3.1", ":path that is empty", but(":path", Some("")), malformed),
            case("8.3.1", ":path without a slash", but(":path", Some("x")), malformed),
            case("8.3.1", ":path that is an absolute form", but(":path", Some("https://b.example/")), malformed),
            case("8.3.1", ":path `*` of GET", but(":path", Some("*")), malformed),
            case(
                "8.3.1",
                ":path `*` of OPTIONS",
                fields(&[(":method", "OPTIONS"), REQUEST[1], REQUEST[2], (":path", "*")]),
                Status(1, 200),
            ),
            case("8.3.1", ":path with a space", but(":path", Some("/a b")), malformed),
            case("8.3.1", ":authority that is empty", but(":authority", Some("")), malformed),
            case("8.3.1", ":scheme that is not HTTP", but(":scheme", Some("ftp")), malformed),
            case(
                "8.4",
                "PUSH_PROMISE of a client",
                after(&[&get(1, "/wait"), &frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case("8.5", "CONNECT", fields(&[(":method", "CONNECT"), (":authority", "b.example:443")]), Status(1, 405)),
            case(
                "8.5",
                "CONNECT with :path",
                fields(&[(":method", "CONNECT"), (":authority", "b.example:443"), (":path", "/")]),
                malformed,
            ),
            case(
                "8.5",
                "CONNECT with :scheme",
                fields(&[(":method", "CONNECT"), (":authority", "b.example:443"), (":scheme", "https")]),
                malformed,
            ),
            case("8.6", "upgrade to h2c", and("upgrade", "h2c"), malformed),
            case("8.7", "a reset that is refused", after(&[&get(1, "/wait"), &reset(1, REFUSED_STREAM)]), Ignored),
            case(
                "8.8.1",
                "HEAD",
                fields(&[(":method", "HEAD"), REQUEST[1], REQUEST[2], (":path", "/none")]),
                Status(1, 204),
            ),
            case(
                "RFC 9110 8.6",
                "content-length twice",
                fields(&[&REQUEST[..], &[("content-length", "0"), ("content-length", "0")]].concat()),
                malformed,
            ),
            case("RFC 9110 8.6", "content-length that is a list", and("content-length", "0, 0"), malformed),
            case("RFC 9110 8.6", "content-length with a sign", and("content-length", "+0"), malformed),
            case("RFC 9110 10.1.1", "an expectation nobody has", and("expect", "a cake"), Status(1, 417)),
        ],
        60,
    );
}

#[test]
fn too_much() {
    let many = |count: usize, name: &'static str| fields(&[&REQUEST[..], &vec![(name, "v"); count]].concat());
    let long = |length: usize| and("x", &"v".repeat(length));
    let path = |length: usize| but(":path", Some(&format!("/{}", "p".repeat(length - 1))));
    check_all(
        &[
            case("10.5.1", "as many fields as there may be", many(100, "x"), Status(1, 200)),
            case("10.5.1", "one field more", many(101, "x"), Status(1, 431)),
            case("10.5.1", "one crumb more", many(101, "cookie"), Status(1, 431)),
            case("10.5.1", "one more of fields that are dropped", many(101, "x_y"), Status(1, 431)),
            case("10.5.1", "a list of 16,000 bytes", long(15_500), Status(1, 200)),
            case(
                "10.5.1",
                "a list that is too long",
                after(&[
                    &headers(1, END_STREAM, &request("GET", "/", &[("x", &"v".repeat(16_000))])),
                    &frame(CONTINUATION, END_HEADERS, 1, &block(&[("y", "v".repeat(16_000))])),
                ]),
                Status(1, 431),
            ),
            case(
                "10.5.1",
                "a list that is too long by far",
                {
                    let mut bytes = after(&[&headers(1, END_STREAM, &request("GET", "/", &[]))]);
                    let piece = block(&[("y", "v".repeat(16_000))]);
                    (0..4).for_each(|_| bytes.extend(frame(CONTINUATION, 0, 1, &piece)));
                    bytes.extend(frame(CONTINUATION, END_HEADERS, 1, &piece));
                    bytes
                },
                Status(1, 431),
            ),
            case(
                "10.5.1",
                "a list that is absurdly long, but not on the wire",
                {
                    // A field that enters the table and is then named thirty times by its index.
                    let mut all = request("GET", "/", &[]);
                    all.extend([0x40, 1, b'x', 0x7f, 0x80 | 0x51, 0x1d]);
                    all.extend([b'v'; 127 + 0x51 + (0x1d << 7)]);
                    all.extend([0xbe; 30]);
                    after(&[&headers(1, END_HEADERS | END_STREAM, &all)])
                },
                Connection(&[ENHANCE_YOUR_CALM]),
            ),
            case("10.5.1", "the longest target", path(8 << 10), Status(1, 200)),
            case("10.5.1", "a target of a byte more", path((8 << 10) + 1), Status(1, 414)),
        ],
        10,
    );
}

#[test]
fn hpack() {
    let raw = |bytes: &[u8]| after(&[&headers(1, END_HEADERS | END_STREAM, bytes)]);
    let then = |bytes: &[u8]| raw(&[&request("GET", "/", &[])[..], bytes].concat());
    let broken = Connection(&[COMPRESSION_ERROR, PROTOCOL_ERROR]);
    // :method GET, :scheme https, :path / and :authority www.example.com, as in RFC 7541 C.4.1.
    let huffman =
        [0x82, 0x87, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
    check_all(
        &[
            case("RFC 7541 C.4.1", "Huffman code and indices", raw(&huffman), Status(1, 200)),
            case("RFC 7541 2.3.3", "an index beyond the tables", then(&[0xc6]), broken),
            case("RFC 7541 2.3.3", "the name of an index beyond the tables", then(&[0x7f, 0x10, 1, b'x']), broken),
            case("RFC 7541 4.2", "a change of the table's size at the end", then(&[0x20]), broken),
            case(
                "RFC 7541 4.2",
                "a change of the table's size at the beginning",
                raw(&[&[0x20][..], &request("GET", "/", &[])].concat()),
                Status(1, 200),
            ),
            case(
                "RFC 7541 5.1",
                "a number without end",
                then(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
                broken,
            ),
            case(
                "RFC 7541 5.2",
                "padding longer than seven bits",
                then(&[0, 1, b'x', 0x86, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
                broken,
            ),
            case("RFC 7541 5.2", "padding of zeros", then(&[0, 1, b'x', 0x81, 0x18]), broken),
            case(
                "RFC 7541 5.2",
                "the end of string within one",
                then(&[0, 1, b'x', 0x84, 0xff, 0xff, 0xff, 0xff]),
                broken,
            ),
            case("RFC 7541 5.2", "a string longer than the block", then(&[0, 1, b'x', 9, b'y']), broken),
            case("RFC 7541 6.1", "index 0", then(&[0x80]), broken),
            case(
                "RFC 7541 6.3",
                "a table greater than allowed",
                raw(&[&[0x3f, 0xe2, 0x1f][..], &request("GET", "/", &[])].concat()),
                broken,
            ),
        ],
        12,
    );
}

#[test]
fn extended_connect() {
    let connect = |protocol: &str, more: &[(&str, &str)]| {
        let mut all = vec![
            (":method", "CONNECT"),
            (":protocol", protocol),
            (":scheme", "https"),
            (":authority", "a.example"),
            (":path", "/"),
        ];
        all.extend(more);
        after(&[&headers(1, END_HEADERS, &block(&all))])
    };
    let malformed = Stream(&[PROTOCOL_ERROR]);
    check_all(
        &[
            case("RFC 8441 4", "a WebSocket", connect("websocket", &[("sec-websocket-version", "13")]), Status(1, 200)),
            case(
                "RFC 8441 4",
                "a WebSocket of another version",
                connect("websocket", &[("sec-websocket-version", "8")]),
                Status(1, 400),
            ),
            case("RFC 8441 4", "a WebSocket of no version", connect("websocket", &[]), Status(1, 400)),
            case("RFC 8441 4", "another protocol", connect("connect-udp", &[]), Status(1, 405)),
            case("RFC 8441 4", ":protocol of GET", and(":protocol", "websocket"), malformed),
            case(
                "RFC 8441 4",
                ":protocol without :path",
                after(&[&headers(
                    1,
                    END_HEADERS,
                    &block(&[
                        (":method", "CONNECT"),
                        (":protocol", "websocket"),
                        (":scheme", "https"),
                        (":authority", "a.example"),
                    ]),
                )]),
                malformed,
            ),
            case(
                "RFC 8441 4",
                ":protocol without :scheme",
                after(&[&headers(
                    1,
                    END_HEADERS,
                    &block(&[
                        (":method", "CONNECT"),
                        (":protocol", "websocket"),
                        (":authority", "a.example"),
                        (":path", "/"),
                    ]),
                )]),
                malformed,
            ),
        ],
        7,
    );
}
