//! A relay that looks at nothing: what any proxy that receives and sends each message once cannot beat.

use std::io;
use std::net::SocketAddr;

use benches::matcher::Error;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

const BUFFER: usize = 64 << 10;

/// Relays until it is ended. `addresses` is where it listens and where it connects to, with `=` between.
pub(crate) fn run(addresses: &str) -> Result<(), Error> {
    let (listen, connect) = addresses.split_once('=').ok_or("an address to listen on, `=`, one to connect to")?;
    let (listen, connect): (SocketAddr, SocketAddr) = (listen.parse()?, connect.parse()?);
    let runtime = Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async {
        let listener = TcpListener::bind(listen).await?;
        loop {
            let (client, _) = listener.accept().await?;
            tokio::task::spawn_local(relay(client, connect));
        }
    })
}

/// Ends with either side, which is how connections end.
async fn relay(mut client: TcpStream, connect: SocketAddr) -> io::Result<()> {
    let mut origin = TcpStream::connect(connect).await?;
    client.set_nodelay(true)?;
    origin.set_nodelay(true)?;
    copy_bidirectional_with_sizes(&mut client, &mut origin, BUFFER, BUFFER).await?;
    Ok(())
}
