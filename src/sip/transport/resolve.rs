//! (s) From a next hop to the flows to try, in order (RFC 3263):
//!
//! | the hop has | asked for |
//! | --- | --- |
//! | a literal address | nothing |
//! | a port | A, AAAA |
//! | a transport | SRV of it; if there is none A, AAAA |
//! | neither | NAPTR; if there is none SRV of UDP, TCP and TLS, the first that has any; if none has A, AAAA |
//!
//! Some servers leave unanswered what they do not know. So what may be asked in any order is asked at once, and nothing but A and a
//! host's last hope is waited for longer than 2 s: with such a server the address is found after 4 s.

use super::{Inbound, local::Local, tls::Tls};
use crate::rng::Rng;
use crate::sid::TrunkSid;
use crate::sip::event::{Flow, Lookup, ResolveId, Transport as Kind};
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use hickory_resolver::{TokioResolver, net::NetError};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// SIP's ports without and with TLS (RFC 3261 section 19.1.2).
const PORT: u16 = 5060;
const TLS_PORT: u16 = 5061;
/// Lookups at once, of names that trunks have, and as many of those that accounts chose: who asks for many slow ones takes nothing away
/// from the trunks. More are answered "not found" at once.
const LOOKUPS_MAX: usize = 256;
/// Longest a lookup may take.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(8);
/// Longest of it for NAPTR, for SRV and for AAAA.
const STEP_TIMEOUT: Duration = Duration::from_secs(2);
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
    tls: Arc<Tls>,
    rng: Mutex<Rng>,
    inbox: mpsc::Sender<Inbound>,
    of_trunks: Semaphore,
    of_others: Semaphore,
}

/// The system's servers, or those that are named.
fn resolver(servers: &[SocketAddr]) -> Option<TokioResolver> {
    let builder = match servers {
        [] => TokioResolver::builder_tokio().ok()?,
        servers => {
            let server = |at: &SocketAddr| {
                let mut both = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
                both.iter_mut().for_each(|c| c.port = at.port());
                NameServerConfig::new(at.ip(), true, both)
            };
            let config = ResolverConfig::from_name_servers(servers.iter().map(server).collect());
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    builder.build().ok()
}

fn address(record: &Record) -> Option<IpAddr> {
    match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

/// All of them at once; what they come to in their order. Whoever stops waiting stops them.
async fn together<T: Send + 'static>(
    all: impl Iterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut tasks = JoinSet::new();
    for (n, one) in all.enumerate() {
        tasks.spawn(async move { (n, one.await) });
    }
    let mut done = Vec::with_capacity(tasks.len());
    while let Some(Ok(one)) = tasks.join_next().await {
        done.push(one);
    }
    done.sort_by_key(|(n, _)| *n);
    done.into_iter().map(|(_, found)| found).collect()
}

/// Where the records of a service stand.
struct Service {
    kind: Kind,
    name: String,
}

impl Service {
    fn usual(kind: Kind, host: &str) -> Service {
        let labels = match kind {
            Kind::Udp => "_sip._udp",
            Kind::Tcp => "_sip._tcp",
            Kind::Tls => "_sips._tcp",
        };
        Service { kind, name: format!("{labels}.{host}.") }
    }

    /// Of a NAPTR record's services field.
    fn named(word: &[u8]) -> Option<Kind> {
        match word.to_ascii_uppercase().as_slice() {
            b"SIP+D2U" => Some(Kind::Udp),
            b"SIP+D2T" => Some(Kind::Tcp),
            b"SIPS+D2T" => Some(Kind::Tls),
            _ => None,
        }
    }
}

impl Resolve {
    pub(super) fn new(
        local: Arc<Local>,
        tls: Arc<Tls>,
        servers: &[SocketAddr],
        rng: Rng,
        inbox: mpsc::Sender<Inbound>,
    ) -> Resolve {
        let [of_trunks, of_others] = [LOOKUPS_MAX; 2].map(Semaphore::new);
        let dns = resolver(servers);
        Resolve(Arc::new(Inner { dns, local, tls, rng: Mutex::new(rng), inbox, of_trunks, of_others }))
    }

    pub(super) fn start(&self, id: ResolveId, hop: Lookup) {
        let inner = self.0.clone();
        tokio::spawn(async move {
            let slots = if hop.trunk.is_some() { &inner.of_trunks } else { &inner.of_others };
            let found = match slots.try_acquire() {
                Ok(_slot) => timeout(LOOKUP_TIMEOUT, inner.targets(&hop)).await,
                Err(_) => Ok(Vec::new()),
            };
            let flows = inner.flows(&hop, found.unwrap_or_default());
            // The driver lives as long as its channel: nobody to tell means nobody waits.
            let _ = inner.inbox.send(Inbound::Resolved(id, flows)).await;
        });
    }
}

impl Inner {
    async fn targets(self: &Arc<Self>, hop: &Lookup) -> Vec<(Kind, SocketAddr)> {
        let bare = hop.host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(&hop.host);
        let kind = hop.transport.unwrap_or(Kind::Udp);
        let port = hop.port.unwrap_or(if kind == Kind::Tls { TLS_PORT } else { PORT });
        if let Ok(ip) = bare.parse::<IpAddr>() {
            return vec![(kind, SocketAddr::new(ip, port))];
        }
        let direct =
            |found: Vec<IpAddr>| found.into_iter().map(|ip| (kind, SocketAddr::new(ip, port))).collect();
        if hop.port.is_some() {
            return direct(self.addresses(bare).await);
        }
        let named = match hop.transport {
            None => self.naptr(bare).await,
            Some(_) => Vec::new(),
        };
        let found: Vec<_> = self.by_services(named).await.into_iter().flatten().flatten().collect();
        if !found.is_empty() {
            return found;
        }
        let usual = hop.transport.map_or(vec![Kind::Udp, Kind::Tcp, Kind::Tls], |kind| vec![kind]);
        let usual = usual.into_iter().map(|kind| Service::usual(kind, bare)).collect();
        let (services, addresses) = tokio::join!(self.by_services(usual), self.addresses(bare));
        // The first is the one that the addresses would be asked by.
        let declined = services.first().is_some_and(Option::is_none);
        match services.into_iter().flatten().find(|found| !found.is_empty()) {
            Some(found) => found,
            None if declined => Vec::new(),
            None => direct(addresses),
        }
    }

    /// What each service has, in their order.
    async fn by_services(self: &Arc<Self>, services: Vec<Service>) -> Vec<Option<Vec<(Kind, SocketAddr)>>> {
        let inner = self.clone();
        together(services.into_iter().map(|service| {
            let inner = inner.clone();
            async move { inner.by_srv(&service).await }
        }))
        .await
    }

    /// The services of a domain, the preferred first (RFC 3263 section 4.1).
    async fn naptr(&self, host: &str) -> Vec<Service> {
        let Some(dns) = &self.dns else { return Vec::new() };
        let lookup = dns.lookup(format!("{host}."), RecordType::NAPTR);
        let Ok(Ok(lookup)) = timeout(STEP_TIMEOUT, lookup).await else { return Vec::new() };
        let records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::NAPTR(naptr) if naptr.flags.eq_ignore_ascii_case(b"s") => Some(naptr),
            _ => None,
        });
        let mut services: Vec<_> = records
            .filter_map(|n| {
                let kind = Service::named(&n.services)?;
                Some(((n.order, n.preference), Service { kind, name: n.replacement.to_utf8() }))
            })
            .collect();
        services.sort_by_key(|(order, _)| *order);
        services.into_iter().map(|(_, service)| service).collect()
    }

    /// None: its domain says that it is decidedly not there, by the target "." (RFC 2782).
    async fn by_srv(self: &Arc<Self>, service: &Service) -> Option<Vec<(Kind, SocketAddr)>> {
        let Ok(Ok(mut targets)) = timeout(STEP_TIMEOUT, self.srv(&service.name)).await else {
            return Some(Vec::new());
        };
        let some = !targets.is_empty();
        targets.retain(|t| t.host != ".");
        if some && targets.is_empty() {
            return None;
        }
        let targets = order(targets, &mut self.rng.lock().unwrap_or_else(PoisonError::into_inner));
        let (inner, kind) = (self.clone(), service.kind);
        let found = together(targets.into_iter().take(TARGETS_MAX).map(|target| {
            let inner = inner.clone();
            async move {
                let addresses = inner.addresses(&target.host).await;
                addresses.into_iter().map(|ip| (kind, SocketAddr::new(ip, target.port))).collect::<Vec<_>>()
            }
        }));
        Some(found.await.concat())
    }

    async fn srv(&self, name: &str) -> Result<Vec<Target>, NetError> {
        let Some(dns) = &self.dns else { return Ok(Vec::new()) };
        let lookup = dns.srv_lookup(name).await?;
        let records = lookup.answers().iter().filter_map(|record| match &record.data {
            RData::SRV(srv) => Some(Target {
                priority: srv.priority,
                weight: srv.weight,
                port: srv.port,
                host: srv.target.to_utf8(),
            }),
            _ => None,
        });
        Ok(records.collect())
    }

    /// IPv4 first.
    async fn addresses(&self, host: &str) -> Vec<IpAddr> {
        // Answered here, as RFC 6761 asks, whatever the resolver's hosts file says.
        if host.trim_end_matches('.').eq_ignore_ascii_case("localhost") {
            return vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        }
        if let Ok(ip) = host.trim_end_matches('.').parse() {
            return vec![ip];
        }
        let Some(dns) = &self.dns else { return Vec::new() };
        let v6 = timeout(STEP_TIMEOUT, dns.lookup(host, RecordType::AAAA));
        let (v4, v6) = tokio::join!(dns.lookup(host, RecordType::A), v6);
        let found = [v4.ok(), v6.ok().and_then(Result::ok)].into_iter().flatten();
        found.flat_map(|lookup| lookup.answers().iter().filter_map(address).collect::<Vec<_>>()).collect()
    }

    /// Addresses of the family that our socket cannot reach are left out. Whoever is found over TLS must be whom the hop names, not
    /// whom DNS names (RFC 5922 section 4).
    fn flows(&self, hop: &Lookup, found: Vec<(Kind, SocketAddr)>) -> Vec<Flow> {
        let reached = found.into_iter().filter(|(_, remote)| self.local.reaches(remote.ip()));
        let flow = |(transport, remote): (Kind, SocketAddr)| {
            let conn = if transport == Kind::Tls { self.named(hop.trunk, &hop.host) } else { 0 };
            Flow { transport, remote, local: self.local.facing(transport, remote.ip()), conn }
        };
        reached.map(flow).take(TARGETS_MAX).collect()
    }

    fn named(&self, trunk: Option<TrunkSid>, host: &str) -> u64 {
        self.tls.name(trunk, host.trim_matches(['[', ']']))
    }
}
