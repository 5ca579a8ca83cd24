use proptest::prelude::*;

use super::*;

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

fn block(kind: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [SIGNATURE, &[kind, family], &length, body].concat()
}

fn handed(client: &str, server: &str) -> Header {
    Header::Handed { client: client.parse().unwrap(), server: server.parse().unwrap() }
}

const V4: [u8; 12] = [192, 0, 2, 1, 198, 51, 100, 2, 0x30, 0x39, 0x01, 0xbb];

/// The checksum of [`a_checksum_that_is_right`], as another program computed it.
const CHECKSUM: [u8; 4] = [0xff, 0x5a, 0xd7, 0x6a];

/// The mapped form of 192.0.2.1, and 2001:db8::2.
fn v6() -> Vec<u8> {
    let mut body = vec![0; 10];
    body.extend([0xff, 0xff, 192, 0, 2, 1]);
    body.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    body.extend([0x30, 0x39, 0x01, 0xbb]);
    body
}

fn good() -> Vec<(Vec<u8>, Header)> {
    let v4 = handed("192.0.2.1:12345", "198.51.100.2:443");
    let mapped = handed("192.0.2.1:12345", "[2001:db8::2]:443");
    let extended = [&V4[..], &[0x04, 0, 3, 1, 2, 3], &[0xee, 0, 0]].concat();
    let long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 16));
    let longest =
        "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe 65535 65535\r\n";
    let all_ones = "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535";
    vec![
        (b"PROXY TCP4 192.0.2.1 198.51.100.2 12345 443\r\n".to_vec(), v4),
        (b"PROXY TCP4 255.255.255.255 0.0.0.0 0 65535\r\n".to_vec(), handed("255.255.255.255:0", "0.0.0.0:65535")),
        (b"PROXY TCP6 ::FFFF:192.0.2.1 2001:DB8::2 12345 443\r\n".to_vec(), mapped),
        (longest.into(), handed(all_ones, "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535")),
        (b"PROXY UNKNOWN\r\n".to_vec(), Header::Socket),
        (b"PROXY UNKNOWN ffff:: ::1 nonsense\r\n".to_vec(), Header::Socket),
        (long.into_bytes(), Header::Socket),
        (block(0x21, 0x11, &V4), v4),
        (block(0x21, 0x21, &v6()), mapped),
        (block(0x21, 0x11, &extended), v4),
        (block(0x21, 0x11, &[&V4[..], &[0x04, 0x0f, 0xe1], &[0; 4065]].concat()), v4),
        (block(0x20, 0x00, b""), Header::Socket),
        (block(0x20, 0xff, b"anything"), Header::Socket),
        (block(0x21, 0x00, b"anything"), Header::Socket),
        (block(0x21, 0x12, &V4), Header::Socket),
        (block(0x21, 0x22, &v6()), Header::Socket),
        (block(0x21, 0x31, &[b'/'; 216]), Header::Socket),
    ]
}

#[test]
fn headers_are_read_and_nothing_behind_them() {
    for (bytes, expected) in good() {
        let followed = [&bytes[..], b"GET / HTTP/1.1\r\n"].concat();
        for input in [&bytes, &followed] {
            assert_eq!(parse(input), Ok(Some((expected, bytes.len()))), "{}", input.escape_ascii());
        }
        assert!(bytes.len() <= MAX_HEADER);
    }
}

#[test]
fn every_beginning_of_one_waits_for_more() {
    for (bytes, _) in good() {
        for end in 0..bytes.len() {
            assert_eq!(parse(&bytes[..end]), Ok(None), "{}", bytes[..end].escape_ascii());
        }
    }
}

#[test]
fn what_is_no_header_is_refused() {
    let line = |rest: &str| format!("PROXY {rest}\r\n").into_bytes();
    let mut table = vec![
        (b"GET / HTTP/1.1\r\n".to_vec(), Invalid::Signature),
        (b"PROXX".to_vec(), Invalid::Signature),
        (b"proxy TCP4".to_vec(), Invalid::Signature),
        (b"\x16\x03\x01".to_vec(), Invalid::Signature),
        (b"\r\n\r\n\0\r\nQUIP".to_vec(), Invalid::Signature),
        (b"PROXY UNKNOWN\n".to_vec(), Invalid::Line),
        (b"PROXY \xff\r\n".to_vec(), Invalid::Line),
        (format!("PROXY UNKNOWN {}\r\n", "f".repeat(107 - 15)).into_bytes(), Invalid::LongLine),
        (format!("PROXY {}", "f".repeat(101)).into_bytes(), Invalid::LongLine),
        (block(0x11, 0x11, &V4), Invalid::Kind),
        (block(0x22, 0x11, &V4), Invalid::Kind),
        (block(0x31, 0x11, &V4), Invalid::Kind),
        (block(0x21, 0x41, &V4), Invalid::Kind),
        (block(0x21, 0x13, &V4), Invalid::Kind),
        (block(0x21, 0x11, &V4[..11]), Invalid::Length),
        (block(0x21, 0x12, &V4[..11]), Invalid::Length),
        (block(0x21, 0x21, &V4), Invalid::Length),
        (block(0x21, 0x31, &V4), Invalid::Length),
        (block(0x21, 0x11, &[&V4[..], &[4]].concat()), Invalid::Length),
        (block(0x21, 0x11, &[&V4[..], &[4, 0]].concat()), Invalid::Length),
        (block(0x21, 0x11, &[&V4[..], &[4, 0, 2, 1]].concat()), Invalid::Length),
        (block(0x21, 0x11, &[&V4[..], &[3, 0, 3, 1, 2, 3]].concat()), Invalid::Length),
        (block(0x21, 0x11, &[&V4[..], &[3, 0, 4, 1, 2, 3, 4]].concat()), Invalid::Checksum),
        (block(0x20, 0x00, &vec![0; 4081]), Invalid::TooLong),
        // It is too long before it has arrived.
        ([SIGNATURE, &[0x21, 0x11, 0xff, 0xff]].concat(), Invalid::TooLong),
    ];
    let lines = [
        "",
        " TCP4 192.0.2.1 198.51.100.2 1 2",
        "TCP4",
        "TCP4 192.0.2.1 198.51.100.2 1",
        "TCP4 192.0.2.1 198.51.100.2 1 2 3",
        "TCP4 192.0.2.1 198.51.100.2 1 2 ",
        "TCP4 192.0.2.1  198.51.100.2 1 2",
        "TCP4 192.0.2.1\t198.51.100.2 1 2",
        "TCP4 192.0.2.01 198.51.100.2 1 2",
        "TCP4 192.0.2 198.51.100.2 1 2",
        "TCP4 ::1 ::1 1 2",
        "TCP6 192.0.2.1 198.51.100.2 1 2",
        "TCP6 [::1] ::1 1 2",
        "TCP6 fe80::1%eth0 ::1 1 2",
        "TCP5 ::1 ::1 1 2",
        "UNKNOWNS",
        "unknown",
        "TCP4 192.0.2.1 198.51.100.2 01 2",
        "TCP4 192.0.2.1 198.51.100.2 +1 2",
        "TCP4 192.0.2.1 198.51.100.2 1 65536",
        "TCP4 192.0.2.1 198.51.100.2 1 -2",
        "TCP4 192.0.2.1 198.51.100.2  2",
        "TCP4 192.0.2.1 198.51.100.2 1 2\r",
    ];
    table.extend(lines.map(|rest| (line(rest), Invalid::Line)));
    for (bytes, expected) in table {
        assert_eq!(parse(&bytes), Err(expected), "{}", bytes.escape_ascii());
    }
}

#[test]
fn a_checksum_that_is_right() {
    let block = block(0x21, 0x11, &[&V4[..], &[0x04, 0, 1, 0, 0x03, 0, 4], &CHECKSUM, &[0x04, 0, 0]].concat());
    assert_eq!(parse(&block), Ok(Some((handed("192.0.2.1:12345", "198.51.100.2:443"), block.len()))));
    let kind = 16 + V4.len() + 4;
    assert_eq!(block[kind], 0x03);
    // Without its kind it is no checksum.
    for at in (12..block.len()).filter(|at| *at != kind) {
        let mut wrong = block.clone();
        wrong[at] ^= 0x40;
        assert!(!matches!(parse(&wrong), Ok(Some(_))), "byte {at} may change");
    }
}

proptest! {
    #[test]
    fn a_header_is_the_same_whatever_follows(bytes in proptest::collection::vec(any::<u8>(), 0..64), cut in 0..17_usize) {
        let start = block(0x21, 0x11, &V4);
        let input = [&start[..cut.min(start.len())], &bytes].concat();
        if let Ok(Some((header, used))) = parse(&input) {
            prop_assert_eq!(parse(&input[..used]), Ok(Some((header, used))));
            prop_assert_eq!(parse(&input[..used - 1]), Ok(None));
        }
    }
}
