//! The attacks. Each names what it was called when it was found, or what it is.

use std::time::Duration;

use super::site::opening;
use super::support::size::sized;
use super::wire::*;

/// What has to come of an attack.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// The server ends the connection with this error.
    GoAway(u32),
    /// The server bears it, at a price that is bounded.
    Held,
}

#[derive(Clone, Debug)]
pub struct Attack {
    pub name: &'static str,
    pub pieces: Vec<Vec<u8>>,
    /// Between two pieces.
    pub pause: Duration,
    /// Reads nothing of what the server sends.
    pub is_deaf: bool,
    /// Done from many connections at once.
    pub is_many: bool,
    pub end: End,
    /// How many requests may be answered.
    pub may_answer: usize,
}

fn attack(name: &'static str, end: End, frames: impl Iterator<Item = Vec<u8>>) -> Attack {
    with(name, end, &[], frames)
}

fn with(name: &'static str, end: End, settings: &[(u16, u32)], frames: impl Iterator<Item = Vec<u8>>) -> Attack {
    let mut pieces = vec![opening(settings)];
    for frame in frames {
        match pieces.last_mut() {
            Some(last) if last.len() < 16 << 10 => last.extend(frame),
            _ => pieces.push(frame),
        }
    }
    Attack { name, pieces, pause: Duration::ZERO, is_deaf: false, is_many: false, end, may_answer: 0 }
}

/// A request with so many fields of which each is one byte on the wire.
fn bomb(stream: u32, count: usize, name: &str) -> Vec<u8> {
    let mut all = request("GET", "/bytes/100000", &[]);
    // It enters the table once per request, and the latest is always number 62.
    all.extend([0x40, u8::try_from(name.len()).unwrap()]);
    all.extend(name.as_bytes());
    all.push(0);
    all.extend(vec![0xbe; count - 1]);
    headers(stream, END_HEADERS | END_STREAM, &all)
}

pub fn attacks() -> Vec<Attack> {
    let count = sized(5_000, 50_000);
    let calm = End::GoAway(ENHANCE_YOUR_CALM);
    let id = |n: usize| u32::try_from(2 * n + 1).unwrap();
    let wait = || std::iter::once(get(1, "/wait"));
    let open = || std::iter::once(headers(1, END_STREAM, &request("GET", "/", &[])));
    let continuation = |payload: &'static [u8]| (0..count).map(move |_| frame(CONTINUATION, 0, 1, payload));
    let malformed = request("GET", "/", &[("x", " y")]);
    let streams = || (0..100).map(id);
    vec![
        attack("rapid reset", calm, (0..count).map(|n| [get(id(n), "/wait"), reset(id(n), CANCEL)].concat())),
        Attack {
            // One at a time, so that every stream has been taken up when it is reset.
            pieces: std::iter::once(opening(&[]))
                .chain((0..count).map(|n| [get(id(n), "/wait"), reset(id(n), CANCEL)].concat()))
                .collect(),
            pause: Duration::from_micros(50),
            ..attack("rapid reset, paced", calm, std::iter::empty())
        },
        attack(
            "MadeYouReset",
            End::GoAway(PROTOCOL_ERROR),
            (0..count).map(|n| [get(id(n), "/wait"), window_update(id(n), 0)].concat()),
        ),
        attack(
            "MadeYouReset, by flow control",
            calm,
            (0..count).map(|n| [get(id(n), "/wait"), window_update(id(n), 0x7fff_ffff)].concat()),
        ),
        attack(
            "MadeYouReset, by late HEADERS",
            End::GoAway(PROTOCOL_ERROR),
            (0..count).map(|n| [get(id(n), "/wait"), headers(id(n), END_HEADERS, &malformed)].concat()),
        ),
        attack("malformed requests", calm, (0..count).map(|n| headers(id(n), END_HEADERS | END_STREAM, &malformed))),
        attack("more streams than allowed", calm, (0..count).map(|n| get(id(n), "/wait"))),
        attack("CONTINUATION", calm, open().chain(continuation(b"\x00\x01x\x01y"))),
        attack("CONTINUATION, empty", calm, open().chain(continuation(b""))),
        attack("SETTINGS", calm, (0..count).map(|_| settings(&[]))),
        attack("PING", calm, (0..count).map(|_| ping(b"12345678"))),
        Attack { is_deaf: true, ..attack("PING, unread", End::Held, (0..count).map(|_| ping(b"12345678"))) },
        attack("PRIORITY", calm, (0..count).map(|n| frame(PRIORITY, 0, id(n + 1), &[0, 0, 0, 0, 1]))),
        attack("WINDOW_UPDATE", calm, wait().chain((0..count).map(|_| window_update(1, 1)))),
        attack("frames of no known type", calm, (0..count).map(|_| frame(0x42, 0, 0, b""))),
        attack("DATA, empty", calm, std::iter::once(post(1, "/")).chain((0..count).map(|_| data(1, 0, b"")))),
        attack(
            "DATA, of padding",
            calm,
            std::iter::once(post(1, "/")).chain((0..count).map(|_| data(1, PADDED, b"\x01\0"))),
        ),
        // Nobody reads it, so what little it may have under way is all there is. That is some eight thousand frames.
        attack(
            "DATA, one byte each",
            calm,
            std::iter::once(post(1, "/wait")).chain((0..count.max(10_000)).map(|_| data(1, 0, b"x"))),
        ),
        Attack {
            is_many: true,
            ..with("no window", End::Held, &[(4, 0)], streams().map(|id| get(id, "/bytes/1000000")))
        }
        .may_answer(100),
        Attack {
            is_many: true,
            is_deaf: true,
            ..with(
                "a socket nobody reads",
                End::Held,
                &[(4, 0x7fff_ffff)],
                std::iter::once(window_update(0, 0x7fff_0000)).chain(streams().map(|id| get(id, "/bytes/10000000"))),
            )
        },
        Attack {
            is_many: true,
            ..with("a byte of window at a time", End::Held, &[(4, 0)], {
                let updates = (0..10).flat_map(move |_| streams().map(|id| window_update(id, 1)));
                streams().map(|id| get(id, "/bytes/1000000")).chain(updates)
            })
        }
        .may_answer(100),
        Attack {
            is_many: true,
            ..with("bomb of 90 fields", End::Held, &[(4, 0)], streams().map(|id| bomb(id, 90, "x")))
        }
        .may_answer(100),
        // Each is answered 431.
        Attack {
            is_many: true,
            ..with("bomb of 400 fields", End::Held, &[(4, 0)], streams().map(|id| bomb(id, 400, "x")))
        }
        .may_answer(100),
        Attack {
            is_many: true,
            ..with("bomb of 16,000 fields", calm, &[(4, 0)], streams().map(|id| bomb(id, 16_000, "x")))
        },
        Attack {
            is_many: true,
            ..with("bomb of 400 crumbs", End::Held, &[(4, 0)], streams().map(|id| bomb(id, 400, "cookie")))
        }
        .may_answer(100),
        Attack {
            is_many: true,
            // It has to know of the window before it uses it.
            pause: Duration::from_millis(300),
            pieces: vec![
                streams().fold(opening(&[]), |bytes, id| [bytes, post(id, "/wait")].concat()),
                streams().flat_map(|id| data(id, 0, &[0; 10_000])).collect(),
            ],
            ..attack("uploads nobody reads", End::Held, std::iter::empty())
        }
        .may_answer(100),
    ]
}

impl Attack {
    fn may_answer(self, may_answer: usize) -> Self {
        Self { may_answer, ..self }
    }
}
