//! (s) A phone as one task: the house's own endpoint and engine from the other side, on real sockets. It is told what to say
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
use tokio::sync::{mpsc, watch};
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
    task: tokio::task::JoinHandle<Report>,
}

impl Phone {
    /// Sends the INVITE.
    ///
    /// # Errors
    /// No sockets.
    pub async fn dial(dial: Dial) -> Result<Phone, String> {
        let (see, state) = watch::channel(State::default());
        let (todo, tasks) = mpsc::unbounded_channel();
        let (work, sip) = Work::begin(dial, see).await?;
        let task = tokio::spawn(work.run(sip, tasks));
        Ok(Phone { state, todo, task })
    }

    /// Says it, instead of what it says now. Marks in it are measured when they come back.
    pub fn say(&self, clip: Arc<Clip>) {
        let _ = self.todo.send(Do::Say(clip));
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
        self.task.await.unwrap_or_default()
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
