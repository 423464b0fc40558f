//! (s) From a next hop to the flows to try, in order (RFC 3263 without NAPTR): a literal address needs no lookup, a
//! written port only A/AAAA, everything else SRV first.

use super::{Inbound, local::Local};
use crate::rng::Rng;
use crate::sip::event::{Flow, ResolveId, Transport as Kind};
use hickory_resolver::proto::rr::RData;
use hickory_resolver::{TokioResolver, net::NetError};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

/// SIP's port without TLS (RFC 3261 19.1.2).
const PORT: u16 = 5060;
/// Lookups at once; more are answered "not found" at once.
const LOOKUPS_MAX: usize = 256;
/// Longest a lookup may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// Most targets of one name that are tried.
const TARGETS_MAX: usize = 8;

/// One SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Lower is tried first.
    pub priority: u16,
    /// Share among equals.
    pub weight: u16,
    /// Port.
    pub port: u16,
    /// Host.
    pub host: String,
}

/// The order of RFC 2782: by priority, and among equals at random by weight.
pub fn order(mut targets: Vec<Target>, rng: &mut Rng) -> Vec<Target> {
    // Zero weights first, so that they are seldom chosen.
    targets.sort_by_key(|t| (t.priority, t.weight));
    let mut out = Vec::with_capacity(targets.len());
    while let Some(priority) = targets.first().map(|t| t.priority) {
        let equals = targets.iter().take_while(|t| t.priority == priority);
        let sum: u64 = equals.clone().map(|t| u64::from(t.weight)).sum();
        let pick = rng.below(sum.saturating_add(1));
        let mut running = 0_u64;
        let at = equals
            .enumerate()
            .find(|(_, t)| {
                running = running.saturating_add(u64::from(t.weight));
                running >= pick
            })
            .map_or(0, |(at, _)| at);
        out.push(targets.remove(at));
    }
    out
}

/// Performs lookups on the runtime it was made on.
pub struct Resolve(Arc<Inner>);

struct Inner {
    dns: Option<TokioResolver>,
    local: Arc<Local>,
    rng: Mutex<Rng>,
    inbox: mpsc::Sender<Inbound>,
    slots: Semaphore,
}

impl Resolve {
    pub(super) fn new(local: Arc<Local>, rng: Rng, inbox: mpsc::Sender<Inbound>) -> Resolve {
        let dns = TokioResolver::builder_tokio().and_then(|b| b.build()).ok();
        let slots = Semaphore::new(LOOKUPS_MAX);
        Resolve(Arc::new(Inner { dns, local, rng: Mutex::new(rng), inbox, slots }))
    }

    pub(super) fn start(&self, id: ResolveId, host: String, port: Option<u16>, transport: Option<Kind>) {
        let inner = self.0.clone();
        tokio::spawn(async move {
            let flows = match inner.slots.try_acquire() {
                Ok(_slot) => timeout(LOOKUP_TIMEOUT, inner.flows(&host, port, transport)).await,
                Err(_) => Ok(Vec::new()),
            };
            // The driver lives as long as its channel: nobody to tell means nobody waits.
            let _ = inner.inbox.send(Inbound::Resolved(id, flows.unwrap_or_default())).await;
        });
    }
}

impl Inner {
    async fn flows(&self, host: &str, port: Option<u16>, transport: Option<Kind>) -> Vec<Flow> {
        let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return self.targets(vec![(ip, port.unwrap_or(PORT))], transport.unwrap_or(Kind::Udp));
        }
        if port.is_none() {
            let found = self.by_srv(bare, transport).await;
            if !found.is_empty() {
                return found;
            }
        }
        let found = self.addresses(bare).await.unwrap_or_default();
        let found = found.into_iter().map(|ip| (ip, port.unwrap_or(PORT))).collect();
        self.targets(found, transport.unwrap_or(Kind::Udp))
    }

    async fn by_srv(&self, host: &str, transport: Option<Kind>) -> Vec<Flow> {
        let kinds: &[Kind] = match transport {
            Some(Kind::Udp) => &[Kind::Udp],
            Some(Kind::Tcp) => &[Kind::Tcp],
            Some(Kind::Tls) => &[],
            None => &[Kind::Udp, Kind::Tcp],
        };
        for kind in kinds {
            let Ok(targets) = self.srv(host, *kind).await else { continue };
            let targets = order(targets, &mut self.rng.lock().unwrap_or_else(PoisonError::into_inner));
            let mut found = Vec::new();
            for target in targets.into_iter().take(TARGETS_MAX) {
                let addresses = self.addresses(&target.host).await.unwrap_or_default();
                found.extend(addresses.into_iter().map(|ip| (ip, target.port)));
            }
            if !found.is_empty() {
                return self.targets(found, *kind);
            }
        }
        Vec::new()
    }

    async fn srv(&self, host: &str, kind: Kind) -> Result<Vec<Target>, NetError> {
        let label = if kind == Kind::Tcp { "_tcp" } else { "_udp" };
        let Some(dns) = &self.dns else { return Ok(Vec::new()) };
        let lookup = dns.srv_lookup(format!("_sip.{label}.{host}.")).await?;
        let records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Target {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host: srv.target.to_utf8(),
            }),
            _ => None,
        });
        // A target "." says that the service is decidedly not there.
        Ok(records.filter(|t| t.host != ".").collect())
    }

    async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NetError> {
        // Answered here, as RFC 6761 asks, whatever the resolver's hosts file says.
        if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
            return Ok(vec![IpAddr::from([127, 0, 0, 1])]);
        }
        let Some(dns) = &self.dns else { return Ok(Vec::new()) };
        Ok(dns.lookup_ip(host).await?.iter().collect())
    }

    /// Addresses of the family that our socket cannot reach are left out.
    fn targets(&self, found: Vec<(IpAddr, u16)>, transport: Kind) -> Vec<Flow> {
        if transport == Kind::Tls {
            return Vec::new();
        }
        let flow = |(ip, port): (IpAddr, u16)| {
            let remote = SocketAddr::new(ip, port);
            let reached = self.local.reaches(ip);
            reached.then(|| Flow { transport, remote, local: self.local.toward(ip), conn: 0 })
        };
        found.into_iter().filter_map(flow).take(TARGETS_MAX).collect()
    }
}
