//! Which certificate a client gets.

use rustls::AlertDescription;
use rustls::ClientConnection;
use rustls::server::{Accepted, Acceptor};

use super::*;

#[test]
fn exact_before_wildcard_before_default() {
    run(async {
        let world = World::usual(&Options::default());
        let table = [
            ("a.example", "a", Some("a.example")),
            ("A.Example", "a", Some("a.example")),
            ("x.b.example", "b", Some("x.b.example")),
            ("X.B.EXAMPLE", "b", Some("x.b.example")),
            ("b.example", "default", Some("b.example")),
            ("x.y.b.example", "default", Some("x.y.b.example")),
            ("elsewhere.example", "default", Some("elsewhere.example")),
            // An address is not sent as a name.
            ("127.0.0.1", "default", None),
        ];
        for (name, expected, sni) in table {
            let meeting = world.meet(&trusting_anybody().into(), name).await;
            assert_eq!(world.name_of(&meeting), expected, "{name}");
            assert_eq!(meeting.session().info.sni.as_deref(), sni);
            assert_eq!(meeting.session().info.client_certificate, None);
        }
    });
}

/// A ClientHello for a name, which rustls itself would have put into another form.
fn hello(spelling: &str) -> Result<Accepted, rustls::Error> {
    let stand_in = "x".repeat(spelling.len());
    let server = ServerName::try_from(stand_in.clone()).unwrap();
    let mut bytes = Vec::new();
    ClientConnection::new(trusting_anybody().into(), server).unwrap().write_tls(&mut bytes).unwrap();
    let at = bytes.windows(stand_in.len()).position(|window| window == stand_in.as_bytes()).unwrap();
    bytes[at..at + stand_in.len()].copy_from_slice(spelling.as_bytes());
    let mut acceptor = Acceptor::default();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        acceptor.read_tls(&mut rest).unwrap();
    }
    acceptor.accept().map(|accepted| accepted.unwrap()).map_err(|(error, _)| error)
}

#[test]
fn names_are_compared_in_the_form_of_rules() {
    let world = World::usual(&Options::default());
    let resolver = Resolver::new(world.publisher.reader(), Arc::clone(&world.store), false);
    let table = [
        ("a.example", Some("a.example"), "a"),
        ("A.EXAMPLE", Some("a.example"), "a"),
        ("a.example.", Some("a.example"), "a"),
        ("A.Example.", Some("a.example"), "a"),
        ("x.B.example.", Some("x.b.example"), "b"),
    ];
    for (spelling, expected, certificate) in table {
        let name = server_name(&hello(spelling).unwrap().client_hello());
        assert_eq!(name.as_deref(), expected, "{spelling}");
        let found = resolver.find(name.as_deref()).unwrap();
        assert!(Arc::ptr_eq(&found, &world.store.certified(&id(certificate), "").unwrap()), "{spelling}");
    }
    // What is no name is not taken for none.
    for spelling in ["a example", "a..xample", "*.example"] {
        assert!(hello(spelling).is_err(), "{spelling}");
    }
}

#[test]
fn a_certificate_is_swapped_between_two_handshakes() {
    run(async {
        let mut world = World::usual(&Options::default());
        let client = Arc::new(trusting_anybody());
        let before = world.meet(&client, "a.example").await;
        let swapped = self_signed("a.example", 9);
        swapped.put(&world.store, "a");
        let after = world.meet(&Arc::new(trusting_anybody()), "a.example").await;
        assert_ne!(before.seen().certificate, after.seen().certificate);
        assert_eq!(world.name_of(&after), "a");

        let bad = self_signed("a.example", 9);
        let mixed = crate::certs::SecretPem { key: swapped.pem().key, ..bad.pem() };
        assert!(world.store.update(&id("a"), mixed).is_err());
        let kept = world.meet(&Arc::new(trusting_anybody()), "a.example").await;
        assert_eq!(kept.seen().certificate, after.seen().certificate);

        // The same by the snapshot, which names another Secret.
        self_signed("a.example", 9).put(&world.store, "c");
        world.publish(&[("a.example", "c")], vec![host("a.example")]);
        let other = world.meet(&Arc::new(trusting_anybody()), "a.example").await;
        assert_eq!(world.name_of(&other), "c");
        world.store.remove(&id("c"));
        let gone = world.meet(&Arc::new(trusting_anybody()), "a.example").await;
        assert_eq!(world.name_of(&gone), "default");
    });
}

#[test]
fn unknown_names_may_be_refused() {
    run(async {
        let mut world = World::usual(&Options { reject_unknown: true, ..Options::default() });
        let client = Arc::new(trusting_anybody());
        for name in ["elsewhere.example", "127.0.0.1"] {
            let meeting = world.meet(&client, name).await;
            assert_eq!(meeting.alert(), AlertDescription::AccessDenied, "{name}");
            assert!(meeting.server.is_err());
        }
        assert_eq!(world.name_of(&world.meet(&client, "a.example").await), "a");
        assert_eq!(world.name_of(&world.meet(&client, "plain.example").await), "default");
        // Rules without a host do not make a name known.
        world.publish(&[], vec![host("")]);
        assert!(world.meet(&client, "elsewhere.example").await.server.is_err());
    });
}
