//! What has no influence on a decision, only on how the proxy carries it out.

pub(crate) mod compression;
pub(crate) mod connections;
pub(crate) mod logs;
pub(crate) mod streams;
pub(crate) mod telemetry;

use compression::Compression;
use connections::Connections;
use logs::Logs;
use streams::Streams;
use telemetry::Telemetry;

use super::put;
use super::value::Outcome;

/// Keys for the proxy alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DataPlane {
    /// Listeners, connections and their limits.
    pub(crate) connections: Connections,
    /// The access log.
    pub(crate) logs: Logs,
    /// gzip and Brotli.
    pub(crate) compression: Compression,
    /// Traces.
    pub(crate) telemetry: Telemetry,
    /// TCP and UDP services.
    pub(crate) streams: Streams,
}

impl DataPlane {
    /// Takes over one value; none if the key is not for the proxy.
    pub(super) fn put(&mut self, key: &str, value: &str) -> Option<Outcome> {
        put(connections::KEYS, &mut self.connections, key, value)
            .or_else(|| put(logs::KEYS, &mut self.logs, key, value))
            .or_else(|| put(compression::KEYS, &mut self.compression, key, value))
            .or_else(|| put(telemetry::KEYS, &mut self.telemetry, key, value))
            .or_else(|| put(streams::KEYS, &mut self.streams, key, value))
    }

    /// The names of its keys.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        let connections = connections::KEYS.iter().map(|(name, _)| *name);
        let logs = logs::KEYS.iter().map(|(name, _)| *name);
        let compression = compression::KEYS.iter().map(|(name, _)| *name);
        let telemetry = telemetry::KEYS.iter().map(|(name, _)| *name);
        let streams = streams::KEYS.iter().map(|(name, _)| *name);
        connections.chain(logs).chain(compression).chain(telemetry).chain(streams)
    }
}
