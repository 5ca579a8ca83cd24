//! Handshakes of real clients over loopback sockets.

mod client_certificates;
mod hostile;
mod names;
mod passthrough;
mod sessions;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use ingress_core::host::HostPattern;
use ingress_core::object::{FieldPath, Kind, ObjectRef, Origin};
use ingress_core::path::{PathPattern, PathPolicy};
use ingress_core::policy::{
    BackendRef, CertificateEntry, CertificateId, HostSettings, PortRef, Reach, Route, RouteTable, Target, VirtualHost,
};
use ingress_core::publish::Publisher;
use ingress_core::snapshot::Snapshot;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, HandshakeKind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::certs::testing::{id, self_signed};
use crate::upstream::tls::testing::trusting_anybody;

/// An acceptor with what it serves.
struct World {
    publisher: Publisher,
    store: Arc<CertStore>,
    tickets: Tickets,
    acceptor: TlsAcceptor,
}

impl World {
    fn new(options: &Options) -> Self {
        let publisher = Publisher::default();
        let store = Arc::new(CertStore::new(CertificateId::Default));
        let tickets = Tickets::default();
        let acceptor = TlsAcceptor::new(options, &tickets, publisher.reader(), Arc::clone(&store)).unwrap();
        Self { publisher, store, tickets, acceptor }
    }

    /// A world with `a.example`, `*.b.example` and a host without TLS; the certificates are `a` and `b`.
    fn usual(options: &Options) -> Self {
        let mut world = Self::new(options);
        for (secret, name) in [("a", "a.example"), ("b", "*.b.example")] {
            self_signed(name, 9).put(&world.store, secret);
        }
        world.publish(&[("a.example", "a"), ("*.b.example", "b")], vec![host("a.example"), host("plain.example")]);
        world
    }

    fn publish(&mut self, certificates: &[(&str, &str)], hosts: Vec<VirtualHost>) {
        let certificate = |(name, secret): &(&str, &str)| {
            let entry = CertificateEntry { certificate: id(secret), origin: origin() };
            (HostPattern::for_certificate(name).unwrap(), Arc::new(entry))
        };
        let table = RouteTable {
            certificates: certificates.iter().map(certificate).collect(),
            hosts: hosts.into_iter().map(|host| (host.pattern().clone(), Arc::new(host))).collect::<BTreeMap<_, _>>(),
            ..RouteTable::default()
        };
        self.publisher.publish(Arc::new(Snapshot::new(table)));
    }

    /// One handshake. The server says `served` in it and closes.
    async fn meet(&self, client: &Arc<ClientConfig>, name: &str) -> Meeting {
        self.meet_over(client, name, |tcp| tcp).await
    }

    async fn meet_over<S>(&self, client: &Arc<ClientConfig>, name: &str, over: impl FnOnce(TcpStream) -> S) -> Meeting
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let (near, far) = connected().await;
        let connector = TlsConnector::from(Arc::clone(client));
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let client = async {
            let mut stream = connector.connect(name, over(near)).await?;
            let mut said = String::new();
            stream.read_to_string(&mut said).await?;
            assert_eq!(said, "served");
            Ok(Seen::new(&stream))
        };
        let server = async {
            let mut session = session(self.acceptor.accept(far, Vec::new(), async {}).await?);
            session.io.write_all(b"served").await?;
            session.io.shutdown().await?;
            Ok(session)
        };
        let (client, server) = tokio::join!(client, server);
        Meeting { client, server }
    }

    /// Which of the certificates is the one that a client saw.
    fn name_of(&self, meeting: &Meeting) -> &'static str {
        let shown = meeting.client.as_ref().unwrap().certificate.as_slice();
        let is_shown = |id: &CertificateId| self.store.certified(id, "").unwrap().cert[0].as_ref() == shown;
        // An id without a certificate has the default one.
        if is_shown(&CertificateId::Default) {
            return "default";
        }
        ["a", "b", "c"].into_iter().find(|name| is_shown(&id(name))).unwrap_or("unknown")
    }
}

/// What both sides have to say of a handshake.
struct Meeting {
    client: io::Result<Seen>,
    server: Result<Session, HandshakeError>,
}

impl Meeting {
    fn seen(&self) -> &Seen {
        self.client.as_ref().unwrap()
    }

    fn session(&self) -> &Session {
        self.server.as_ref().unwrap()
    }

    /// The error of the client, which is the alert that it got.
    fn alert(&self) -> rustls::AlertDescription {
        let error = self.client.as_ref().err().unwrap().get_ref().unwrap().downcast_ref().unwrap();
        match error {
            rustls::Error::AlertReceived(alert) => *alert,
            other => panic!("{other}"),
        }
    }
}

struct Seen {
    certificate: Vec<u8>,
    alpn: Option<Vec<u8>>,
    kind: HandshakeKind,
}

impl Seen {
    fn new<S>(stream: &TlsStream<S>) -> Self {
        let (_, connection) = stream.get_ref();
        Self {
            certificate: connection.peer_certificates().unwrap()[0].to_vec(),
            alpn: connection.alpn_protocol().map(<[u8]>::to_vec),
            kind: connection.handshake_kind().unwrap(),
        }
    }
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    (near.unwrap(), far.unwrap().0)
}

fn session(established: Established) -> Session {
    match established {
        Established::Session(session) => session,
        Established::Passthrough(_) => panic!("it is handed on"),
    }
}

fn origin() -> Origin {
    let object = Arc::new(ObjectRef::new(Kind::Ingress, "n", "i"));
    Origin { object, field: FieldPath::named(&"spec") }
}

fn host(name: &str) -> VirtualHost {
    let reference =
        BackendRef { namespace: "n".into(), service: "s".into(), port: PortRef::Number(443), reach: Reach::Endpoints };
    let route = Route::new(PathPattern::Prefix("/".into()), Target::Backend(Arc::new(reference)), origin());
    VirtualHost::new(HostPattern::new(name).unwrap(), PathPolicy::Nginx, vec![route], Vec::new())
}

fn run(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(test);
}
