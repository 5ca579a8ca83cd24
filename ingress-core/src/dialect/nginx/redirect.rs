//! Redirects: to `https`, and to where `permanent-redirect` and `temporal-redirect` say.

use super::grammar;
use super::settings::Settings;
use crate::diagnostic::Code;
use crate::dialect::WwwRedirect;
use crate::dialect::annotations::{Annotations, Bad, shown};
use crate::policy::{Location, Redirect, TlsRedirect};

/// `ssl-redirect`, `force-ssl-redirect`, `preserve-trailing-slash`, `use-port-in-redirects`.
pub(super) fn to_tls(a: &mut Annotations<'_>, settings: &Settings) -> Option<TlsRedirect> {
    let global = &settings.redirects;
    let force = a.flag("force-ssl-redirect", Bad::Default).unwrap_or(global.force_ssl_redirect);
    let wanted = a.flag("ssl-redirect", Bad::Default).unwrap_or(global.ssl_redirect);
    let keep_slash = a.flag("preserve-trailing-slash", Bad::Default).unwrap_or(global.preserve_trailing_slash);
    let with_port = a.flag("use-port-in-redirects", Bad::Default).unwrap_or(global.use_port_in_redirects);
    if !wanted && !force {
        return None;
    }
    let location = Location::Https { strip_slash: !keep_slash, port: with_port.then_some(443) };
    Some(TlsRedirect {
        redirect: Redirect { status: global.http_redirect_code, location, reason: "tls-redirect" },
        force,
    })
}

/// Whether the paths of a rule are left in plain text (`no-tls-redirect-locations`).
pub(super) fn is_exempt(settings: &Settings, path: &str) -> bool {
    settings.redirects.no_tls_redirect_locations.iter().any(|start| path.starts_with(&**start))
}

/// The annotations of the controller's redirect group.
#[derive(Default)]
pub(super) struct Group {
    pub(super) is_relative: bool,
    pub(super) redirect: Option<Redirect>,
    pub(super) www: Option<WwwRedirect>,
}

/// `temporal-redirect`, which comes first, `permanent-redirect` and `from-to-www-redirect`.
pub(super) fn read(a: &mut Annotations<'_>, settings: &Settings) -> Group {
    let key = "from-to-www-redirect";
    let wanted = a.flag(key, Bad::Drop).unwrap_or(false);
    let www = wanted.then(|| WwwRedirect { status: settings.redirects.http_redirect_code, field: a.field(key) });
    let relative = a.flag("relative-redirects", Bad::Drop).unwrap_or(settings.redirects.relative_redirects);
    let temporal_code = a.number("temporal-redirect-code", Bad::Drop);
    let permanent_code = a.number("permanent-redirect-code", Bad::Drop);
    let url = "a URL";
    let temporal = a.checked("temporal-redirect", grammar::url, url, Bad::Drop);
    let permanent = a.checked("permanent-redirect", grammar::url, url, Bad::Drop);
    if let Some(url) = temporal {
        if !is_http(url) {
            // The controller passes over the whole group then.
            let why = format!(
                "`{}` is no absolute URL of `http` or `https`; the redirects of the Ingress are left out",
                shown(url)
            );
            a.report(Code::AnnotationInvalid, "temporal-redirect", why);
            return Group { is_relative: relative, ..Group::default() };
        }
        let status = code(temporal_code, 300..=307, 302);
        let location = Location::Constant(url.into());
        let redirect = Some(Redirect { status, location, reason: "temporal-redirect" });
        return Group { is_relative: relative, redirect, www };
    }
    let Some(url) = permanent else {
        return Group { is_relative: relative, redirect: None, www };
    };
    let status = code(permanent_code, 300..=308, 301);
    let location = match url.strip_prefix('/') {
        Some(_) if relative => Location::Constant(url.into()),
        Some(_) => Location::OnHost(url.into()),
        None if is_http(url) => Location::Constant(url.into()),
        None => {
            let why = format!(
                "`{}` is neither a path nor a URL of `http` or `https`; the redirects of the Ingress are left out",
                shown(url)
            );
            a.report(Code::AnnotationInvalid, "permanent-redirect", why);
            return Group { is_relative: relative, ..Group::default() };
        }
    };
    let redirect = Some(Redirect { status, location, reason: "permanent-redirect" });
    Group { is_relative: relative, redirect, www }
}

fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}

/// A status within the range, else the default.
fn code(given: Option<i64>, range: std::ops::RangeInclusive<u16>, default: u16) -> u16 {
    given.and_then(|code| u16::try_from(code).ok()).filter(|code| range.contains(code)).unwrap_or(default)
}
