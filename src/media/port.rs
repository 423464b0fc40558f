//! (s) UDP port pairs for RTP (even) and RTCP (the next), from one range, in an order that nobody can guess. A port that was
//! given back rests before it is used again, so that late packets of one call never reach another.

use crate::clock::Mono;
use crate::rng::Rng;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::time::Duration;

/// How long a port rests after use.
pub const DRAIN: Duration = Duration::from_secs(30);
/// Pairs that are tried if other programs sit on ports of the range.
pub const TRIES_MAX: usize = 64;

/// An inclusive range of ports.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct PortRange {
    /// First.
    pub from: u16,
    /// Last.
    pub to: u16,
}

impl PortRange {
    /// Reads `20000-39999`; at least one even port with its successor must be in it, and port 0 must not.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn parse(text: &str) -> Result<PortRange, String> {
        let bad = || format!("{text:?} is no port range; write it like 20000-39999");
        let (from, to) = text.split_once('-').ok_or_else(bad)?;
        let read = |s: &str| s.trim().parse::<u16>().ok().filter(|p| *p > 0);
        let range = PortRange { from: read(from).ok_or_else(bad)?, to: read(to).ok_or_else(bad)? };
        if range.pairs().next().is_none() {
            Err(format!("{text:?} holds no pair of ports"))
        } else {
            Ok(range)
        }
    }

    /// The even ports whose successor is in the range too.
    fn pairs(self) -> impl Iterator<Item = u16> {
        (self.from..self.to).filter(|p| p % 2 == 0)
    }
}

/// Figures of the pool.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct PortCounts {
    /// Pairs in use.
    pub used: usize,
    /// Pairs at rest.
    pub draining: usize,
    /// Pairs that can be had now.
    pub free: usize,
    /// Times that no pair was to be had.
    pub exhausted: u64,
    /// Pairs passed over because another program held one of the ports.
    pub foreign: u64,
}

/// Gives the port back when it is dropped, wherever that happens.
#[derive(Debug)]
pub struct Lease {
    port: u16,
    back: mpsc::Sender<u16>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        // Without a pool there is nobody to give it back to.
        let _ = self.back.send(self.port);
    }
}

/// Two bound, non-blocking sockets. Drop the sockets before or with the lease.
#[derive(Debug)]
pub struct PortPair {
    /// RTP, on the even port.
    pub rtp: UdpSocket,
    /// RTCP, on the port after it.
    pub rtcp: UdpSocket,
    /// Where RTP is bound.
    pub local: SocketAddr,
    /// Returns the port to the pool; None for sockets from elsewhere (tests).
    pub lease: Option<Lease>,
}

/// All pairs of the range.
#[derive(Debug)]
pub struct Ports {
    ip: IpAddr,
    free: VecDeque<u16>,
    draining: VecDeque<(Mono, u16)>,
    used: usize,
    exhausted: u64,
    foreign: u64,
    /// Bounded by the leases that are out.
    returned: mpsc::Receiver<u16>,
    back: mpsc::Sender<u16>,
}

impl Ports {
    /// A pool on `ip` (where sockets are bound, usually the unspecified address).
    pub fn new(ip: IpAddr, range: PortRange, rng: &mut Rng) -> Ports {
        let mut free: Vec<u16> = range.pairs().collect();
        for i in (1..free.len()).rev() {
            let j = usize::try_from(rng.below(i as u64 + 1)).unwrap_or(0);
            free.swap(i, j);
        }
        let (back, returned) = mpsc::channel();
        Ports {
            ip,
            free: free.into(),
            draining: VecDeque::new(),
            used: 0,
            exhausted: 0,
            foreign: 0,
            returned,
            back,
        }
    }

    /// A pair that was not used for [`DRAIN`].
    ///
    /// # Errors
    /// All are in use, at rest, or held by other programs.
    pub fn acquire(&mut self, now: Mono) -> io::Result<PortPair> {
        self.tidy(now);
        for _ in 0..TRIES_MAX.min(self.free.len()) {
            let Some(port) = self.free.pop_front() else { break };
            match self.bind(port) {
                Ok(pair) => {
                    self.used = self.used.saturating_add(1);
                    return Ok(pair);
                }
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => {
                    self.foreign = self.foreign.saturating_add(1);
                    self.free.push_back(port);
                }
                Err(e) => {
                    self.free.push_front(port);
                    return Err(e);
                }
            }
        }
        self.exhausted = self.exhausted.saturating_add(1);
        let c = self.counts(now);
        let words =
            format!("no RTP port is free: {} pairs in use, {} at rest after a call", c.used, c.draining);
        Err(io::Error::new(io::ErrorKind::AddrNotAvailable, words))
    }

    fn bind(&self, port: u16) -> io::Result<PortPair> {
        let local = SocketAddr::new(self.ip, port);
        let rtp = UdpSocket::bind(local)?;
        let rtcp = UdpSocket::bind(SocketAddr::new(self.ip, port.saturating_add(1)))?;
        rtp.set_nonblocking(true)?;
        rtcp.set_nonblocking(true)?;
        let lease = Some(Lease { port, back: self.back.clone() });
        Ok(PortPair { rtp, rtcp, local, lease })
    }

    /// Ports that came back begin their rest; those that have rested can be had again, after all others.
    fn tidy(&mut self, now: Mono) {
        while let Ok(port) = self.returned.try_recv() {
            self.used = self.used.saturating_sub(1);
            self.draining.push_back((now, port));
        }
        while let Some((_, port)) = self.draining.front().filter(|(since, _)| now.since(*since) >= DRAIN) {
            self.free.push_back(*port);
            self.draining.pop_front();
        }
    }

    /// The figures now.
    pub fn counts(&mut self, now: Mono) -> PortCounts {
        self.tidy(now);
        PortCounts {
            used: self.used,
            draining: self.draining.len(),
            free: self.free.len(),
            exhausted: self.exhausted,
            foreign: self.foreign,
        }
    }
}
