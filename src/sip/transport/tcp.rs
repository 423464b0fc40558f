//! (s) The TCP listener and the connections, made by peers or by us.

use super::{Inbound, local::Local};
use crate::sip::event::{Flow, Transport as Kind};
use crate::sip::wire::{Frame, Framer};
use bytes::{Bytes, BytesMut};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// Most connections at once; more are closed as they come.
const CONNECTIONS_MAX: usize = 4096;
/// Messages that wait for a peer that does not read; one more and the connection is closed.
const QUEUE_MAX: usize = 256;
/// A connection that does not come about within this is given up, so that the next target has its turn.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// A peer that takes nothing for this long is gone.
const WRITE_STALL: Duration = Duration::from_secs(10);
/// A message begun must be whole within this.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without any octet for this long is closed: half-open ones leave so.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long the answer to an unreadable stream has to leave before the connection closes.
const LINGER: Duration = Duration::from_secs(1);
/// Octets read at once.
const READ_SIZE: usize = 16 * 1024;

pub(super) struct Tcp {
    inner: Arc<Inner>,
    acceptor: AbortHandle,
}

struct Inner {
    state: Mutex<State>,
    local: Arc<Local>,
    inbox: mpsc::Sender<Inbound>,
}

#[derive(Default)]
struct State {
    connections: HashMap<u64, Connection>,
    /// The latest connection to a peer, for "connect if there is none".
    by_remote: HashMap<SocketAddr, u64>,
    last: u64,
    tasks: JoinSet<()>,
}

struct Connection {
    remote: SocketAddr,
    queue: mpsc::Sender<Bytes>,
    /// We asked for it by a flow without number: a failure to connect is reported so.
    ours: bool,
    task: Option<AbortHandle>,
}

impl Tcp {
    pub(super) fn start(listener: TcpListener, local: Arc<Local>, inbox: mpsc::Sender<Inbound>) -> Tcp {
        let inner = Arc::new(Inner { state: Mutex::default(), local, inbox });
        let acceptor = tokio::spawn(accept(listener, inner.clone())).abort_handle();
        Tcp { inner, acceptor }
    }

    pub(super) fn send(&self, flow: Flow, bytes: Bytes) {
        let mut state = self.inner.state();
        let id = match flow.conn {
            0 => state.by_remote.get(&flow.remote).copied(),
            id => Some(id),
        };
        let sent = match id.and_then(|id| state.connections.get(&id)) {
            Some(connection) => connection.queue.try_send(bytes).is_ok(),
            None if flow.conn == 0 => return self.inner.connect(&mut state, flow.remote, bytes),
            None => false,
        };
        if sent {
            return;
        }
        // It does not read, or it is gone.
        metrics::counter!("chorus_sip_unsent_total", "transport" => "tcp").increment(1);
        if let Some(connection) = id.and_then(|id| state.remove(id)) {
            connection.stop();
        }
        drop(state);
        self.inner.lost(flow);
    }

    /// A transport that is not offered.
    pub(super) fn refuse(&self, flow: Flow) {
        self.inner.lost(flow);
    }

    pub(super) fn count(&self) -> usize {
        self.inner.state().connections.len()
    }
}

impl Drop for Tcp {
    fn drop(&mut self) {
        self.acceptor.abort();
        self.inner.state().tasks.abort_all();
    }
}

impl Connection {
    fn stop(&self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

impl State {
    fn remove(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        if self.by_remote.get(&connection.remote) == Some(&id) {
            self.by_remote.remove(&connection.remote);
        }
        Some(connection)
    }

    /// Registers a connection whose task is about to start; None if there are too many.
    fn add(
        &mut self,
        remote: SocketAddr,
        ours: bool,
    ) -> Option<(u64, mpsc::Sender<Bytes>, mpsc::Receiver<Bytes>)> {
        while self.tasks.try_join_next().is_some() {}
        if self.connections.len() >= CONNECTIONS_MAX {
            return None;
        }
        let (queue, waiting) = mpsc::channel(QUEUE_MAX);
        self.last = self.last.wrapping_add(1).max(1);
        let id = self.last;
        self.connections.insert(id, Connection { remote, queue: queue.clone(), ours, task: None });
        self.by_remote.insert(remote, id);
        Some((id, queue, waiting))
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

    fn flow(&self, remote: SocketAddr, conn: u64) -> Flow {
        Flow { transport: Kind::Tcp, remote, local: self.local.toward(remote.ip()), conn }
    }

    fn connect(self: &Arc<Self>, state: &mut State, remote: SocketAddr, first: Bytes) {
        let Some((id, queue, waiting)) = state.add(remote, true) else {
            return self.lost(self.flow(remote, 0));
        };
        // The queue is empty and has room.
        let _ = queue.try_send(first);
        let inner = self.clone();
        let task = state.tasks.spawn(async move {
            match timeout(CONNECT_TIMEOUT, TcpStream::connect(remote)).await {
                Ok(Ok(stream)) => serve(&inner, id, remote, stream, waiting).await,
                _ => inner.gone(id, remote, false).await,
            }
        });
        if let Some(connection) = state.connections.get_mut(&id) {
            connection.task = Some(task);
        }
    }

    /// The connection ended by itself. `met`: it had come about.
    async fn gone(&self, id: u64, remote: SocketAddr, met: bool) {
        let removed = self.state().remove(id);
        let Some(connection) = removed else { return };
        let conn = if connection.ours && !met { 0 } else { id };
        let _ = self.inbox.send(Inbound::Lost(self.flow(remote, conn))).await;
    }
}

async fn accept(listener: TcpListener, inner: Arc<Inner>) {
    loop {
        let Ok((stream, remote)) = listener.accept().await else {
            // Out of descriptors: others must close first.
            metrics::counter!("chorus_sip_socket_errors_total", "transport" => "tcp").increment(1);
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        let mut state = inner.state();
        let Some((id, _, waiting)) = state.add(remote, false) else {
            metrics::counter!("chorus_sip_connections_refused_total").increment(1);
            continue;
        };
        let served = inner.clone();
        let task = state.tasks.spawn(async move { serve(&served, id, remote, stream, waiting).await });
        if let Some(connection) = state.connections.get_mut(&id) {
            connection.task = Some(task);
        }
    }
}

async fn serve(
    inner: &Inner,
    id: u64,
    remote: SocketAddr,
    stream: TcpStream,
    waiting: mpsc::Receiver<Bytes>,
) {
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    let flow = inner.flow(remote, id);
    let (pong, pongs) = mpsc::channel(1);
    tokio::select! {
        () = read(inner, flow, reader, pong) => {}
        () = write(writer, waiting, pongs) => {}
    }
    inner.gone(id, remote, true).await;
}

async fn write(
    mut writer: OwnedWriteHalf,
    mut waiting: mpsc::Receiver<Bytes>,
    mut pongs: mpsc::Receiver<()>,
) {
    loop {
        let bytes = tokio::select! {
            Some(()) = pongs.recv() => Bytes::from_static(b"\r\n"),
            Some(bytes) = waiting.recv() => bytes,
            else => return,
        };
        match timeout(WRITE_STALL, writer.write_all(&bytes)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    }
}

async fn read(inner: &Inner, flow: Flow, mut reader: OwnedReadHalf, pong: mpsc::Sender<()>) {
    let mut framer = Framer::default();
    let mut buffer = BytesMut::with_capacity(READ_SIZE);
    let mut begun = None;
    loop {
        let now = tokio::time::Instant::now();
        let deadline = match framer.is_partial() {
            true => *begun.get_or_insert(now + MESSAGE_TIMEOUT),
            false => {
                begun = None;
                now + IDLE_TIMEOUT
            }
        };
        match tokio::time::timeout_at(deadline, reader.read_buf(&mut buffer)).await {
            Ok(Ok(n)) if n > 0 => framer.push(&buffer.split()),
            _ => return,
        }
        buffer.reserve(READ_SIZE);
        while let Some(frame) = framer.next() {
            let (bytes, last) = match frame {
                Frame::Message(bytes) => {
                    // The clock runs for each message anew.
                    begun = None;
                    (bytes, false)
                }
                Frame::Ping => {
                    let _ = pong.try_send(());
                    continue;
                }
                Frame::Pong => continue,
                Frame::Broken { head, .. } => (head, true),
                Frame::TooBig { head } => (head.unwrap_or_default(), true),
            };
            let arrived = std::time::Instant::now();
            // Waiting here stops reading, and TCP slows the peer down.
            if inner.inbox.send(Inbound::Bytes(flow, bytes, arrived)).await.is_err() {
                return;
            }
            if last {
                return tokio::time::sleep(LINGER).await;
            }
        }
    }
}
