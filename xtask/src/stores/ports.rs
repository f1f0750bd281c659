//! Ports that nobody listens on.

use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// So many different ports of 127.0.0.1 that are free now. Somebody else may take one before it is used; whoever uses
/// it must be able to try again with others.
pub(super) fn free(count: usize) -> io::Result<Vec<u16>> {
    // All at once, so that no port is given twice.
    let listeners: Vec<_> =
        (0..count).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).collect::<io::Result<_>>()?;
    listeners.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn ports_differ_and_are_free() {
        let ports = super::free(100).unwrap();
        assert_eq!(ports.iter().collect::<BTreeSet<_>>().len(), 100);
        for port in ports {
            std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
        }
    }
}
