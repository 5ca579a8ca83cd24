//! What a dialect has done with a request that is forwarded, key by key as `docs/json.md` lists them.

use ingress_core::decision::{Forward, Via};
use ingress_core::policy::{
    Affinity, BasicAuth, ClientCertificate, CustomErrors, ExternalAuth, Filters, Limits, LoadBalance, Location,
    Retries, RouteTable, Satisfy, UpstreamTls,
};
use ingress_core::request::RequestView;
use serde_json::{Map, Value, json};

use super::decisions::{self, text};

/// The effects; none of a dialect that has none.
pub(super) fn of(forward: &Forward<'_>, view: &RequestView<'_>, table: &RouteTable) -> Map<String, Value> {
    let mut effects = Map::new();
    let mut set = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            effects.insert(key.to_owned(), value);
        }
    };
    if forward.via == Via::Passthrough {
        set("protocol", Some(json!(forward.protocol().as_str())));
    }
    let Some(filters) = forward.filters() else { return effects };
    let upstream = &filters.upstream;
    let timeouts = upstream.timeouts;
    set("protocol", Some(json!(forward.protocol().as_str())));
    set("timeouts", Some(json!({"connect": timeouts.connect, "send": timeouts.send, "read": timeouts.read})));
    set("retries", Some(retries(&upstream.retries)));
    set("buffering", Some(buffering(filters)));
    set("body_limit", filters.body_limit.map(|limit| json!(limit)));
    set("upstream_tls", upstream.tls.as_deref().map(upstream_tls));
    set("affinity", forward.affinity().map(|affinity| self::affinity(affinity, forward, view)));
    set("hash_key", forward.hash_key(view).map(|key| json!(text(&key))));
    let balance = forward.load_balance();
    set("load_balance", (balance != LoadBalance::RoundRobin).then(|| json!(balance.as_str())));
    set("limits", forward.limits(view).map(|limits| self::limits(limits, filters)));
    if forward.limits(view).is_none() && filters.throttle.rate > 0 {
        set("limits", Some(json!({"rate": filters.throttle.rate, "rate_after": filters.throttle.after})));
    }
    set("cors", filters.cors.as_ref().and_then(|_| cors(forward, view)));
    set("auth", auth(forward, view));
    if let (Some(mirror), Some(target)) = (&filters.mirror, forward.mirror_target(view)) {
        set("mirror", Some(json!({"target": text(&target), "host": mirror.host, "body": mirror.body})));
    }
    if let Some((canary, by)) = forward.canary() {
        set("canary", Some(json!({"ingress": canary.origin.object.path(), "rule": by.as_str()})));
    }
    let hidden: Vec<&str> = filters.response.hidden().collect();
    set("hidden_headers", (!hidden.is_empty()).then(|| json!(hidden)));
    set("custom_errors", filters.errors.as_ref().map(|it| errors(it, table)));
    set("fallback", (forward.via == Via::Fallback).then(|| json!(true)));
    if !filters.observe.access_log {
        set("access_log", Some(json!(false)));
    }
    if filters.observe.opentelemetry {
        let observe = &filters.observe;
        let span =
            json!({"operation_name": observe.operation_name, "trust_incoming_span": observe.trust_incoming_span});
        set("opentelemetry", Some(without_nulls(span)));
    }
    effects
}

fn retries(retries: &Retries) -> Value {
    let conditions: Vec<String> = retries.conditions.iter().map(ToString::to_string).collect();
    json!({
        "conditions": conditions,
        "tries": retries.tries,
        "timeout": retries.timeout,
        "non_idempotent": retries.non_idempotent,
    })
}

fn buffering(filters: &Filters) -> Value {
    let buffering = filters.upstream.buffering;
    json!({
        "request": buffering.request,
        "response": buffering.response,
        "buffer_size": buffering.buffer_size,
        "buffers": buffering.buffers,
        "body_buffer_size": buffering.body_buffer_size,
    })
}

fn upstream_tls(tls: &UpstreamTls) -> Value {
    without_nulls(json!({
        "secret": tls.certificate.as_ref().map(|it| format!("{}/{}", it.namespace, it.name)),
        "name": tls.name,
        "server_name": tls.server_name,
        "verify": tls.verify,
        "verify_depth": tls.verify_depth,
        "protocols": tls.protocols,
        "ciphers": tls.ciphers,
    }))
}

fn affinity(affinity: &Affinity, forward: &Forward<'_>, view: &RequestView<'_>) -> Value {
    without_nulls(json!({
        "cookie": affinity.cookie,
        "is_set": forward.sets_affinity_cookie(),
        "mode": if affinity.persistent { "persistent" } else { "balanced" },
        "path": forward.cookie_path(affinity),
        "domain": affinity.domain,
        "expires": affinity.expires,
        "max_age": affinity.max_age,
        "samesite": affinity.same_site_for(view.header("user-agent").next()),
        "secure": affinity.secure,
        "change_on_failure": affinity.change_on_failure,
    }))
}

fn limits(limits: &Limits, filters: &Filters) -> Value {
    let some = |count: u32| (count > 0).then_some(count);
    without_nulls(json!({
        "connections": some(limits.connections),
        "rps": some(limits.rps),
        "rpm": some(limits.rpm),
        "burst_multiplier": limits.burst_multiplier,
        "rate": some(filters.throttle.rate),
        "rate_after": some(filters.throttle.after),
        "status": limits.rate_status,
    }))
}

fn cors(forward: &Forward<'_>, view: &RequestView<'_>) -> Option<Value> {
    let decision = ingress_core::decision::Decision::Forward(*forward);
    let headers = decision.response_headers(view);
    let keys = headers.iter().filter_map(|(name, value)| {
        let key = name.strip_prefix("Access-Control-")?.to_ascii_lowercase().replace('-', "_");
        Some((key, json!(text(value))))
    });
    let keys: Map<String, Value> = keys.collect();
    (!keys.is_empty()).then_some(Value::Object(keys))
}

fn auth(forward: &Forward<'_>, view: &RequestView<'_>) -> Option<Value> {
    let access = forward.access(view);
    let certificate = forward.settings().and_then(|settings| settings.client_certificate.as_ref());
    let basic = access.and_then(|access| access.basic.as_ref());
    let external = access.and_then(|access| access.external.as_deref());
    if basic.is_none() && external.is_none() && certificate.is_none() {
        return None;
    }
    Some(without_nulls(json!({
        "basic": basic.map(self::basic),
        "external": external.map(|external| self::external(external, forward, view)),
        "client_certificate": certificate.map(client_certificate),
        "satisfy": access.map(|access| access.satisfy).filter(|satisfy| *satisfy == Satisfy::Any).map(Satisfy::as_str),
    })))
}

fn basic(basic: &BasicAuth) -> Value {
    json!({
        "realm": basic.realm,
        "secret": format!("{}/{}", basic.namespace, basic.secret),
        "kind": basic.file.as_str(),
        "digest": basic.digest,
    })
}

fn external(external: &ExternalAuth, forward: &Forward<'_>, view: &RequestView<'_>) -> Value {
    without_nulls(json!({
        "url": forward.auth_url(view).map(|url| text(&url).into_owned()),
        "method": external.method,
        "signin": forward.signin_url(view).map(|url| text(&url).into_owned()),
        "response_headers": external.response_headers,
        "request_headers": external.request_headers.iter().map(|(name, value)| (name.to_string(), json!(value))).collect::<Map<_, _>>(),
        "request_redirect": external.request_redirect,
        "cache_key": external.cache_key.as_ref().map(ToString::to_string),
        "cache_durations": external.cache_key.as_ref().map(|_| &external.cache_durations),
        "always_set_cookie": external.always_set_cookie,
    }))
}

fn client_certificate(certificate: &ClientCertificate) -> Value {
    without_nulls(json!({
        "secret": format!("{}/{}", certificate.namespace, certificate.secret),
        "verify": certificate.verify.as_str(),
        "depth": certificate.depth,
        "error_page": certificate.error_page.as_ref().and_then(|redirect| match &redirect.location {
            Location::Constant(url) => Some(url),
            _ => None,
        }),
        "pass_to_upstream": certificate.pass_to_upstream,
        "match_cn": certificate.match_cn.as_ref().map(|pattern| pattern.as_str()),
    }))
}

fn errors(errors: &CustomErrors, table: &RouteTable) -> Value {
    let backend = errors.backend.as_ref().map(|backend| decisions::backend(&table.backend(backend)));
    without_nulls(json!({"codes": errors.codes, "backend": backend, "keep_bodies": errors.keep_bodies}))
}

/// A mapping without the keys that do not apply.
fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        map.retain(|_, value| !value.is_null());
    }
    value
}
