//! (s) reqwest, made to behave: each exchange has a connection of its own (so that each is resolved and vetted), no proxy, no redirect,
//! no decompression, HTTP/1.1; and its errors become Twilio's codes.
//!
//! reqwest's connect timeout belongs to a client, ours to a request. A layer around its connector reports when the connection stands,
//! so one client serves every `#ct` and `#rt`; only `sni` needs a second.

use super::guard::Guard;
use super::request::{FetchError, Policy};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::error::Error;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

/// As Twilio's, which applications and firewalls may look for.
pub const USER_AGENT: &str = "TwilioProxy/1.1";
/// Header fields of an answer; more is a protocol error.
const HEADERS_MAX: usize = 100;

/// The two clients.
pub struct Clients {
    with_sni: reqwest::Client,
    without_sni: reqwest::Client,
}

impl Clients {
    /// Clients that trust as `tls` says and dial what `guard` lets through.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn new(guard: &Guard, tls: &rustls::ClientConfig) -> Result<Clients, String> {
        let build = |sni: bool| {
            let mut tls = tls.clone();
            tls.enable_sni = sni;
            tls.alpn_protocols = vec![b"http/1.1".to_vec()];
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls)
                .dns_resolver(Arc::new(Vetting(guard.clone())))
                .connector_layer(Watched)
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .http1_only()
                // As Twilio writes them, for applications that compare names letter by letter.
                .http1_title_case_headers()
                .http1_max_headers(HEADERS_MAX)
                .pool_max_idle_per_host(0)
                .referer(false)
                .retry(reqwest::retry::never())
                .user_agent(USER_AGENT)
                .build()
                .map_err(|e| format!("the HTTP client cannot be set up: {e}"))
        };
        Ok(Clients { with_sni: build(true)?, without_sni: build(false)? })
    }

    /// A request to be filled.
    pub fn request(&self, sni: bool, method: reqwest::Method, url: url::Url) -> reqwest::RequestBuilder {
        if sni { self.with_sni.request(method, url) } else { self.without_sni.request(method, url) }
    }
}

/// Sends, and waits for the head of the answer: `ct` until the connection stands, then `rt`.
///
/// # Errors
/// 11200-11237 as [`classify`] says; 11201 and 11200 where time ran out.
pub async fn send(
    request: reqwest::RequestBuilder,
    policy: &Policy,
) -> Result<reqwest::Response, FetchError> {
    let stage = Arc::new(Stage::default());
    let mut sending = pin!(STAGE.scope(stage.clone(), request.send()));
    let connected = stage.stands.notified();
    tokio::select! {
        biased;
        answer = &mut sending => return answer.map_err(|e| classify(&e)),
        () = connected => {}
        () = sleep(policy.connect) => {
            let words = format!("no connection within {} ms", policy.connect.as_millis());
            return Err(FetchError::early(11201, words));
        }
    }
    let since = stage.since.get().copied().unwrap_or_else(Instant::now);
    match timeout_at(since + policy.read, sending).await {
        Ok(answer) => answer.map_err(|e| classify(&e)),
        Err(_) => Err(FetchError::early(11200, format!("no answer within {} ms", policy.read.as_millis()))),
    }
}

tokio::task_local! {
    static STAGE: Arc<Stage>;
}

#[derive(Default)]
struct Stage {
    since: OnceLock<Instant>,
    stands: Notify,
}

#[derive(Clone)]
struct Watched;

impl<S> tower_layer::Layer<S> for Watched {
    type Service = Watching<S>;
    fn layer(&self, inner: S) -> Watching<S> {
        Watching(inner)
    }
}

#[derive(Clone)]
struct Watching<S>(S);

type Connecting<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

impl<S, R> tower_service::Service<R> for Watching<S>
where
    S: tower_service::Service<R>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Connecting<S::Response, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, target: R) -> Self::Future {
        let connecting = self.0.call(target);
        Box::pin(async move {
            let connection = connecting.await;
            // Outside a `send` there is nobody to tell.
            let _ = STAGE.try_with(|stage| {
                let _ = stage.since.set(Instant::now());
                stage.stands.notify_one();
            });
            connection
        })
    }
}

/// The guard as reqwest's resolver: names are looked up once and only vetted addresses come back. Literal addresses never reach a
/// resolver; `vet_url` has seen them.
struct Vetting(Guard);

impl Resolve for Vetting {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0.clone();
        Box::pin(async move {
            let addresses = guard.addresses(name.as_str().trim_end_matches('.')).await?;
            let found: Addrs = Box::new(addresses.into_iter().map(|a| SocketAddr::new(a, 0)));
            Ok(found)
        })
    }
}

/// Walks from an error to what caused it; `io::Error` hides what it wraps from `source`.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// The row of Twilio's table for a failed exchange.
pub fn classify(error: &reqwest::Error) -> FetchError {
    if error.is_builder() {
        return FetchError::early(11100, "the URL cannot be requested over HTTP");
    }
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    let mut last: Option<FetchError> = None;
    while let Some(this) = cause {
        if let Some(ours) = this.downcast_ref::<FetchError>() {
            return ours.clone();
        }
        if let Some(tls) = this.downcast_ref::<rustls::Error>() {
            return certificate(tls);
        }
        if let Some(hyper) = this.downcast_ref::<hyper::Error>()
            && hyper.is_parse()
        {
            return FetchError::early(11206, format!("the answer is not HTTP: {hyper}"));
        }
        if let Some(io) = this.downcast_ref::<std::io::Error>() {
            last = Some(broken(error.is_connect(), io));
        }
        cause = inner(this);
    }
    last.unwrap_or_else(|| {
        let code = if error.is_connect() { 11205 } else { 11200 };
        FetchError::early(code, "the connection was closed before an answer came")
    })
}

fn broken(connecting: bool, io: &std::io::Error) -> FetchError {
    let code = match (connecting, io.kind()) {
        (true, ErrorKind::ConnectionRefused) => 11202,
        (true, ErrorKind::TimedOut) => 11201,
        // The TCP connection stood, so the handshake over it was cut off.
        (true, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => 11220,
        (true, _) => 11205,
        (false, _) => 11200,
    };
    FetchError::early(code, format!("the connection failed: {io}"))
}

fn certificate(error: &rustls::Error) -> FetchError {
    use rustls::CertificateError as C;
    let code = match error {
        rustls::Error::InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => 11235,
        rustls::Error::InvalidCertificate(
            C::Expired | C::ExpiredContext { .. } | C::NotValidYet | C::NotValidYetContext { .. },
        ) => 11236,
        rustls::Error::InvalidCertificate(_) => 11237,
        _ => 11220,
    };
    FetchError::early(code, format!("TLS: {error}"))
}
