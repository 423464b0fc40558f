//! (s) The sockets of SIP: one UDP socket, listeners for TCP and TLS and the connections, and the name lookups. Everything that
//! arrives goes into one bounded channel; nothing here ever waits for its reader.

mod connection;
pub mod keepalive;
pub mod local;
mod queue;
pub mod resolve;
mod streams;
mod taken;
mod tls;
mod udp;
mod undelivered;

use crate::certificate;
use crate::clock::Now;
use crate::rng::Rng;
use crate::sip::Endpoint;
use crate::sip::event::{Flow, Lookup, Proof, ResolveId, SipCmd, Transport as Kind};
use crate::store::rows::TrunkRow;
use bytes::Bytes;
use local::Local;
use resolve::Resolve;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;
use tls::Tls;
use tokio::sync::mpsc;

/// Tries to find a port that is free for UDP and TCP, if the kernel chooses it.
const PORT_TRIES: usize = 32;

/// What the transport hands to the driver.
#[derive(Debug)]
pub enum Inbound {
    /// A datagram, or a framed message of a stream: for `Endpoint::on_bytes`. With the time at which it reached us.
    Bytes(Flow, Bytes, Instant),
    /// A connection broke: for `Endpoint::on_flow_lost`.
    Lost(Flow),
    /// A connection could not be made, and why: for `Endpoint::on_unreachable`.
    Unreachable(Flow, String),
    /// Who a connection's peer is, by its certificate: for `Endpoint::on_proved`.
    Proved(Proof),
    /// A lookup is done: for `SipCmd::Resolved`.
    Resolved(ResolveId, Vec<Flow>),
}

impl Inbound {
    /// Gives it to whom it is for.
    pub fn give(self, endpoint: &mut Endpoint, now: Now) {
        match self {
            Inbound::Bytes(flow, bytes, _) => endpoint.on_bytes(now, flow, &bytes),
            Inbound::Lost(flow) => endpoint.on_flow_lost(now, flow),
            Inbound::Unreachable(flow, words) => endpoint.on_unreachable(now, flow, words),
            Inbound::Proved(proof) => endpoint.on_proved(proof),
            Inbound::Resolved(id, flows) => endpoint.command(now, SipCmd::Resolved(id, flows)),
        }
    }
}

/// Where to listen, how to call ourselves, whom to ask and to believe.
#[derive(Clone, Debug)]
pub struct Config {
    /// UDP and TCP; port 0 lets the kernel choose.
    pub listen: SocketAddr,
    /// What peers beyond this host shall write to, if it is not the address of the route.
    pub external: Option<IpAddr>,
    /// TLS, with the certificate that is shown.
    pub tls: Option<(SocketAddr, Arc<certificate::Current>)>,
    /// Authorities that are believed where a trunk names none.
    pub roots: Arc<rustls::RootCertStore>,
    /// DNS servers; none: the system's.
    pub dns: Vec<SocketAddr>,
    /// Where datagrams are read; None: where everything else is.
    pub reads: Option<tokio::runtime::Handle>,
    /// Of the keep-alives on connections of ours.
    pub pace: keepalive::Pace,
    /// Most connections at once, of TCP and TLS.
    pub connections_max: usize,
}

impl Config {
    /// UDP and TCP alone.
    pub fn new(listen: SocketAddr) -> Config {
        let roots = Arc::new(rustls::RootCertStore::empty());
        Config {
            listen,
            external: None,
            tls: None,
            roots,
            dns: Vec::new(),
            reads: None,
            pace: Default::default(),
            connections_max: streams::room::CONNECTIONS_MAX,
        }
    }
}

/// The running transports. Dropping it closes every socket.
pub struct Transport {
    udp: udp::Udp,
    streams: streams::Streams,
    resolve: Resolve,
    local: SocketAddr,
    tls_local: Option<SocketAddr>,
}

impl Transport {
    /// Binds and starts to read. Errors: an address is not ours or taken; TLS cannot be set up.
    pub async fn start(config: Config, rng: Rng, inbox: mpsc::Sender<Inbound>) -> io::Result<Transport> {
        let (socket, listener) = bind(config.listen).await?;
        let reads = config.reads.unwrap_or_else(tokio::runtime::Handle::current);
        let socket = socket.into_std()?;
        let socket = reads.spawn(async move {
            let socket = tokio::net::UdpSocket::from_std(socket)?;
            // Before the first look at it a socket counts as full, and the first datagram would be lost.
            socket.writable().await?;
            io::Result::Ok(socket)
        });
        let socket = socket.await.map_err(io::Error::other)??;
        let bound = socket.local_addr()?;
        let (mut secure, mut shown) = (None, None);
        if let Some((listen, current)) = config.tls {
            secure = Some(tokio::net::TcpListener::bind(listen).await?);
            shown = Some(current);
        }
        let tls_local = secure.as_ref().map(tokio::net::TcpListener::local_addr).transpose()?;
        let local = Arc::new(Local::new(bound, config.external).with_tls(tls_local));
        let tls = Arc::new(Tls::new(config.roots, shown).map_err(io::Error::other)?);
        let udp = udp::Udp::start(socket, local.clone(), inbox.clone(), &reads);
        let pace = (config.pace, config.connections_max);
        let streams =
            streams::Streams::start(listener, secure, tls.clone(), local.clone(), pace, inbox.clone());
        let resolve = Resolve::new(local, tls, &config.dns, rng, inbox);
        Ok(Transport { udp, streams, resolve, local: bound, tls_local })
    }

    /// Where it listens for UDP and TCP.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Where it listens for TLS.
    pub fn tls_addr(&self) -> Option<SocketAddr> {
        self.tls_local
    }

    /// Takes the trunks' rules: whom each believes over TLS, and what it shows. What they mean for connections that stand is to be
    /// given to the endpoint before it hears the new tables: of whom nothing is in the channel may be newer.
    #[must_use]
    pub fn set_trunks(&self, trunks: &[TrunkRow]) -> Vec<Inbound> {
        self.streams.set_trunks(trunks)
    }

    /// Sends without waiting. What a datagram socket does not take is lost, as on the network; a stream that does not
    /// drain is closed and reported.
    pub fn send(&self, flow: Flow, bytes: Bytes) {
        match flow.transport {
            Kind::Udp => self.udp.send(flow.remote, &bytes),
            Kind::Tcp | Kind::Tls => self.streams.send(flow, bytes),
        }
    }

    /// Looks a next hop up; the outcome comes through the channel.
    pub fn resolve(&self, id: ResolveId, hop: Lookup) {
        self.resolve.start(id, hop);
    }

    /// Open connections of TCP and TLS.
    pub fn connections(&self) -> usize {
        self.streams.count()
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
