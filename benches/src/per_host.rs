//! The usual construction: a hash map from hosts to one path router per host.

use std::collections::HashMap;
use std::hash::BuildHasher;

use crate::matcher::{Error, Matcher};
use crate::workload::{Host, RouteId, Workload};

/// A path router of one host.
pub trait PathRouter: Sized {
    /// Builds it.
    ///
    /// # Errors
    ///
    /// The router refuses a route.
    fn new(host: Host<'_>) -> Result<Self, Error>;

    /// The route of a path.
    fn find(&self, path: &str) -> Option<RouteId>;
}

/// A path router per host.
#[derive(Debug)]
pub struct PerHost<S, R>(HashMap<Box<str>, R, S>);

impl<S: BuildHasher + Default, R: PathRouter> PerHost<S, R> {
    /// The routers of a workload.
    ///
    /// # Errors
    ///
    /// A router refuses a route.
    pub fn new(workload: &Workload) -> Result<Self, Error> {
        workload.hosts().map(|host| Ok((host.name().into(), R::new(host)?))).collect::<Result<_, _>>().map(Self)
    }
}

impl<S: BuildHasher, R: PathRouter> Matcher for PerHost<S, R> {
    fn find(&self, host: &str, path: &str) -> Option<RouteId> {
        self.0.get(host)?.find(path)
    }
}

/// matchit: three routes per prefix, because a catch-all does not take the empty rest.
pub type Matchit = matchit::Router<RouteId>;

impl PathRouter for Matchit {
    fn new(host: Host<'_>) -> Result<Self, Error> {
        let mut router = Self::new();
        for (prefix, route) in host.routes() {
            let prefix = prefix.trim_end_matches('/').replace('{', "{{").replace('}', "}}");
            if !prefix.is_empty() {
                router.insert(prefix.as_str(), route)?;
            }
            router.insert(format!("{prefix}/"), route)?;
            router.insert(format!("{prefix}/{{*rest}}"), route)?;
        }
        Ok(router)
    }

    fn find(&self, path: &str) -> Option<RouteId> {
        self.at(path).ok().map(|matched| *matched.value)
    }
}

/// wayfind: three routes per prefix, as with matchit.
pub type Wayfind = wayfind::Router<RouteId>;

impl PathRouter for Wayfind {
    fn new(host: Host<'_>) -> Result<Self, Error> {
        let mut router = wayfind::RouterBuilder::new();
        for (prefix, route) in host.routes() {
            let prefix = prefix.trim_end_matches('/');
            if !prefix.is_empty() {
                router.insert(prefix, route)?;
            }
            router.insert(&format!("{prefix}/"), route)?;
            router.insert(&format!("{prefix}/<*rest>"), route)?;
        }
        Ok(router.build())
    }

    fn find(&self, path: &str) -> Option<RouteId> {
        self.search(path).map(|found| *found.data())
    }
}

/// path-tree: one pattern of zero or more segments, and the prefix itself.
pub type PathTree = path_tree::PathTree<RouteId>;

impl PathRouter for PathTree {
    fn new(host: Host<'_>) -> Result<Self, Error> {
        let mut tree = Self::new();
        for (prefix, route) in host.routes() {
            let prefix = prefix.trim_end_matches('/');
            if !prefix.is_empty() {
                let _index = tree.insert(prefix, route);
            }
            let _index = tree.insert(&format!("{prefix}/*"), route);
        }
        Ok(tree)
    }

    fn find(&self, path: &str) -> Option<RouteId> {
        self.find(path).map(|(route, _)| *route)
    }
}

/// No router at all: the prefixes, longest first.
pub type LongestFirst = Box<[(Box<str>, RouteId)]>;

impl PathRouter for LongestFirst {
    fn new(host: Host<'_>) -> Result<Self, Error> {
        let prefixes = host.routes().map(|(prefix, route)| (prefix.trim_end_matches('/').into(), route));
        let mut prefixes: Vec<(Box<str>, RouteId)> = prefixes.collect();
        prefixes.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
        Ok(prefixes.into())
    }

    fn find(&self, path: &str) -> Option<RouteId> {
        let takes = |(prefix, _): &&(Box<str>, RouteId)| {
            let rest = path.strip_prefix(&**prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.iter().find(takes).map(|(_, route)| *route)
    }
}
