//! HTTP/2 from the outside: frames written by hand go in, frames come out.

#![expect(unreachable_pub, reason = "the modules of one test")]

mod bytes;
mod client;
mod conformance;
mod exchange;
mod site;
mod wire;
