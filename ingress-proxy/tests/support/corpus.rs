//! Reads the inputs of `testdata/http1`; the format is described there.

use std::fs;
use std::path::Path;

/// One connection: what a client sends and what becomes of it.
#[derive(Debug, Default)]
pub(crate) struct Input {
    /// The file and the name.
    pub(crate) name: String,
    /// The bytes.
    pub(crate) bytes: Vec<u8>,
    /// What is expected of each request in turn.
    pub(crate) expect: Vec<Expect>,
    /// The body of the first request.
    pub(crate) body: Option<Vec<u8>>,
    /// The target that the first request is forwarded with.
    pub(crate) target: Option<Vec<u8>>,
    source: String,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expect {
    Forward,
    Local,
    Refused(u16),
    Broken,
    Waits,
}

/// All inputs of a folder, in the order of file names.
pub(crate) fn read(folder: &str) -> Vec<Input> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/http1").join(folder);
    let mut files: Vec<_> = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut inputs: Vec<Input> = Vec::new();
    for file in files {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        for line in fs::read_to_string(&file).unwrap().lines() {
            read_line(line, stem, &mut inputs);
        }
    }
    for input in &inputs {
        let named = inputs.iter().filter(|other| other.name == input.name).count();
        assert!(named == 1, "{}: the name is there {named} times", input.name);
        assert!(!input.expect.is_empty() && !input.source.is_empty() && !input.bytes.is_empty(), "{}", input.name);
    }
    inputs
}

fn read_line(line: &str, stem: &str, inputs: &mut Vec<Input>) {
    if let Some(name) = line.strip_prefix("== ") {
        return inputs.push(Input { name: format!("{stem}: {name}"), ..Input::default() });
    }
    if line.is_empty() || line.starts_with('#') {
        return;
    }
    let input = inputs.last_mut().expect("an input begins with a name");
    if let Some(text) = line.strip_prefix('|') {
        input.bytes.extend(plain(text));
    } else if let Some(text) = line.strip_prefix('>') {
        input.bytes.extend(plain(text));
        input.bytes.extend(b"\r\n");
    } else {
        let (key, value) = line.split_once(": ").unwrap_or_else(|| panic!("{}: {line}", input.name));
        match key {
            "source" => input.source = value.to_owned(),
            "expect" => input.expect = value.split(", ").map(expected).collect(),
            "body" => input.body = Some(plain(value)),
            "target" => input.target = Some(plain(value)),
            _ => panic!("{}: no such key: {key}", input.name),
        }
    }
}

fn expected(word: &str) -> Expect {
    match word {
        "forward" => Expect::Forward,
        "local" => Expect::Local,
        "broken" => Expect::Broken,
        "waits" => Expect::Waits,
        status => Expect::Refused(status.parse().unwrap_or_else(|_| panic!("no such outcome: {word}"))),
    }
}

/// The bytes that a text with escapes stands for.
fn plain(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        let (escaped, behind): (Vec<u8>, _) = match rest {
            [] => return bytes,
            [b'\\', b'r', behind @ ..] => (b"\r".to_vec(), behind),
            [b'\\', b'n', behind @ ..] => (b"\n".to_vec(), behind),
            [b'\\', b't', behind @ ..] => (b"\t".to_vec(), behind),
            [b'\\', b'0', behind @ ..] => (b"\0".to_vec(), behind),
            [b'\\', b'\\', behind @ ..] => (b"\\".to_vec(), behind),
            [b'\\', b'x', digits @ ..] => {
                let (digits, behind) = digits.split_at(2);
                let digits = std::str::from_utf8(digits).unwrap();
                (vec![u8::from_str_radix(digits, 16).unwrap()], behind)
            }
            [b'\\', b'(', repeated @ ..] => {
                let end = repeated.iter().position(|byte| *byte == b')').unwrap();
                let (what, times) = std::str::from_utf8(&repeated[..end]).unwrap().rsplit_once('*').unwrap();
                (plain(what).repeat(times.parse().unwrap()), &repeated[end + 1..])
            }
            [b'\\', ..] => panic!("no such escape: {text}"),
            [byte, behind @ ..] => (vec![*byte], behind),
        };
        bytes.extend(escaped);
        rest = behind;
    }
}
