use ingress_core::model::{Ingress, IngressRule, Service, ServicePort};
use ingress_core::object::FieldPath;

use super::*;

mod simulation;

fn subject(resource: Resource) -> Subject {
    Subject { resource, scope: Scope::Cluster, selector: None }
}

fn store(resources: &[Resource]) -> Store {
    let subjects: Vec<Subject> = resources.iter().copied().map(subject).collect();
    Store::new(&subjects, false)
}

fn key(namespace: &str, name: &str) -> Key {
    Key { namespace: namespace.into(), name: name.into() }
}

fn item(key: &Key, uid: u64, version: u64, content: Content) -> Item {
    let revision = Revision { uid: uid.to_string().into(), version: version.to_string().into() };
    Item { key: key.clone(), revision, content }
}

fn ingress(key: &Key, host: &str, address: &str) -> Content {
    let mut ingress = Ingress::default();
    ingress.metadata.namespace = (*key.namespace).into();
    ingress.metadata.name = (*key.name).into();
    ingress.spec.rules.push(IngressRule { host: host.into(), http: None });
    let address = Address { ip: address.into(), hostname: Box::default() };
    Content::Ingress(Object::Ingress(ingress.into()), vec![address])
}

fn service(key: &Key, port: i32) -> Content {
    let mut service = Service::default();
    service.metadata.namespace = (*key.namespace).into();
    service.metadata.name = (*key.name).into();
    service.spec.ports.push(ServicePort { port, ..ServicePort::default() });
    Content::Object(Object::Service(service.into()))
}

fn undecodable(kind: Kind) -> Content {
    let why = Undecodable { kind, field: FieldPath::named(&"spec"), message: "expected a map".into() };
    Content::Undecodable(Box::new(why))
}

fn failure(reason: Reason) -> Event {
    Event::Failed(Failure::new(reason, "because"))
}

fn port(store: &Store, key: &Key) -> Option<i32> {
    Some(store.inputs().service(&key.reference(Kind::Service))?.spec.ports.first()?.port)
}

#[test]
fn a_list_replaces_everything_at_once() {
    let (now, mut store) = (Instant::now(), store(&[Resource::Services]));
    let (a, b) = (key("x", "a"), key("x", "b"));
    assert!(!store.is_settled(now));
    store.take(Resource::Services, Event::Replaced(vec![item(&a, 1, 1, service(&a, 80))]), now);
    assert!(store.is_settled(now) && store.take_changed() && store.inputs().has_services());
    // An older version in a list counts: the server has been set back.
    let list = vec![item(&a, 1, 9, service(&a, 81)), item(&b, 2, 9, service(&b, 82))];
    store.take(Resource::Services, Event::Replaced(list), now);
    store.take(Resource::Services, Event::Replaced(vec![item(&a, 1, 5, service(&a, 85))]), now);
    assert_eq!((port(&store, &a), port(&store, &b)), (Some(85), None));
    assert!(store.take_changed());
    store.take(Resource::Services, Event::Replaced(vec![item(&a, 1, 5, service(&a, 85))]), now);
    assert!(!store.take_changed(), "the same once more");
}

#[test]
fn what_is_old_or_known_changes_nothing() {
    let (now, mut store) = (Instant::now(), store(&[Resource::Services]));
    let a = key("x", "a");
    let mut take = |event: Event| {
        store.take(Resource::Services, event, now);
        (store.take_changed(), port(&store, &a))
    };
    assert_eq!(take(Event::Applied(item(&a, 1, 10, service(&a, 80)))), (true, Some(80)));
    assert_eq!(take(Event::Applied(item(&a, 1, 10, service(&a, 80)))), (false, Some(80)));
    assert_eq!(take(Event::Applied(item(&a, 1, 9, service(&a, 79)))), (false, Some(80)));
    assert_eq!(take(Event::Deleted(item(&a, 1, 8, Content::Metadata))), (false, Some(80)));
    // Made anew under its name, and only then the end of the first is told.
    assert_eq!(take(Event::Applied(item(&a, 2, 12, service(&a, 82)))), (true, Some(82)));
    assert_eq!(take(Event::Deleted(item(&a, 1, 11, Content::Metadata))), (false, Some(82)));
    assert_eq!(take(Event::Deleted(item(&a, 2, 13, Content::Metadata))), (true, None));
    assert_eq!(take(Event::Deleted(item(&a, 2, 13, Content::Metadata))), (false, None));
}

#[test]
fn one_bad_object_is_left_out_and_named() {
    let (now, mut store) = (Instant::now(), store(&[Resource::Services]));
    let (a, b) = (key("x", "a"), key("x", "b"));
    let list = vec![item(&a, 1, 1, undecodable(Kind::Service)), item(&b, 2, 1, service(&b, 80))];
    store.take(Resource::Services, Event::Replaced(list), now);
    let findings: Vec<Diagnostic> = store.findings().collect();
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].object.as_ref().unwrap().to_string(), "Service x/a");
    assert_eq!((port(&store, &a), port(&store, &b)), (None, Some(80)));
    // One that was good before leaves too: what it said no longer stands.
    store.take(Resource::Services, Event::Applied(item(&b, 2, 2, undecodable(Kind::Service))), now);
    assert_eq!((port(&store, &b), store.findings().count()), (None, 2));
    store.take(Resource::Services, Event::Applied(item(&b, 2, 3, service(&b, 81))), now);
    store.take(Resource::Services, Event::Deleted(item(&a, 1, 4, Content::Metadata)), now);
    assert_eq!((port(&store, &b), store.findings().count()), (Some(81), 0));
}

#[test]
fn a_status_that_is_written_changes_no_route() {
    let (now, mut store) = (Instant::now(), store(&[Resource::Ingresses]));
    let a = key("x", "a");
    store.take(Resource::Ingresses, Event::Applied(item(&a, 1, 1, ingress(&a, "h.example", ""))), now);
    assert!(store.take_changed() && store.take_records_changed());
    let before = Arc::clone(store.ingresses());
    store.take(Resource::Ingresses, Event::Applied(item(&a, 1, 2, ingress(&a, "h.example", "10.0.0.1"))), now);
    assert!(!store.take_changed() && store.take_records_changed());
    let record = &store.ingresses()[&a.reference(Kind::Ingress)];
    assert_eq!((&*record.resource_version, &*record.addresses[0].ip), ("2", "10.0.0.1"));
    assert_eq!(&*before[&a.reference(Kind::Ingress)].resource_version, "1", "whoever looked before sees no change");
}

#[test]
fn the_server_may_mean_it_when_it_says_no() {
    let start = Instant::now();
    let after = |seconds| start + Duration::from_secs(seconds);
    let mut store = store(&[Resource::Ingresses, Resource::EndpointSlices]);
    assert!(store.take(Resource::EndpointSlices, failure(Reason::Forbidden), start));
    assert!(!store.take(Resource::EndpointSlices, failure(Reason::Forbidden), after(4)), "that is known");
    assert_eq!(store.settles_at(after(4)), None, "Ingresses are missing");
    store.take(Resource::Ingresses, Event::Replaced(Vec::new()), after(4));
    assert_eq!(store.settles_at(after(4)), Some(after(5)));
    assert!(!store.is_settled(after(4)) && store.is_settled(after(5)));
    assert!(!store.inputs().has_endpoints(), "nothing can be said of endpoints");

    // It has changed its mind, and changes it again: what was read counts.
    store.take(Resource::EndpointSlices, Event::Replaced(Vec::new()), after(6));
    assert!(store.inputs().has_endpoints());
    assert!(store.take(Resource::EndpointSlices, failure(Reason::Forbidden), after(7)));
    assert!(store.is_settled(after(7)));
}

#[test]
fn other_failures_and_missing_ingresses_are_waited_for() {
    let start = Instant::now();
    let later = start + Duration::from_secs(3_600);
    for reason in [Reason::Unreachable, Reason::Busy, Reason::Refused, Reason::Malformed] {
        let mut store = store(&[Resource::Services]);
        store.take(Resource::Services, failure(reason), start);
        assert!(!store.is_settled(later), "{reason}");
        assert_eq!(store.settles_at(later), None, "there is nothing to wake up for");
    }
    let mut store = store(&[Resource::Ingresses]);
    store.take(Resource::Ingresses, failure(Reason::Forbidden), start);
    assert!(!store.is_settled(later));
}

#[test]
fn a_slice_may_follow_an_endpoints_of_its_name() {
    let (now, mut store) = (Instant::now(), store(&[Resource::EndpointSlices]));
    let a = key("x", "a");
    let mut endpoints = ingress_core::model::Endpoints::default();
    (endpoints.metadata.namespace, endpoints.metadata.name) = ("x".into(), "a".into());
    let endpoints = Content::Object(Object::Endpoints(endpoints.into()));
    store.take(Resource::EndpointSlices, Event::Replaced(vec![item(&a, 1, 1, endpoints)]), now);
    assert!(store.inputs().endpoints_of(&a.reference(Kind::Service)).is_some());
    let mut slice = ingress_core::model::EndpointSlice::default();
    (slice.metadata.namespace, slice.metadata.name) = ("x".into(), "a".into());
    let slice = Content::Object(Object::EndpointSlice(slice.into()));
    store.take(Resource::EndpointSlices, Event::Replaced(vec![item(&a, 2, 2, slice)]), now);
    assert!(store.inputs().endpoints_of(&a.reference(Kind::Service)).is_none());
    assert_eq!(store.inputs().len(), 1);
}
