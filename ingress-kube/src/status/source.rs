//! Where the addresses of this controller are looked up.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kube::Client;

use super::published::{Node, Published, Service};
use super::replicas::{Replicas, read};
use crate::api::{Failure, Reason};
use crate::convert::Address;
use crate::now;
use crate::resource::escaped;

/// How long the addresses of a node are believed.
const NODE_TIME: Duration = Duration::from_secs(300);

/// Where the addresses of the controller are known.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddressSource {
    /// `--publish-status-address`: these are it.
    Fixed(Vec<Address>),
    /// `--publish-service`: those of a Service.
    Service {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Those of the nodes that run a pod of it which is ready.
    Nodes,
}

/// Looks them up.
pub(crate) struct Source {
    client: Client,
    source: AddressSource,
    /// `--report-node-internal-ip-address`.
    is_internal: bool,
    nodes: BTreeMap<Box<str>, (BTreeSet<Address>, Instant)>,
    limit: Duration,
}

/// What was found, or why nothing is known.
pub(crate) type Found = Result<BTreeSet<Address>, String>;

impl Source {
    pub(crate) fn new(client: Client, source: AddressSource, is_internal: bool, limit: Duration) -> Self {
        Self { client, source, is_internal, nodes: BTreeMap::new(), limit }
    }

    /// The addresses as they are now; never none of them.
    pub(crate) async fn look(&mut self, replicas: Option<&mut Replicas>) -> Found {
        let (namespace, name) = match &self.source {
            AddressSource::Fixed(addresses) => return Ok(addresses.iter().cloned().collect()),
            AddressSource::Nodes => return self.of_nodes(replicas).await,
            AddressSource::Service { namespace, name } => (namespace, name),
        };
        let target = format!("/api/v1/namespaces/{}/services/{}", escaped(namespace), escaped(name));
        let service: Service =
            read(&self.client, &target, self.limit).await.map_err(|failure| match failure.reason {
                Reason::NotFound => format!("Service {namespace}/{name} is not there"),
                _ => format!("cannot read Service {namespace}/{name}: {failure}"),
            })?;
        match service.published() {
            Published::At(addresses) => Ok(addresses),
            Published::NotYet => Err(format!("Service {namespace}/{name} has no address yet")),
            Published::Never => {
                let why = format!("Service {namespace}/{name} can have no address");
                self.of_nodes(replicas).await.map_err(|nodes| format!("{why}, and {nodes}"))
            }
        }
    }

    async fn of_nodes(&mut self, replicas: Option<&mut Replicas>) -> Found {
        let Some(replicas) = replicas else {
            return Err("without POD_NAME and POD_NAMESPACE the pods of this controller cannot be found".to_owned());
        };
        let replicas = replicas.list().await.map_err(|failure| format!("cannot find its pods: {failure}"))?;
        let ready = replicas.into_iter().filter(|replica| replica.is_ready && !replica.is_leaving);
        let names: BTreeSet<Box<str>> = ready.map(|replica| replica.node).filter(|node| !node.is_empty()).collect();
        self.nodes.retain(|name, _| names.contains(name));
        let mut addresses = BTreeSet::new();
        let mut failed: Option<String> = None;
        for name in names {
            match self.node(&name).await {
                Ok(published) => addresses.extend(published),
                Err(failure) => failed = Some(format!("cannot read Node {name}: {failure}")),
            }
        }
        match failed {
            // Whatever is missing may be that one's.
            Some(failed) => Err(failed),
            None if addresses.is_empty() => Err("no node that runs a ready pod of it has an address".to_owned()),
            None => Ok(addresses),
        }
    }

    async fn node(&mut self, name: &str) -> Result<BTreeSet<Address>, Failure> {
        if let Some((addresses, read)) = self.nodes.get(name)
            && *read + NODE_TIME > now()
        {
            return Ok(addresses.clone());
        }
        let target = format!("/api/v1/nodes/{}", escaped(name));
        let node: Node = match read(&self.client, &target, self.limit).await {
            // A node that has gone takes its addresses along.
            Err(Failure { reason: Reason::NotFound, .. }) => Node::default(),
            other => other?,
        };
        let addresses = node.published(self.is_internal);
        self.nodes.insert(name.into(), (addresses.clone(), now()));
        Ok(addresses)
    }
}
