//! (s) The sockets of SIP: one UDP socket, one TCP listener and the connections, and the name lookups. Everything that
//! arrives goes into one bounded channel; nothing here ever waits for its reader.

pub mod local;
pub mod resolve;
mod tcp;
mod udp;
mod undelivered;

use crate::rng::Rng;
use crate::sip::event::{Flow, ResolveId, Transport as Kind};
use bytes::Bytes;
use local::Local;
use resolve::Resolve;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

/// Tries to find a port that is free for UDP and TCP, if the kernel chooses it.
const PORT_TRIES: usize = 32;

/// What the transport hands to the driver.
#[derive(Debug)]
pub enum Inbound {
    /// A datagram, or a framed message of a stream: for `Endpoint::on_bytes`. With the time at which it reached us.
    Bytes(Flow, Bytes, Instant),
    /// A connection broke or could not be made: for `Endpoint::on_flow_lost`.
    Lost(Flow),
    /// A lookup is done: for `SipCmd::Resolved`.
    Resolved(ResolveId, Vec<Flow>),
}

/// Where to listen and how to call ourselves.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP and TCP; port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// What peers beyond this host shall write to, if it is not the address of the route.
    pub external: Option<IpAddr>,
}

/// The running transports. Dropping it closes every socket.
pub struct Transport {
    udp: udp::Udp,
    tcp: tcp::Tcp,
    resolve: Resolve,
    local: SocketAddr,
}

impl Transport {
    /// Binds and starts to read. Errors: the address is not ours or taken.
    pub async fn start(config: Config, rng: Rng, inbox: mpsc::Sender<Inbound>) -> io::Result<Transport> {
        let (socket, listener) = bind(config.listen).await?;
        // Before the first look at it a socket counts as full, and the first datagram would be lost.
        socket.writable().await?;
        let bound = socket.local_addr()?;
        let local = Arc::new(Local::new(bound, config.external));
        let udp = udp::Udp::start(socket, local.clone(), inbox.clone());
        let tcp = tcp::Tcp::start(listener, local.clone(), inbox.clone());
        let resolve = Resolve::new(local, rng, inbox);
        Ok(Transport { udp, tcp, resolve, local: bound })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Sends without waiting. What a datagram socket does not take is lost, as on the network; a stream that does not
    /// drain is closed and reported.
    pub fn send(&self, flow: Flow, bytes: Bytes) {
        match flow.transport {
            Kind::Udp => self.udp.send(flow.remote, &bytes),
            Kind::Tcp => self.tcp.send(flow, bytes),
            Kind::Tls => self.tcp.refuse(flow),
        }
    }

    /// Looks a next hop up; the outcome comes through the channel.
    pub fn resolve(&self, id: ResolveId, host: String, port: Option<u16>, transport: Option<Kind>) {
        self.resolve.start(id, host, port, transport);
    }

    /// Open TCP connections.
    pub fn connections(&self) -> usize {
        self.tcp.count()
    }
}

/// UDP and TCP on one port.
async fn bind(listen: SocketAddr) -> io::Result<(tokio::net::UdpSocket, tokio::net::TcpListener)> {
    let mut last = None;
    for _ in 0..PORT_TRIES {
        let socket = tokio::net::UdpSocket::bind(listen).await?;
        match tokio::net::TcpListener::bind(socket.local_addr()?).await {
            Ok(listener) => return Ok((socket, listener)),
            Err(e) if listen.port() != 0 => return Err(e),
            Err(e) => last = Some(e),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::other("no port is free for UDP and TCP")))
}
