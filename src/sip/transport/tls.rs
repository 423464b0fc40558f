//! (s) TLS of SIP: handshakes of both directions, and the names of those whom we connect to.
//!
//! A peer that connects may show a certificate if a trunk asks for one. Any is taken in the handshake, which proves that its key is
//! the peer's; which trunks it stands for is judged after it, and anew whenever the trunks' rules change.

mod guests;
mod words;

use super::taken::Taken;
use crate::certificate::Current;
use crate::sid::TrunkSid;
use crate::sip::event::{Flow, Proof, Transport as Kind};
use crate::sip::flow;
use crate::sip::wire::Uri;
use crate::store::rows::{TrunkRow, TrunkTls};
use crate::trunk::tls::Rules;
use guests::Guests;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::{RootCertStore, ServerConfig};
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

/// Most names that are remembered; then all but those of the trunks' rows are forgotten, and a dialog that has lost its connection to
/// one of them stays without.
const NAMES_MAX: usize = 10_000;

/// What a peer showed: its certificate, and what is between it and its authority.
pub(super) type Certificates = Arc<[CertificateDer<'static>]>;

/// An open connection.
pub(super) enum Stream {
    Plain(TcpStream),
    Secure(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Its socket.
    pub(super) fn taken(&self) -> Taken {
        match self {
            Stream::Plain(stream) => Taken::of(stream),
            Stream::Secure(stream) => Taken::of(stream.get_ref().0),
        }
    }

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
    /// A trunk's row names it: it is not forgotten, for dialogs of a former life.
    listed: bool,
}

/// What a trunk wants, and what that was made of.
struct Ruled {
    tls: TrunkTls,
    key: Option<String>,
    /// Where its calls go.
    hop: Option<String>,
    /// Or why there are none.
    rules: Result<Rules, String>,
}

fn hop(row: &TrunkRow) -> Option<&String> {
    row.outbound_proxy.as_ref().or(row.outbound_host.as_ref())
}

impl Ruled {
    fn new(row: &TrunkRow, roots: &Arc<RootCertStore>) -> Ruled {
        let rules = Rules::of(row, roots).map_err(|(_, words)| words);
        Ruled { tls: row.tls.clone(), key: row.tls_key.clone(), hop: None, rules }
    }

    fn is_of(&self, row: &TrunkRow) -> bool {
        self.tls == row.tls && self.key == row.tls_key
    }
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
    trunks: HashMap<TrunkSid, Ruled>,
    peers: HashMap<u64, Peer>,
    /// How often they have changed.
    changes: u64,
}

impl Known {
    /// Names the host of each trunk whose host is another one than before.
    fn list_hosts(&mut self, rows: &[TrunkRow]) {
        for row in rows {
            let Some(ruled) = self.trunks.get_mut(&row.sid).filter(|r| r.hop.as_ref() != hop(row)) else {
                continue;
            };
            ruled.hop = hop(row).cloned();
            let of_it = |peer: &&mut Peer| peer.trunk == Some(row.sid);
            self.peers.values_mut().filter(of_it).for_each(|peer| peer.listed = false);
            let uri = hop(row).and_then(|host| Uri::parse(&format!("sip:{host}")).ok());
            if let Some(uri) = uri {
                let (trunk, name) = (Some(row.sid), uri.bare_host().to_owned());
                self.peers.insert(flow::named(trunk, &name), Peer { name, trunk, listed: true });
            }
        }
    }
}

impl Tls {
    /// Errors: the certificate cannot be used.
    pub(super) fn new(roots: Arc<RootCertStore>, shown: Option<Arc<Current>>) -> Result<Tls, String> {
        let guests = Arc::new(Guests::default());
        let acceptor = match shown {
            Some(current) => {
                let provider = Arc::new(rustls::crypto::ring::default_provider());
                let mut config = ServerConfig::builder_with_provider(provider)
                    .with_safe_default_protocol_versions()
                    .map_err(|e| e.to_string())?
                    .with_client_cert_verifier(guests.clone())
                    .with_cert_resolver(current);
                // A session that is taken up again brings the certificate of its beginning, or none: whoever began one before a trunk
                // asked would stay a stranger. Connections of SIP stand for long.
                config.session_storage = Arc::new(NoServerSessionStorage {});
                config.send_tls13_tickets = 0;
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

    /// The trunks as they are now; those whose rules are new or others than before. Certificates are read of these alone: every
    /// change of any table comes by here.
    pub(super) fn set_trunks(&self, rows: &[TrunkRow]) -> HashSet<TrunkSid> {
        let new = {
            let known = self.known();
            let same = |row: &&TrunkRow| known.trunks.get(&row.sid).is_some_and(|ruled| ruled.is_of(row));
            rows.iter().filter(|row| !same(row)).collect::<Vec<_>>()
        };
        let new: HashMap<TrunkSid, Ruled> =
            new.into_iter().map(|row| (row.sid, Ruled::new(row, &self.roots))).collect();
        let changed = new.keys().copied().collect();
        let here: HashSet<TrunkSid> = rows.iter().map(|row| row.sid).collect();
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.trunks.retain(|sid, _| here.contains(sid));
        known.peers.retain(|_, peer| peer.trunk.is_none_or(|sid| here.contains(&sid)));
        known.changes = known.changes.saturating_add(u64::from(!new.is_empty()));
        known.trunks.extend(new);
        known.list_hosts(rows);
        let asks = known.trunks.values().filter_map(|t| t.rules.as_ref().ok()).any(Rules::asks);
        self.guests.asked.store(asks, Ordering::Relaxed);
        changed
    }

    /// The number of a peer that is to be connected to.
    pub(super) fn name(&self, trunk: Option<TrunkSid>, name: &str) -> u64 {
        let number = flow::named(trunk, name);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.peers.len() >= NAMES_MAX {
            known.peers.retain(|_, peer| peer.listed);
        }
        known.peers.entry(number).or_insert_with(|| Peer { name: name.to_owned(), trunk, listed: false });
        number
    }

    /// Whoever is at the end of a connection of ours has proven to be whom its flow names.
    pub(super) fn vouch(&self, flow: Flow) -> Proof {
        let known = self.known();
        let trunk = known.peers.get(&flow.conn).and_then(|peer| peer.trunk);
        Proof { flow, trunks: trunk.into_iter().collect(), rules: known.changes }
    }

    /// The trunk of a named peer.
    pub(super) fn peer(&self, number: u64) -> Option<TrunkSid> {
        self.known().peers.get(&number)?.trunk
    }

    /// The trunks that the owner of this certificate stands for, as the rules are now.
    pub(super) fn judge(&self, flow: Flow, shown: &[CertificateDer<'static>]) -> Proof {
        let now = UnixTime::now();
        let known = self.known();
        let knows = |ruled: &Ruled| ruled.rules.as_ref().is_ok_and(|r| r.knows(shown, now));
        let trunks = known.trunks.iter().filter(|(_, ruled)| knows(ruled)).map(|(sid, _)| *sid).collect();
        Proof { flow, trunks, rules: known.changes }
    }

    /// Shakes hands with a named peer. Errors: why it is not believed, or does not believe us.
    pub(super) async fn connect(&self, number: u64, stream: TcpStream) -> Result<Stream, String> {
        let (config, name) = {
            let known = self.known();
            let peer = known.peers.get(&number).ok_or("nobody remembers whose certificate it should show")?;
            let rules = match peer.trunk.and_then(|sid| known.trunks.get(&sid)) {
                Some(ruled) => ruled.rules.as_ref().map_err(String::clone)?,
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
