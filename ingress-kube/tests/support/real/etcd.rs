//! What is asked of etcd itself, by the JSON that it takes too.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

/// Forgets every revision but the newest.
pub fn compact(socket: &Path) {
    let newest = ask(socket, "/v3/kv/range", &json!({"key": "AA==", "limit": 1}));
    let revision = newest["header"]["revision"].as_str().expect("a revision");
    ask(socket, "/v3/kv/compaction", &json!({"revision": revision, "physical": true}));
}

fn ask(socket: &Path, path: &str, body: &Value) -> Value {
    let mut stream = UnixStream::connect(socket).expect("etcd");
    let body = body.to_string();
    let length = body.len();
    let head = format!("POST {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(format!("{head}{body}").as_bytes()).expect("to be heard");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    serde_json::from_str(body).expect("JSON")
}
