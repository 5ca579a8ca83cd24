//! What becomes of the headers of a response where a policy says something of them, and where none does.

use super::support::client::Client;
use super::support::http2;
use super::support::ingress::Ingress;
use super::support::scripted::Scripted;
use super::support::site::{Site, config, manifest};

const ANSWER: &str = "HTTP/1.1 302 Found\r\nServer: secret/1\r\nX-Kept: yes\r\nLocation: http://old.internal/x\r\n\
                      Set-Cookie: id=1; Path=/app/x; Domain=a.internal\r\nContent-Length: 0\r\n\r\n";
const NAMES: [&str; 4] = ["server", "x-kept", "location", "set-cookie"];

/// The headers of an answer over HTTP/1 and over HTTP/2.
fn answers(manifest: &str) -> [[Option<String>; 4]; 2] {
    let mut config = config();
    config.downstream.http2_cleartext = true;
    let site = Site::start(manifest, config);
    let old = Client::new(site.http).get("/");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let new = runtime.block_on(async { http2::Client::plain(site.http).await.get("a.example", "/").await });
    assert_eq!((old.status, new.status.as_u16()), (302, 302));
    [NAMES.map(|name| old.value(name).map(str::to_owned)), NAMES.map(|name| new.field(name).map(str::to_owned))]
}

#[test]
fn headers_of_responses_are_changed_where_a_policy_says_so() {
    let origin = Scripted::start(|peer| while peer.request().is_some() && peer.send(ANSWER) {});
    let endpoints = [origin.address];
    let annotations = [
        ("proxy-redirect-from", "http://old.internal/"),
        ("proxy-redirect-to", "https://new.example/"),
        ("proxy-cookie-domain", "a.internal b.example"),
        ("proxy-cookie-path", "/app /shop"),
    ];
    let policy = Ingress { host: "a.example", endpoints: &endpoints, annotations: &annotations, ..Ingress::default() };
    let changed = [None, Some("yes"), Some("https://new.example/x"), Some("id=1; Path=/shop/x; Domain=b.example")];
    let kept =
        [Some("secret/1"), Some("yes"), Some("http://old.internal/x"), Some("id=1; Path=/app/x; Domain=a.internal")];
    for (manifest, wanted) in [(policy.to_string(), changed), (manifest("a.example", origin.address), kept)] {
        for seen in answers(&manifest) {
            assert_eq!(seen.each_ref().map(Option::as_deref), wanted);
        }
    }
}
