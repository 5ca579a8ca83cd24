//! Limits that an adapter counts.

use super::AddressRange;

/// How much one client may ask for. Excess is answered at once with the status.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Limits {
    /// Concurrent requests; 0 for no limit.
    pub connections: u32,
    /// Requests per second; 0 for no limit.
    pub rps: u32,
    /// Requests per minute; 0 for no limit.
    pub rpm: u32,
    /// How many times the rate may come at once.
    pub burst_multiplier: u32,
    /// Clients that are not counted.
    pub exempt: Box<[AddressRange]>,
    /// The status of what exceeds a rate.
    pub rate_status: u16,
    /// The status of what exceeds the connections.
    pub connections_status: u16,
}

/// How fast a response is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a record; a new field must break an adapter that would ignore it")]
pub struct Throttle {
    /// Kilobytes per second; 0 for no limit.
    pub rate: u32,
    /// Kilobytes that are sent before the rate counts.
    pub after: u32,
}
