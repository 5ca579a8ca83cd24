//! What the HTTP/1 codec makes of hostile and of ordinary clients, without sockets.
//!
//! The inputs of `testdata/http1`, and tens of thousands that are made here. The judge is `support/strict.rs`, which has
//! nothing in common with the codec.

#[cfg(test)]
#[path = "support"]
mod support {
    pub(crate) mod corpus;
    pub(crate) mod gate;
    pub(crate) mod strict;
}

#[cfg(test)]
#[path = "http1"]
mod http1 {
    mod combinations;
    mod files;
    mod insertions;
    mod pieces;
    mod reader;
}
