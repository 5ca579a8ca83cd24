use std::time::{Duration, UNIX_EPOCH};

use x509_cert::Certificate;
use x509_cert::der::Decode;

use super::super::BadPem;
use super::super::testing::{Made, id, self_signed as made};
use super::*;

fn store() -> CertStore {
    CertStore::new(CertificateId::Default)
}

fn names(store: &CertStore, id: &CertificateId) -> Vec<Box<str>> {
    store.material(id).and_then(|it| it.pair().map(|pair| pair.dns_names().to_vec())).unwrap_or_default()
}

#[test]
fn pairs_come_change_and_go() {
    let store = store();
    let (first, second) = (made("a.example", 9), made("a.example", 9));
    let default = store.certified(&id("x"), "").unwrap();
    assert_eq!(store.update(&id("x"), first.pem()), Ok(true));
    assert_eq!(store.update(&id("x"), first.pem()), Ok(false));
    assert_eq!(names(&store, &id("x")), ["a.example".into()]);
    let before = store.certified(&id("x"), "a.example").unwrap();
    assert_eq!(store.update(&id("x"), second.pem()), Ok(true));
    assert_ne!(store.certified(&id("x"), "a.example").unwrap().cert, before.cert);
    assert!(!Arc::ptr_eq(&store.certified(&id("x"), "").unwrap(), &default));
    assert!(Arc::ptr_eq(&store.certified(&id("y"), "").unwrap(), &default));
    assert!(store.remove(&id("x")) && !store.remove(&id("x")));
    assert!(Arc::ptr_eq(&store.certified(&id("x"), "").unwrap(), &default));
}

#[test]
fn a_bad_pair_is_refused_and_the_good_one_stays() {
    let store = store();
    let (good, other) = (made("good.example", 9), made("other.example", 9));
    let expired = made("good.example", -1);
    store.update(&id("x"), good.pem()).unwrap();
    let kept = store.certified(&id("x"), "").unwrap();
    let long = Made { chain: good.chain.repeat(1000), key: good.key.clone() };
    let truncated = Made { chain: good.chain.get(..good.chain.len() - 40).unwrap().to_owned(), key: good.key.clone() };
    let table = [
        (expired.pem(), BadPair::Expired),
        (SecretPem { certificate: Some(other.chain.as_bytes()), ..good.pem() }, BadPair::Mismatch),
        (truncated.pem(), BadPair::Certificate(BadPem::Malformed)),
        (long.pem(), BadPair::Certificate(BadPem::LongChain)),
        (SecretPem { certificate: Some(b""), ..good.pem() }, BadPair::NoCertificate),
        (SecretPem { key: None, ..good.pem() }, BadPair::NoKey),
        (SecretPem::default(), BadPair::NoCertificate),
        (SecretPem { authorities: Some(other.chain.as_bytes()), ..SecretPem::default() }, BadPair::NoCertificate),
    ];
    for (bad, why) in table {
        assert_eq!(store.update(&id("x"), bad), Err(Refused { why, is_served: true }));
        assert!(Arc::ptr_eq(&store.certified(&id("x"), "").unwrap(), &kept));
    }
    assert_eq!(store.update(&id("x"), good.pem()), Ok(true), "it is no longer left over");
    assert!(Arc::ptr_eq(&store.certified(&id("x"), "").unwrap(), &kept));
    let text = Refused { why: BadPair::Mismatch, is_served: true }.to_string();
    assert_eq!(text, "`tls.key` does not belong to the first certificate of `tls.crt`; the one before stays in use");
}

#[test]
fn a_pair_for_other_names_replaces_no_other() {
    let store = store();
    let shown = |name: &str| store.certified(&id("x"), name).unwrap().cert[0].clone();
    let put = |made: &Made| store.update(&id("x"), made.pem());
    let leaf = |made: &Made| crate::certs::pem::chain(made.chain.as_bytes()).unwrap()[0].clone();
    let (a, b, again, c) = (made("a.example", 9), made("b.example", 9), made("a.example", 9), made("c.example", 9));
    assert_eq!(put(&a), Ok(true));
    let refused = put(&b).unwrap_err();
    assert_eq!(refused, Refused { why: BadPair::OtherNames, is_served: true });
    assert_eq!((shown("a.example"), shown("b.example"), shown("")), (leaf(&a), leaf(&b), leaf(&b)));
    assert_eq!(store.material(&id("x")).unwrap().dns_names().unwrap(), ["b.example".into(), "a.example".into()]);
    assert!(put(&b).is_err(), "it is still for other names");
    // One that is no good changes nothing of that.
    assert!(store.update(&id("x"), SecretPem::default()).is_err());
    assert_eq!((shown("a.example"), shown("b.example")), (leaf(&a), leaf(&b)));
    assert!(put(&c).is_err());
    assert_eq!((shown("a.example"), shown("b.example"), shown("c.example")), (leaf(&a), leaf(&b), leaf(&c)));
    assert_eq!(put(&again), Ok(true), "that was a mistake, which is mended");
    assert_eq!((shown("a.example"), shown("b.example")), (leaf(&again), leaf(&again)));
    // What has been forgotten is forgotten as a whole.
    assert!(store.remove(&id("x")));
    assert_eq!(put(&b), Ok(true));
    assert_eq!(shown("a.example"), leaf(&b));
    // An older one is not kept for longer than it is good.
    let store = self::store();
    store.update(&id("x"), made("a.example", -1).pem()).unwrap();
    assert_eq!(store.update(&id("x"), b.pem()), Ok(true));
}

#[test]
fn what_is_left_over_is_served_until_it_expires() {
    let store = store();
    // Nothing better is there, so an expired one is taken as nginx takes it.
    assert_eq!(store.update(&id("x"), made("old.example", -1).pem()), Ok(true));
    assert_eq!(names(&store, &id("x")), ["old.example".into()]);
    let refused =
        store.update(&id("x"), SecretPem { certificate: Some(b"x"), key: Some(b"x"), ..SecretPem::default() });
    assert_eq!(refused.unwrap_err().to_string(), "`tls.crt` has no certificate");
    assert_eq!(names(&store, &id("x")), Vec::<Box<str>>::new());
    assert!(Arc::ptr_eq(
        &store.certified(&id("x"), "").unwrap(),
        &store.certified(&CertificateId::Default, "").unwrap()
    ));
    assert_eq!(store.update(&id("x"), made("new.example", -1).pem()), Ok(true));
    assert_eq!(names(&store, &id("x")), ["new.example".into()]);
}

#[test]
fn a_bad_pair_with_nothing_before_leaves_the_default() {
    let store = store();
    let refused = store.update(&id("x"), SecretPem::default());
    assert_eq!(refused, Err(Refused { why: BadPair::NoCertificate, is_served: false }));
    assert!(store.material(&id("x")).is_none_or(|it| it.pair().is_none()));
    assert!(Arc::ptr_eq(
        &store.certified(&id("x"), "").unwrap(),
        &store.certified(&CertificateId::Default, "").unwrap()
    ));
}

#[test]
fn authorities_come_with_a_pair_or_without() {
    let store = store();
    let (pair, authority) = (made("a.example", 9), made("ca", 9));
    let with = |authorities| SecretPem { authorities: Some(authorities), ..pair.pem() };
    let alone = SecretPem { authorities: Some(authority.chain.as_bytes()), ..SecretPem::default() };
    assert_eq!(store.update(&id("x"), alone), Ok(true));
    let first = Arc::clone(store.material(&id("x")).unwrap().authorities().unwrap());
    assert_eq!(store.update(&id("x"), with(authority.chain.as_bytes())), Ok(true));
    let same = store.material(&id("x")).unwrap();
    assert!(Arc::ptr_eq(&first, same.authorities().unwrap()) && same.pair().is_some());

    // The lists are part of it, and an empty one is none.
    let listed = |lists| SecretPem { lists: Some(lists), ..with(authority.chain.as_bytes()) };
    assert_eq!(store.update(&id("x"), listed(b"\n")), Ok(false));
    let why = BadPair::Lists(BadPem::NoList);
    assert_eq!(store.update(&id("x"), listed(b"x")), Err(Refused { why, is_served: true }));
    assert!(Arc::ptr_eq(&first, store.material(&id("x")).unwrap().authorities().unwrap()));

    let refused = store.update(&id("x"), with(b"x"));
    let why = BadPair::Authorities(BadPem::NoCertificate);
    assert_eq!(refused, Err(Refused { why, is_served: true }));
    assert!(store.material(&id("x")).unwrap().authorities().is_some());
    // Some issuers write an empty `ca.crt`.
    assert_eq!(store.update(&id("x"), with(b"")), Ok(true));
    assert!(store.material(&id("x")).unwrap().authorities().is_none());
    assert_eq!(store.update(&id("x"), with(b"x")), Err(Refused { why, is_served: false }));
}

#[test]
fn the_default_certificate_is_made_set_or_that_of_a_secret() {
    let pair = made("default.example", 9);
    let own = store();
    assert_eq!(own.certified(&CertificateId::Default, "").unwrap().cert.len(), 1);
    assert_eq!(own.update(&CertificateId::Default, pair.pem()), Ok(true));
    assert_eq!(names(&own, &CertificateId::Default), ["default.example".into()]);

    let of_secret = CertStore::new(id("d"));
    let own = of_secret.certified(&CertificateId::Default, "").unwrap();
    of_secret.update(&id("d"), pair.pem()).unwrap();
    assert!(Arc::ptr_eq(
        &of_secret.certified(&CertificateId::Default, "").unwrap(),
        &of_secret.certified(&id("d"), "").unwrap()
    ));
    assert!(Arc::ptr_eq(&of_secret.certified(&id("else"), "").unwrap(), &of_secret.certified(&id("d"), "").unwrap()));
    of_secret.remove(&id("d"));
    assert!(Arc::ptr_eq(&of_secret.certified(&CertificateId::Default, "").unwrap(), &own));
}

#[test]
fn expiry_is_that_of_what_is_served() {
    let store = store();
    store.update(&id("a"), made("a.example", 9).pem()).unwrap();
    let in_ten_days = SystemTime::now() + Duration::from_secs(10 * 86_400);
    assert!(store.not_after(&id("a"), "") < in_ten_days);
    assert!(store.not_after(&id("b"), "") > in_ten_days, "the default one is served");
    let told = store.not_after(&CertificateId::Default, "");
    assert_eq!(store.not_after(&id("b"), ""), told);
    assert!(store.self_signed.get().is_none(), "nobody has asked for it");
    let own = Certificate::from_der(&store.certified(&CertificateId::Default, "").unwrap().cert[0]).unwrap();
    let shown = own.tbs_certificate().validity().not_after.to_unix_duration();
    assert_eq!(told.duration_since(UNIX_EPOCH).unwrap().as_secs(), shown.as_secs(), "told before it was made");
}

#[test]
fn readers_see_a_whole_pair_while_it_changes() {
    let store = store();
    let pairs = [made("a.example", 9), made("a.example", 9)];
    store.update(&id("x"), pairs[0].pem()).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            for _ in 0..20_000 {
                assert!(store.certified(&id("x"), "").unwrap().keys_match().is_ok());
            }
        });
        for round in 0..200 {
            store.update(&id("x"), pairs[round % 2].pem()).unwrap();
        }
        reader.join().unwrap();
    });
}

#[test]
fn nothing_secret_is_shown() {
    let pair = made("a.example", 9);
    let store = store();
    store.update(&id("x"), pair.pem()).unwrap();
    let shown = format!("{:?} {:?} {store:?}", pair.pem(), store.material(&id("x")));
    assert!(shown.contains("key: true") && !shown.contains("BEGIN") && !shown.contains("SigningKey"), "{shown}");
}
