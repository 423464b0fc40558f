//! (s) Who knows everyone: wiring, readiness, drain. `start` gives a running server; `serve` waits for signals and drains.

mod recovery;
mod signalling;
mod sip;

use crate::api::live::Live;
use crate::api::{self, Api, ApiConfig};
use crate::call::cx::CallSettings;
use crate::certificate::Reloader;
use crate::clock::{Mono, Now, Wall};
use crate::config::Config;
use crate::driver::{Control, Driver, MediaConfig, MediaShell, Parts, Watcher};
use crate::first_start::{self, Credentials};
use crate::media::clip::Clips;
use crate::media::disk::{Disk, DiskThread};
use crate::media::port::PortRange;
use crate::media::worker::{Worker, WorkerConfig};
use crate::rng::Rng;
use crate::sip::endpoint::EndpointConfig;
use crate::sip::transport::local::Local;
use crate::speech::embedded::Embedded;
use crate::speech::openai::{OpenAi, OpenAiConfig};
use crate::speech::say::Say;
use crate::store::Store;
use crate::store::handle::Options;
use crate::store::tx::Recovered;
use crate::switch::{Counts, Switch};
use crate::webhooks::fetch::Fetcher;
use crate::webhooks::guard::Guard;
use crate::webhooks::tls;
use signalling::Signalling;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};

/// Media events that may wait.
const MEDIA_QUEUE: usize = 16_384;

/// How long a server that has drained waits for the callbacks of its last calls.
const TOLD_WITHIN: Duration = Duration::from_secs(2);

/// Legs that a media worker gets before the next one gets any: as streams they keep it busy for half of the time.
const WORKER_FILL: usize = 640;

/// Both clocks of this process.
pub fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    let start = START.get_or_init(Instant::now);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        mono: Mono(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX)),
        wall: Wall(i64::try_from(wall.as_millis()).unwrap_or(i64::MAX)),
    }
}

/// A running server.
pub struct Server {
    /// Where HTTP listens.
    pub http: SocketAddr,
    /// Where SIP listens.
    pub sip: SocketAddr,
    /// Where SIP over TLS listens, if it does.
    pub sip_tls: Option<SocketAddr>,
    /// Who may do what.
    pub credentials: Credentials,
    /// Base of links.
    pub public_url: String,
    /// Rows.
    pub store: Store,
    /// What lives, refreshed by the driver.
    pub counts: watch::Receiver<Counts>,
    control: mpsc::Sender<Control>,
    driver: (tokio::task::JoinHandle<()>, Signalling),
    web: Web,
    disk: Option<DiskThread>,
}

/// The HTTP server.
struct Web {
    handle: actix_web::dev::ServerHandle,
    /// Of the certificates that are shown, here and over SIP.
    reloaders: Vec<Reloader>,
    /// `/readyz` says so.
    draining: Arc<AtomicBool>,
}

/// Starts everything. `watcher` sees every timeline grow.
///
/// # Errors
/// One sentence that says what to do.
pub async fn start(mut config: Config, watcher: Option<Watcher>) -> Result<Server, String> {
    // Before anything is counted.
    let _ = crate::telemetry::metrics::recorder();
    let mut rng = api::rng();
    first_start::private_dir(&config.recordings_dir())?;
    let key = first_start::secret_key(&config, &mut rng)?;
    let (store, found) = open_store(&config, &key).await?;
    let credentials = first_start::credentials(&config, &store, now(), &mut rng).await?;
    first_start::check_realm(&config, &store).await?;
    let (listener, http) = listen(&mut config)?;

    let roots = tls::roots(config.ca_file.as_deref())?;
    let trust = tls::client_of(roots.clone())?;
    let guard = Guard::new(config.allow_networks.clone(), config.http_listen.ip().is_loopback());
    let fetcher = Fetcher::new(guard, &trust)?;
    let signalling = Signalling::start()?;
    let sip::Sip { transport, messages: sip, reloader } =
        sip::start(&config, &mut rng, roots, signalling.handle()).await?;
    let (sip_addr, sip_tls) = (transport.local_addr(), transport.tls_addr());
    let (media, reports, disk) = start_media(&config, &mut rng, sip_addr, trust)?;

    let mut switch = make_switch(&config, &mut rng, media.workers());
    recovery::recover(&config, &store, &transport, &mut switch, found).await?;

    let (live, asked) = Live::new();
    let (control, controls) = mpsc::channel(16);
    let (counts_in, counts) = watch::channel(Counts::default());
    let say = Arc::new(Say::new(speech(&config, &fetcher)?));
    let clips = Clips::new(fetcher.clone(), cores());
    let parts = Parts {
        switch,
        transport,
        sip,
        store: store.clone(),
        fetcher,
        say,
        clips,
        media,
        reports,
        asked,
        outside: tokio::runtime::Handle::current(),
        clock: now,
        watcher,
    };
    let driver = (signalling.spawn(Driver::run(parts, controls, counts_in)), signalling);
    let mut web = serve_http(&config, listener, &store, live, &credentials, counts.clone())?;
    web.reloaders.extend(reloader);
    tokio::spawn(crate::retention::run(store.clone(), config.clone(), now));
    let public_url = config.public_url;
    let disk = Some(disk);
    let sip = sip_addr;
    Ok(Server { http, sip, sip_tls, credentials, public_url, store, counts, control, driver, web, disk })
}

/// The HTTP listener; a port that the kernel chose goes into the public URL.
fn listen(config: &mut Config) -> Result<(std::net::TcpListener, SocketAddr), String> {
    let why = |e: std::io::Error| format!("CHORUS_HTTP_LISTEN {}: {e}", config.http_listen);
    let listener = std::net::TcpListener::bind(config.http_listen).map_err(why)?;
    let address = listener.local_addr().map_err(why)?;
    config.public_url = config.public_url.replace(&config.http_listen.to_string(), &address.to_string());
    Ok((listener, address))
}

type Reports = mpsc::Receiver<crate::media::event::MediaEvent>;

fn start_media(
    config: &Config,
    rng: &mut Rng,
    sip: SocketAddr,
    trust: rustls::ClientConfig,
) -> Result<(MediaShell, Reports, DiskThread), String> {
    let (disk, thread) = Disk::spawn(&config.recordings_dir()).map_err(|e| format!("recordings: {e}"))?;
    let (events, reports) = mpsc::channel(MEDIA_QUEUE);
    let workers = spawn_workers(config, rng, &events, &disk)?;
    let media = MediaShell::new(MediaConfig {
        range: PortRange::parse(&format!("{}-{}", config.rtp_ports.0, config.rtp_ports.1))?,
        bind: config.sip_listen.ip(),
        local: Local::new(sip, config.external_ip),
        rng: rng.fork(),
        tls: Arc::new(trust),
        workers,
    });
    Ok((media, reports, thread))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

async fn open_store(config: &Config, key: &crate::store::crypt::Key) -> Result<(Store, Recovered), String> {
    let url = config.store_url();
    let key = key.clone();
    tokio::task::spawn_blocking(move || Store::open(&url, &key, &Options::default()).map_err(|e| e.0))
        .await
        .map_err(|e| e.to_string())?
}

fn spawn_workers(
    config: &Config,
    rng: &mut Rng,
    events: &mpsc::Sender<crate::media::event::MediaEvent>,
    disk: &Disk,
) -> Result<Vec<Worker>, String> {
    let n = if config.media_workers == 0 { cores() } else { config.media_workers };
    (0..n)
        .map(|index| {
            let mut seed = [0; 32];
            rng.fill(&mut seed);
            let config = WorkerConfig {
                index,
                seed,
                clock: Arc::new(now),
                events: events.clone(),
                disk: disk.clone(),
            };
            Worker::spawn(config).map_err(|e| format!("a media worker could not be started: {e}"))
        })
        .collect()
}

/// Where peers may mean us by: what was told, because an unspecified address is every one of the machine.
fn own_addresses(config: &Config) -> Vec<SocketAddr> {
    let listen = Some(config.sip_listen.ip()).filter(|ip| !ip.is_unspecified());
    let all = config.external_ip.into_iter().chain(listen);
    all.map(|ip| SocketAddr::new(ip, config.sip_listen.port())).collect()
}

fn make_switch(config: &Config, rng: &mut Rng, workers: usize) -> Switch {
    let settings = CallSettings {
        public_url: config.public_url.clone(),
        node: "one".to_owned(),
        silent_after_s: config.rtp_timeout_s,
        realm: config.realm.clone(),
        events: config.events.clone(),
        addresses: own_addresses(config),
    };
    let endpoint = EndpointConfig {
        user_agent: format!("Chorus/{}", env!("CARGO_PKG_VERSION")),
        node: settings.node.clone(),
        realm: config.realm.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        answer_unknown_options: config.answer_unknown_options,
        ..EndpointConfig::default()
    };
    let mut switch = Switch::new(rng.fork(), endpoint, settings, workers);
    switch.fill_workers(WORKER_FILL);
    switch
}

fn speech(config: &Config, fetcher: &Arc<Fetcher>) -> Result<Box<dyn crate::speech::Provider>, String> {
    match config.speech.clone() {
        Some((base_url, api_key, model)) => {
            let openai = OpenAiConfig { base_url, api_key, model, ..OpenAiConfig::default() };
            Ok(Box::new(OpenAi::new(openai, fetcher.clone(), cores())))
        }
        None => Ok(Box::new(Embedded::new(cores())?)),
    }
}

fn serve_http(
    config: &Config,
    listener: std::net::TcpListener,
    store: &Store,
    live: Live,
    credentials: &Credentials,
    counts: watch::Receiver<Counts>,
) -> Result<Web, String> {
    let api_config = ApiConfig {
        public_url: config.public_url.clone(),
        recordings_dir: config.recordings_dir(),
        carrier_token: credentials.carrier_token.clone(),
        realm: config.realm.clone(),
        names: config.names(),
        numbers_open: config.numbers_open,
        reach: api::Reach {
            listen: config.sip_listen.ip(),
            external_ip: config.external_ip,
            roots: Arc::new(tls::roots(config.ca_file.as_deref())?),
            dns: config.dns.clone(),
        },
    };
    let draining = Arc::new(AtomicBool::new(false));
    let (healthy, drains) = (store.clone(), draining.clone());
    let ready: api::Ready = Arc::new(move || match (healthy.healthy(), counts.borrow().journal) {
        _ if drains.load(Ordering::Relaxed) => Err("the server drains: it takes no new calls".to_owned()),
        (true, 0) => Ok(()),
        _ => Err("the database cannot be written".to_owned()),
    });
    let runtime = tokio::runtime::Handle::current();
    let metrics = crate::telemetry::metrics::recorder();
    let api = Api::new(store.clone(), live, api_config, now, ready, metrics, runtime);
    let server = actix_web::HttpServer::new(move || {
        let api = api.clone();
        actix_web::App::new().configure(move |cfg| api::configure(cfg, api))
    })
    .workers(cores().min(4))
    .disable_signals();
    let (server, reloaders) = match &config.tls {
        Some((cert, key)) => {
            let (tls, reloader) = api::tls::rustls_config(cert, key).map_err(|e| e.to_string())?;
            (server.listen_rustls_0_23(listener, tls), vec![reloader])
        }
        None => (server.listen(listener), Vec::new()),
    };
    let running = server.map_err(|e| format!("HTTP could not be started: {e}"))?.run();
    let handle = running.handle();
    tokio::spawn(running);
    Ok(Web { handle, reloaders, draining })
}

impl Server {
    /// 503 to new calls and OPTIONS; those that live may go on for a while, then they are hung up; then everything ends.
    pub async fn drain(mut self, grace: Duration) {
        self.web.draining.store(true, Ordering::Relaxed);
        let (told, drains) = oneshot::channel();
        let _ = self.control.send(Control::Drain(told)).await;
        // Before that nobody is on his way out, and there seems to be nothing to wait for.
        let _ = drains.await;
        let none_live = |c: &Counts| c.calls == 0;
        if tokio::time::timeout(grace, self.counts.wait_for(none_live)).await.is_err() {
            let _ = self.control.send(Control::HangUpAll).await;
            let _ = tokio::time::timeout(Duration::from_secs(5), self.counts.wait_for(none_live)).await;
        }
        // What the last calls owe; what cannot be delivered now is delivered by the next process. And the registrars that
        // have not heard yet that we leave.
        let told = |c: &Counts| c.outbox == 0 && c.pending == 0 && c.leaving == 0;
        let _ = tokio::time::timeout(TOLD_WITHIN, self.counts.wait_for(told)).await;
        self.stop().await;
    }

    /// Ends at once what still runs, in order: HTTP, the driver with its media, the disk, the database.
    pub async fn stop(mut self) {
        self.web.handle.stop(true).await;
        let _ = self.control.send(Control::Stop).await;
        let _ = self.driver.0.await;
        if let Some(disk) = self.disk.take() {
            let _ = tokio::task::spawn_blocking(move || disk.stop()).await;
        }
        let store = self.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }

    /// Reads the certificates again (SIGHUP).
    pub fn reload_certificate(&self) {
        for r in &self.web.reloaders {
            match r.reload() {
                Ok(()) => tracing::info!("the certificate was read again"),
                Err(e) => tracing::error!("the certificate was not replaced: {e}"),
            }
        }
    }
}

/// Runs until SIGTERM or SIGINT, then drains.
///
/// # Errors
/// As [`start`].
pub async fn serve(config: Config) -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let grace = Duration::from_secs(config.drain_s);
    let server = start(config, None).await?;
    let tls = server.sip_tls.map(|at| format!(" and {at} (TLS)")).unwrap_or_default();
    tracing::info!("HTTP on {}, SIP on {} (UDP and TCP){tls}", server.http, server.sip);
    let failed = |e: std::io::Error| format!("signals cannot be caught: {e}");
    let mut term = signal(SignalKind::terminate()).map_err(failed)?;
    let mut int = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut hup = signal(SignalKind::hangup()).map_err(failed)?;
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hup.recv() => server.reload_certificate(),
        }
    }
    tracing::info!("draining: no new calls, those that live may go on for {} s", grace.as_secs());
    server.drain(grace).await;
    Ok(())
}
