//! A telephone and a streaming agent on real sockets of this host: what a test's calls ring at, what they are heard by.

use crate::kit::rows::known;
use bytes::Bytes;
use chorus::rng::Rng;
use chorus::sdp;
use chorus::sip::endpoint::{Endpoint, EndpointConfig};
use chorus::sip::event::*;
use chorus::sip::transport::{self, Inbound, Transport};
use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite;

/// A number that rings and is never answered.
pub const RINGS: &str = "+15005550009";
/// A number that is busy.
pub const BUSY: &str = "+15005550008";
/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Things that happened, in order; whoever waits is woken by each.
pub struct Seen<T> {
    list: Mutex<Vec<T>>,
    more: Condvar,
}

impl<T> Default for Seen<T> {
    fn default() -> Seen<T> {
        Seen { list: Mutex::default(), more: Condvar::new() }
    }
}

impl<T: Clone> Seen<T> {
    pub fn add(&self, t: T) {
        self.list.lock().unwrap().push(t);
        self.more.notify_all();
    }

    pub fn all(&self) -> Vec<T> {
        self.list.lock().unwrap().clone()
    }

    /// The first of its kind, waited for.
    #[track_caller]
    pub fn first(&self, so: impl Fn(&T) -> bool) -> T {
        let until = Instant::now() + PATIENCE;
        let mut list = self.list.lock().unwrap();
        loop {
            if let Some(t) = list.iter().find(|t| so(t)) {
                return t.clone();
            }
            let left = until.checked_duration_since(Instant::now()).expect("it came in time");
            list = self.more.wait_timeout(list, left).unwrap().0;
        }
    }
}

/// An INVITE that arrived.
#[derive(Clone, Debug)]
pub struct Rang {
    pub user: String,
    pub call_id: String,
    pub headers: Vec<(String, String)>,
}

/// See the module.
pub struct Callee {
    /// Its SIP.
    pub address: SocketAddr,
    /// Where its agent takes WebSockets.
    pub agent: SocketAddr,
    pub rang: Arc<Seen<Rang>>,
    /// How each leg ended.
    pub ended: Arc<Seen<Cause>>,
    /// What the agent was sent, as text.
    pub heard: Arc<Seen<String>>,
    stop: mpsc::Sender<()>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Callee {
    pub fn start() -> Callee {
        let (rang, ended) = (Arc::<Seen<Rang>>::default(), Arc::<Seen<Cause>>::default());
        let heard = Arc::<Seen<String>>::default();
        let (out, started) = std::sync::mpsc::channel();
        let (stop, stopped) = mpsc::channel(1);
        let seen = (Arc::clone(&rang), Arc::clone(&ended), Arc::clone(&heard));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let agent = listener.local_addr().unwrap();
        std::thread::spawn(move || listen(listener, seen.2));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let (inbox, sip) = mpsc::channel(1_024);
                let config = transport::Config::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
                let transport = Transport::start(config, chorus::api::rng(), inbox).await.unwrap();
                out.send(transport.local_addr()).unwrap();
                Line::new(transport, seen.0, seen.1).run(sip, stopped).await;
            });
        });
        let address = started.recv().unwrap();
        Callee { address, agent, rang, ended, heard, stop, thread: Some(thread) }
    }

    /// Different calls that rang here.
    pub fn calls(&self) -> usize {
        let ids: std::collections::BTreeSet<String> =
            self.rang.all().into_iter().map(|r| r.call_id).collect();
        ids.len()
    }

    /// `sip:` address of a line of this telephone; `ringing` is never answered, `busy` is.
    pub fn uri(&self, user: &str) -> String {
        format!("sip:{user}@{}", self.address)
    }
}

impl Drop for Callee {
    fn drop(&mut self) {
        let _ = self.stop.try_send(());
        let _ = self.thread.take().map(|t| t.join());
    }
}

/// Ends with the process: a blocked accept holds nothing but its port.
fn listen(listener: TcpListener, heard: Arc<Seen<String>>) {
    while let Ok((socket, _)) = listener.accept() {
        let heard = Arc::clone(&heard);
        std::thread::spawn(move || {
            let Ok(mut ws) = tungstenite::accept(socket) else { return };
            while let Ok(message) = ws.read() {
                if let Ok(text) = message.into_text() {
                    heard.add(text.to_string());
                }
            }
        });
    }
}

/// One leg's audio: a square wave of 400 Hz, so that recordings hold something.
async fn talk(socket: UdpSocket, to: SocketAddr) {
    let mut ticks = tokio::time::interval(Duration::from_millis(20));
    let payload: Vec<u8> = (0..160).map(|n| if n % 20 < 10 { 0x90 } else { 0x10 }).collect();
    let (mut sequence, mut time) = (0u16, 0u32);
    loop {
        ticks.tick().await;
        let mut packet = vec![0x80, 0];
        packet.extend(sequence.to_be_bytes());
        packet.extend(time.to_be_bytes());
        packet.extend([1, 2, 3, 4]);
        packet.extend(&payload);
        let _ = socket.send_to(&packet, to).await;
        (sequence, time) = (sequence.wrapping_add(1), time.wrapping_add(160));
    }
}

struct Line {
    endpoint: Endpoint,
    transport: Transport,
    talking: HashMap<LegId, tokio::task::JoinHandle<()>>,
    rang: Arc<Seen<Rang>>,
    ended: Arc<Seen<Cause>>,
}

impl Line {
    fn new(transport: Transport, rang: Arc<Seen<Rang>>, ended: Arc<Seen<Cause>>) -> Line {
        let mut endpoint = Endpoint::new(Rng::from_number(7), EndpointConfig::default());
        endpoint.set_sources(chorus::server::now(), known("127.0.0.1"));
        Line { endpoint, transport, talking: HashMap::new(), rang, ended }
    }

    async fn run(mut self, mut sip: mpsc::Receiver<Inbound>, mut stopped: mpsc::Receiver<()>) {
        let now = chorus::server::now;
        loop {
            let wait =
                self.endpoint.poll_timeout().map_or(Duration::from_secs(60), |at| at.since(now().mono));
            tokio::select! {
                _ = stopped.recv() => break,
                Some(x) = sip.recv() => x.give(&mut self.endpoint, now()),
                () = tokio::time::sleep(wait) => self.endpoint.on_time(now()),
            }
            while let Some(out) = self.endpoint.poll() {
                match out {
                    SipOut::Send(flow, bytes) => self.transport.send(flow, bytes),
                    SipOut::Resolve(id, lookup) => self.transport.resolve(id, lookup),
                    SipOut::Event(event) => self.on_event(event).await,
                }
            }
        }
    }

    async fn on_event(&mut self, event: SipEvent) {
        let now = chorus::server::now();
        match event {
            SipEvent::Incoming { leg, invite, .. } => self.on_invite(leg, *invite).await,
            SipEvent::Offer { leg, offer, .. } => {
                let cause = Cause::new(488, "Not Acceptable Here");
                self.endpoint.command(now, SipCmd::RefuseOffer { leg, offer, cause, headers: Vec::new() });
            }
            SipEvent::Ended { leg, cause, .. } => {
                if let Some(task) = self.talking.remove(&leg) {
                    task.abort();
                }
                self.ended.add(cause);
            }
            _ => {}
        }
    }

    async fn on_invite(&mut self, leg: LegId, invite: Invite) {
        let now = chorus::server::now();
        let (user, headers) = (invite.to_user.clone(), invite.headers.clone());
        if user == BUSY || user == "busy" {
            let cause = Cause::new(486, "Busy Here");
            self.endpoint.command(now, SipCmd::Refuse { leg, cause, headers: vec![] });
        } else {
            self.endpoint.command(now, SipCmd::Ring { leg, body: None });
            if user != RINGS && user != "ringing" {
                let body = self.answer(leg, invite.offer.as_ref()).await;
                self.endpoint.command(now, SipCmd::Answer { leg, body, headers: vec![] });
            }
        }
        self.rang.add(Rang { user, call_id: invite.dialog.call_id, headers });
    }

    async fn answer(&mut self, leg: LegId, offer: Option<&Bytes>) -> Bytes {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let here = socket.local_addr().unwrap();
        let local = sdp::Local { ip: here.ip(), port: here.port(), session_id: 1, version: 1 };
        let remote = sdp::read(offer.expect("an offer")).unwrap();
        let (body, peer) = sdp::answer(&remote, &local).unwrap();
        self.talking.insert(leg, tokio::spawn(talk(socket, peer.rtp.unwrap())));
        body.into()
    }
}
