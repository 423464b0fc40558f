//! (s) Workers, ports and the sockets of streams, as the driver handles them. A leg that moves from one worker to another is
//! nowhere for a moment: what is said to it meanwhile waits.

use crate::call::event::{PortError, StreamConnect};
use crate::clock::Now;
use crate::media::event::EngineCommand;
use crate::media::port::{PortRange, Ports};
use crate::media::worker::{Detached, Worker, WorkerCommand};
use crate::rng::Rng;
use crate::sid::StreamSid;
use crate::sip::event::LegId;
use crate::sip::transport::local::Local;
use crate::streams::codes;
use crate::streams::connect::{self, Failure};
use crate::switch::WorkerId;
use crate::webhooks::fetch::Fetcher;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Commands kept for a worker whose queue is full; more are lost with a line in the log.
const BEHIND_MAX: usize = 65_536;
/// An address beyond the default route: which of our addresses faces the world.
const WORLD: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)), 9);

/// A leg on its way.
pub struct Moved {
    leg: LegId,
    detached: Option<Box<Detached>>,
}

/// How to make it.
pub struct Config {
    /// Running workers.
    pub workers: Vec<Worker>,
    /// RTP port range.
    pub range: PortRange,
    /// Where sockets are bound.
    pub bind: std::net::IpAddr,
    /// What peers are told.
    pub local: Local,
    /// Shuffles the ports, makes nonces.
    pub rng: Rng,
    /// Trust of wss.
    pub tls: Arc<rustls::ClientConfig>,
}

/// See the module.
pub struct Media {
    workers: Vec<Worker>,
    behind: Vec<VecDeque<WorkerCommand>>,
    /// Workers that have something to look at.
    told: Vec<WorkerId>,
    ports: Ports,
    local: Local,
    rng: Rng,
    tls: Arc<rustls::ClientConfig>,
    homes: HashMap<LegId, WorkerId>,
    legs: HashMap<StreamSid, LegId>,
    waiting: HashMap<LegId, Vec<WorkerCommand>>,
    arrivals: mpsc::Receiver<Moved>,
    arrive: mpsc::Sender<Moved>,
    sockets: mpsc::Receiver<WorkerCommand>,
    socket: mpsc::Sender<WorkerCommand>,
}

/// A leg or a socket that has arrived.
pub enum Arrival {
    /// Of a move.
    Leg(Moved),
    /// Of a stream.
    Socket(WorkerCommand),
}

fn of_command(c: &EngineCommand, legs: &HashMap<StreamSid, LegId>) -> Option<LegId> {
    match c {
        EngineCommand::Open { leg, .. } | EngineCommand::Plan(leg, _) => Some(*leg),
        EngineCommand::Key(leg, _) | EngineCommand::Close(leg) => Some(*leg),
        EngineCommand::OpenStream(start) => Some(start.leg),
        EngineCommand::CloseStream(stream) => legs.get(stream).copied(),
    }
}

impl Media {
    /// With running workers.
    pub fn new(mut c: Config) -> Media {
        let (arrive, arrivals) = mpsc::channel(1_024);
        let (socket, sockets) = mpsc::channel(1_024);
        let ports = Ports::new(c.bind, c.range, &mut c.rng);
        Media {
            behind: c.workers.iter().map(|_| VecDeque::new()).collect(),
            workers: c.workers,
            told: Vec::new(),
            ports,
            local: c.local,
            rng: c.rng,
            tls: c.tls,
            homes: HashMap::new(),
            legs: HashMap::new(),
            waiting: HashMap::new(),
            arrivals,
            arrive,
            sockets,
            socket,
        }
    }

    /// How many workers there are.
    pub fn workers(&self) -> usize {
        self.workers.len()
    }

    /// What became of the port range.
    pub fn ports(&mut self, now: crate::clock::Mono) -> crate::media::port::PortCounts {
        self.ports.counts(now)
    }

    /// The figures of each worker.
    pub fn counters(&self) -> impl Iterator<Item = &crate::media::worker::Counters> {
        self.workers.iter().map(|w| w.handle().counters())
    }

    /// Binds a pair of ports and gives it to the worker.
    pub fn open(
        &mut self,
        now: Now,
        leg: LegId,
        worker: WorkerId,
        near: Option<SocketAddr>,
        ssrc: u32,
    ) -> Result<SocketAddr, PortError> {
        let ports = self.ports.acquire(now.mono).map_err(|e| {
            tracing::error!("no port for a call: {e}");
            if e.kind() == std::io::ErrorKind::AddrNotAvailable {
                PortError::Exhausted
            } else {
                PortError::Refused
            }
        })?;
        let ip = self.local.toward(near.unwrap_or(WORLD).ip()).ip();
        let local = SocketAddr::new(ip, ports.local.port());
        self.homes.insert(leg, worker);
        self.send(worker, WorkerCommand::Open { leg, ssrc, ports });
        Ok(local)
    }

    fn send(&mut self, worker: WorkerId, c: WorkerCommand) {
        let (Some(w), Some(queue)) = (self.workers.get(worker.0), self.behind.get_mut(worker.0)) else {
            return;
        };
        if !queue.is_empty() {
            return keep(queue, c);
        }
        match w.handle().leave(c) {
            Ok(()) if self.told.contains(&worker) => {}
            Ok(()) => self.told.push(worker),
            Err(refused) => keep(queue, refused.0),
        }
    }

    /// Gives workers what they had no room for, and wakes up those that were told something.
    pub fn flush(&mut self) {
        for (i, (w, queue)) in self.workers.iter().zip(&mut self.behind).enumerate() {
            let mut told = self.told.contains(&WorkerId(i));
            while let Some(c) = queue.pop_front() {
                if let Err(refused) = w.handle().leave(c) {
                    queue.push_front(refused.0);
                    break;
                }
                told = true;
            }
            if told {
                w.handle().wake();
            }
        }
        self.told.clear();
    }

    /// Some worker has no room.
    pub fn is_behind(&self) -> bool {
        self.behind.iter().any(|q| !q.is_empty())
    }

    /// To the worker where the leg lives, or will.
    pub fn engine(&mut self, worker: WorkerId, c: EngineCommand) {
        if let EngineCommand::OpenStream(start) = &c {
            self.legs.insert(start.stream, start.leg);
        }
        let leg = of_command(&c, &self.legs);
        match &c {
            EngineCommand::CloseStream(stream) => drop(self.legs.remove(stream)),
            EngineCommand::Close(leg) => {
                self.legs.retain(|_, l| l != leg);
                if !self.waiting.contains_key(leg) {
                    self.homes.remove(leg);
                }
            }
            _ => {}
        }
        let c = WorkerCommand::Engine(c);
        match leg.and_then(|l| self.waiting.get_mut(&l)) {
            Some(waiting) => waiting.push(c),
            None => self.send(worker, c),
        }
    }

    /// Takes a leg out of one worker; it arrives at the other by [`Media::arrived`].
    pub fn move_leg(&mut self, leg: LegId, from: WorkerId, to: WorkerId) {
        self.homes.insert(leg, to);
        if self.waiting.contains_key(&leg) {
            return;
        }
        self.waiting.insert(leg, Vec::new());
        let (reply, detached) = tokio::sync::oneshot::channel();
        self.send(from, WorkerCommand::Detach(leg, reply));
        let arrive = self.arrive.clone();
        tokio::spawn(async move {
            let detached = detached.await.ok().flatten();
            let _ = arrive.send(Moved { leg, detached }).await;
        });
    }

    /// The next leg or socket that has arrived.
    pub async fn moved(&mut self) -> Option<Arrival> {
        tokio::select! {
            Some(m) = self.arrivals.recv() => Some(Arrival::Leg(m)),
            Some(s) = self.sockets.recv() => Some(Arrival::Socket(s)),
            else => None,
        }
    }

    /// Puts it where it belongs, and says what was said to it meanwhile.
    pub fn arrived(&mut self, a: Arrival) {
        match a {
            Arrival::Leg(m) => {
                let waiting = self.waiting.remove(&m.leg).unwrap_or_default();
                let Some(to) = self.homes.get(&m.leg).copied() else { return };
                if let Some(detached) = m.detached {
                    self.send(to, WorkerCommand::Attach(detached));
                }
                for c in waiting {
                    let closes = matches!(&c, WorkerCommand::Engine(EngineCommand::Close(_)));
                    self.send(to, c);
                    if closes {
                        self.homes.remove(&m.leg);
                    }
                }
            }
            Arrival::Socket(c) => {
                let stream = match &c {
                    WorkerCommand::Socket { stream, .. } | WorkerCommand::SocketFailed { stream, .. } => {
                        *stream
                    }
                    _ => return,
                };
                let Some(leg) = self.legs.get(&stream).copied() else { return };
                match self.waiting.get_mut(&leg) {
                    Some(waiting) => waiting.push(c),
                    None => {
                        if let Some(worker) = self.homes.get(&leg).copied() {
                            self.send(worker, c);
                        }
                    }
                }
            }
        }
    }

    /// Connects a stream's socket; it arrives by [`Media::moved`].
    pub fn dial(
        &mut self,
        fetcher: Arc<Fetcher>,
        c: StreamConnect,
    ) -> impl Future<Output = ()> + Send + 'static {
        let mut nonce = [0; 16];
        self.rng.fill(&mut nonce);
        let (tls, socket) = (self.tls.clone(), self.socket.clone());
        async move {
            let stream = c.stream;
            let signature = c.signature;
            let resolve = |target: crate::streams::target::Target| vet(fetcher, target);
            let dialled = connect::dial(&c.url, &tls, nonce, |_| signature, resolve).await;
            let command = match dialled {
                Ok(d) => WorkerCommand::Socket { stream, dialled: Box::new(d) },
                Err(Failure { code, words }) => WorkerCommand::SocketFailed { stream, code, words },
            };
            let _ = socket.send(command).await;
        }
    }

    /// Ends the threads.
    pub fn stop(&mut self) {
        for w in self.workers.drain(..) {
            w.stop();
        }
    }
}

fn keep(queue: &mut VecDeque<WorkerCommand>, c: WorkerCommand) {
    if queue.len() < BEHIND_MAX {
        queue.push_back(c);
    } else {
        tracing::error!("a media worker does not keep up: a command is lost");
    }
}

/// The guard's word on the host of a stream (law 6); `ws` only where the address was opened (ruling 2.37).
async fn vet(
    fetcher: Arc<Fetcher>,
    target: crate::streams::target::Target,
) -> Result<Vec<SocketAddr>, Failure> {
    let guard = fetcher.guard();
    let scheme = if target.tls { "wss" } else { "ws" };
    let refused =
        |e: crate::webhooks::request::FetchError| Failure { code: codes::UNREACHABLE, words: e.words };
    let vetted = guard.vet_url(&format!("{scheme}://{}", target.authority)).map_err(refused)?;
    let addresses = guard.resolve(&vetted).await.map_err(refused)?;
    match addresses.iter().find(|a| !target.tls && !guard.rules().opened(a.ip())) {
        Some(a) => Err(Failure {
            code: codes::SCHEME,
            words: format!(
                "ws:// is allowed only to networks in CHORUS_ALLOW_NETWORKS; {} is not in them",
                a.ip()
            ),
        }),
        None => Ok(addresses),
    }
}
