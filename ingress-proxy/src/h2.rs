//! stand-in
#![allow(missing_docs, clippy::all)]
pub mod client {
    use std::io; use std::task::{Context, Poll};
    use crate::message::*; use crate::exchange::*;
    #[derive(Debug, Default, Clone)] pub struct Multiplexer;
    impl Multiplexer { pub async fn stream(&self, _t: ingress_core::policy::Timeouts) -> Option<ClientStream> { None } 
      pub async fn connect(&self, _io: crate::io::Io, _w: &crate::worker::Worker, _t: ingress_core::policy::Timeouts) -> Result<ClientStream, h2::Error> { Ok(ClientStream) } }
    #[derive(Debug)] pub struct ClientStream;
    impl Source for ClientStream { fn poll_fill(&mut self, _: &mut Context<'_>) -> Poll<Result<Fill<'_>, BodyError>> { Poll::Pending } fn consume(&mut self, _: usize) {} fn trailers(&mut self) -> Option<Trailers> { None } fn is_done(&self) -> bool { true } }
    impl Sink for ClientStream { fn poll_write(&mut self, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> { Poll::Pending } fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> { Poll::Pending } fn poll_finish(&mut self, _: &mut Context<'_>, _: Option<&Trailers>) -> Poll<io::Result<()>> { Poll::Pending } }
    impl Upstream for ClientStream { fn start(&mut self, _: &OutgoingRequest<'_>) -> io::Result<()> { Ok(()) } fn poll_head(&mut self, _: &mut Context<'_>, _: &mut ResponseHead) -> Poll<Result<(), HeadError>> { Poll::Pending } fn switch(&mut self) {} }
}
pub mod grpc {
    pub fn is_grpc(v: &[u8]) -> bool { v.starts_with(b"application/grpc") }
    pub fn trailers_only(_s: u16, _r: &str) -> crate::message::Trailers { Default::default() }
}
