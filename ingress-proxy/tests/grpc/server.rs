//! A gRPC server on a thread of its own.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service};
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::server::Grpc;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, ServerTlsConfig};
use tonic::{Code, Request, Response, Status, Streaming};

use super::codec::Raw;
use super::support::authority::Issued;
use super::world::{LARGEST, PATIENCE};

/// Serves until it is dropped.
pub struct Server {
    pub address: SocketAddr,
    /// The fields of each request.
    pub seen: Arc<Mutex<Vec<http::HeaderMap>>>,
    /// What happened that no response tells.
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<&'static str>>,
    _stop: oneshot::Sender<()>,
}

impl Server {
    /// `name` is what `Name` answers.
    pub fn start(name: &'static str, tls: Option<&Issued>) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (bound, address) = std::sync::mpsc::channel();
        let seen: Arc<Mutex<Vec<http::HeaderMap>>> = Arc::default();
        let service = Echo { name, events: sender, seen: Arc::clone(&seen) };
        let mut server = tonic::transport::Server::builder();
        if let Some(issued) = tls {
            let identity = Identity::from_pem(&issued.certificate, &issued.key);
            server = server.tls_config(ServerTlsConfig::new().identity(identity)).unwrap();
        }
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
                bound.send(incoming.local_addr().unwrap()).unwrap();
                tokio::select! {
                    served = server.serve_with_incoming(service, incoming) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address: address.recv().unwrap(), seen, events: events.into(), _stop: stop }
    }

    /// Waits for something to happen.
    pub async fn event(&self) -> &'static str {
        let mut events = self.events.lock().await;
        tokio::time::timeout(PATIENCE, events.recv()).await.expect("it did not happen").expect("a server")
    }
}

#[derive(Clone)]
struct Echo {
    name: &'static str,
    events: mpsc::UnboundedSender<&'static str>,
    seen: Arc<Mutex<Vec<http::HeaderMap>>>,
}

/// Says so when it is dropped.
struct Witness(mpsc::UnboundedSender<&'static str>, &'static str);

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.0.send(self.1);
    }
}

/// A function as a method of a service.
struct Method<F>(F);

impl<F, R, T, Answer> Service<R> for Method<F>
where
    F: FnMut(R) -> Answer,
    Answer: Future<Output = Result<T, Status>>,
{
    type Response = T;
    type Error = Status;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: R) -> Answer {
        (self.0)(request)
    }
}

impl Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.seen.lock().unwrap().push(request.headers().clone());
        let mut grpc = Grpc::new(Raw).max_decoding_message_size(LARGEST).max_encoding_message_size(LARGEST);
        let (name, events) = (self.name, self.events.clone());
        Box::pin(async move {
            Ok(match request.uri().path() {
                "/test.Echo/Name" => {
                    let answer = Bytes::from_static(name.as_bytes());
                    let method = |_: Request<Bytes>| std::future::ready(Ok(Response::new(answer.clone())));
                    grpc.unary(Method(method), request).await
                }
                "/test.Echo/Unary" => grpc.unary(Method(unary), request).await,
                "/test.Echo/Collect" => grpc.client_streaming(Method(collect), request).await,
                "/test.Echo/CollectLate" => {
                    let method = |request: Request<Streaming<Bytes>>| {
                        Box::pin(async move {
                            let answer = collect(request).await;
                            tokio::time::sleep(Duration::from_millis(1_400)).await;
                            answer
                        })
                    };
                    grpc.client_streaming(Method(method), request).await
                }
                "/test.Echo/Repeat" => grpc.server_streaming(Method(repeat), request).await,
                "/test.Echo/Chat" => grpc.streaming(Method(chat), request).await,
                "/test.Echo/Fail" => grpc.unary(Method(fail), request).await,
                "/test.Echo/FailLate" => grpc.server_streaming(Method(fail_late), request).await,
                "/test.Echo/Wait" => {
                    let method = |_: Request<Bytes>| {
                        let witness = Witness(events.clone(), "call ended");
                        let _ = events.send("call began");
                        Box::pin(async move {
                            let _witness = witness;
                            std::future::pending::<Result<Response<Bytes>, Status>>().await
                        })
                    };
                    grpc.unary(Method(method), request).await
                }
                "/test.Echo/Forever" => {
                    let method = |_: Request<Bytes>| {
                        let witness = Witness(events.clone(), "stream ended");
                        let one = tokio_stream::once(Ok(Bytes::from_static(b"one"))).chain(tokio_stream::pending());
                        let messages = one.map(move |message| {
                            let _ = &witness;
                            message
                        });
                        std::future::ready(Ok(Response::new(messages)))
                    };
                    grpc.server_streaming(Method(method), request).await
                }
                _ => Status::unimplemented("no such method").into_http(),
            })
        })
    }
}

type Messages = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

/// The metadata whose names begin with `x-test`.
fn reflected(metadata: &MetadataMap) -> MetadataMap {
    let mut fields = metadata.clone().into_headers();
    let others: Vec<_> = fields.keys().filter(|name| !name.as_str().starts_with("x-test")).cloned().collect();
    others.iter().for_each(|name| _ = fields.remove(name));
    MetadataMap::from_headers(fields)
}

fn unary(request: Request<Bytes>) -> BoxFuture<Response<Bytes>, Status> {
    Box::pin(async move {
        let (metadata, _, message) = request.into_parts();
        let mut response = Response::new(message);
        *response.metadata_mut() = reflected(&metadata);
        Ok(response)
    })
}

fn collect(request: Request<Streaming<Bytes>>) -> BoxFuture<Response<Bytes>, Status> {
    Box::pin(async move {
        let mut messages = request.into_inner();
        let mut all = Vec::new();
        while let Some(message) = messages.message().await? {
            all.extend(message);
        }
        Ok(Response::new(all.into()))
    })
}

/// The message as many times as its first byte says.
fn repeat(request: Request<Bytes>) -> BoxFuture<Response<Messages>, Status> {
    Box::pin(async move {
        let message = request.into_inner();
        let times = usize::from(message[0]);
        let messages: Messages = Box::pin(tokio_stream::iter(vec![Ok(message); times]));
        Ok(Response::new(messages))
    })
}

/// Speaks first, and answers each message.
fn chat(request: Request<Streaming<Bytes>>) -> BoxFuture<Response<ReceiverStream<Result<Bytes, Status>>>, Status> {
    Box::pin(async move {
        let (sender, receiver) = mpsc::channel(1);
        tokio::spawn(async move {
            let mut messages = request.into_inner();
            let _ = sender.send(Ok(Bytes::from_static(b"welcome"))).await;
            while let Ok(Some(message)) = messages.message().await {
                if sender.send(Ok(message)).await.is_err() {
                    return;
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    })
}

/// The status that `Fail` and `FailLate` end with.
pub fn failure() -> Status {
    let mut metadata = MetadataMap::new();
    metadata.insert("x-test", "a b".parse().unwrap());
    metadata.insert_bin("x-test-bin", MetadataValue::from_bytes(&[0, 0xff, b'\n']));
    let details = Bytes::from_static(b"\x08\x09\0details\xff");
    Status::with_details_and_metadata(Code::FailedPrecondition, "100 % nicht möglich\n", details, metadata)
}

fn fail(_: Request<Bytes>) -> BoxFuture<Response<Bytes>, Status> {
    Box::pin(async { Err(failure()) })
}

fn fail_late(request: Request<Bytes>) -> BoxFuture<Response<Messages>, Status> {
    Box::pin(async move {
        let message = request.into_inner();
        let messages: Messages = Box::pin(tokio_stream::iter([Ok(message.clone()), Ok(message), Err(failure())]));
        Ok(Response::new(messages))
    })
}
