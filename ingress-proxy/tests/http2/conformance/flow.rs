//! Sections 6.9 and 6.10: flow control, blocks in pieces.

use super::Expect::{Connection, Data, Status, Stream};
use super::*;

#[test]
fn flow_control_and_continuation() {
    let block = request("GET", "/", &[]);
    let (start, rest) = block.split_at(5);
    let one = |flags: u8, payload: &[u8]| frame(CONTINUATION, flags, 1, payload);
    check_all(
        &[
            case("6.9", "WINDOW_UPDATE of nothing", after(&[&window_update(0, 0)]), Connection(&[PROTOCOL_ERROR])),
            case(
                "6.9",
                "the same on a stream",
                after(&[&get(1, "/wait"), &window_update(1, 0)]),
                Stream(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.9",
                "WINDOW_UPDATE of three bytes",
                after(&[&frame(WINDOW_UPDATE, 0, 0, &[0, 0, 1])]),
                Connection(&[FRAME_SIZE_ERROR, PROTOCOL_ERROR]),
            ),
            case("6.9", "a window of one byte", with(&[(4, 1)], &[&get(1, "/bytes/5")]), Data(&[1])),
            case(
                "6.9",
                "a window that grows",
                with(&[(4, 1)], &[&get(1, "/bytes/5"), &window_update(1, 2)]),
                Data(&[3]),
            ),
            case(
                "6.9.1",
                "a window of the connection beyond 2^31-1",
                after(&[&window_update(0, (1 << 31) - 1), &window_update(0, (1 << 31) - 1)]),
                Connection(&[FLOW_CONTROL_ERROR]),
            ),
            case(
                "6.9.1",
                "a window of a stream beyond 2^31-1",
                after(&[&get(1, "/wait"), &window_update(1, (1 << 31) - 1)]),
                Stream(&[FLOW_CONTROL_ERROR]),
            ),
            case(
                "6.9.1",
                "more DATA than the window",
                {
                    let mut bytes = after(&[&post(1, "/wait")]);
                    (0..17).for_each(|_| bytes.extend(data(1, 0, &[0; 16 << 10])));
                    bytes
                },
                Stream(&[FLOW_CONTROL_ERROR]),
            ),
            case(
                "6.9.2",
                "a window that SETTINGS open",
                with(&[(4, 0)], &[&get(1, "/bytes/5"), &settings(&[(4, 2)])]),
                Data(&[2]),
            ),
            case(
                "6.9.2",
                "a window that becomes negative",
                with(&[(4, 3)], &[&get(1, "/bytes/9"), &settings(&[(4, 0)]), &window_update(1, 1)]),
                Data(&[1]),
            ),
            case(
                "6.9.2",
                "a window beyond 2^31-1 by SETTINGS",
                after(&[&get(1, "/wait"), &window_update(1, 1000), &settings(&[(4, (1 << 31) - 1)])]),
                Connection(&[FLOW_CONTROL_ERROR]),
            ),
            case(
                "6.10",
                "a block in three frames",
                after(&[&headers(1, END_STREAM, start), &one(0, &rest[..7]), &one(END_HEADERS, &rest[7..])]),
                Status(1, 200),
            ),
            case(
                "6.10",
                "a block with empty frames",
                after(&[&headers(1, END_STREAM, b""), &one(0, b""), &one(END_HEADERS, &block)]),
                Status(1, 200),
            ),
            case(
                "6.10",
                "CONTINUATION on stream 0",
                after(&[&headers(1, END_STREAM, start), &frame(CONTINUATION, END_HEADERS, 0, rest)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "CONTINUATION on another stream",
                after(&[&headers(1, END_STREAM, start), &frame(CONTINUATION, END_HEADERS, 3, rest)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "CONTINUATION after the end of a block",
                after(&[&headers(1, END_STREAM | END_HEADERS, &block), &one(END_HEADERS, rest)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "CONTINUATION after CONTINUATION that ended",
                after(&[&headers(1, END_STREAM, start), &one(END_HEADERS, rest), &one(END_HEADERS, rest)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "CONTINUATION after DATA",
                after(&[&post(1, "/"), &data(1, 0, b"x"), &one(END_HEADERS, rest)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "DATA within a block",
                after(&[&headers(1, 0, start), &data(1, 0, b"x")]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "RST_STREAM within a block",
                after(&[&headers(1, 0, start), &reset(1, CANCEL)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "SETTINGS within a block",
                after(&[&headers(1, 0, start), &settings(&[])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "PING within a block",
                after(&[&headers(1, 0, start), &ping(b"12345678")]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "GOAWAY within a block",
                after(&[&headers(1, 0, start), &frame(GOAWAY, 0, 0, &[0; 8])]),
                Connection(&[PROTOCOL_ERROR]),
            ),
            case(
                "6.10",
                "WINDOW_UPDATE within a block",
                after(&[&headers(1, 0, start), &window_update(0, 1)]),
                Connection(&[PROTOCOL_ERROR]),
            ),
        ],
        24,
    );
}
