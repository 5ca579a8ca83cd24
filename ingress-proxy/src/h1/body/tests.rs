use super::*;

/// What was read: the data, the trailers as text, and what was left of the input.
type Read = (Vec<u8>, String, usize);

/// Reads a body from pieces of at most `size` bytes, taking at most `taken` at a time.
fn read(framing: Framing, input: &[u8], size: usize, taken: usize) -> Result<Read, BodyError> {
    let mut decoder = Decoder::new(framing);
    let (mut data, mut begin, mut end) = (Vec::new(), 0, 0);
    loop {
        match decoder.step(&input[begin..end])? {
            Step::Skip(length) => {
                assert!(length > 0 && begin + length <= end);
                begin += length;
            }
            Step::Data(length) => {
                assert!(length > 0 && begin + length <= end);
                let length = length.min(taken);
                data.extend_from_slice(&input[begin..begin + length]);
                decoder.take(length);
                begin += length;
            }
            Step::More if end < input.len() => end = (end + size).min(input.len()),
            Step::More => decoder.eof()?,
            Step::End => break,
        }
    }
    assert!(decoder.is_done() && decoder.eof().is_ok());
    let trailers = decoder.trailers().unwrap_or_default();
    assert!(decoder.trailers().is_none());
    let line = |(_, name, value): (_, &[u8], &[u8])| format!("{}={};", name.escape_ascii(), value.escape_ascii());
    Ok((data, trailers.fields.iter().map(line).collect(), input.len() - begin))
}

/// The same whatever the pieces are.
fn chunked(input: &[u8]) -> Result<Read, &'static str> {
    let whole = outcome(read(Framing::Chunked, input, usize::MAX / 2, usize::MAX));
    for (size, taken) in [(1, 1), (1, 2), (3, 1), (7, 5), (1000, 1)] {
        assert_eq!(outcome(read(Framing::Chunked, input, size, taken)), whole, "{}", input.escape_ascii());
    }
    whole
}

fn outcome(result: Result<Read, BodyError>) -> Result<Read, &'static str> {
    result.map_err(|error| match error {
        BodyError::Malformed(why) => why,
        BodyError::Truncated => "truncated",
        _ => "else",
    })
}

#[test]
fn lengths() {
    assert_eq!(read(Framing::Length(3), b"abcdef", 1, 1).unwrap(), (b"abc".to_vec(), String::new(), 3));
    assert_eq!(read(Framing::Length(0), b"abc", 9, 9).unwrap(), (Vec::new(), String::new(), 3));
    assert_eq!(read(Framing::Empty, b"", 9, 9).unwrap(), (Vec::new(), String::new(), 0));
    assert_eq!(read(Framing::UntilClose, b"abc", 2, 1).unwrap(), (b"abc".to_vec(), String::new(), 0));
    assert_eq!(outcome(read(Framing::Length(4), b"abc", 9, 9)), Err("truncated"));
    let mut decoder = Decoder::new(Framing::Length(u64::MAX));
    assert_eq!(decoder.step(b"x").unwrap(), Step::Data(1));
    assert!(!decoder.is_done());
}

#[test]
fn nothing_behind_the_end_is_given() {
    let mut decoder = Decoder::new(Framing::Length(2));
    assert_eq!(decoder.step(b"abGET").unwrap(), Step::Data(2));
    decoder.take(2);
    assert_eq!(decoder.step(b"GET").unwrap(), Step::End);
    assert!(decoder.is_done());
    assert_eq!(chunked(b"0\r\n\r\nGET").unwrap().2, 3);
    assert_eq!(chunked(b"1\r\na\r\n0\r\nX: y\r\n\r\nGET /").unwrap(), (b"a".to_vec(), "X=y;".into(), 5));
}

#[test]
fn chunks() {
    let good: [(&[u8], &[u8]); 9] = [
        (b"0\r\n\r\n", b""),
        (b"0000000000000000\r\n\r\n", b""),
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"a\r\n0123456789\r\nA\r\n0123456789\r\n00\r\n\r\n", b"01234567890123456789"),
        (b"0000000000000002\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
        (b"1;a\r\nx\r\n0;b=c\r\n\r\n", b"x"),
        (b"1 ; a = \"b;\\\"c\\\\\t\x80\" ;\td\r\nx\r\n0\r\n\r\n", b"x"),
        (b"1;a=\"\"\r\nx\r\n0\r\n\r\n", b"x"),
        (b"1\r\n0\r\n0\r\n\r\n", b"0"),
    ];
    for (input, data) in good {
        assert_eq!(chunked(input), Ok((data.to_vec(), String::new(), 0)), "{}", input.escape_ascii());
    }
    let bad: [&[u8]; 45] = [
        b"\r\n",
        b" 1\r\nx\r\n0\r\n\r\n",
        b"1 \r\nx\r\n0\r\n\r\n",
        b"+1\r\nx\r\n0\r\n\r\n",
        b"-1\r\nx\r\n0\r\n\r\n",
        b"0x1\r\nx\r\n0\r\n\r\n",
        b"1_0\r\nx\r\n0\r\n\r\n",
        b"g\r\nx\r\n0\r\n\r\n",
        b"00000000000000001\r\nx\r\n0\r\n\r\n",
        b"10000000000000001\r\nx\r\n0\r\n\r\n",
        b";a\r\nx\r\n0\r\n\r\n",
        b"1;\r\nx\r\n0\r\n\r\n",
        b"1; \r\nx\r\n0\r\n\r\n",
        b"1;a=\r\nx\r\n0\r\n\r\n",
        b"1;=b\r\nx\r\n0\r\n\r\n",
        b"1;a=b c\r\nx\r\n0\r\n\r\n",
        b"1;a b\r\nx\r\n0\r\n\r\n",
        b"1;a \r\nx\r\n0\r\n\r\n",
        b"1;a=\"b\r\nx\r\n0\r\n\r\n",
        b"1;a=\"b\\\r\nx\r\n0\r\n\r\n",
        b"1;a=\"\x01\"\r\nx\r\n0\r\n\r\n",
        b"1;a=\"\\\x7f\"\r\nx\r\n0\r\n\r\n",
        b"1;a=\"b\"c\r\nx\r\n0\r\n\r\n",
        b"1;a\rb\r\nx\r\n0\r\n\r\n",
        b"1;a=\"\r\"\r\nx\r\n0\r\n\r\n",
        b"1;a\0\r\nx\r\n0\r\n\r\n",
        b"1a\n\r\nx\r\n0\r\n\r\n",
        b"1\nx\r\n0\r\n\r\n",
        b"1\r\r\nx\r\n0\r\n\r\n",
        b"1\n\r\nx\r\n0\r\n\r\n",
        b"1;a\nx\r\n0\r\n\r\n",
        b"1\r\nx\n0\r\n\r\n",
        b"1\r\nx\r0\r\n\r\n",
        b"1\r\nxy\r\n0\r\n\r\n",
        b"1\r\nx0\r\n\r\n",
        b"1\r\nx\r\n\r\n0\r\n\r\n",
        b"1\r\nx\r\n0\n\r\n",
        b"1\r\nx\r\n0\r\n\n",
        b"1\r\nx\r\n0\r\n\rx",
        b"0\r\nX: y\n\r\n",
        b"0\r\nX : y\r\n\r\n",
        b"0\r\n X: y\r\n\r\n",
        b"0\r\nX: y\r\n z\r\n\r\n",
        b"0\r\nX: \0\r\n\r\n",
        b"0\r\nGET / HTTP/1.1\r\n\r\n",
    ];
    for input in bad {
        let why = chunked(input).expect_err(&input.escape_ascii().to_string());
        // The only one that cannot be told from a beginning.
        let is_open = input.ends_with(b"\rx");
        assert_eq!(why == "truncated", is_open, "{}: {why}", input.escape_ascii());
    }
    let whole = b"1;a=b\r\nx\r\n0\r\nX: y\r\n\r\n";
    for end in 0..whole.len() {
        assert_eq!(chunked(&whole[..end]), Err("truncated"), "{end}");
    }
}

#[test]
fn caps() {
    let one = format!("1;{}\r\nx\r\n", "a".repeat(127));
    assert!(chunked(format!("{one}{one}0\r\n\r\n").as_bytes()).is_ok());
    assert!(chunked(format!("{one}{one}0;a\r\n\r\n").as_bytes()).is_err());
    assert!(chunked(format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(255)).as_bytes()).is_ok());
    // Refused before a line end comes.
    let mut decoder = Decoder::new(Framing::Chunked);
    assert!(decoder.step(format!("1;{}", "a".repeat(300)).as_bytes()).is_err());

    let trailer = |length: usize| format!("0\r\nX: {}\r\n\r\n", "a".repeat(length - 7));
    assert!(chunked(trailer(MAX_TRAILERS).as_bytes()).is_ok());
    assert!(chunked(trailer(MAX_TRAILERS + 1).as_bytes()).is_err());
    assert!(chunked(format!("0\r\n{}\r\n", "X: y\r\n".repeat(32)).as_bytes()).is_ok());
    assert!(chunked(format!("0\r\n{}\r\n", "X: y\r\n".repeat(33)).as_bytes()).is_err());
}

#[test]
fn trailers() {
    let (data, fields, _) = chunked(b"0\r\ngrpc-status: 0\r\nX_Y:  a b \r\nTrailing:\r\n\r\n").unwrap();
    assert_eq!((data.len(), &*fields), (0, "grpc-status=0;X_Y=a b;Trailing=;"));
    for name in [
        "Host",
        "content-length",
        "Content_Length",
        "Transfer-Encoding",
        "Trailer",
        "TE",
        "Connection",
        "Keep-Alive",
        "Upgrade",
        "Proxy-Authorization",
        "X-Forwarded-For",
        "X_FORWARDED_FOR",
        "Forwarded",
        "X-Real-IP",
        "X-Original-URL",
        "Authorization",
        "Cookie",
        "Expect",
        "Proxy",
    ] {
        let input = format!("0\r\nX: y\r\n{name}: 1\r\n\r\n");
        assert_eq!(chunked(input.as_bytes()), Err("a trailer field that no trailer may have"), "{name}");
    }
}
