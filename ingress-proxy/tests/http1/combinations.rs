//! Ways to state a length twice.

use crate::support::gate::{self, Outcome};

/// What a line says of the body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    /// What it says cannot be misunderstood.
    Framing,
    /// It must not be there.
    Wrong,
}

use Says::{Framing, Nothing, Wrong};

const BODY: &str = "5\r\nhello\r\n0\r\n\r\n";

const LENGTHS: [(&str, Says); 18] = [
    ("", Nothing),
    ("X-Content-Length: 3\r\n", Nothing),
    ("Content_Length: 3\r\n", Nothing),
    ("Content-Length: 15\r\n", Framing),
    ("content-length:15\r\n", Framing),
    ("CONTENT-LENGTH: \t 15 \t\r\n", Framing),
    ("Content-Length: 015\r\n", Framing),
    ("Content-Length : 15\r\n", Wrong),
    ("Content-Length: +15\r\n", Wrong),
    ("Content-Length: 0xf\r\n", Wrong),
    ("Content-Length: 15, 15\r\n", Wrong),
    ("Content-Length: 1 5\r\n", Wrong),
    ("Content-Length: 15;\r\n", Wrong),
    ("Content-Length:\r\n", Wrong),
    ("Content-Length: 18446744073709551631\r\n", Wrong),
    ("Content-Length: 15\r\nContent-Length: 15\r\n", Wrong),
    ("Content-Length: 15\r\ncontent-length: 0\r\n", Wrong),
    ("X: y\r\n Content-Length: 15\r\n", Wrong),
];

const ENCODINGS: [(&str, Says); 21] = [
    ("", Nothing),
    ("TE: chunked\r\n", Nothing),
    ("Transfer_Encoding: chunked\r\n", Nothing),
    ("Transfer-Encoding: chunked\r\n", Framing),
    ("transfer-encoding:ChunkeD\r\n", Framing),
    ("TRANSFER-ENCODING: \t chunked \t\r\n", Framing),
    ("Transfer-Encoding : chunked\r\n", Wrong),
    ("Transfer-Encoding: chunked, identity\r\n", Wrong),
    ("Transfer-Encoding: identity\r\n", Wrong),
    ("Transfer-Encoding: gzip, chunked\r\n", Wrong),
    ("Transfer-Encoding: chunked, chunked\r\n", Wrong),
    ("Transfer-Encoding: ,chunked\r\n", Wrong),
    ("Transfer-Encoding: chunked,\r\n", Wrong),
    ("Transfer-Encoding: xchunked\r\n", Wrong),
    ("Transfer-Encoding: \"chunked\"\r\n", Wrong),
    ("Transfer-Encoding: chunked;a=b\r\n", Wrong),
    ("Transfer-Encoding: \u{b}chunked\r\n", Wrong),
    ("Transfer-Encoding:\r\n chunked\r\n", Wrong),
    ("Transfer-Encoding:\r\n", Wrong),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", Wrong),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", Wrong),
];

/// What stands around the two.
const CONNECTIONS: [&str; 2] = ["", "Connection: keep-alive, content-length, transfer-encoding\r\n"];

#[test]
fn lengths_and_encodings_in_both_orders_and_versions() {
    let mut count = 0;
    let mut accepted = 0;
    for (length, says_length) in LENGTHS {
        for (encoding, says_encoding) in ENCODINGS {
            for connection in CONNECTIONS {
                for version in ["1.0", "1.1"] {
                    for lines in [format!("{length}{encoding}"), format!("{encoding}{length}")] {
                        count += 1;
                        let expected = match (says_length, says_encoding) {
                            (Framing, Nothing) => Some(BODY),
                            (Nothing, Framing) if version == "1.1" => Some("hello"),
                            (Nothing, Nothing) => Some(""),
                            _ => None,
                        };
                        // The request that an attacker would have hidden.
                        let text = format!(
                            "POST / HTTP/{version}\r\n{connection}Host: a\r\nY: z\r\n{lines}\r\n{BODY}GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
                        );
                        let outcomes = gate::run(text.as_bytes());
                        gate::check(text.as_bytes(), &outcomes, &text);
                        let first = match outcomes.first() {
                            Some(Outcome::Forward(forwarded)) => Some(&*forwarded.body),
                            Some(Outcome::Refused(400)) => None,
                            other => panic!("{text:?}: {other:?}"),
                        };
                        assert_eq!(first, expected.map(str::as_bytes), "{text:?}");
                        accepted += usize::from(expected.is_some());
                    }
                }
            }
        }
    }
    assert!(count >= 3_000 && accepted > 150, "{count} {accepted}");
}
