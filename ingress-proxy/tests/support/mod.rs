//! What the tests of the proxy share.

#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

pub(crate) mod authority;
pub(crate) mod backend;
pub(crate) mod client;
pub(crate) mod http2;
pub(crate) mod ingress;
pub(crate) mod load;
pub(crate) mod origin;
pub(crate) mod program;
pub(crate) mod requests;
pub(crate) mod scripted;
pub(crate) mod site;
pub(crate) mod size;
pub(crate) mod strict;
pub(crate) mod tls;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Sends bytes and reads everything until the connection is closed or nothing has come for a while.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(Duration::from_millis(700))).expect("a timeout");
    stream.write_all(request).expect("a request");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
