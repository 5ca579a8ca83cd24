//! Interrupts: the program then stops as it does on an error, so that it ends what it has started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use benches::matcher::Error;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Waits for SIGINT and SIGTERM from now on, on a thread of its own.
pub(crate) fn listen() -> Result<(), Error> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    thread::spawn(move || {
        runtime.block_on(async {
            // Whichever comes first.
            std::future::poll_fn(|context| match interrupt.poll_recv(context) {
                Poll::Pending => terminate.poll_recv(context),
                ready => ready,
            })
            .await
        });
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// Fails after an interrupt.
pub(crate) fn check() -> Result<(), Error> {
    if INTERRUPTED.load(Ordering::Relaxed) { Err("interrupted".into()) } else { Ok(()) }
}
