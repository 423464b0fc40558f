//! (s) Which address of ours a peer should write: configured, bound, or that of the route to it.

use crate::sip::event::Transport;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// Most peers whose route is remembered; then the memory is dropped and filled anew.
const ROUTES_MAX: usize = 4096;

/// Our address in the eyes of others.
#[derive(Debug)]
pub struct Local {
    bound: SocketAddr,
    tls_port: Option<u16>,
    external: Option<IpAddr>,
    routes: Mutex<HashMap<IpAddr, IpAddr>>,
}

impl Local {
    /// `bound`: the listening socket's address.
    pub fn new(bound: SocketAddr, external: Option<IpAddr>) -> Local {
        Local { bound, tls_port: None, external, routes: Mutex::default() }
    }

    /// With another port for TLS, if TLS is listened for.
    #[must_use]
    pub fn with_tls(mut self, bound: Option<SocketAddr>) -> Local {
        self.tls_port = bound.map(|b| b.port());
        self
    }

    /// What `remote` should write to, by this transport.
    pub fn facing(&self, transport: Transport, remote: IpAddr) -> SocketAddr {
        let mut local = self.toward(remote);
        if let Some(port) = self.tls_port.filter(|_| transport == Transport::Tls) {
            local.set_port(port);
        }
        local
    }

    /// What `remote` should write to: goes into Via, Contact and SDP.
    pub fn toward(&self, remote: IpAddr) -> SocketAddr {
        SocketAddr::new(self.ip(remote.to_canonical()), self.bound.port())
    }

    /// Can our socket send to it?
    pub fn reaches(&self, remote: IpAddr) -> bool {
        match self.bound.ip() {
            IpAddr::V6(bound) if bound.is_unspecified() => true,
            bound => remote.is_ipv4() == bound.is_ipv4(),
        }
    }

    fn ip(&self, remote: IpAddr) -> IpAddr {
        match self.external {
            Some(external) if !remote.is_loopback() => external,
            _ if !self.bound.ip().is_unspecified() => self.bound.ip(),
            _ => self.route(remote),
        }
    }

    /// The kernel knows: a connected datagram socket has the route's source address, and nothing is sent.
    fn route(&self, remote: IpAddr) -> IpAddr {
        let mut routes = self.routes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ip) = routes.get(&remote) {
            return *ip;
        }
        let any: SocketAddr = match remote {
            IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            IpAddr::V6(_) => ([0_u16; 8], 0).into(),
        };
        let found = UdpSocket::bind(any)
            .and_then(|s| s.connect((remote, 9)).and_then(|()| s.local_addr()))
            .map_or(self.bound.ip(), |a| a.ip());
        if routes.len() >= ROUTES_MAX {
            routes.clear();
        }
        routes.insert(remote, found);
        found
    }
}
