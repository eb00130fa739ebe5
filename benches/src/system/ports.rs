//! Which port each process gets.

use std::net::{SocketAddr, TcpListener};

use schema::ports::free_port;

use super::services::Service;
use crate::Failure;

/// `base` plus each service's own number, or free ones where `base` is 0. Found out before anything is started, so that a
/// taken port is one sentence rather than a service that dies.
pub fn choose(base: u16, services: &[Service]) -> Result<Vec<u16>, Failure> {
    // All are held until all are known: the system never hands out one of them twice.
    let mut held = Vec::new();
    for service in services {
        let port = match base {
            0 => free_port().map_err(|error| none(&error))?,
            _ => base.checked_add(service.port).ok_or_else(|| {
                Failure::usage(format!("--port-base {base} leaves no port for {}: use a smaller one.", service.name))
            })?,
        };
        held.push(TcpListener::bind(("127.0.0.1", port)).map_err(|error| {
            Failure::could_not_run(format!(
                "Port {port} for {} isn't free ({error}): stop what listens there, or choose others with --port-base.",
                service.name
            ))
        })?);
    }
    let ports: Result<Vec<u16>, _> = held.iter().map(|held| held.local_addr().map(|address| address.port())).collect();
    ports.map_err(|error| none(&error))
}

/// A free one for a further process.
pub fn free_address() -> Result<SocketAddr, Failure> {
    Ok(SocketAddr::from(([127, 0, 0, 1], free_port().map_err(|error| none(&error))?)))
}

fn none(error: &std::io::Error) -> Failure {
    Failure::could_not_run(format!("No free port was found: {error}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::services::SERVICES;

    #[test]
    fn free_ones_differ() {
        let ports = choose(0, SERVICES).unwrap();
        for (index, port) in ports.iter().enumerate() {
            assert!(*port > 0 && !ports[..index].contains(port), "{ports:?}");
            assert!(*port < 32_768, "an outgoing connection may have it: {ports:?}");
        }
    }

    #[test]
    fn a_taken_port_names_itself() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let holder = TcpListener::bind(taken).unwrap();
        let base = holder.local_addr().unwrap().port() - SERVICES[0].port;
        let error = choose(base, SERVICES).unwrap_err().to_string();
        assert!(error.contains(&format!("Port {} for {}", taken.port(), SERVICES[0].name)), "{error}");
    }

    #[test]
    fn a_base_beyond_all_ports_is_wrong_usage() {
        assert!(matches!(choose(u16::MAX, SERVICES), Err(Failure::Usage(_))));
    }
}
