//! (s) SIP's sockets, with the certificate that TLS shows.

use super::now;
use crate::certificate::Reloader;
use crate::config::Config;
use crate::first_start;
use crate::rng::Rng;
use crate::sip::transport::{self, Transport};
use std::sync::Arc;
use tokio::sync::mpsc;

/// Messages that may wait for the driver; more are dropped, as a full socket buffer would.
const SIP_QUEUE: usize = 16_384;

/// SIP's sockets, what they bring, and what reads their certificate again.
pub(super) struct Sip {
    pub transport: Transport,
    pub messages: mpsc::Receiver<transport::Inbound>,
    pub reloader: Option<Reloader>,
}

/// Opens them.
///
/// # Errors
/// A sentence that names the setting or the file.
pub(super) async fn start(
    config: &Config,
    rng: &mut Rng,
    roots: rustls::RootCertStore,
    reads: tokio::runtime::Handle,
) -> Result<Sip, String> {
    let (inbox, messages) = mpsc::channel(SIP_QUEUE);
    let (mut reloader, mut secure) = (None, None);
    if let Some(listen) = config.sip_tls_listen {
        let (cert, key) = first_start::sip_certificate(config, now())?;
        let (reads, shown) = Reloader::new(&cert, &key).map_err(|e| e.to_string())?;
        (reloader, secure) = (Some(reads), Some((listen, shown)));
    }
    let listen = transport::Config {
        external: config.external_ip,
        tls: secure,
        roots: Arc::new(roots),
        dns: config.dns.clone(),
        reads: Some(reads),
        ..transport::Config::new(config.sip_listen)
    };
    let why = |e| match config.sip_tls_listen {
        None => format!("CHORUS_SIP_LISTEN {}: {e}", config.sip_listen),
        Some(tls) => format!("CHORUS_SIP_LISTEN {}, CHORUS_SIP_TLS_LISTEN {tls}: {e}", config.sip_listen),
    };
    let transport = Transport::start(listen, rng.fork(), inbox).await.map_err(why)?;
    Ok(Sip { transport, messages, reloader })
}
