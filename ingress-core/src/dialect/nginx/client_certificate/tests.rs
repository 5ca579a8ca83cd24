//! What is asked of certificates, and that nothing is asked less for a slip.

use super::super::access::tests::{findings, read, read_with, secret};
use super::*;
use crate::diagnostic::Code::{
    AnnotationDropsIngress as Drops, AnnotationInvalid as Invalid, DiffersFromIngressNginx as Differs,
    ReferenceMissing as Missing,
};

const ON: (&str, &str) = (SECRET, "shop/ca");
const VERIFY: &str = "auth-tls-verify-client";

fn of(annotations: &[(&str, &str)]) -> ClientCertificate {
    read(&[&[ON], annotations].concat()).0.client_certificate.expect("a certificate is asked for")
}

#[test]
fn everything_that_can_be_asked() {
    assert_eq!(read(&[(VERIFY, "on")]).0.client_certificate, None);
    let plain = of(&[]);
    assert_eq!((&*plain.namespace, &*plain.secret, plain.verify, plain.depth), ("shop", "ca", VerifyClient::On, 1));
    assert!(!plain.unusable && !plain.pass_to_upstream && plain.match_cn.is_none() && plain.error_page.is_none());
    assert_eq!(plain.origin.field.to_string(), "metadata.annotations[nginx.ingress.kubernetes.io/auth-tls-secret]");
    let full = of(&[
        (VERIFY, "optional"),
        ("auth-tls-verify-depth", "3"),
        (ERROR_PAGE, "https://a.example/no"),
        ("auth-tls-pass-certificate-to-upstream", "true"),
        (MATCH_CN, "CN=(ada|grace)"),
    ]);
    assert_eq!((full.verify, full.depth, full.pass_to_upstream), (VerifyClient::Optional, 3, true));
    let page = full.error_page.expect("a page");
    assert_eq!((page.status, page.location), (302, Location::Constant("https://a.example/no".into())));
    let search = full.match_cn.expect("the subject is looked at");
    assert!(search.is_match(b"O=Engine,CN=grace") && !search.is_match(b"CN=eve"));
}

#[test]
fn slips() {
    for (key, value, code) in [
        (SECRET, "ca", Drops),
        (SECRET, "shop/", Drops),
        (SECRET, "shop/ca/x", Drops),
        (SECRET, "shop/c a", Drops),
        (VERIFY, "always", Invalid),
        ("auth-tls-verify-depth", "deep", Invalid),
        ("auth-tls-verify-depth", "-1", Invalid),
        ("auth-tls-pass-certificate-to-upstream", "yes", Drops),
        (MATCH_CN, "ada", Drops),
        (MATCH_CN, "CN=", Drops),
        (MATCH_CN, "CN=(", Drops),
        (MATCH_CN, "CN=(?!eve)", Drops),
        (MATCH_CN, "CN=a\nb", Drops),
        (ERROR_PAGE, "https://", Drops),
        (ERROR_PAGE, "a b", Drops),
        (ERROR_PAGE, "@custom", Code::AnnotationNotImplemented),
    ] {
        let annotations = if key == SECRET { vec![(key, value)] } else { vec![ON, (key, value)] };
        let (intent, out) = read(&annotations);
        assert_eq!(findings(&out), [(code, key.to_owned())], "{key} {value}");
        assert_eq!(intent.is_dropped, code == Drops, "{key} {value}");
        if let Some(wanted) = intent.client_certificate {
            assert_eq!((wanted.verify, wanted.depth), (VerifyClient::On, 1), "{key} {value}");
        }
    }
    assert_eq!(of(&[("auth-tls-verify-depth", "0")]).depth, 1);
}

#[test]
fn error_pages() {
    for page in ["@a_b-1", "a.example", "a.example:80/x", "http://a/x/y.html", "/x", "/x/", "https://a/"] {
        assert!(is_page(page), "{page}");
    }
    for page in ["@", "@a.b", "ftp://a", "http:///x", ":80", "a:", "a:b", "//x", "/x//y", "/x?y", "a/<"] {
        assert!(!is_page(page), "{page}");
    }
}

#[test]
fn without_authorities_nobody_passes() {
    for (annotation, object, is_good) in [
        (ON, secret("shop/ca", &["ca.crt"]), true),
        (ON, secret("shop/ca", &["tls.crt", "tls.key"]), false),
        (ON, secret("other/ca", &["ca.crt"]), false),
        ((SECRET, "other/ca"), secret("other/ca", &["ca.crt"]), false),
    ] {
        let (intent, out) = read_with(&[], &[annotation], [object]);
        let codes: Vec<_> = out.iter().map(|finding| finding.code).collect();
        assert_eq!(codes, if is_good { vec![] } else { vec![Missing] }, "{annotation:?}");
        assert_eq!(intent.refused.is_none(), is_good, "{annotation:?}");
        assert_eq!(intent.client_certificate.map(|it| it.unusable), Some(!is_good), "{annotation:?}");
    }
}

#[test]
fn plain_text_is_no_way_around() {
    let off = ("ssl-redirect", "false");
    for (annotations, is_noted) in [
        (&[ON, off][..], true),
        (&[ON], false),
        (&[off], false),
        (&[ON, ("ssl-redirect", "true")], false),
        (&[ON, off, ("force-ssl-redirect", "true")], false),
        (&[ON, off, (VERIFY, "optional")], false),
        (&[ON, off, (VERIFY, "off"), (MATCH_CN, "CN=a")], true),
    ] {
        let (_, out) = read(annotations);
        let expected = if is_noted { vec![(Differs, "ssl-redirect".to_owned())] } else { vec![] };
        assert_eq!(findings(&out), expected, "{annotations:?}");
    }
}
