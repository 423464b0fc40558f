//! (s) The sockets of the legs. An RTP socket whose packets somebody waits for, another leg or an agent, wakes the worker up. All
//! others are read on their leg's tick: to be woken costs several times what it costs to receive a packet.

use super::arrival;
use super::slots::{Slots, Which};
use crate::idmap::IdMap;
use crate::media::port::{Lease, PortPair};
use crate::sip::event::LegId;
use mio::{Interest, Registry, net::UdpSocket};
use std::{io, net::SocketAddr, time::Duration};

/// A packet that lay in the kernel for longer tells that the wall clock was set.
const AGE_MAX: Duration = Duration::from_secs(1);

/// One leg's ports.
pub(super) struct LegSockets {
    pub leg: LegId,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// Its RTP wakes the worker up.
    waited_for: bool,
    /// Given back when the sockets are closed.
    _lease: Option<Lease>,
}

impl LegSockets {
    pub(super) fn new(leg: LegId, ports: PortPair) -> io::Result<LegSockets> {
        ports.rtp.set_nonblocking(true)?;
        ports.rtcp.set_nonblocking(true)?;
        let rtp = UdpSocket::from_std(ports.rtp);
        let rtcp = UdpSocket::from_std(ports.rtcp);
        arrival::age(&rtp, AGE_MAX);
        Ok(LegSockets { leg, rtp, rtcp, waited_for: false, _lease: ports.lease })
    }
}

/// What was read.
pub(super) struct Datagram {
    pub leg: LegId,
    pub len: usize,
    pub from: SocketAddr,
    /// It lay in the kernel for this long.
    pub age: Duration,
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
        if s.waited_for {
            registry.register(&mut s.rtp, Which::Rtp(i).token(), Interest::READABLE)?;
        }
        registry.register(&mut s.rtcp, Which::Rtcp(i).token(), Interest::READABLE)?;
        self.by_id.insert(s.leg, i);
        self.slots.insert(s);
        Ok(())
    }

    pub(super) fn remove(&mut self, leg: LegId, registry: &Registry) -> Option<LegSockets> {
        let mut s = self.by_id.remove(&leg).and_then(|i| self.slots.remove(i))?;
        // The kernel forgets them with the last descriptor anyway.
        if s.waited_for {
            let _ = registry.deregister(&mut s.rtp);
        }
        let _ = registry.deregister(&mut s.rtcp);
        Some(s)
    }

    /// Whether the packets of a leg wake the worker up from now on. Some: they do not, and have to be read now.
    pub(super) fn wait_for(&mut self, leg: LegId, wanted: bool, registry: &Registry) -> Option<Which> {
        let i = *self.by_id.get(&leg)?;
        let s = self.slots.get_mut(i)?;
        let which = Which::Rtp(i);
        if wanted != s.waited_for {
            let done = match wanted {
                true => registry.register(&mut s.rtp, which.token(), Interest::READABLE),
                false => registry.deregister(&mut s.rtp),
            };
            s.waited_for = if done.is_ok() { wanted } else { s.waited_for };
        }
        (!s.waited_for).then_some(which)
    }

    /// The next datagram on a socket, with its leg. The time it lay there is told of those that are read on the tick.
    pub(super) fn receive(&mut self, which: Which, into: &mut [u8]) -> Option<Datagram> {
        let (s, rtp) = match which {
            Which::Rtp(i) => (self.slots.get_mut(i)?, true),
            Which::Rtcp(i) => (self.slots.get_mut(i)?, false),
            Which::Stream(_) => return None,
        };
        let socket = if rtp { &s.rtp } else { &s.rtcp };
        loop {
            match socket.recv_from(into) {
                Ok((len, from)) => {
                    let age =
                        if rtp && !s.waited_for { arrival::age(socket, AGE_MAX) } else { Duration::ZERO };
                    return Some(Datagram { leg: s.leg, len, from, age });
                }
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
