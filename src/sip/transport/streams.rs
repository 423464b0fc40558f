//! (s) The listeners of TCP and TLS and every connection, made by peers or by us.

use super::connection::{Connection, prepare};
use super::tls::{Certificates, Stream, Tls};
use super::{Inbound, local::Local};
use crate::sip::event::{Flow, Transport as Kind};
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Most connections at once; more are closed as they come.
const CONNECTIONS_MAX: usize = 4096;
/// Messages that wait for a peer that does not read; one more and the connection is closed.
const QUEUE_MAX: usize = 256;
/// A connection that does not come about within this, handshake included, is given up, so that the next target has its turn.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// A peer that connects has shaken hands within this.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nobody is let in after the kernel had no descriptor left: others must close first.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A connection of ours to a named TLS peer has the peer's number, and each address of it has its own; every other connection has a
/// number of its own.
type Key = (u64, SocketAddr);

pub(super) struct Streams {
    inner: Arc<Inner>,
    acceptors: Vec<AbortHandle>,
}

struct Inner {
    state: Mutex<State>,
    tls: Arc<Tls>,
    local: Arc<Local>,
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
    queue: mpsc::Sender<Bytes>,
    /// We asked for it by a flow without number: a failure to connect is reported so.
    ours: bool,
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
        inbox: mpsc::Sender<Inbound>,
    ) -> Streams {
        let inner = Arc::new(Inner { state: Mutex::default(), tls, local, inbox });
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
        let sent = match key.and_then(|key| state.connections.get(&key)) {
            Some(held) => held.queue.try_send(bytes).is_ok(),
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

    /// The trunks' rules changed: who is at the other end of the connections that stand?
    pub(super) fn judge_anew(&self) {
        let state = self.inner.state();
        for ((number, remote), held) in &state.connections {
            let Some(shown) = held.shown.clone() else { continue };
            let flow = self.inner.flow(held.kind, *remote, *number);
            let proved = Inbound::Proved(flow, self.inner.tls.judge(&shown));
            let inbox = self.inner.inbox.clone();
            tokio::spawn(async move { inbox.send(proved).await });
        }
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
    fn remove(&mut self, key: Key) -> Option<Held> {
        let held = self.connections.remove(&key)?;
        if self.by_remote.get(&key.1) == Some(&key.0) {
            self.by_remote.remove(&key.1);
        }
        Some(held)
    }

    /// Registers a connection whose task is about to start; None if there are too many. `named`: the number it gets.
    fn add(
        &mut self,
        kind: Kind,
        remote: SocketAddr,
        named: Option<u64>,
        ours: bool,
    ) -> Option<(Key, mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>)> {
        while self.tasks.try_join_next().is_some() {}
        if self.connections.len() >= CONNECTIONS_MAX {
            return None;
        }
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        self.last = self.last.saturating_add(1);
        let key = (named.unwrap_or(self.last), remote);
        let held = Held { kind, queue: queue.clone(), ours, shown: None, task: None };
        self.connections.insert(key, held);
        if kind == Kind::Tcp {
            self.by_remote.insert(remote, key.0);
        }
        Some((key, queue, waiting))
    }

    fn runs(&mut self, key: Key, task: AbortHandle) {
        if let Some(held) = self.connections.get_mut(&key) {
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
        let Some((key, queue, waiting)) = state.add(kind, remote, named, true) else {
            return self.lost(self.flow(kind, remote, flow.conn));
        };
        // The queue is empty and has room.
        let _ = queue.try_send(first);
        let inner = self.clone();
        let task = state.tasks.spawn(async move {
            let made = async {
                let stream = TcpStream::connect(remote).await.map_err(|e| e.to_string())?;
                prepare(&stream);
                match kind {
                    Kind::Tls => inner.tls.connect(key.0, stream).await,
                    Kind::Udp | Kind::Tcp => Ok(Stream::Plain(stream)),
                }
            };
            match timeout(CONNECT_TIMEOUT, made).await {
                Ok(Ok(stream)) => inner.serve(key, kind, true, stream, waiting).await,
                Ok(Err(why)) => inner.never(key, kind, why).await,
                Err(_) => inner.never(key, kind, "nothing answered in time".to_owned()).await,
            }
        });
        state.runs(key, task);
    }

    async fn serve(&self, key: Key, kind: Kind, ours: bool, stream: Stream, waiting: mpsc::Receiver<Bytes>) {
        let flow = self.flow(kind, key.1, key.0);
        let proved = match stream.certificates() {
            // Who it must be was known before it was connected to.
            _ if flow.is_named() => self.tls.peer(key.0).into_iter().collect(),
            Some(shown) => {
                let proved = self.tls.judge(&shown);
                if let Some(held) = self.state().connections.get_mut(&key) {
                    held.shown = Some(shown);
                }
                proved
            }
            None => Vec::new(),
        };
        if !proved.is_empty() {
            let _ = self.inbox.send(Inbound::Proved(flow, proved)).await;
        }
        let connection = Connection { flow, ours, inbox: &self.inbox };
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
        if self.state().remove(key).is_some() {
            let _ =
                self.inbox.send(words.map_or(Inbound::Lost(flow), |w| Inbound::Unreachable(flow, w))).await;
        }
    }

    /// It did not come about.
    async fn never(&self, key: Key, kind: Kind, why: String) {
        let removed = self.state().remove(key);
        let Some(held) = removed else { return };
        let flow = self.flow(kind, key.1, key.0);
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
        let Some((key, _, waiting)) = state.add(kind, remote, None, false) else {
            metrics::counter!("chorus_sip_connections_refused_total").increment(1);
            continue;
        };
        let served = inner.clone();
        let task = state.tasks.spawn(async move {
            match greet(&served, kind, stream).await {
                Some(stream) => served.serve(key, kind, false, stream, waiting).await,
                None => drop(served.state().remove(key)),
            }
        });
        state.runs(key, task);
    }
}
