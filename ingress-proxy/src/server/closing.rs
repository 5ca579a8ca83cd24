//! A listener on its way out, next to others of its address that stay.
//!
//! The system shares connections among all listeners of an address, and resets those that it has given to one which closes,
//! be it that they have not been accepted or that their handshake is not over. So a listener is first left out, and closes when
//! it has accepted what was on its way.

use std::io;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::time::Instant;

/// For how long handshakes may be on their way. Who began one meanwhile tries again after a second.
const HANDSHAKES: Duration = Duration::from_millis(200);
/// How often is looked for what they have come to.
const TICK: Duration = Duration::from_millis(5);

/// The last moments of a listener.
#[derive(Debug)]
pub(super) struct Closing {
    until: Instant,
}

impl Closing {
    /// Lets no new connection begin at this listener, as far as the system is able to.
    pub(super) fn begin(socket: &TcpListener) -> Self {
        let wait = if leave_out(socket).is_ok() { HANDSHAKES } else { Duration::ZERO };
        Self { until: Instant::now() + wait }
    }

    /// Nothing is there to be accepted. Waits for what there may be; false if nothing can come any more.
    pub(super) async fn wait(&self) -> bool {
        let may_come = Instant::now() < self.until;
        if may_come {
            tokio::time::sleep(TICK).await;
        }
        may_come
    }
}

/// Drops packets that begin a connection, so that their sender repeats them and comes to another listener.
#[cfg(target_os = "linux")]
fn leave_out(socket: &TcpListener) -> io::Result<()> {
    use socket2::{SockFilter, SockRef};

    // Classic BPF. A filter of a TCP socket sees packets from the TCP header on.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const JUMP_IF_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    let filter = [
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(JUMP_IF_EQUAL, 0, 1, SYN),
        SockFilter::new(RETURN, 0, 0, 0),
        SockFilter::new(RETURN, 0, 0, u32::MAX),
    ];
    SockRef::from(socket).attach_filter(&filter)
}

#[cfg(not(target_os = "linux"))]
fn leave_out(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;

    use super::super::bind;
    use super::*;

    #[tokio::test]
    async fn whoever_comes_meanwhile_finds_the_other_listener() {
        let stays = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = stays.local_addr().unwrap();
        let goes = TcpListener::from_std(bind(address).unwrap()).unwrap();
        let closing = Closing::begin(&goes);
        let clients: Vec<_> = (0..32).map(|_| std::thread::spawn(move || TcpStream::connect(address))).collect();
        while closing.wait().await {}
        let came = socket2::SockRef::from(&goes).accept();
        assert!(came.is_err(), "the listener was not left out: {came:?}");
        drop(goes);
        for client in clients {
            client.join().unwrap().unwrap();
        }
        let accepted = std::iter::from_fn(|| stays.accept().ok()).count();
        assert_eq!(accepted, 32);
    }
}
