//! (s) The one door for every outbound connection (law 6): resolve once, vet every address, dial what was vetted. Webhooks, Play,
//! redirects and streams all pass here.

use super::address::{Network, Rules, Vetted};
use super::request::FetchError;
use hickory_resolver::{TokioResolver, config::LookupIpStrategy};
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Host;

/// Answers with more addresses than this are cut: nobody dials them all.
pub const ADDRESSES_MAX: usize = 16;
/// A lookup that takes longer failed.
pub const LOOKUP_MAX: Duration = Duration::from_secs(5);

/// What a lookup will give.
pub type Looking = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;
/// Finds the addresses of a name. Replaced in tests by one that lies.
pub type Lookup = Arc<dyn Fn(String) -> Looking + Send + Sync>;

/// The guard: rules and a resolver.
#[derive(Clone)]
pub struct Guard {
    rules: Rules,
    lookup: Lookup,
}

impl Guard {
    /// With the system's resolver (`/etc/resolv.conf`, `/etc/hosts`). Must be called inside the tokio runtime.
    pub fn new(allow_networks: Vec<Network>, http_listens_on_loopback: bool) -> Guard {
        Guard::with_lookup(allow_networks, http_listens_on_loopback, system_lookup())
    }

    /// With another resolver.
    pub fn with_lookup(allow: Vec<Network>, http_listens_on_loopback: bool, lookup: Lookup) -> Guard {
        Guard { rules: Rules::new(allow, http_listens_on_loopback), lookup }
    }

    /// The rules, for what needs no lookup.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// See [`Rules::vet_url`].
    ///
    /// # Errors
    /// 11100, 11205.
    pub fn vet_url(&self, url: &str) -> Result<Vetted, FetchError> {
        self.rules.vet_url(url)
    }

    /// The addresses to dial, each of them vetted: one that is not open refuses the name as a whole, so that a name that mixes
    /// public and private answers cannot be retried until it hits.
    ///
    /// # Errors
    /// 11210 if the name has no address, 11205 if one of them is not open.
    pub async fn resolve(&self, vetted: &Vetted) -> Result<Vec<SocketAddr>, FetchError> {
        let addresses = match &vetted.host {
            Host::Ipv4(v4) => vec![IpAddr::V4(*v4)],
            Host::Ipv6(v6) => vec![IpAddr::V6(*v6)],
            Host::Domain(name) => self.addresses(name).await?,
        };
        for address in &addresses {
            self.rules.vet_address(*address)?;
        }
        Ok(addresses.into_iter().map(|a| SocketAddr::new(a, vetted.port)).collect())
    }

    /// The vetted addresses of a name, without port.
    ///
    /// # Errors
    /// As [`Guard::resolve`].
    pub async fn addresses(&self, name: &str) -> Result<Vec<IpAddr>, FetchError> {
        let found = timeout(LOOKUP_MAX, (self.lookup)(name.to_owned())).await;
        let mut addresses = match found {
            Ok(Ok(addresses)) => addresses,
            Ok(Err(e)) => {
                return Err(FetchError::early(11210, format!("the host name was not found: {e}")));
            }
            Err(_) => {
                return Err(FetchError::early(11210, "the lookup of the host name took longer than 5 s"));
            }
        };
        for address in &addresses {
            self.rules.vet_address(*address)?;
        }
        if addresses.is_empty() {
            return Err(FetchError::early(11210, "the host name has no address"));
        }
        addresses.truncate(ADDRESSES_MAX);
        Ok(addresses)
    }

    /// A TCP connection to a vetted URL, for streams: the addresses in turn, within `connect` together.
    ///
    /// # Errors
    /// 11210, 11205, 11201 after `connect`, 11202 if refused.
    pub async fn dial(&self, vetted: &Vetted, connect: Duration) -> Result<TcpStream, FetchError> {
        let attempt = async {
            let mut last = FetchError::early(11205, "no address was dialled");
            for address in self.resolve(vetted).await? {
                match TcpStream::connect(address).await {
                    Ok(stream) => return Ok(stream),
                    Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                        last = FetchError::early(11202, format!("{address} refused the connection"));
                    }
                    Err(e) => last = FetchError::early(11205, format!("{address}: {e}")),
                }
            }
            Err(last)
        };
        let late =
            || FetchError::early(11201, format!("no TCP connection within {} ms", connect.as_millis()));
        timeout(connect, attempt).await.unwrap_or_else(|_| Err(late()))
    }
}

/// hickory is asynchronous, so that a slow name server holds no thread; both families are asked, so that both are vetted.
fn system_lookup() -> Lookup {
    let resolver = TokioResolver::builder_tokio().and_then(|mut builder| {
        builder.options_mut().ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
        builder.build()
    });
    let resolver = resolver.map(Arc::new).map_err(|e| e.to_string());
    Arc::new(move |name| {
        let resolver = resolver.clone();
        Box::pin(async move {
            let resolver = resolver.map_err(std::io::Error::other)?;
            let found = resolver.lookup_ip(name).await.map_err(std::io::Error::other)?;
            Ok(found.iter().collect())
        })
    })
}
