//! (s) The way to an agent as far as tokio goes: the URL is read, its host vetted, a TCP connection made. TLS and the upgrade
//! are the worker's, so that nothing is handed over half read.

use super::{codes, handshake::Handshake, target::Target};
use crate::webhooks::request::FetchError;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Lookup and TCP connection together.
pub const CONNECT_MAX: Duration = Duration::from_secs(5);
/// What the kernel may hold for an agent that does not read: 32 KiB after doubling, about a second and a half of one track.
pub const SEND_BUFFER: usize = 16 * 1024;

/// Why no connection came about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// 31901-31924.
    pub code: u32,
    /// For Notifications.
    pub words: String,
}

impl From<FetchError> for Failure {
    /// What the guard says, in the codes of streams.
    fn from(e: FetchError) -> Failure {
        let code = match e.code {
            11201 => codes::TIMEOUT,
            11202 => codes::REFUSED,
            _ => codes::UNREACHABLE,
        };
        Failure { code, words: e.words }
    }
}

/// A connection for the worker: nothing was sent on it yet.
#[derive(Debug)]
pub struct Dialled {
    /// Connected, non-blocking.
    pub tcp: std::net::TcpStream,
    /// For wss: what the worker makes its TLS from. The configuration must not offer h2 by ALPN.
    pub tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// The upgrade.
    pub handshake: Handshake,
}

/// Dials the agent at `url`.
///
/// `resolve` is the guard: it looks the host up, vets every address, and refuses ws where the address is not one of the
/// allowed networks (31922, ruling 2.37). `sign` makes the X-Twilio-Signature of the URL that is requested; `nonce` is random.
///
/// # Errors
/// 31901-31904, 31910 (a host that cannot be a TLS server name), 31922, 31923, or what the guard says.
pub async fn dial<R, F>(
    url: &str,
    tls: &Arc<ClientConfig>,
    nonce: [u8; 16],
    sign: impl FnOnce(&str) -> String,
    resolve: R,
) -> Result<Dialled, Failure>
where
    R: FnOnce(Target) -> F,
    F: Future<Output = Result<Vec<SocketAddr>, Failure>>,
{
    let target = Target::parse(url).map_err(|e| Failure { code: e.code, words: e.words })?;
    let tls = if target.tls {
        let name = ServerName::try_from(target.host.clone()).map_err(|_| {
            failure(codes::TLS, format!("{} is no name that a certificate can hold", target.host))
        })?;
        Some((tls.clone(), name))
    } else {
        None
    };
    let handshake = Handshake::new(&target, nonce, &sign(&target.requested()));
    let connected = timeout(CONNECT_MAX, async { connect(resolve(target.clone()).await?).await }).await;
    let late = || failure(codes::TIMEOUT, format!("{} did not answer within 5 s", target.authority));
    let tcp = connected.unwrap_or_else(|_| Err(late()))?;
    let tcp = hand_over(tcp).map_err(|e| failure(codes::BROKEN_PIPE, e.to_string()))?;
    Ok(Dialled { tcp, tls, handshake })
}

fn failure(code: u32, words: String) -> Failure {
    Failure { code, words }
}

/// The addresses in turn; the last failure is told.
async fn connect(addresses: Vec<SocketAddr>) -> Result<TcpStream, Failure> {
    let mut last = failure(codes::UNREACHABLE, "the agent's host has no address".to_owned());
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(tcp) => return Ok(tcp),
            Err(e) => last = failure(code_of(&e), format!("{address}: {e}")),
        }
    }
    Err(last)
}

fn code_of(e: &io::Error) -> u32 {
    match e.kind() {
        io::ErrorKind::ConnectionRefused => codes::REFUSED,
        io::ErrorKind::TimedOut => codes::TIMEOUT,
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe => {
            codes::BROKEN_PIPE
        }
        _ => codes::UNREACHABLE,
    }
}

/// Out of tokio's hands, with the socket's options as a stream needs them.
fn hand_over(tcp: TcpStream) -> io::Result<std::net::TcpStream> {
    tcp.set_nodelay(true)?;
    let tcp = tcp.into_std()?;
    socket2::SockRef::from(&tcp).set_send_buffer_size(SEND_BUFFER)?;
    Ok(tcp)
}
