//! A longer way to the database: what is sent waits on it, what is answered doesn't.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use url::Url;

use crate::Failure;

/// Starts it, for as long as this process lives: the database's URL by way of it.
pub(super) fn start(database: &str, delay: Duration) -> Result<String, Failure> {
    let failed = |why: String| Failure::could_not_run(format!("No way to the database: {why}."));
    let mut url = Url::parse(database).map_err(|error| failed(error.to_string()))?;
    let (host, port) = url.host_str().zip(url.port()).ok_or_else(|| failed("it isn't reached by TCP".to_owned()))?;
    let way = (host, port)
        .to_socket_addrs()
        .map(|mut found| found.next())
        .and_then(|to| Ok((to, TcpListener::bind(("127.0.0.1", 0))?)))
        .and_then(|(to, listener)| Ok((to, listener.local_addr()?, listener)));
    let (to, address, listener) = way.map_err(|error| failed(error.to_string()))?;
    let to = to.ok_or_else(|| failed("its host has no address".to_owned()))?;
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // Where none can be made behind it, the client's connection is closed and it sees so.
            let _ = connect(client, to, delay);
        }
    });
    let named = url.set_host(Some("127.0.0.1")).is_ok() && url.set_port(Some(address.port())).is_ok();
    named.then(|| url.to_string()).ok_or_else(|| failed("its URL can't name another port".to_owned()))
}

fn connect(client: TcpStream, to: SocketAddr, delay: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(to)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let back = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || forward(client, server, delay));
    std::thread::spawn(move || forward(back.0, back.1, Duration::ZERO));
    Ok(())
}

/// Until either side has ended; then the other one is told.
fn forward(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        std::thread::sleep(delay);
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Both);
}
