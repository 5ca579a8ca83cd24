//! The keys that sessions are resumed with.

use std::fmt;
use std::sync::{Arc, OnceLock};

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::ProducesTickets;

/// The keys of session tickets. A process has one of these, whatever becomes of its options: with other keys every client
/// starts anew.
///
/// Nobody has had the keys before, and they replace themselves every six hours. The first are made for the first handshake: what makes them is
/// code that an idle proxy would have in memory for nothing. While they cannot be made, for want of randomness, there are no tickets.
#[derive(Clone, Debug, Default)]
pub struct Tickets(Arc<Keys>);

impl Tickets {
    pub(super) fn producer(&self) -> Arc<dyn ProducesTickets> {
        Arc::<Keys>::clone(&self.0)
    }
}

#[derive(Default)]
struct Keys(OnceLock<Arc<dyn ProducesTickets>>);

impl Keys {
    fn get(&self) -> Option<&dyn ProducesTickets> {
        let keys = self.0.get().or_else(|| {
            let made = Ticketer::new().ok()?;
            Some(self.0.get_or_init(|| made))
        });
        keys.map(|keys| &**keys)
    }
}

impl ProducesTickets for Keys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        self.get().map_or(0, ProducesTickets::lifetime)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.get()?.encrypt(plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.get()?.decrypt(cipher)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").finish_non_exhaustive()
    }
}
