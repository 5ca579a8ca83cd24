//! Random lives of clusters: objects that come, change, go and come back, watches that repeat themselves, fall behind, break and
//! list again, each in its own time. Whenever all have caught up, the store has what a map would have.
//!
//! `SEEDS=4096 STEPS=20000 cargo test --release -p ingress-kube simulation` is the full size.

use super::*;

/// What a cluster has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Thing {
    Ingress { host: u64, address: u64 },
    Service { port: i32 },
    Bad,
    Namespace,
}

const RESOURCES: [Resource; 3] = [Resource::Ingresses, Resource::Services, Resource::Namespaces];

#[derive(Default)]
struct Server {
    version: u64,
    objects: BTreeMap<(Resource, Key), (u64, u64, Thing)>,
    /// What happened, in order: the thing as it is, or none for its end.
    events: Vec<(u64, Resource, Key, u64, Option<Thing>)>,
}

/// How far a watch has come.
#[derive(Clone, Copy)]
struct Position {
    at: usize,
    is_listed: bool,
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        // Marsaglia's xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

impl Server {
    fn step(&mut self, random: &mut Random) {
        let resource = RESOURCES[random.below(3) as usize];
        let namespace = format!("n{}", random.below(3));
        let key = match resource {
            Resource::Namespaces => key("", &namespace),
            _ => key(&namespace, &format!("o{}", random.below(4))),
        };
        self.version += 1 + random.below(2);
        let place = (resource, key.clone());
        let before = self.objects.remove(&place);
        let thing = match (resource, random.below(4)) {
            (_, 0) => None,
            (Resource::Namespaces, _) => Some(Thing::Namespace),
            (_, 1) if random.below(4) == 0 => Some(Thing::Bad),
            (Resource::Ingresses, _) => Some(Thing::Ingress { host: random.below(3), address: random.below(3) }),
            _ => Some(Thing::Service { port: random.below(100) as i32 }),
        };
        let uid = before.as_ref().map_or(self.version, |(uid, ..)| *uid);
        match thing {
            None if before.is_none() => {}
            None => self.events.push((self.version, resource, key, uid, None)),
            Some(thing) => {
                self.objects.insert(place, (uid, self.version, thing.clone()));
                self.events.push((self.version, resource, key, uid, Some(thing)));
            }
        }
    }
}

fn content(resource: Resource, key: &Key, thing: &Thing) -> Content {
    match thing {
        Thing::Ingress { host, address } => ingress(key, &format!("h{host}"), &address.to_string()),
        Thing::Service { port } => service(key, *port),
        Thing::Bad => undecodable(resource.kinds()[0]),
        Thing::Namespace => Content::Metadata,
    }
}

fn list(server: &Server, resource: Resource) -> Event {
    let objects = server.objects.iter().filter(|((other, _), _)| *other == resource);
    Event::Replaced(
        objects
            .map(|((_, key), (uid, version, thing))| item(key, *uid, *version, content(resource, key, thing)))
            .collect(),
    )
}

/// Takes a watch one event further, now and then with a mishap.
fn advance(server: &Server, store: &mut Store, resource: Resource, position: &mut Position, random: &mut Random) {
    let now = Instant::now();
    if !position.is_listed || random.below(40) == 0 {
        store.take(resource, list(server, resource), now);
        *position = Position { at: server.events.len(), is_listed: true };
        return;
    }
    let next = server.events.iter().enumerate().skip(position.at).find(|(_, event)| event.1 == resource);
    let Some((at, (version, _, key, uid, thing))) = next else { return };
    let event = || match thing {
        Some(thing) => Event::Applied(item(key, *uid, *version, content(resource, key, thing))),
        None => Event::Deleted(item(key, *uid, *version, Content::Metadata)),
    };
    store.take(resource, event(), now);
    if random.below(4) == 0 {
        store.take(resource, event(), now);
    }
    if random.below(30) == 0 {
        store.take(resource, failure(Reason::Unreachable), now);
    }
    position.at = at + 1;
}

fn compare(server: &Server, store: &Store, seed: u64) {
    let things = |resource| server.objects.iter().filter(move |((other, _), _)| *other == resource);
    let selected = |namespace: &Arc<str>| {
        server.objects.contains_key(&(Resource::Namespaces, Key { namespace: "".into(), name: Arc::clone(namespace) }))
    };
    let mut ingresses = Vec::new();
    for ((_, key), (uid, version, thing)) in things(Resource::Ingresses) {
        let Thing::Ingress { host, address } = thing else { continue };
        if selected(&key.namespace) {
            let addresses = vec![Address { ip: address.to_string().into(), hostname: Box::default() }];
            let (uid, resource_version) = (uid.to_string().into(), version.to_string().into());
            let record = IngressRecord { uid, resource_version, content_version: Box::default(), addresses };
            ingresses.push((key.reference(Kind::Ingress), format!("h{host}"), record));
        }
    }
    let known = store.inputs().ingresses().map(|(name, ingress)| {
        // Which changes count is not modelled.
        let record = IngressRecord { content_version: Box::default(), ..(*store.ingresses()[name]).clone() };
        ((**name).clone(), ingress.spec.rules[0].host.to_string(), record)
    });
    assert_eq!(known.collect::<Vec<_>>(), ingresses, "seed {seed}");
    assert_eq!(store.ingresses().len(), ingresses.len(), "seed {seed}");
    let mut services = 0;
    for ((_, key), (.., thing)) in things(Resource::Services) {
        let expected = if let Thing::Service { port } = thing { Some(*port) } else { None };
        assert_eq!(port(store, key), expected, "seed {seed}");
        services += usize::from(expected.is_some());
    }
    assert_eq!(store.inputs().len(), ingresses.len() + services, "seed {seed}");
    let bad = server.objects.values().filter(|(.., thing)| *thing == Thing::Bad).count();
    assert_eq!(store.findings().count(), bad, "seed {seed}");
    let counts = store.statuses().map(|((resource, _), status)| {
        assert!(status.is_complete && status.objects == things(resource).count(), "seed {seed}: {resource}");
        status.undecodable
    });
    assert_eq!(counts.sum::<usize>(), bad, "seed {seed}");
}

#[test]
fn a_store_ends_where_the_cluster_does() {
    let number = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (seeds, steps) = (number("SEEDS", 24), number("STEPS", 1_000));
    for seed in 1..=seeds {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let (mut server, mut store) = (Server::default(), store(&RESOURCES));
        let mut positions = [Position { at: 0, is_listed: false }; 3];
        for step in 0..steps {
            server.step(&mut random);
            let which = random.below(3) as usize;
            for _ in 0..random.below(4) {
                advance(&server, &mut store, RESOURCES[which], &mut positions[which], &mut random);
            }
            if step % 50 == 49 {
                for (resource, position) in RESOURCES.iter().zip(&mut positions) {
                    while !position.is_listed || position.at < server.events.len() {
                        let before = position.at;
                        advance(&server, &mut store, *resource, position, &mut random);
                        if position.at == before {
                            // What is left are other resources' events.
                            position.at = server.events.len();
                        }
                    }
                }
                compare(&server, &store, seed);
                server.events.clear();
                positions.iter_mut().for_each(|position| position.at = 0);
            }
        }
    }
}
