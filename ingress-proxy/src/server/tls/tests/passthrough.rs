//! Connections that are handed on as they are.

use ingress_core::policy::FixedResponse;
use tokio_rustls::TlsAcceptor as Backend;

use super::*;

fn passed(name: &str) -> VirtualHost {
    host(name).with_settings(HostSettings { passthrough: Some(origin()), ..HostSettings::default() })
}

fn world() -> World {
    let mut world = World::usual(&Options::default());
    world.publish(&[("a.example", "a")], vec![host("a.example"), passed("p.example"), passed("*.p.example")]);
    world
}

#[test]
fn the_backend_makes_the_handshake() {
    run(async {
        let world = world();
        let backend = TlsAcceptor::new(
            &Options::default(),
            &world.tickets,
            Publisher::default().reader(),
            Arc::new(CertStore::new(CertificateId::Default)),
        );
        let backend = Backend::from(Arc::clone(&backend.unwrap().config));
        for name in ["p.example", "x.p.example"] {
            let (near, far) = connected().await;
            let (to, from) = connected().await;
            let client = async {
                let connector = TlsConnector::from(Arc::new(trusting_anybody()));
                let name = ServerName::try_from(name).unwrap();
                let mut stream = connector.connect(name, near).await.unwrap();
                stream.write_all(b"hello").await.unwrap();
                stream.shutdown().await.unwrap();
                Seen::new(&stream)
            };
            let server = async {
                let Established::Passthrough(mut it) = world.acceptor.accept(far, Vec::new(), async {}).await.unwrap()
                else {
                    panic!("it is not handed on")
                };
                assert_eq!(it.sni.as_deref(), Some(name));
                let snapshot = world.publisher.reader().load_full();
                let forward = it.forward(&snapshot).unwrap();
                assert_eq!(&*forward.backend.reference.service, "s");
                let mut to = to;
                to.write_all(&it.read).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut it.tcp, &mut to).await;
            };
            let origin = async {
                let mut stream = backend.accept(from).await.unwrap();
                let mut said = Vec::new();
                stream.read_to_end(&mut said).await.unwrap();
                said
            };
            let (seen, (), said) = tokio::join!(client, server, origin);
            assert_eq!(said, b"hello");
            assert_eq!(seen.kind, HandshakeKind::Full);
            let own = world.store.certified(&CertificateId::Default, "").unwrap();
            assert_ne!(seen.certificate, own.cert[0].as_ref());
        }
        // Beside them TLS ends here.
        let meeting = world.meet(&trusting_anybody().into(), "a.example").await;
        assert_eq!(world.name_of(&meeting), "a");
        assert!(world.meet(&trusting_anybody().into(), "127.0.0.1").await.server.is_ok());
    });
}

#[test]
fn a_host_that_has_nowhere_to_hand_it_to() {
    run(async {
        let mut world = world();
        let elsewhere = |path: &str, target: Target| {
            let route = Route::new(PathPattern::Prefix(path.into()), target, origin());
            let pattern = HostPattern::new("p.example").unwrap();
            let host = VirtualHost::new(pattern, PathPolicy::Nginx, vec![route], Vec::new());
            host.with_settings(HostSettings { passthrough: Some(origin()), ..HostSettings::default() })
        };
        // Without a path `/` TLS ends here, as the engine has it.
        let backend = host("p.example").routes()[0].target.clone();
        world.publish(&[], vec![elsewhere("/only", backend)]);
        assert!(world.meet(&trusting_anybody().into(), "p.example").await.server.is_ok());
        // With one that has no backend the connection is closed.
        let response = FixedResponse { status: 404, reason: "no" };
        world.publish(&[], vec![elsewhere("/", Target::Respond(response.into()))]);
        let (near, far) = connected().await;
        let client = async {
            let connector = TlsConnector::from(Arc::new(trusting_anybody()));
            connector.connect(ServerName::try_from("p.example").unwrap(), near).await.is_err()
        };
        let server = async {
            let Established::Passthrough(it) = world.acceptor.accept(far, Vec::new(), async {}).await.unwrap() else {
                panic!("it is not handed on")
            };
            it.forward(&world.publisher.reader().load_full()).is_none()
        };
        assert_eq!(tokio::join!(client, server), (true, true));
    });
}
