//! Reading one Secret or ConfigMap.

use std::time::Duration;

use ingress_core::model::ConfigMap;
use ingress_core::object::{Kind, ObjectRef};
use kube::Client;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::api::{self, Failure, Reason, WHOLE};
use crate::convert::{self, WireSecret};
use crate::references::Answer;
use crate::resource::{Resource, Scope, Version, escaped};

/// An object that others refer to.
#[derive(Debug)]
pub(crate) enum Fetched {
    Secret(WireSecret),
    ConfigMap(ConfigMap),
}

/// Reads the object with this name.
pub(crate) async fn fetch(client: &Client, name: &ObjectRef, limit: Duration) -> Answer<Fetched> {
    let resource = if name.kind == Kind::Secret { Resource::Secrets } else { Resource::ConfigMaps };
    // An empty name would ask for all of them.
    let version = resource.versions().first().filter(|_| !name.namespace.is_empty() && !name.name.is_empty());
    let Some(version) = version else { return Answer::Absent };
    match api::get(client, &version.object(&name.namespace, &name.name), WHOLE, limit).await {
        Ok(text) => read(name, &text),
        Err(Failure { reason: Reason::NotFound, .. }) => Answer::Absent,
        Err(failure) if failure.reason == Reason::Forbidden => listed(client, *version, name, limit, failure).await,
        Err(failure) => Answer::Failed(failure),
    }
}

/// The answer that a future gives. One that panics has failed like any other: its object is asked for again, and others do not wait
/// for it for ever.
pub(crate) async fn guarded<T: Send + 'static>(reading: impl Future<Output = Answer<T>> + Send + 'static) -> Answer<T> {
    let answer = tokio::spawn(reading).await;
    answer.unwrap_or_else(|_| Answer::Failed(Failure::new(Reason::Malformed, "reading it panicked, which is a bug")))
}

/// Reads the object as a list with nothing else in it: the rights that ingress-nginx asks for in other namespaces are to list
/// and to watch.
async fn listed(
    client: &Client,
    version: Version,
    name: &ObjectRef,
    limit: Duration,
    refused: Failure,
) -> Answer<Fetched> {
    let scope = Scope::Namespace((*name.namespace).into());
    let selector = escaped(&format!("metadata.name={}", name.name));
    let target = format!("{}?fieldSelector={selector}", version.collection(&scope));
    let Ok(text) = api::get(client, &target, WHOLE, limit).await else { return Answer::Failed(refused) };
    let list: Result<List<'_>, _> = serde_json::from_str(&text);
    match list.as_ref().map(|list| list.items.as_slice()) {
        Ok([]) => Answer::Absent,
        Ok([object]) => read(name, object.get()),
        _ => Answer::Failed(Failure::new(Reason::Malformed, "it cannot be decoded")),
    }
}

#[derive(Deserialize)]
struct List<'a> {
    #[serde(default, borrow)]
    items: Vec<&'a RawValue>,
}

fn read(name: &ObjectRef, text: &str) -> Answer<Fetched> {
    let read = if name.kind == Kind::Secret {
        // Whatever the decoder could say of it might be a part of a key.
        let secret = WireSecret::read(name, text).map_err(|_| Failure::new(Reason::Malformed, "it cannot be decoded"));
        secret.map(|secret| (secret.revision.clone(), Fetched::Secret(secret)))
    } else {
        let map = convert::config_map(name, text);
        map.map(|(revision, map)| (revision, Fetched::ConfigMap(map)))
            .map_err(|why| Failure::new(Reason::Malformed, &format!("{}: {}", why.field, why.message)))
    };
    match read {
        Ok((revision, object)) => Answer::Present(revision, object),
        Err(failure) => Answer::Failed(failure),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_panics_has_failed() {
        let panics = async { panic!("as it is meant to") };
        let Answer::<()>::Failed(failure) = guarded(panics).await else { panic!("it has failed") };
        assert_eq!(failure.reason, Reason::Malformed);
        assert!(matches!(guarded(async { Answer::<()>::Absent }).await, Answer::Absent));
    }
}
