use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};
use rustls::pki_types::pem::PemObject;

use super::*;
use crate::certs::testing::{Authority, in_days, self_signed};

const ROOT: &str = include_str!("../../../../testdata/certificates/version-1/root.pem");
const OLD: &str = include_str!("../../../../testdata/certificates/version-1/client.pem");

fn of(pem: &str, lists: &str) -> Authorities {
    Authorities::from_pem(pem.as_bytes(), Some(lists.as_bytes()).filter(|lists| !lists.is_empty())).unwrap()
}

/// Whether they vouch for the first certificate, as that of a client, with the others beside it; if not, the reason.
fn verdict(authorities: &Authorities, sent: &str, depth: u32) -> String {
    let sent: Vec<_> = CertificateDer::pem_slice_iter(sent.as_bytes()).map(Result::unwrap).collect();
    match authorities.vouch_for(&sent[0], &sent[1..], Purpose::Client, depth, UnixTime::now()) {
        Ok(()) => "good".to_owned(),
        Err(Error::InvalidCertificate(why)) => format!("{why:?}"),
        Err(other) => panic!("{other}"),
    }
}

/// A list of an authority, in force since so many days ago until so many days from now.
fn list(authority: &Authority, revoked: &[u64], since: i64, days: i64) -> String {
    let revoked = revoked.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: in_days(-9).into(),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: in_days(-since).into(),
        next_update: in_days(days).into(),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(authority.issuer()).unwrap().pem().unwrap()
}

#[test]
fn what_is_sent_beside_a_certificate_is_in_no_order() {
    let root = Authority::root("Root");
    let below = root.below("Below");
    let (leaf, stranger) = (below.issue("client").chain, self_signed("other", 9).chain);
    let end = "-----END CERTIFICATE-----\n";
    let (own, link) = leaf.split_at(leaf.find(end).unwrap() + end.len());
    let ours = of(&root.pem, "");
    for sent in [
        format!("{own}{link}"),
        format!("{own}{}{link}", root.pem),
        format!("{own}{stranger}{link}"),
        format!("{own}{own}{link}{}", root.pem),
    ] {
        assert_eq!(verdict(&ours, &sent, 1), "good");
        assert_eq!(verdict(&ours, &sent, 0), "UnknownIssuer");
    }
    assert_eq!(verdict(&ours, own, 1), "UnknownIssuer");
}

/// They were the ends of chains, so that what came below them was not deep enough to be refused.
#[test]
fn an_authority_that_another_vouches_for_is_a_link() {
    let root = Authority::root("Root");
    let below = root.below("Below");
    let further = below.below("Further below");
    let both = of(&format!("{}{}", root.pem, below.pem), "");
    let alone = |chain: &str| chain.split_inclusive("-----END CERTIFICATE-----\n").next().unwrap().to_owned();
    assert_eq!(verdict(&both, &alone(&below.issue("client").chain), 1), "good", "it need not be sent");
    assert_eq!(verdict(&both, &alone(&below.issue("client").chain), 0), "UnknownIssuer");
    assert_eq!(verdict(&both, &further.issue("client").chain, 1), "UnknownIssuer");
    assert_eq!(verdict(&both, &further.issue("client").chain, 2), "good");
    // There no chain would end.
    let no_root = Authorities::from_pem(below.pem.as_bytes(), None);
    assert_eq!(no_root.unwrap_err(), BadPair::Authorities(BadPem::NoRoot));
}

#[test]
fn an_authority_of_the_past_vouches_for_nobody() {
    let until = |days| Authority::root_with("Root", |params| params.not_after = in_days(days).into());
    let (past, present) = (until(-1), until(1));
    assert_eq!(verdict(&of(&past.pem, ""), &past.issue("client").chain, 1), "UnknownIssuer");
    assert_eq!(verdict(&of(&present.pem, ""), &present.issue("client").chain, 1), "good");
    let renewed = of(&format!("{}{}", past.pem, present.pem), "");
    assert_eq!(verdict(&renewed, &present.issue("client").chain, 1), "good");
    assert_ne!(verdict(&renewed, &past.issue("client").chain, 1), "good");
    assert_ne!(verdict(&of(&past.pem, ""), &past.pem, 1), "good", "nor for itself");
}

#[test]
fn nobody_is_good_who_is_revoked() {
    let root = Authority::root("Root");
    let below = root.below("Below");
    let numbered = |authority: &Authority, serial: u64| {
        authority.issue_with("client", |params| params.serial_number = Some(serial.into())).chain
    };
    let clean = of(&root.pem, &list(&root, &[7], 9, 9));
    assert_eq!(verdict(&clean, &numbered(&root, 8), 1), "good");
    assert!(verdict(&clean, &numbered(&root, 7), 1).starts_with("Revoked"));
    // Each of the chain is looked up, and in a list that is in force.
    assert!(verdict(&clean, &numbered(&below, 8), 1).contains("UnknownRevocationStatus"));
    let both = of(&root.pem, &format!("{}{}", list(&root, &[7], 9, 9), list(&below, &[9], 9, 9)));
    assert_eq!(verdict(&both, &numbered(&below, 8), 1), "good");
    assert!(verdict(&both, &numbered(&below, 9), 1).starts_with("Revoked"));
    assert_ne!(
        verdict(&of(&root.pem, &list(&root, &[], 9, -1)), &numbered(&root, 8), 1),
        "good",
        "the list is of the past"
    );
    let forged = of(&root.pem, &list(&Authority::root("Root"), &[], 9, 9));
    assert_ne!(verdict(&forged, &numbered(&root, 8), 1), "good", "another has signed it");
    // Of two lists the newer one counts, wherever it stands, and one of the future does not yet.
    let (old, new) = (list(&root, &[], 9, 9), list(&root, &[8], 8, 9));
    let (past, future) = (list(&root, &[], 30, -1), list(&root, &[8], -5, 9));
    for (lists, is_good) in [
        (format!("{old}{new}"), false),
        (format!("{new}{old}"), false),
        (format!("{past}{old}"), true),
        (format!("{future}{old}"), true),
        (future, false),
    ] {
        assert_eq!(verdict(&of(&root.pem, &lists), &numbered(&root, 8), 1) == "good", is_good);
    }
    // Of endpoints nobody asks that.
    let revoked = of(&root.pem, &list(&root, &[7], 9, 9));
    let shown = CertificateDer::from_pem_slice(numbered(&root, 7).as_bytes()).unwrap();
    assert!(revoked.vouch_for(&shown, &[], Purpose::Server, 1, UnixTime::now()).is_ok());
}

/// What is in `ca.crt` for its own sake has signed another certificate.
#[test]
fn who_is_no_authority_vouches_for_nobody_else() {
    let no_ca = |params: &mut rcgen::CertificateParams| params.is_ca = IsCa::ExplicitNoCa;
    let no_signer = |params: &mut rcgen::CertificateParams| params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let of_servers =
        |params: &mut rcgen::CertificateParams| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let pinned = Authority::root_with("alice", no_ca);
    assert_eq!(verdict(&of(&pinned.pem, ""), &pinned.pem, 1), "good");
    for root in [pinned, Authority::root_with("alice", no_signer), Authority::root_with("alice", of_servers)] {
        assert_eq!(verdict(&of(&root.pem, ""), &root.issue("admin").chain, 1), "UnknownIssuer");
    }
}

/// The search of the library tries everything that fits; whoever sends a maze kept a worker busy for seconds.
#[test]
fn what_is_sent_is_no_maze() {
    let ours = of(&Authority::root("Root").pem, "");
    let leaf = Authority::root("0").issue("client").chain;
    let leaf = Certificate::from_der(&CertificateDer::from_pem_slice(leaf.as_bytes()).unwrap()).unwrap();
    // Five for each step, of which each fits each of the step before.
    let mut sent = vec![CertificateDer::from(b"no certificate".as_slice())];
    for level in 1..=6 {
        for _ in 0..5 {
            let link = Authority::root(&level.to_string()).below(&(level - 1).to_string());
            sent.push(CertificateDer::from_pem_slice(link.pem.as_bytes()).unwrap());
        }
    }
    assert_eq!([0, 1, 2, 9].map(|depth| ours.links(&leaf, &sent, depth).len()), [0, 5, MOST_LINKS, MOST_LINKS]);
    assert_eq!(ours.links(&leaf, &[sent.clone(), sent].concat(), 1).len(), 5, "each once");
}

#[test]
fn what_is_no_list_is_refused() {
    let root = Authority::root("Root");
    for (lists, why) in [
        (root.pem.as_str(), BadPem::NoList),
        ("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n", BadPem::NotAList),
        ("-----BEGIN X509 CRL-----\n!\n-----END X509 CRL-----\n", BadPem::Malformed),
    ] {
        let read = Authorities::from_pem(root.pem.as_bytes(), Some(lists.as_bytes()));
        assert_eq!(read.unwrap_err(), BadPair::Lists(why));
    }
    let garbage = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let read = Authorities::from_pem(garbage, None);
    assert_eq!(read.unwrap_err(), BadPair::Authorities(BadPem::NotAnAuthority));
}

/// The library reads neither as the certificate of a client, and OpenSSL does.
#[test]
fn roots_and_certificates_of_version_1_are_good_by_themselves() {
    let ours = of(ROOT, "");
    assert_eq!(verdict(&ours, ROOT, 0), "good");
    assert_eq!(verdict(&ours, OLD, 0), "good");
    let other = of(&Authority::root("Root").pem, "");
    assert_ne!(verdict(&other, ROOT, 1), "good");
    assert_ne!(verdict(&other, OLD, 1), "good", "it has the same name and another key");
    // The last bytes are the signature's.
    let mut forged = CertificateDer::from_pem_slice(OLD.as_bytes()).unwrap().to_vec();
    let last = forged.len() - 1;
    forged[last] ^= 1;
    let forged = CertificateDer::from(forged);
    assert!(ours.vouch_for(&forged, &[], Purpose::Client, 1, UnixTime::now()).is_err());
    let at = |years: u64| UnixTime::since_unix_epoch(Duration::from_secs(years * 31_556_952));
    let old = CertificateDer::from_pem_slice(OLD.as_bytes()).unwrap();
    for (years, is_good) in [(50, false), (70, true), (160, false)] {
        assert_eq!(ours.vouch_for(&old, &[], Purpose::Client, 1, at(years)).is_ok(), is_good, "{years}");
    }
    // On a list they would not be found.
    let root = Authority::root("Root");
    assert_ne!(verdict(&of(&root.pem, &list(&root, &[], 9, 9)), &root.pem, 1), "good");
}

#[test]
fn a_root_that_is_for_servers_only_is_no_client() {
    let root =
        Authority::root_with("Root", |params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let ours = of(&root.pem, "");
    let shown = CertificateDer::from_pem_slice(root.pem.as_bytes()).unwrap();
    let is_good = |purpose| ours.vouch_for(&shown, &[], purpose, 1, UnixTime::now()).is_ok();
    assert_eq!((is_good(Purpose::Client), is_good(Purpose::Server)), (false, true));
}
