//! The right to bind ports below 1024, for a process that is not root.
//!
//! The image's program has it as "permitted" and not as "effective": with the latter it could not even be started where a
//! container's settings drop the capability, although it may have other ports there.

use rustix::thread::{CapabilitySet, capabilities, set_capabilities};

/// Takes the right where it was given. To be called before there are other threads, which inherit it.
pub(crate) fn raise() {
    let Ok(mut sets) = capabilities(None) else { return };
    let bind = CapabilitySet::NET_BIND_SERVICE;
    if sets.permitted.contains(bind) && !sets.effective.contains(bind) {
        sets.effective |= bind;
        // Whoever needs it says so when a port cannot be bound.
        let _ = set_capabilities(None, sets);
    }
}
