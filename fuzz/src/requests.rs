//! What must hold of every request.

use ingress_core::decision::Decision;
use ingress_core::path::PathPolicy;
use ingress_core::policy::RouteTable;
use ingress_core::reference;
use ingress_core::request::{ConnInfo, RawRequest, RequestView};
use ingress_core::snapshot::Snapshot;

/// Both evaluators, and both explanations, come to one decision.
pub(crate) fn agree(table: &RouteTable, snapshot: &Snapshot, raw: &RawRequest<'_>) {
    agree_on(table, snapshot, raw, &ConnInfo::default(), |_, _| {});
}

/// The same on some connection; `also` is asked of the decision.
pub(crate) fn agree_on(
    table: &RouteTable,
    snapshot: &Snapshot,
    raw: &RawRequest<'_>,
    conn: &ConnInfo,
    also: impl FnOnce(&Decision<'_>, &RequestView<'_>),
) {
    let Ok(view) = RequestView::from_raw(raw, conn, 0) else { return };
    let expected = reference::decide(table, &view);
    assert_eq!(snapshot.decide(&view), expected);
    let explanation = snapshot.explain(&view);
    assert_eq!(explanation.decision, expected);
    let _ = explanation.to_string();
    also(&expected, &view);
}

/// A request that is not refused has a host in the form of rules and canonical paths.
pub(crate) fn understood(raw: &RawRequest<'_>) {
    let conn = ConnInfo::default();
    let Ok(view) = RequestView::from_raw(raw, &conn, 0) else { return };
    let host = view.host();
    assert!(!host.bytes().any(|byte| byte <= b' ' || byte.is_ascii_uppercase()), "{host}");
    assert!(!host.ends_with('.') && host.len() <= 255, "{host}");
    assert!(!raw.target.contains(&b'\n') && !raw.target.contains(&b'#'));
    for policy in [PathPolicy::Rfc3986, PathPolicy::Nginx] {
        let direct = policy.canonical(view.raw_path());
        if !view.is_asterisk() {
            assert_eq!(view.path(policy), direct.as_deref().map_err(|rejection| *rejection));
        }
    }
    let snapshot = Snapshot::new(RouteTable::default());
    assert!(snapshot.decide(&view).status().is_some());
}

/// A path that is not refused is canonical and leads nobody who decodes it up.
pub(crate) fn canonical(path: &[u8]) {
    let path = [b"/", path].concat();
    for policy in [PathPolicy::Rfc3986, PathPolicy::Nginx] {
        let Ok(path) = policy.canonical(&path) else { continue };
        assert_eq!(path.first(), Some(&b'/'));
        assert!(!path.windows(2).any(|pair| pair == b"//"));
        assert!(!path.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b"..")));
    }
    let Ok(path) = PathPolicy::Rfc3986.canonical(&path) else { return };
    assert_eq!(PathPolicy::Rfc3986.canonical(&path).as_deref(), Ok(&*path), "not idempotent");
    let decoded = decode(&path);
    for piece in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        assert!(piece != b".." && !piece.starts_with(b"..;"), "a hidden `..` in {}", path.escape_ascii());
    }
}

/// Every escape decoded once.
fn decode(path: &[u8]) -> Vec<u8> {
    let hex = |bytes: &[u8]| u8::from_str_radix(std::str::from_utf8(bytes).ok()?, 16).ok();
    let mut out = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let escaped = path.get(at + 1..at + 3).and_then(hex).filter(|_| path[at] == b'%');
        out.push(escaped.unwrap_or(path[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    out
}
