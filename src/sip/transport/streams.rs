//! (s) The listeners of TCP and TLS and every connection, made by peers or by us.

pub mod room;

use super::connection::{Connection, prepare};
use super::keepalive::Pace;
use super::queue::{Queue, Waiting, queue};
use super::tls::{Certificates, Stream, Tls};
use super::{Inbound, local::Local};
use crate::sip::event::{Flow, Transport as Kind};
use crate::store::rows::TrunkRow;
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// A connection that does not come about within this, handshake included, is given up, so that the next target has its turn: before
/// the trunk is (`reroute::PATIENCE`), because the same trunk may take a datagram (RFC 3261 section 18.1.1).
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// A peer that connects has shaken hands within this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nobody is let in after the kernel had no descriptor left: others must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection of ours to a named TLS peer has the peer's number, and each address of it has its own; every other connection has a
/// number of its own.
type Key = (u64, SocketAddr);

/// A connection, told from the one before and after it under the same key.
#[derive(Copy, Clone)]
struct Place {
    key: Key,
    serial: u64,
}

pub(super) struct Streams {
    inner: Arc<Inner>,
    acceptors: Vec<AbortHandle>,
}

struct Inner {
    state: Mutex<State>,
    tls: Arc<Tls>,
    local: Arc<Local>,
    pace: Pace,
    connections_max: usize,
    inbox: mpsc::Sender<Inbound>,
}

#[derive(Default)]
struct State {
    connections: HashMap<Key, Held>,
    /// The latest TCP connection to a peer, for "connect if there is none".
    by_remote: HashMap<SocketAddr, u64>,
    last: u64,
    tasks: JoinSet<()>,
}

struct Held {
    kind: Kind,
    serial: u64,
    queue: Queue,
    /// We asked for it by a flow without number: a failure to connect is reported so.
    ours: bool,
    /// We made it, or something was sent over it that is no refusal.
    known: bool,
    /// What its peer showed.
    shown: Option<Certificates>,
    task: Option<AbortHandle>,
}

impl Streams {
    pub(super) fn start(
        plain: TcpListener,
        secure: Option<TcpListener>,
        tls: Arc<Tls>,
        local: Arc<Local>,
        (pace, connections_max): (Pace, usize),
        inbox: mpsc::Sender<Inbound>,
    ) -> Streams {
        let state = Mutex::default();
        let inner = Arc::new(Inner { state, tls, local, pace, connections_max, inbox });
        let mut acceptors = vec![tokio::spawn(accept(plain, Kind::Tcp, inner.clone())).abort_handle()];
        if let Some(listener) = secure {
            acceptors.push(tokio::spawn(accept(listener, Kind::Tls, inner.clone())).abort_handle());
        }
        Streams { inner, acceptors }
    }

    pub(super) fn send(&self, flow: Flow, bytes: Bytes) {
        let mut state = self.inner.state();
        let number = match (flow.conn, flow.transport) {
            (0, Kind::Tcp) => state.by_remote.get(&flow.remote).copied(),
            (number, _) => Some(number),
        };
        let key = number.map(|number| (number, flow.remote));
        let connects = flow.is_named() || flow.conn == 0 && flow.transport == Kind::Tcp;
        let sent = match key.and_then(|key| state.connections.get_mut(&key)) {
            Some(held) => {
                held.known |= room::welcomes(&bytes);
                held.queue.put(bytes)
            }
            None if connects => return self.inner.connect(&mut state, flow, bytes),
            None => false,
        };
        if sent {
            return;
        }
        // It does not read, or it is gone.
        let name = if flow.transport == Kind::Tls { "tls" } else { "tcp" };
        metrics::counter!("chorus_sip_unsent_total", "transport" => name).increment(1);
        if let Some(held) = key.and_then(|key| state.remove(key)) {
            held.stop();
        }
        drop(state);
        self.inner.lost(flow);
    }

    pub(super) fn count(&self) -> usize {
        self.inner.state().connections.len()
    }

    /// The trunks' rules. Where they changed, connections of ours end, since who is at the other end was believed by the old ones;
    /// of the others it is judged anew. The words are for the caller to hand on: through the channel one could overtake another.
    pub(super) fn set_trunks(&self, rows: &[TrunkRow]) -> Vec<Inbound> {
        let changed = self.inner.tls.set_trunks(rows);
        if changed.is_empty() {
            return Vec::new();
        }
        let (ended, shown) = {
            let mut state = self.inner.state();
            let ended =
                state.take_all(|key| self.inner.tls.peer(key.0).is_some_and(|t| changed.contains(&t)));
            (ended, state.shown())
        };
        let lost = |(key, held): (Key, Held)| {
            held.stop();
            Inbound::Lost(self.inner.flow(held.kind, key.1, key.0))
        };
        let judged = |(key, certificates): (Key, Certificates)| {
            let flow = self.inner.flow(Kind::Tls, key.1, key.0);
            Inbound::Proved(self.inner.tls.judge(flow, &certificates))
        };
        ended.into_iter().map(lost).chain(shown.into_iter().map(judged)).collect()
    }
}

impl Drop for Streams {
    fn drop(&mut self) {
        self.acceptors.iter().for_each(AbortHandle::abort);
        self.inner.state().tasks.abort_all();
    }
}

impl Held {
    fn stop(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl State {
    /// The very connection of this place, while it stands.
    fn at(&mut self, place: Place) -> Option<&mut Held> {
        self.connections.get_mut(&place.key).filter(|held| held.serial == place.serial)
    }

    /// Ends it; None: it has ended already.
    fn leave(&mut self, place: Place) -> Option<Held> {
        self.at(place)?;
        self.remove(place.key)
    }

    /// Ends those whose key is so.
    fn take_all(&mut self, is: impl Fn(&Key) -> bool) -> Vec<(Key, Held)> {
        let keys: Vec<Key> = self.connections.keys().filter(|key| is(key)).copied().collect();
        keys.into_iter().filter_map(|key| Some((key, self.remove(key)?))).collect()
    }

    /// What peers that connected have shown.
    fn shown(&self) -> Vec<(Key, Certificates)> {
        self.connections.iter().filter_map(|(key, held)| Some((*key, held.shown.clone()?))).collect()
    }

    fn remove(&mut self, key: Key) -> Option<Held> {
        let held = self.connections.remove(&key)?;
        if self.by_remote.get(&key.1) == Some(&key.0) {
            self.by_remote.remove(&key.1);
        }
        Some(held)
    }

    /// Registers a connection whose task is about to start. `named`: the number it gets.
    fn add(
        &mut self,
        kind: Kind,
        remote: SocketAddr,
        named: Option<u64>,
        ours: bool,
    ) -> (Place, Queue, mpsc::Receiver<Waiting>) {
        while self.tasks.try_join_next().is_some() {}
        let (queue, waiting) = queue();
        self.last = self.last.saturating_add(1);
        let serial = self.last;
        let key = (named.unwrap_or(serial), remote);
        let held = Held { kind, serial, queue: queue.clone(), ours, known: ours, shown: None, task: None };
        self.connections.insert(key, held);
        if kind == Kind::Tcp {
            self.by_remote.insert(remote, key.0);
        }
        (Place { key, serial }, queue, waiting)
    }

    fn runs(&mut self, place: Place, task: AbortHandle) {
        if let Some(held) = self.at(place) {
            held.task = Some(task);
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reported without waiting: a driver that is this far behind learns it from the transaction's timer.
    fn lost(&self, flow: Flow) {
        if self.inbox.try_send(Inbound::Lost(flow)).is_err() {
            metrics::counter!("chorus_sip_lost_unreported_total").increment(1);
        }
    }

    fn flow(&self, transport: Kind, remote: SocketAddr, conn: u64) -> Flow {
        Flow { transport, remote, local: self.local.facing(transport, remote.ip()), conn }
    }

    fn connect(self: &Arc<Self>, state: &mut State, flow: Flow, first: Bytes) {
        let (kind, remote) = (flow.transport, flow.remote);
        let named = flow.is_named().then_some(flow.conn);
        if !self.has_room(state) {
            return self.lost(self.flow(kind, remote, flow.conn));
        }
        let (place, queue, waiting) = state.add(kind, remote, named, true);
        // The queue is empty and has room.
        let _ = queue.put(first);
        let inner = self.clone();
        let task = state.tasks.spawn(async move {
            let made = async {
                let stream = TcpStream::connect(remote).await.map_err(|e| e.to_string())?;
                prepare(&stream);
                match kind {
                    Kind::Tls => inner.tls.connect(place.key.0, stream).await,
                    Kind::Udp | Kind::Tcp => Ok(Stream::Plain(stream)),
                }
            };
            match timeout(CONNECT_TIMEOUT, made).await {
                Ok(Ok(stream)) => inner.serve(place, kind, true, stream, waiting).await,
                Ok(Err(why)) => inner.never(place, kind, why).await,
                Err(_) => inner.never(place, kind, "nothing answered in time".to_owned()).await,
            }
        });
        state.runs(place, task);
    }

    /// Says whose peer is at the other end, if it is a trunk's. Not if the connection has ended by then: the word would come behind
    /// that of its end, and nobody would ever forget it.
    async fn introduce(&self, place: Place, flow: Flow, stream: &Stream) {
        let proof = match stream.certificates() {
            // Who it must be was known before it was connected to.
            _ if flow.is_named() => self.tls.vouch(flow),
            Some(shown) => {
                // Kept before it is judged: rules that change meanwhile find it.
                if let Some(held) = self.state().at(place) {
                    held.shown = Some(shown.clone());
                }
                self.tls.judge(flow, &shown)
            }
            None => return,
        };
        if proof.trunks.is_empty() {
            return;
        }
        let Ok(room) = self.inbox.reserve().await else { return };
        let mut state = self.state();
        if state.at(place).is_some() {
            room.send(Inbound::Proved(proof));
        }
    }

    async fn serve(
        &self,
        place: Place,
        kind: Kind,
        ours: bool,
        stream: Stream,
        waiting: mpsc::Receiver<Waiting>,
    ) {
        let flow = self.flow(kind, place.key.1, place.key.0);
        self.introduce(place, flow, &stream).await;
        let connection =
            Connection { flow, ours, pace: self.pace, inbox: &self.inbox, taken: stream.taken() };
        let end = match stream {
            Stream::Plain(stream) => {
                let (reader, writer) = stream.into_split();
                connection.run(reader, writer, waiting).await
            }
            Stream::Secure(stream) => {
                let (reader, writer) = tokio::io::split(stream);
                connection.run(reader, writer, waiting).await
            }
        };
        let words = end.err().and_then(|e| self.tls.refused_us(&flow, &e));
        if self.state().leave(place).is_some() {
            let _ =
                self.inbox.send(words.map_or(Inbound::Lost(flow), |w| Inbound::Unreachable(flow, w))).await;
        }
    }

    /// It did not come about.
    async fn never(&self, place: Place, kind: Kind, why: String) {
        let removed = self.state().leave(place);
        let Some(held) = removed else { return };
        let flow = self.flow(kind, place.key.1, place.key.0);
        let flow = if held.ours && !flow.is_named() { Flow { conn: 0, ..flow } } else { flow };
        let words = self.tls.words(&flow, &why);
        let _ = self.inbox.send(Inbound::Unreachable(flow, words)).await;
    }
}

/// A TLS handshake of a peer, or nothing to do.
async fn greet(inner: &Inner, kind: Kind, stream: TcpStream) -> Option<Stream> {
    prepare(&stream);
    if kind != Kind::Tls {
        return Some(Stream::Plain(stream));
    }
    match timeout(HANDSHAKE_TIMEOUT, inner.tls.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(_)) | Err(_) => {
            metrics::counter!("chorus_sip_tls_refused_total").increment(1);
            None
        }
    }
}

async fn accept(listener: TcpListener, kind: Kind, inner: Arc<Inner>) {
    let mut exhausted = false;
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(e) => {
                metrics::counter!("chorus_sip_socket_errors_total", "transport" => "tcp").increment(1);
                if !std::mem::replace(&mut exhausted, true) {
                    tracing::error!(
                        "no connection can be taken: {e}; those that stand go on (raise LimitNOFILE)"
                    );
                }
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        if std::mem::replace(&mut exhausted, false) {
            tracing::info!("connections are taken again");
        }
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let mut state = inner.state();
        if !inner.has_room(&mut state) {
            continue;
        }
        let (place, _, waiting) = state.add(kind, remote, None, false);
        let served = inner.clone();
        let task = state.tasks.spawn(async move {
            match greet(&served, kind, stream).await {
                Some(stream) => served.serve(place, kind, false, stream, waiting).await,
                None => drop(served.state().leave(place)),
            }
        });
        state.runs(place, task);
    }
}
