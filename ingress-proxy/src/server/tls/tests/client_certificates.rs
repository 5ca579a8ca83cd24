//! Hosts that ask for certificates of clients.

use ingress_core::decision::Decision;
use ingress_core::policy::{ClientCertificate, VerifyClient};
use ingress_core::request::{ConnInfo, Headers, RawRequest, RequestView};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::version::{TLS12, TLS13};

use super::*;
use crate::certs::testing::{Authority, Made};
use crate::certs::{Pair, SecretPem};
use crate::upstream::tls::testing::{trusting_anybody_as, trusting_anybody_with};

fn asking(name: &str, secret: &str, verify: VerifyClient, depth: u32) -> VirtualHost {
    let client_certificate = Some(ClientCertificate {
        namespace: "n".into(),
        secret: secret.into(),
        verify,
        depth,
        error_page: None,
        pass_to_upstream: false,
        match_cn: None,
        unusable: false,
        origin: origin(),
    });
    host(name).with_settings(HostSettings { client_certificate, ..HostSettings::default() })
}

fn showing(made: &Made) -> Arc<ClientConfig> {
    let pair = Pair::from_pem(made.chain.as_bytes(), made.key.as_bytes()).unwrap();
    Arc::new(trusting_anybody_as(&[&TLS13, &TLS12], &pair))
}

impl World {
    /// What the engine says to `GET /` for a host on this session.
    fn status(&self, session: &Session, host: &str) -> Option<u16> {
        let conn = ConnInfo { tls: Some(session.info.clone()), ..ConnInfo::default() };
        let raw = RawRequest {
            method: "GET",
            target: b"/",
            version: http::Version::HTTP_11,
            authority: None,
            headers: Headers::List(&[("host", host.as_bytes())]),
        };
        let snapshot = self.publisher.reader().load_full();
        let decision = snapshot.decide(&RequestView::from_raw(&raw, &conn, 0).unwrap());
        if matches!(decision, Decision::Forward(_)) { Some(200) } else { decision.status() }
    }
}

/// The hosts `on`, `optional` and `other`, whose authority is another one.
fn world(root: &Authority, other: &Authority) -> World {
    let mut world = World::new(&Options::default());
    world.store.update(&id("ca"), root.secret()).unwrap();
    world.store.update(&id("other-ca"), other.secret()).unwrap();
    let hosts = vec![
        asking("on.example", "ca", VerifyClient::On, 1),
        asking("optional.example", "ca", VerifyClient::Optional, 1),
        asking("no-ca.example", "ca", VerifyClient::OptionalNoCa, 1),
        asking("other.example", "other-ca", VerifyClient::On, 1),
        asking("lost.example", "missing", VerifyClient::On, 1),
        host("plain.example"),
    ];
    world.publish(&[], hosts);
    world
}

#[test]
fn who_gets_in() {
    run(async {
        let (root, other) = (Authority::root("Root"), Authority::root("Other"));
        let world = world(&root, &other);
        let good = root.issue("client");
        let (one, two) = {
            let below = root.below("Below");
            (below.issue("client"), below.below("Further below").issue("client"))
        };
        let strangers = [other.issue("client"), self_signed("client", 9)];
        let nobody = Arc::new(trusting_anybody());
        let expect = async |client: &Arc<ClientConfig>, host: &str, status: u16| {
            let session = world.meet(client, host).await.server.unwrap();
            assert_eq!(world.status(&session, host), Some(status), "{host}");
            session.info.client_certificate
        };
        let shown = expect(&showing(&good), "on.example", 200).await.unwrap();
        assert_eq!((&*shown.subject, shown.is_verified), ("O=Shop,CN=client", true));
        assert!(expect(&showing(&one), "on.example", 200).await.is_some());
        assert!(!expect(&showing(&two), "on.example", 400).await.unwrap().is_verified, "it is too deep");
        for stranger in &strangers {
            assert!(!expect(&showing(stranger), "on.example", 400).await.unwrap().is_verified);
            assert!(!expect(&showing(stranger), "optional.example", 400).await.unwrap().is_verified);
            assert!(!expect(&showing(stranger), "no-ca.example", 200).await.unwrap().is_verified);
        }
        assert_eq!(expect(&nobody, "on.example", 400).await, None);
        assert_eq!(expect(&nobody, "optional.example", 200).await, None);
        assert!(expect(&showing(&good), "optional.example", 200).await.unwrap().is_verified);
        assert!(!expect(&showing(&good), "other.example", 400).await.unwrap().is_verified);
        assert!(!expect(&showing(&good), "lost.example", 400).await.unwrap().is_verified);
        // Nobody is asked where nobody need be.
        assert_eq!(expect(&showing(&good), "plain.example", 200).await, None);
    });
}

#[test]
fn a_session_for_one_host_is_none_for_another() {
    run(async {
        let (root, other) = (Authority::root("Root"), Authority::root("Other"));
        let world = world(&root, &other);
        let client = showing(&root.issue("client"));
        let session = world.meet(&client, "on.example").await.server.unwrap();
        assert_eq!(world.status(&session, "other.example"), Some(421));
        let session = world.meet(&client, "plain.example").await.server.unwrap();
        assert_eq!(world.status(&session, "on.example"), Some(421));
        let session = world.meet(&client, "127.0.0.1").await.server.unwrap();
        assert_eq!(world.status(&session, "on.example"), Some(421));
    });
}

#[test]
fn no_ticket_stands_in_for_a_certificate() {
    run(async {
        let root = Authority::root("Root");
        let pair = root.issue("client");
        let pair = Pair::from_pem(pair.chain.as_bytes(), pair.key.as_bytes()).unwrap();
        for version in [&TLS12, &TLS13] {
            let mut world = world(&root, &root);
            let client = Arc::new(trusting_anybody_as(&[version], &pair));
            for _ in 0..3 {
                assert_eq!(world.meet(&client, "on.example").await.seen().kind, HandshakeKind::Full);
            }
            // A ticket from before the host asked for certificates.
            assert_eq!(world.meet(&client, "plain.example").await.seen().kind, HandshakeKind::Full);
            assert_eq!(world.meet(&client, "plain.example").await.seen().kind, HandshakeKind::Resumed);
            world.publish(&[], vec![asking("plain.example", "ca", VerifyClient::On, 1)]);
            let meeting = world.meet(&client, "plain.example").await;
            assert_eq!(meeting.seen().kind, HandshakeKind::Full);
            assert_eq!(world.status(meeting.session(), "plain.example"), Some(200));
        }
    });
}

#[test]
fn authorities_change_between_two_handshakes() {
    run(async {
        let (root, other) = (Authority::root("Root"), Authority::root("Other"));
        let world = world(&root, &other);
        let (old, new) = (showing(&root.issue("client")), showing(&other.issue("client")));
        let is_in = async |client: &Arc<ClientConfig>| {
            let session = world.meet(client, "on.example").await.server.unwrap();
            session.info.client_certificate.unwrap().is_verified
        };
        assert_eq!((is_in(&old).await, is_in(&new).await), (true, false));
        world.store.update(&id("ca"), other.secret()).unwrap();
        assert_eq!((is_in(&old).await, is_in(&new).await), (false, true));
        let garbage = SecretPem { authorities: Some(b"garbage"), ..SecretPem::default() };
        assert!(world.store.update(&id("ca"), garbage).is_err());
        assert_eq!((is_in(&old).await, is_in(&new).await), (false, true));
        world.store.remove(&id("ca"));
        assert_eq!((is_in(&old).await, is_in(&new).await), (false, false));
    });
}

#[test]
fn what_was_checked_holds_while_the_same_is_asked_for() {
    run(async {
        let (root, other) = (Authority::root("Root"), Authority::root("Other"));
        let client = showing(&root.issue("client"));
        type Change = fn(&mut World, [&Authority; 2]);
        let table: [(&str, bool, Change); 7] = [
            ("nothing", true, |_, _| {}),
            ("another host", true, |world, _| {
                world.publish(&[], vec![asking("on.example", "ca", VerifyClient::On, 1), host("new.example")]);
            }),
            ("another Secret", false, |world, _| {
                world.publish(&[], vec![asking("on.example", "other-ca", VerifyClient::On, 1)]);
            }),
            ("another depth", false, |world, _| {
                world.publish(&[], vec![asking("on.example", "ca", VerifyClient::On, 2)]);
            }),
            ("no setting", false, |world, _| world.publish(&[], vec![host("on.example")])),
            ("one authority more", true, |world, [root, other]| {
                let both = [&*root.pem, &other.pem].concat();
                let both = SecretPem { authorities: Some(both.as_bytes()), ..SecretPem::default() };
                world.store.update(&id("ca"), both).unwrap();
            }),
            ("other authorities", false, |world, [_, other]| {
                _ = world.store.update(&id("ca"), other.secret()).unwrap()
            }),
        ];
        for (what, expected, change) in table {
            let mut world = world(&root, &other);
            let session = world.meet(&client, "on.example").await.server.unwrap();
            let checked = session.checked.as_ref().unwrap();
            assert!(checked.is_current(&world.publisher.reader().load(), &session.info));
            change(&mut world, [&root, &other]);
            assert_eq!(checked.is_current(&world.publisher.reader().load(), &session.info), expected, "{what}");
        }
        assert!(world(&root, &other).meet(&client, "plain.example").await.session().checked.is_none());
    });
}

/// The library does not read such a certificate, so that its key is looked for elsewhere.
#[test]
fn clients_with_certificates_of_version_1_must_have_the_key_too() {
    const OLD: &str = include_str!("../../../../../testdata/certificates/version-1/client.pem");
    const KEY: &str = include_str!("../../../../../testdata/certificates/version-1/client.key");
    const ROOT: &str = include_str!("../../../../../testdata/certificates/version-1/root.pem");
    run(async {
        let mut world = World::new(&Options::default());
        let authorities = SecretPem { authorities: Some(ROOT.as_bytes()), ..SecretPem::default() };
        world.store.update(&id("ca"), authorities).unwrap();
        world.publish(&[], vec![asking("on.example", "ca", VerifyClient::On, 1)]);
        let own = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).unwrap();
        let other = self_signed("client", 9).key;
        let other = PrivateKeyDer::from_pem_slice(other.as_bytes()).unwrap();
        for version in [&TLS12, &TLS13] {
            for (key, is_in) in [(&own, true), (&other, false)] {
                let chain = vec![CertificateDer::from_pem_slice(OLD.as_bytes()).unwrap()];
                let key = crate::certs::provider().key_provider.load_private_key(key.clone_key()).unwrap();
                let mut client = trusting_anybody_with(&[version]);
                let certified = rustls::sign::CertifiedKey::new(chain, key);
                client.client_auth_cert_resolver = Arc::new(rustls::sign::SingleCertAndKey::from(certified));
                let meeting = world.meet(&Arc::new(client), "on.example").await;
                match meeting.server {
                    Ok(session) => assert!(is_in && world.status(&session, "on.example") == Some(200)),
                    Err(error) => assert!(!is_in && matches!(error, HandshakeError::Tls(_)), "{error:?}"),
                }
            }
        }
    });
}

#[test]
fn the_client_must_have_the_key() {
    run(async {
        let root = Authority::root("Root");
        let world = world(&root, &root);
        let (good, other) = (root.issue("client"), root.issue("client"));
        let pair = |made: &Made| Pair::from_pem(made.chain.as_bytes(), made.key.as_bytes()).unwrap();
        let stolen = rustls::sign::CertifiedKey::new(
            pair(&good).certified().cert.clone(),
            Arc::clone(&pair(&other).certified().key),
        );
        for version in [&TLS12, &TLS13] {
            let mut client = trusting_anybody_with(&[version]);
            let resolver = rustls::sign::SingleCertAndKey::from(stolen.clone());
            client.client_auth_cert_resolver = Arc::new(resolver);
            let meeting = world.meet(&Arc::new(client), "on.example").await;
            assert!(matches!(meeting.server, Err(HandshakeError::Tls(_))));
        }
    });
}
