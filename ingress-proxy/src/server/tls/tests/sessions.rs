//! Protocols, versions and resumption.

use rustls::AlertDescription;
use rustls::version::{TLS12, TLS13};

use super::*;
use crate::upstream::tls::testing::trusting_anybody_with;

fn offering(protocols: &[&str]) -> Arc<ClientConfig> {
    let mut client = trusting_anybody();
    client.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    client.into()
}

#[test]
fn one_protocol_is_agreed_on() {
    run(async {
        let (both, http1) = (Options::default(), Options { http2: false, ..Options::default() });
        let table: [(&Options, &[&str], Option<&str>, Alpn); 7] = [
            (&both, &["h2", "http/1.1"], Some("h2"), Alpn::Http2),
            (&both, &["http/1.1", "h2"], Some("h2"), Alpn::Http2),
            (&both, &["http/1.1"], Some("http/1.1"), Alpn::Http1),
            (&both, &["ftp", "http/1.1"], Some("http/1.1"), Alpn::Http1),
            (&both, &[], None, Alpn::Http1),
            (&http1, &["h2", "http/1.1"], Some("http/1.1"), Alpn::Http1),
            (&http1, &[], None, Alpn::Http1),
        ];
        for (options, offered, expected, alpn) in table {
            let meeting = World::usual(options).meet(&offering(offered), "a.example").await;
            assert_eq!(meeting.seen().alpn.as_deref(), expected.map(str::as_bytes), "{offered:?}");
            assert_eq!(meeting.session().alpn, alpn);
        }
        for (options, offered) in [(&both, "ftp"), (&both, "h3"), (&both, "http/1.0"), (&http1, "h2")] {
            let meeting = World::usual(options).meet(&offering(&[offered]), "a.example").await;
            assert_eq!(meeting.alert(), AlertDescription::NoApplicationProtocol, "{offered}");
            let refused = matches!(meeting.server, Err(HandshakeError::Tls(rustls::Error::NoApplicationProtocol)));
            assert!(refused, "{offered}");
        }
    });
}

#[test]
fn versions_and_suites_are_those_of_the_options() {
    run(async {
        let only12 = Arc::new(trusting_anybody_with(&[&TLS12]));
        let only13 = Arc::new(trusting_anybody_with(&[&TLS13]));
        let with = |versions, suites: &str| {
            World::usual(&Options { versions, suites: Suites::read(suites).unwrap(), ..Options::default() })
        };
        let world = with(Versions::Both, "ECDHE-ECDSA-AES128-GCM-SHA256");
        let session = world.meet(&only12, "a.example").await.server.unwrap();
        assert_eq!((session.version, session.cipher), ("TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256"));
        let session = world.meet(&only13, "a.example").await.server.unwrap();
        assert_eq!((session.version, session.cipher), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));

        let world = with(Versions::Only13, "DEFAULT");
        assert!(world.meet(&only13, "a.example").await.server.is_ok());
        assert_eq!(world.meet(&only12, "a.example").await.alert(), AlertDescription::ProtocolVersion);
        let world = with(Versions::Only12, "DEFAULT");
        assert!(world.meet(&only12, "a.example").await.server.is_ok());
        assert_eq!(world.meet(&only13, "a.example").await.alert(), AlertDescription::ProtocolVersion);
    });
}

#[test]
fn tickets_outlive_certificates_and_options() {
    run(async {
        for version in [&TLS12, &TLS13] {
            let mut world = World::usual(&Options::default());
            let client = Arc::new(trusting_anybody_with(&[version]));
            let meeting = world.meet(&client, "a.example").await;
            assert_eq!((meeting.seen().kind, meeting.session().is_resumed), (HandshakeKind::Full, false));
            let meeting = world.meet(&client, "a.example").await;
            assert_eq!((meeting.seen().kind, meeting.session().is_resumed), (HandshakeKind::Resumed, true));

            self_signed("a.example", 9).put(&world.store, "a");
            assert!(world.meet(&client, "a.example").await.session().is_resumed);

            let options = Options { http2: false, ..Options::default() };
            let (reader, store) = (world.publisher.reader(), Arc::clone(&world.store));
            world.acceptor = TlsAcceptor::new(&options, &world.tickets, reader, store).unwrap();
            assert!(world.meet(&client, "a.example").await.session().is_resumed);
            // A clone is what another worker has.
            world.acceptor = world.acceptor.clone();
            assert!(world.meet(&client, "a.example").await.session().is_resumed);
        }
    });
}

#[test]
fn a_ticket_is_good_for_its_name_only() {
    run(async {
        for version in [&TLS12, &TLS13] {
            let world = World::usual(&Options::default());
            let memory = rustls::client::Resumption::in_memory_sessions(8);
            let client = |name: &'static str| {
                let mut client = trusting_anybody_with(&[version]);
                client.resumption = memory.clone();
                client.enable_sni = name == "a.example";
                Arc::new(client)
            };
            // The client remembers the session under the name, so it shows the ticket without having sent the name.
            assert_eq!(world.meet(&client("a.example"), "a.example").await.seen().kind, HandshakeKind::Full);
            let meeting = world.meet(&client(""), "a.example").await;
            assert_eq!(meeting.seen().kind, HandshakeKind::Full);
            assert_eq!(meeting.session().info.sni, None);
        }
    });
}

#[test]
fn without_tickets_nothing_is_resumed() {
    run(async {
        for version in [&TLS12, &TLS13] {
            let world = World::usual(&Options { tickets: false, ..Options::default() });
            let client = Arc::new(trusting_anybody_with(&[version]));
            for _ in 0..2 {
                assert_eq!(world.meet(&client, "a.example").await.seen().kind, HandshakeKind::Full);
            }
        }
    });
}
