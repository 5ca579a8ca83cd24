//! The list of all contenders.

use std::collections::hash_map::RandomState;

use crate::flat::Flat;
use crate::linear::Linear;
use crate::matcher::{Contender, Kind};
use crate::ours::{Decide, DecideFresh, Locate};
use crate::per_host::{LongestFirst, Matchit, PathTree, PerHost, Wayfind};

const ALL_SIZES: usize = usize::MAX;

/// Our bare index, which the others are compared with.
pub const LOCATE: Contender = Contender {
    name: "Snapshot::locate",
    kind: Kind::Ours,
    most_routes: ALL_SIZES,
    build: |workload| Ok(Box::new(Locate::new(workload)?)),
};

/// Our whole decision.
pub const DECIDE: Contender = Contender {
    name: "Snapshot::decide",
    kind: Kind::Ours,
    most_routes: ALL_SIZES,
    build: |workload| Ok(Box::new(Decide::new(workload)?)),
};

/// The floor.
pub const FLAT: Contender = Contender {
    name: "flat table",
    kind: Kind::Floor,
    most_routes: ALL_SIZES,
    build: |workload| Ok(Box::new(Flat::new(workload)?)),
};

/// All of them.
pub const ALL: [Contender; 11] = [
    LOCATE,
    DECIDE,
    Contender {
        name: "RequestView + decide",
        kind: Kind::Ours,
        most_routes: ALL_SIZES,
        build: |workload| Ok(Box::new(DecideFresh::new(workload)?)),
    },
    FLAT,
    Contender {
        name: "HashMap + matchit",
        kind: Kind::Router,
        most_routes: ALL_SIZES,
        build: |workload| Ok(Box::new(PerHost::<RandomState, Matchit>::new(workload)?)),
    },
    Contender {
        name: "ahash + matchit",
        kind: Kind::Router,
        most_routes: ALL_SIZES,
        build: |workload| Ok(Box::new(PerHost::<ahash::RandomState, Matchit>::new(workload)?)),
    },
    Contender {
        name: "ahash + wayfind",
        kind: Kind::Router,
        most_routes: ALL_SIZES,
        build: |workload| Ok(Box::new(PerHost::<ahash::RandomState, Wayfind>::new(workload)?)),
    },
    Contender {
        name: "ahash + path-tree",
        kind: Kind::Router,
        most_routes: ALL_SIZES,
        build: |workload| Ok(Box::new(PerHost::<ahash::RandomState, PathTree>::new(workload)?)),
    },
    Contender {
        name: "HashMap + longest-first list",
        kind: Kind::List,
        most_routes: ALL_SIZES,
        build: |workload| Ok(Box::new(PerHost::<RandomState, LongestFirst>::new(workload)?)),
    },
    Contender {
        name: "ahash + longest-first list",
        kind: Kind::List,
        most_routes: ALL_SIZES,
        build: |workload| Ok(Box::new(PerHost::<ahash::RandomState, LongestFirst>::new(workload)?)),
    },
    Contender {
        name: "linear scan",
        kind: Kind::Scan,
        most_routes: 1_000,
        build: |workload| Ok(Box::new(Linear::new(workload))),
    },
];
