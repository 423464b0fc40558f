//! (s) HTTP in: Twilio's REST API under `/2010-04-01` and `/v1`, the operator's under `/carrier/v1`, health and metrics.
//!
//! ```text
//!  request -> serve: route -> who (auth) -> how much (limits) -> what (form, parse) --spawn--> handler -> reply
//!                    router          |                             params = tables     |
//!                                    +-- cache of argon2 results                       +--> store.read / store.commit
//!                                                                                      +--> live.ask (the switch)
//! ```
//!
//! A resource is one file: its parameters and properties as const tables, and one short handler for each operation.
//! Handlers own nothing: they run detached, so that a client that hangs up in the middle of a request cuts nothing in
//! half.

pub mod accounts;
pub mod applications;
pub mod auth;
pub mod auth_cache;
pub mod call_create;
pub mod call_recordings;
pub mod call_update;
pub mod calls;
pub mod carrier;
pub mod carrier_accounts;
pub mod carrier_body;
pub mod carrier_calls;
pub mod carrier_rules;
pub mod command;
pub mod command_external;
pub mod credential_lists;
pub mod credentials;
pub mod dates;
pub mod elastic_trunks;
pub mod form;
pub mod gateways;
pub mod health;
pub mod hooks;
pub mod ip_acls;
pub mod ip_addresses;
pub mod json;
pub mod keys;
pub mod limits;
pub mod list_uses;
pub mod live;
pub mod media;
pub mod mp3;
pub mod not_offered;
pub mod notifications;
pub mod number_rows;
pub mod numbers;
pub mod openapi;
pub mod operation;
pub mod origination_urls;
pub mod page;
pub mod params;
pub mod parse;
pub mod phone_numbers;
pub mod recordings;
pub mod refusal;
pub mod reply;
pub mod router;
pub mod schema;
pub mod serve;
pub mod services;
pub mod services_body;
pub mod sip_domains;
mod sip_list;
pub mod sip_mappings;
pub mod sip_trunks;
pub mod streams;
pub mod timeline;
pub mod tls;
pub mod trunk_fields;
pub mod trunk_lists;
pub mod trunk_numbers;
pub mod trunk_rules;
pub mod trunk_test;
mod urls;
pub mod wav;
pub mod xml;

use crate::clock::Now;
use crate::rng::Rng;
use crate::store::Store;
use crate::trunk::names::Names;
use metrics_exporter_prometheus::PrometheusHandle;
use std::{path::PathBuf, rc::Rc, sync::Arc};
use tokio::sync::Semaphore;

/// What the API must know of the configuration.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// CHORUS_PUBLIC_URL without a slash at its end: base of recording URLs.
    pub public_url: String,
    /// Where recordings lie.
    pub recordings_dir: PathBuf,
    /// CHORUS_CARRIER_TOKEN.
    pub carrier_token: String,
    /// CHORUS_REALM.
    pub realm: String,
    /// What DomainNames may be.
    pub names: Names,
    /// CHORUS_NUMBERS=open: an account may claim any E.164 number nobody holds.
    pub numbers_open: bool,
    /// How SIP peers are reached.
    pub reach: Reach,
}

/// How SIP peers are reached, as by the server's own calls.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Of CHORUS_SIP_LISTEN.
    pub listen: std::net::IpAddr,
    /// CHORUS_EXTERNAL_IP.
    pub external_ip: Option<std::net::IpAddr>,
    /// Authorities that are believed where a trunk names none.
    pub roots: Arc<rustls::RootCertStore>,
    /// DNS servers; none: the system's.
    pub dns: Vec<std::net::SocketAddr>,
}

impl Default for Reach {
    fn default() -> Reach {
        Reach {
            listen: std::net::Ipv4Addr::UNSPECIFIED.into(),
            external_ip: None,
            roots: Arc::new(rustls::RootCertStore::empty()),
            dns: Vec::new(),
        }
    }
}

/// Whether the server can take calls; the sentence says what is missing.
pub type Ready = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// Everything a handler may reach. Cheap to clone: one for each actix worker.
#[derive(Clone)]
pub struct Api {
    /// Rows.
    pub store: Store,
    /// Live calls.
    pub live: live::Live,
    /// Configuration.
    pub config: Arc<ApiConfig>,
    /// The clock.
    pub clock: fn() -> Now,
    /// `/readyz`.
    pub ready: Ready,
    /// `/metrics`; None: 404.
    pub metrics: Option<PrometheusHandle>,
    /// Where handlers run: the driver's runtime, which outlives every connection.
    pub runtime: tokio::runtime::Handle,
    /// Checks of an API key's secret at once: each takes 20 ms of a core and 19 MiB.
    pub hashing: Arc<Semaphore>,
    /// Conversions to MP3 at once.
    pub converting: Arc<Semaphore>,
    /// Whose turn it is to change what [`operation::Operation::takes_turns`] names.
    pub turn: Arc<Semaphore>,
}

impl Api {
    /// With limits by the number of cores.
    pub fn new(
        store: Store,
        live: live::Live,
        config: ApiConfig,
        clock: fn() -> Now,
        ready: Ready,
        metrics: Option<PrometheusHandle>,
        runtime: tokio::runtime::Handle,
    ) -> Api {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Api {
            store,
            live,
            config: Arc::new(config),
            clock,
            ready,
            metrics,
            runtime,
            hashing: Arc::new(Semaphore::new(cores)),
            converting: Arc::new(Semaphore::new(mp3::AT_ONCE)),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Tells the switch that its tables changed and waits until it has read them. A switch that is gone or busy
    /// rereads them anyway when it comes back.
    pub async fn tables_changed(&self) {
        let _ = self.live.ask(live::Request::TablesChanged).await;
    }
}

/// A generator for one request, seeded from the kernel.
pub fn rng() -> Rng {
    use ring::rand::SecureRandom;
    let mut seed = [0; 32];
    if ring::rand::SystemRandom::new().fill(&mut seed).is_err() {
        // The kernel's generator cannot fail once it is up; if it ever does, guessable SIDs would be worse.
        std::process::abort();
    }
    Rng::from_seed(seed)
}

/// Puts the whole API into an actix application. Call it in the factory, so that each worker has its own limits.
pub fn configure(cfg: &mut actix_web::web::ServiceConfig, api: Api) {
    let worker = Rc::new(serve::Worker::new(api));
    cfg.app_data(worker).default_service(actix_web::web::to(serve::handle));
}
