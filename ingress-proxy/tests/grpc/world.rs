//! A proxy, a server behind it and a client in front of it.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use ingress_proxy::config::Config;
use tokio_stream::Stream;
use tonic::body::Body;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{IntoRequest, IntoStreamingRequest, Response, Status, Streaming};

use super::codec::Raw;
use super::server::Server;
use super::support::authority::Authority;
use super::support::ingress::Ingress;
use super::support::site::{Site, config};

/// Nothing here takes so long unless it is broken.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// The greatest message that tonic lets through.
pub const LARGEST: usize = 8 << 20;
pub const HOST: &str = "grpc.example";

/// How the client and the endpoint are connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    pub client_tls: bool,
    pub server_tls: bool,
}

pub const SHAPES: [Shape; 4] = [
    Shape { client_tls: false, server_tls: false },
    Shape { client_tls: true, server_tls: false },
    Shape { client_tls: false, server_tls: true },
    Shape { client_tls: true, server_tls: true },
];

pub struct World {
    pub shape: Shape,
    pub site: Site,
    pub server: Server,
    authority: Authority,
}

impl World {
    pub fn new(shape: Shape) -> Self {
        Self::with(shape, config())
    }

    pub fn with(shape: Shape, mut config: Config) -> Self {
        config.downstream.http2_cleartext = true;
        let authority = Authority::new("Test");
        let server = Self::serving("first", shape, &authority);
        let site = Site::start(&manifest(shape, &[server.address]), config);
        authority.issue(&[HOST]).put(&site.certs, "site-tls");
        Self { shape, site, server, authority }
    }

    fn serving(name: &'static str, shape: Shape, authority: &Authority) -> Server {
        let issued = shape.server_tls.then(|| authority.issue(&["anything.example"]));
        Server::start(name, issued.as_ref())
    }

    pub fn another_server(&self, name: &'static str) -> Server {
        Self::serving(name, self.shape, &self.authority)
    }

    /// Sends everything to these endpoints from now on.
    pub fn turn_to(&mut self, endpoints: &[SocketAddr]) {
        let manifest = manifest(self.shape, endpoints);
        self.site.apply(&manifest);
    }

    /// A client with a connection of its own.
    pub async fn client(&self) -> Client {
        self.client_of(HOST).await
    }

    /// A client that asks for a host of this name, and meets the other one in the handshake.
    pub async fn client_of(&self, host: &str) -> Client {
        let (scheme, address) =
            if self.shape.client_tls { ("https", self.site.https) } else { ("http", self.site.http) };
        let mut endpoint = Endpoint::from_shared(format!("{scheme}://{address}")).unwrap();
        endpoint = endpoint.origin(format!("{scheme}://{host}").parse().unwrap()).connect_timeout(PATIENCE);
        if self.shape.client_tls {
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&self.authority.pem));
            endpoint = endpoint.tls_config(tls.domain_name(HOST)).unwrap();
        }
        Client(endpoint.connect().await.expect("a connection"))
    }
}

fn manifest(shape: Shape, endpoints: &[SocketAddr]) -> String {
    let protocol = if shape.server_tls { "GRPCS" } else { "GRPC" };
    let annotations = [("backend-protocol", protocol), ("proxy-body-size", "0")];
    let secret = Some("site-tls");
    Ingress { host: HOST, annotations: &annotations, secret, endpoints, ..Ingress::default() }.to_string()
}

/// Runs something in all four shapes; time is only limited so that nothing hangs.
pub fn everywhere(test: impl AsyncFn(&mut World)) {
    let all = async move {
        for shape in SHAPES {
            println!("{shape:?}");
            test(&mut World::new(shape)).await;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(PATIENCE * 3, all).await.expect("it hangs") });
}

/// One connection.
#[derive(Clone)]
pub struct Client(Channel);

impl Client {
    async fn ready(&self) -> Grpc<Channel> {
        let mut grpc = Grpc::new(self.0.clone()).max_decoding_message_size(LARGEST).max_encoding_message_size(LARGEST);
        grpc.ready().await.expect("a connection");
        grpc
    }

    pub async fn unary(&self, method: &str, request: impl IntoRequest<Bytes>) -> Result<Response<Bytes>, Status> {
        self.ready().await.unary(request.into_request(), path(method), Raw).await
    }

    pub async fn collect<S>(&self, method: &str, messages: S) -> Result<Response<Bytes>, Status>
    where
        S: Stream<Item = Bytes> + Send + 'static,
    {
        self.ready().await.client_streaming(messages.into_streaming_request(), path(method), Raw).await
    }

    pub async fn stream(&self, method: &str, message: &[u8]) -> Result<Response<Streaming<Bytes>>, Status> {
        let request = Bytes::copy_from_slice(message).into_request();
        self.ready().await.server_streaming(request, path(method), Raw).await
    }

    pub async fn chat<S>(&self, method: &str, messages: S) -> Result<Response<Streaming<Bytes>>, Status>
    where
        S: Stream<Item = Bytes> + Send + 'static,
    {
        self.ready().await.streaming(messages.into_streaming_request(), path(method), Raw).await
    }

    /// A call whose request is written here, for what tonic would not do.
    pub async fn raw(&self, request: http::Request<Body>) -> http::Response<Body> {
        use tonic::codegen::Service;
        let mut channel = self.0.clone();
        std::future::poll_fn(|cx| channel.poll_ready(cx)).await.expect("a connection");
        channel.call(request).await.expect("a response")
    }
}

fn path(method: &str) -> PathAndQuery {
    format!("/test.Echo/{method}").parse().unwrap()
}
