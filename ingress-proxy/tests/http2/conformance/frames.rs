//! Sections 3 to 6.8: the preface, frames, states of streams.

use super::Expect::{Close, Connection, Data, Ignored, Pong, Status, Stream};
use super::*;

const TOO_BIG: usize = (16 << 10) + 1;

#[test]
fn preface_and_frames() {
    let mut cases = vec![
        case("3.4", "a preface that is not", b"PRI * HTTP/3.0\r\n\r\nSM\r\n\r\n".repeat(2), Close),
        case("3.4", "HTTP/1.1", *b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", Close),
        case(
            "3.4",
            "a first frame that is not SETTINGS",
            [PREFACE, &ping(b"12345678")[..]].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("3.4", "a request before SETTINGS", [PREFACE, &get(1, "/")[..]].concat(), Connection(&[PROTOCOL_ERROR])),
        case(
            "3.4",
            "an acknowledgement before SETTINGS",
            [PREFACE, &frame(SETTINGS, ACK, 0, &[])[..]].concat(),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("3.4", "a request at once", [PREFACE, &settings(&[])[..], &get(1, "/")[..]].concat(), Status(1, 200)),
        case("4.1", "a frame of an unknown type", after(&[&frame(0x16, 0, 0, b"12345678")]), Ignored),
        case("4.1", "the same on a stream that is not", after(&[&frame(0x16, 0xff, 99, b"")]), Ignored),
        case("4.1", "flags that do not exist", after(&[&frame(PING, 0x16, 0, b"12345678")]), Pong(*b"12345678")),
        case(
            "4.1",
            "the reserved bit of a stream",
            after(&[&frame(PING, 0, 1 << 31, b"12345678")]),
            Pong(*b"12345678"),
        ),
        case(
            "4.2",
            "DATA of the greatest size",
            after(&[&post(1, "/"), &data(1, END_STREAM, &[b'x'; TOO_BIG - 1])]),
            Status(1, 200),
        ),
        case(
            "4.2",
            "DATA that is too big",
            after(&[&post(1, "/"), &data(1, 0, &[b'x'; TOO_BIG])]),
            Stream(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "4.2",
            "HEADERS that are too big",
            after(&[&headers(1, END_HEADERS, &[0; TOO_BIG])]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "4.2",
            "SETTINGS that are too big",
            after(&[&frame(SETTINGS, 0, 0, &[0; TOO_BIG + 5])]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "4.2",
            "a frame of an unknown type that is too big",
            after(&[&frame(0x16, 0, 0, &[0; TOO_BIG])]),
            Connection(&[FRAME_SIZE_ERROR]),
        ),
        case(
            "4.3",
            "a block that is no HPACK",
            after(&[&headers(1, END_HEADERS | END_STREAM, &[0x40, 0xff])]),
            Connection(&[COMPRESSION_ERROR, PROTOCOL_ERROR]),
        ),
        case(
            "4.3",
            "PRIORITY within a block",
            after(&[&headers(1, END_STREAM, &request("GET", "/", &[])), &frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "4.3",
            "HEADERS of another stream within a block",
            after(&[&headers(1, END_STREAM, &request("GET", "/", &[])), &get(3, "/")]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case(
            "5.5",
            "a frame of an unknown type within a block",
            after(&[&headers(1, END_STREAM, &request("GET", "/", &[])), &frame(0x16, 0, 0, b"")]),
            Connection(&[PROTOCOL_ERROR]),
        ),
        case("5.4.1", "the end after GOAWAY", after(&[&frame(PING, 0, 1, b"12345678")]), Connection(&[PROTOCOL_ERROR])),
    ];
    // An unknown parameter, and all that `h2` knows of, in one frame.
    let known = [(1, 4096), (2, 0), (3, 100), (4, 65_535), (5, 16_384), (6, 100), (8, 0), (0x99, 7)];
    cases.push(case("6.5.2", "every parameter", with(&known, &[&get(1, "/")]), Status(1, 200)));
    check_all(&cases, 21);
}

#[test]
fn states() {
    let half_closed = get(1, "/wait");
    let closed = [&post(1, "/")[..], &reset(1, CANCEL)].concat();
    let idle = |frame: &[u8]| after(&[frame]);
    let in_half_closed = |frame: &[u8]| after(&[&half_closed, frame]);
    let in_closed = |frame: &[u8]| after(&[&closed, frame]);
    let block = request("GET", "/", &[]);
    check_all(
        &[
            case("5.1", "DATA on an idle stream", idle(&data(1, 0, b"x")), Connection(&[PROTOCOL_ERROR])),
            case("5.1", "RST_STREAM on an idle stream", idle(&reset(1, CANCEL)), Connection(&[PROTOCOL_ERROR])),
            case("5.1", "WINDOW_UPDATE on an idle stream", idle(&window_update(1, 1)), Connection(&[PROTOCOL_ERROR])),
            case(
                "5.1",
                "CONTINUATION on an idle stream",
                idle(&frame(CONTINUATION, END_HEADERS, 1, &block)),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case("5.1", "PRIORITY on an idle stream", idle(&frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])), Ignored),
            case(
                "5.1",
                "DATA on a half-closed stream",
                in_half_closed(&data(1, 0, b"x")),
                Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            ),
            case(
                "5.1",
                "HEADERS on a half-closed stream",
                in_half_closed(&get(1, "/")),
                Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            ),
            case(
                "5.1",
                "CONTINUATION on a half-closed stream",
                in_half_closed(&frame(CONTINUATION, END_HEADERS, 1, &block)),
                Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            ),
            case("5.1", "WINDOW_UPDATE on a half-closed stream", in_half_closed(&window_update(1, 1)), Ignored),
            case(
                "5.1",
                "PRIORITY on a half-closed stream",
                in_half_closed(&frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])),
                Ignored,
            ),
            case(
                "5.1",
                "DATA on a closed stream",
                in_closed(&data(1, 0, b"x")),
                Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            ),
            case(
                "5.1",
                "HEADERS on a closed stream",
                in_closed(&get(1, "/")),
                Stream(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            ),
            case(
                "5.1",
                "CONTINUATION on a closed stream",
                in_closed(&frame(CONTINUATION, END_HEADERS, 1, &block)),
                Connection(&[STREAM_CLOSED, PROTOCOL_ERROR]),
            ),
            case("5.1", "WINDOW_UPDATE on a closed stream", in_closed(&window_update(1, 1)), Ignored),
            case("5.1", "RST_STREAM on a closed stream", in_closed(&reset(1, CANCEL)), Ignored),
            case("5.1", "PRIORITY on a closed stream", in_closed(&frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 1])), Ignored),
            case("5.1.1", "a stream with an even number", after(&[&get(2, "/")]), Connection(&[PROTOCOL_ERROR])),
            case(
                "5.1.1",
                "a stream with a lower number",
                after(&[&get(5, "/wait"), &get(3, "/")]),
                Connection(&[PROTOCOL_ERROR, STREAM_CLOSED]),
            ),
            case("5.1.1", "streams with gaps", after(&[&get(7, "/")]), Status(7, 200)),
            case(
                "5.1.2",
                "one stream more than there may be",
                {
                    let mut bytes = after(&[]);
                    (0..101).for_each(|n| bytes.extend(get(2 * n + 1, "/wait")));
                    bytes
                },
                Stream(&[REFUSED_STREAM, PROTOCOL_ERROR]),
            ),
            case(
                "5.3.1",
                "HEADERS that depend on themselves",
                after(&[&headers(
                    1,
                    END_HEADERS | END_STREAM | PRIORITY_FLAG,
                    &[&[0, 0, 0, 1, 5], &block[..]].concat(),
                )]),
                Stream(&[PROTOCOL_ERROR]),
            ),
            case(
                "5.3.1",
                "HEADERS with a priority",
                after(&[&headers(
                    1,
                    END_HEADERS | END_STREAM | PRIORITY_FLAG,
                    &[&[0x80, 0, 0, 0, 255], &block[..]].concat(),
                )]),
                Status(1, 200),
            ),
            case(
                "5.3.1",
                "PRIORITY that depends on itself",
                after(&[&get(1, "/wait"), &frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 5])]),
                Stream(&[PROTOCOL_ERROR]),
            ),
        ],
        23,
    );
}

#[test]
fn definitions() {
    let block = request("GET", "/", &[]);
    let padded = |pad: u8, block: &[u8], padding: usize| [&[pad], block, &vec![0; padding][..]].concat();
    check_all(
        &[
            case("6.1", "DATA on stream 0", after(&[&data(0, 0, b"x")]), Connection(&[PROTOCOL_ERROR])),
            case(
                "6.1",
                "DATA with padding",
                after(&[&post(1, "/"), &data(1, END_STREAM | PADDED, b"\x03ok\0\0\0")]),
                Status(1, 200),
            ),
            case(
                "6.1",
                "DATA with nothing but padding",
                after(&[&post(1, "/"), &data(1, END_STREAM | PADDED, b"\x02\0\0")]),
                Status(1, 200),
            ),
            case(
                "6.1",
                "DATA with more padding than payload",
                after(&[&post(1, "/"), &data(1, END_STREAM | PADDED, b"\x06ok\0\0\0")]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.1",
                "DATA that is empty",
                after(&[&post(1, "/"), &data(1, 0, b""), &data(1, END_STREAM, b"")]),
                Status(1, 200),
            ),
            case(
                "6.2",
                "HEADERS on stream 0",
                after(&[&headers(0, END_HEADERS | END_STREAM, &block)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.2",
                "HEADERS with padding",
                after(&[&headers(1, END_HEADERS | END_STREAM | PADDED, &padded(9, &block, 9))]),
                Status(1, 200),
            ),
            case(
                "6.2",
                "HEADERS with more padding than payload",
                after(&[&headers(1, END_HEADERS | END_STREAM | PADDED, &padded(255, &block, 9))]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.2",
                "HEADERS padded without a length",
                after(&[&headers(1, END_HEADERS | END_STREAM | PADDED, b"")]),
                Connection(&[PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
            ),
            case(
                "6.2",
                "HEADERS with a priority that is cut off",
                after(&[&headers(1, END_HEADERS | END_STREAM | PRIORITY_FLAG, &[0, 0, 0])]),
                Connection(&[PROTOCOL_ERROR, FRAME_SIZE_ERROR]),
            ),
            case(
                "6.3",
                "PRIORITY on stream 0",
                after(&[&frame(PRIORITY, 0, 0, &[0, 0, 0, 1, 5])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.3",
                "PRIORITY of four bytes",
                after(&[&get(1, "/wait"), &frame(PRIORITY, 0, 1, &[0, 0, 0, 5])]),
                Stream(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
            ),
            case("6.4", "RST_STREAM on stream 0", after(&[&reset(0, CANCEL)]), Connection(&[PROTOCOL_ERROR])),
            case(
                "6.4",
                "RST_STREAM of three bytes",
                after(&[&get(1, "/wait"), &frame(RST_STREAM, 0, 1, &[0, 0, 0])]),
                Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
            ),
            case(
                "6.4",
                "RST_STREAM with an error nobody knows",
                after(&[&get(1, "/wait"), &reset(1, 0xffff_ffff)]),
                Ignored,
            ),
            case(
                "6.5",
                "an acknowledgement with a payload",
                after(&[&frame(SETTINGS, ACK, 0, &[0; 6])]),
                Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
            ),
            case(
                "6.5",
                "an acknowledgement of nothing",
                after(&[&frame(SETTINGS, ACK, 0, &[])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case("6.5", "SETTINGS on a stream", after(&[&frame(SETTINGS, 0, 1, &[])]), Connection(&[PROTOCOL_ERROR])),
            case(
                "6.5",
                "SETTINGS of five bytes",
                after(&[&frame(SETTINGS, 0, 0, &[0; 5])]),
                Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
            ),
            case("6.5.2", "ENABLE_PUSH of 2", after(&[&settings(&[(2, 2)])]), Connection(&[PROTOCOL_ERROR])),
            case(
                "6.5.2",
                "INITIAL_WINDOW_SIZE of 2^31",
                after(&[&settings(&[(4, 1 << 31)])]),
                Connection(&[FLOW_CONTROL_ERROR, PROTOCOL_ERROR]),
            ),
            case(
                "6.5.2",
                "MAX_FRAME_SIZE of 16,383",
                after(&[&settings(&[(5, 16_383)])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.5.2",
                "MAX_FRAME_SIZE of 2^24",
                after(&[&settings(&[(5, 1 << 24)])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case("6.5.2", "an unknown parameter", after(&[&settings(&[(0xff, 1)])]), Ignored),
            case(
                "RFC 8441 3",
                "ENABLE_CONNECT_PROTOCOL of 2",
                after(&[&settings(&[(8, 2)])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case("6.5.3", "the last of two values", with(&[(4, 1), (4, 3)], &[&get(1, "/bytes/6")]), Data(&[3])),
            case(
                "6.6",
                "PUSH_PROMISE of a client",
                after(&[&post(1, "/"), &frame(PUSH_PROMISE, END_HEADERS, 1, &[&[0, 0, 0, 2], &block[..]].concat())]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case("6.7", "PING", after(&[&ping(b"h2spec?!")]), Pong(*b"h2spec?!")),
            case("6.7", "an answer to no PING", after(&[&frame(PING, ACK, 0, b"invalid!")]), Ignored),
            case("6.7", "PING on a stream", after(&[&frame(PING, 0, 1, b"12345678")]), Connection(&[PROTOCOL_ERROR])),
            case(
                "6.7",
                "PING of six bytes",
                after(&[&frame(PING, 0, 0, b"123456")]),
                Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
            ),
            case("6.8", "GOAWAY on a stream", after(&[&frame(GOAWAY, 0, 1, &[0; 8])]), Connection(&[PROTOCOL_ERROR])),
            case(
                "6.8",
                "GOAWAY of four bytes",
                after(&[&frame(GOAWAY, 0, 0, &[0; 4])]),
                Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
            ),
            case("6.8", "GOAWAY and no stream", after(&[&frame(GOAWAY, 0, 0, &[0; 8])]), Connection(&[NO_ERROR])),
        ],
        34,
    );
}
