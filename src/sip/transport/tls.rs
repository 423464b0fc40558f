//! (s) TLS of SIP: handshakes of both directions, and the names of those whom we connect to.
//!
//! A peer that connects may show a certificate if a trunk asks for one. Any is taken in the handshake, which proves that its key is
//! the peer's; which trunks it stands for is judged after it, and anew whenever the trunks' rules change.

mod guests;
mod words;

use crate::certificate::Current;
use crate::sid::TrunkSid;
use crate::sip::event::{Flow, Transport as Kind};
use crate::sip::flow;
use crate::sip::wire::Uri;
use crate::store::rows::TrunkRow;
use crate::trunk::tls::Rules;
use guests::Guests;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{RootCertStore, ServerConfig};
use std::collections::HashMap;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Most names of no trunk that are remembered; then they are forgotten, and a dialog that has lost its connection stays without.
const NAMES_MAX: usize = 10_000;

/// What a peer showed: its certificate, and what is between it and its authority.
pub(super) type Certificates = Arc<[CertificateDer<'static>]>;

/// An open connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// What its peer showed, if anything.
    pub(super) fn certificates(&self) -> Option<Certificates> {
        let Stream::Secure(stream) = self else { return None };
        let shown = stream.get_ref().1.peer_certificates()?;
        Some(shown.iter().map(|c| c.clone().into_owned()).collect())
    }
}

/// Whom a number means (`flow::named`).
#[derive(Clone)]
struct Peer {
    name: String,
    trunk: Option<TrunkSid>,
}

pub(super) struct Tls {
    roots: Arc<RootCertStore>,
    usual: Rules,
    acceptor: Option<TlsAcceptor>,
    guests: Arc<Guests>,
    known: RwLock<Known>,
}

#[derive(Default)]
struct Known {
    /// Rules, or why there are none.
    trunks: HashMap<TrunkSid, Result<Rules, String>>,
    peers: HashMap<u64, Peer>,
}

impl Tls {
    /// Errors: the certificate cannot be used.
    pub(super) fn new(roots: Arc<RootCertStore>, shown: Option<Arc<Current>>) -> Result<Tls, String> {
        let guests = Arc::new(Guests::default());
        let acceptor = match shown {
            Some(current) => {
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let config = ServerConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|e| e.to_string())?
                    .with_client_cert_verifier(guests.clone())
                    .with_cert_resolver(current);
                Some(TlsAcceptor::from(Arc::new(config)))
            }
            None => None,
        };
        let usual = Rules::usual(&roots)?;
        Ok(Tls { roots, usual, acceptor, guests, known: RwLock::default() })
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The trunks as they are now. Their hosts are named here too, for dialogs of a former life.
    pub(super) fn set_trunks(&self, rows: &[TrunkRow]) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.trunks.clear();
        known.peers.retain(|_, peer| peer.trunk.is_none());
        for row in rows {
            let rules = Rules::of(row, &self.roots).map_err(|(_, words)| words);
            known.trunks.insert(row.sid, rules);
            let hop = row.outbound_proxy.as_ref().or(row.outbound_host.as_ref());
            if let Some(uri) = hop.and_then(|host| Uri::parse(&format!("sip:{host}")).ok()) {
                let peer = Peer { name: uri.bare_host().to_owned(), trunk: Some(row.sid) };
                known.peers.insert(flow::named(peer.trunk, &peer.name), peer);
            }
        }
        let asks = known.trunks.values().flatten().any(Rules::asks);
        self.guests.asked.store(asks, Ordering::Relaxed);
    }

    /// The number of a peer that is to be connected to.
    pub(super) fn name(&self, trunk: Option<TrunkSid>, name: &str) -> u64 {
        let number = flow::named(trunk, name);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.peers.len() >= NAMES_MAX {
            known.peers.retain(|_, peer| peer.trunk.is_some());
        }
        known.peers.insert(number, Peer { name: name.to_owned(), trunk });
        number
    }

    /// The trunk of a named peer.
    pub(super) fn peer(&self, number: u64) -> Option<TrunkSid> {
        self.known().peers.get(&number)?.trunk
    }

    /// The trunks that the owner of this certificate stands for.
    pub(super) fn judge(&self, shown: &[CertificateDer<'static>]) -> Vec<TrunkSid> {
        let now = UnixTime::now();
        let known = self.known();
        let knows = |rules: &Result<Rules, String>| rules.as_ref().is_ok_and(|r| r.knows(shown, now));
        known.trunks.iter().filter(|(_, rules)| knows(rules)).map(|(sid, _)| *sid).collect()
    }

    /// Shakes hands with a named peer. Errors: why it is not believed, or does not believe us.
    pub(super) async fn connect(&self, number: u64, stream: TcpStream) -> Result<Stream, String> {
        let (config, name) = {
            let known = self.known();
            let peer = known.peers.get(&number).ok_or("nobody remembers whose certificate it should show")?;
            let rules = match peer.trunk.and_then(|sid| known.trunks.get(&sid)) {
                Some(rules) => rules.as_ref().map_err(String::clone)?,
                None => &self.usual,
            };
            (rules.client.clone(), peer.name.clone())
        };
        let host =
            ServerName::try_from(name).map_err(|_| "the host has no name that a certificate could carry")?;
        let stream = TlsConnector::from(config).connect(host, stream).await.map_err(|e| words::of(&e))?;
        Ok(Stream::Secure(Box::new(TlsStream::Client(stream))))
    }

    /// Shakes hands with a peer that connected.
    pub(super) async fn accept(&self, stream: TcpStream) -> io::Result<Stream> {
        let acceptor = self.acceptor.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let stream = acceptor.accept(stream).await?;
        Ok(Stream::Secure(Box::new(TlsStream::Server(stream))))
    }

    /// Why there is no connection, as users and the log are told.
    pub(super) fn words(&self, flow: &Flow, why: &str) -> String {
        let why = why.split(" (os error").next().unwrap_or(why);
        if flow.transport != Kind::Tls {
            return format!("no connection to {}: {why}", flow.remote);
        }
        let name = self.known().peers.get(&flow.conn).map(|p| p.name.clone()).unwrap_or_default();
        let words = format!("no TLS connection to {name} ({}): {why}", flow.remote);
        tracing::warn!("{words}");
        words
    }

    /// With TLS 1.3 a peer that does not like our certificate says so only after the handshake.
    pub(super) fn refused_us(&self, flow: &Flow, broken: &io::Error) -> Option<String> {
        words::alert(broken).map(|why| self.words(flow, &why))
    }
}
