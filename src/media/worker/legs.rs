//! (s) The sockets of the legs.

use super::slots::{Slots, Which};
use crate::idmap::IdMap;
use crate::media::port::{Lease, PortPair};
use crate::sip::event::LegId;
use mio::{Interest, Registry, net::UdpSocket};
use std::{io, net::SocketAddr};

/// One leg's ports.
pub(super) struct LegSockets {
    pub leg: LegId,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// Given back when the sockets are closed.
    _lease: Option<Lease>,
}

impl LegSockets {
    pub(super) fn new(leg: LegId, ports: PortPair) -> io::Result<LegSockets> {
        ports.rtp.set_nonblocking(true)?;
        ports.rtcp.set_nonblocking(true)?;
        let rtp = UdpSocket::from_std(ports.rtp);
        let rtcp = UdpSocket::from_std(ports.rtcp);
        Ok(LegSockets { leg, rtp, rtcp, _lease: ports.lease })
    }
}

pub(super) struct Legs {
    slots: Slots<LegSockets>,
    by_id: IdMap<LegId, usize>,
}

impl Legs {
    pub(super) fn new() -> Legs {
        Legs { slots: Slots::new(), by_id: IdMap::default() }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn insert(&mut self, mut s: LegSockets, registry: &Registry) -> io::Result<()> {
        let i = self.slots.next();
        registry.register(&mut s.rtp, Which::Rtp(i).token(), Interest::READABLE)?;
        registry.register(&mut s.rtcp, Which::Rtcp(i).token(), Interest::READABLE)?;
        self.by_id.insert(s.leg, i);
        self.slots.insert(s);
        Ok(())
    }

    pub(super) fn remove(&mut self, leg: LegId, registry: &Registry) -> Option<LegSockets> {
        let mut s = self.by_id.remove(&leg).and_then(|i| self.slots.remove(i))?;
        // The kernel forgets them with the last descriptor anyway.
        let _ = registry.deregister(&mut s.rtp);
        let _ = registry.deregister(&mut s.rtcp);
        Some(s)
    }

    /// The next datagram on a socket, with its leg.
    pub(super) fn receive(&mut self, which: Which, into: &mut [u8]) -> Option<(LegId, usize, SocketAddr)> {
        let (s, rtp) = match which {
            Which::Rtp(i) => (self.slots.get_mut(i)?, true),
            Which::Rtcp(i) => (self.slots.get_mut(i)?, false),
            Which::Stream(_) => return None,
        };
        let socket = if rtp { &s.rtp } else { &s.rtcp };
        loop {
            match socket.recv_from(into) {
                Ok((n, from)) => return Some((s.leg, n, from)),
                // An ICMP error of an earlier datagram: read on, there may be more behind it.
                Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => {}
                Err(_) => return None,
            }
        }
    }

    /// True if the kernel took it.
    pub(super) fn send(&mut self, leg: LegId, rtp: bool, to: SocketAddr, bytes: &[u8]) -> bool {
        let Some(s) = self.by_id.get(&leg).and_then(|i| self.slots.get_mut(*i)) else { return false };
        let socket = if rtp { &s.rtp } else { &s.rtcp };
        socket.send_to(bytes, to).is_ok()
    }
}
