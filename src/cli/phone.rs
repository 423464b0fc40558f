//! (s) A phone as one thread: the house's own endpoint and engine from the other side, on real sockets. It is told what to say
//! through a channel; what it hears and how the call goes is seen in a [`State`], all of it at the end in a [`Report`].

mod work;

use super::ear::Ear;
use crate::media::event::Stats;
use crate::media::plan::Clip;
use crate::sip::event::{Cause, Side};
use crate::store::rows::Line;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use work::{Do, Work};

/// How it dials.
pub struct Dial {
    /// Where it binds.
    pub bind: IpAddr,
    /// The server's SIP address.
    pub server: SocketAddr,
    /// Number that is called, or a whole `sip:` URI.
    pub to: String,
    /// Number it calls from.
    pub from: String,
    /// Sees every SIP message.
    pub watcher: Option<mpsc::UnboundedSender<Line>>,
    /// Every so many packets one is not sent; 0: none is lost.
    pub lose: u64,
    /// For so long it stands still, once a second.
    pub stall: Duration,
}

/// How far the call is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// No final response yet.
    #[default]
    Dialling,
    /// Answered.
    Talking,
    /// Over, by whom and why.
    Over(Side, Cause),
}

/// What can be seen while it goes.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// How far.
    pub phase: Phase,
    /// Milliseconds of audio heard.
    pub heard_ms: u64,
    /// Milliseconds of it that were loud.
    pub loud_ms: u64,
    /// Milliseconds since it was loud.
    pub quiet_ms: u64,
    /// Still saying or pressing something.
    pub busy: bool,
}

/// All of a call.
#[derive(Debug, Default)]
pub struct Report {
    /// What was heard.
    pub ear: Ear,
    /// RTP packets sent.
    pub sent: u64,
    /// The engine's own figures: late, and what the server reported.
    pub stats: Stats,
    /// Milliseconds from INVITE to 200.
    pub answered_ms: Option<u64>,
}

/// A call in progress.
pub struct Phone {
    /// How it goes.
    pub state: watch::Receiver<State>,
    todo: mpsc::UnboundedSender<Do>,
    report: oneshot::Receiver<Report>,
}

impl Phone {
    /// Sends the INVITE. It has a thread of its own, as a phone has a processor of its own: what a server in this process does cannot
    /// hold up its packets.
    ///
    /// # Errors
    /// No sockets, no thread.
    pub async fn dial(dial: Dial) -> Result<Phone, String> {
        let (see, state) = watch::channel(State::default());
        let (todo, tasks) = mpsc::unbounded_channel();
        let (begun, begins) = oneshot::channel();
        let (ended, report) = oneshot::channel();
        let alone = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let alone = alone.map_err(|e| format!("the phone cannot run: {e}"))?;
        let run = async move {
            match Work::begin(dial, see).await {
                Ok((work, sip)) => {
                    let _ = begun.send(Ok(()));
                    let _ = ended.send(work.run(sip, tasks).await);
                }
                Err(why) => drop(begun.send(Err(why))),
            }
        };
        let thread = std::thread::Builder::new().name("phone".to_owned()).spawn(move || alone.block_on(run));
        thread.map_err(|e| format!("no thread for the phone: {e}"))?;
        begins.await.map_err(|_| "the phone broke".to_owned())??;
        Ok(Phone { state, todo, report })
    }

    /// Says it, instead of what it says now.
    pub fn say(&self, clip: Arc<Clip>) {
        let _ = self.todo.send(Do::Say { clip, marked: false });
    }

    /// The same; the marks in it are measured when they come back.
    pub fn say_marked(&self, clip: Arc<Clip>) {
        let _ = self.todo.send(Do::Say { clip, marked: true });
    }

    /// Presses keys (RFC 4733).
    pub fn press(&self, keys: &str) {
        let _ = self.todo.send(Do::Press(keys.to_owned()));
    }

    /// Ends the call.
    pub fn hang_up(&self) {
        let _ = self.todo.send(Do::HangUp);
    }

    /// Waits until this is so. False: not within the time, or the call is over before.
    pub async fn until(&self, limit: Duration, mut so: impl FnMut(&State) -> bool) -> bool {
        let mut state = self.state.clone();
        let reached = state.wait_for(|s| so(s) || matches!(s.phase, Phase::Over(..)));
        match tokio::time::timeout(limit, reached).await {
            Ok(Ok(s)) => so(&s),
            _ => false,
        }
    }

    /// Waits for the end of the call, at most so long; then hangs up.
    pub async fn finish(self, limit: Duration) -> Report {
        if !self.until(limit, |s| matches!(s.phase, Phase::Over(..))).await {
            self.hang_up();
        }
        self.report.await.unwrap_or_default()
    }
}

/// Where `host:port` (or `host`) of a server is.
///
/// # Errors
/// It is not known.
pub async fn resolve(server: &str) -> Result<SocketAddr, String> {
    let with_port = if server.rsplit_once(':').is_some_and(|(_, p)| p.parse::<u16>().is_ok()) {
        server.to_owned()
    } else {
        format!("{server}:5060")
    };
    let found = tokio::net::lookup_host(&with_port).await.map_err(|e| format!("{server}: {e}"))?.next();
    found.ok_or_else(|| format!("{server} has no address"))
}

/// The address by which a server is reached.
///
/// # Errors
/// There is no route.
pub fn near(server: SocketAddr) -> Result<IpAddr, String> {
    let any: IpAddr = if server.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let socket = std::net::UdpSocket::bind((any, 0)).map_err(|e| e.to_string())?;
    socket.connect(server).map_err(|e| format!("{server}: {e}"))?;
    socket.local_addr().map(|a| a.ip()).map_err(|e| e.to_string())
}

/// Waits until the machine of `server` says that nobody listens there (ICMP); for ever if it does not. RFC 3261 section 18.4 makes a
/// 503 of that, which has other causes, too.
pub async fn refused(server: SocketAddr) {
    if let Ok(ip) = near(server)
        && let Ok(socket) = tokio::net::UdpSocket::bind((ip, 0)).await
        && socket.connect(server).await.is_ok()
        // No octets: no message, and nothing that a server would answer.
        && socket.send(&[]).await.is_ok()
        && let Err(e) = socket.recv(&mut [0; 1]).await
        && e.kind() == std::io::ErrorKind::ConnectionRefused
    {
        return;
    }
    std::future::pending().await
}
