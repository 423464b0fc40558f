//! (s) One connection: what comes is cut into messages, what goes is written in order, keep-alives of both sides. The same for TCP
//! and TLS.

use super::Inbound;
use super::keepalive::{KeepAlive, Pace, Step};
use super::queue::Waiting;
use super::taken::Taken;
use crate::sip::event::Flow;
use crate::sip::wire::{Frame, Framer};
use bytes::{Bytes, BytesMut};
use socket2::{SockRef, TcpKeepalive};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A peer that keeps us from writing for this long is gone.
const WRITE_STALL: Duration = Duration::from_secs(10);
/// A message begun must be whole within this.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection without any octet for this long is closed: half-open ones leave so.
const IDLE_TIMEOUT: Duration = Duration::from_secs(3600);
/// How long the answer to an unreadable stream has to leave before the connection closes.
const LINGER: Duration = Duration::from_secs(1);
/// Octets read at once.
const READ_SIZE: usize = 16 * 1024;
/// The kernel asks a silent peer after this, and so often, before it gives the connection up.
const PROBE_AFTER: Duration = Duration::from_secs(60);
const PROBE_EVERY: Duration = Duration::from_secs(15);
const PROBES: u32 = 4;

/// One connection between its two ends.
pub(super) struct Connection<'a> {
    /// How what it brings is named.
    pub flow: Flow,
    /// We made it: the keep-alives are ours to send (RFC 5626 section 4.4.1).
    pub ours: bool,
    pub pace: Pace,
    pub inbox: &'a mpsc::Sender<Inbound>,
    /// Whether what was written is taken.
    pub taken: Taken,
}

/// What every socket of a stream needs. One that the kernel does not let be set is none the worse for SIP.
pub(super) fn prepare(stream: &TcpStream) {
    let _ = stream.set_nodelay(true);
    let probes = TcpKeepalive::new().with_time(PROBE_AFTER).with_interval(PROBE_EVERY).with_retries(PROBES);
    let _ = SockRef::from(stream).set_tcp_keepalive(&probes);
}

impl Connection<'_> {
    /// Until one side ends. Errors: how it broke; Ok: it was closed.
    pub(super) async fn run(
        &self,
        reader: impl AsyncRead + Unpin,
        writer: impl AsyncWrite + Unpin,
        waiting: mpsc::Receiver<Waiting>,
    ) -> io::Result<()> {
        let (pong, pongs) = mpsc::channel(1);
        let alive = Mutex::new(KeepAlive::new(self.pace));
        tokio::select! {
            end = self.read(reader, pong, &alive) => end,
            end = self.write(writer, waiting, pongs, &alive) => end,
            why = self.taken.stops() => Err(why),
        }
    }

    async fn write(
        &self,
        mut writer: impl AsyncWrite + Unpin,
        mut waiting: mpsc::Receiver<Waiting>,
        mut pongs: mpsc::Receiver<()>,
        alive: &Mutex<KeepAlive>,
    ) -> io::Result<()> {
        let mut next = tokio::time::Instant::now() + self.pace.every;
        loop {
            // Its room in the queue is held until it is written.
            let (bytes, _held) = tokio::select! {
                Some(()) = pongs.recv() => (Bytes::from_static(b"\r\n"), None),
                Some(message) = waiting.recv() => (message.bytes.clone(), Some(message)),
                () = tokio::time::sleep_until(next), if self.ours => {
                    let step = alive.lock().unwrap_or_else(PoisonError::into_inner).tick();
                    let (Step::Ping(pause) | Step::Wait(pause)) = step else {
                        return Err(io::Error::new(io::ErrorKind::TimedOut, "keep-alives are not answered"));
                    };
                    next = tokio::time::Instant::now() + pause;
                    match step {
                        Step::Ping(_) => (Bytes::from_static(b"\r\n\r\n"), None),
                        _ => continue,
                    }
                }
                else => return Ok(()),
            };
            let written = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            match timeout(WRITE_STALL, written).await {
                Ok(done) => done?,
                Err(_) => return Err(io::Error::new(io::ErrorKind::TimedOut, "the peer does not read")),
            }
        }
    }

    async fn read(
        &self,
        mut reader: impl AsyncRead + Unpin,
        pong: mpsc::Sender<()>,
        alive: &Mutex<KeepAlive>,
    ) -> io::Result<()> {
        let heard = |pong| alive.lock().unwrap_or_else(PoisonError::into_inner).heard(pong);
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
                Ok(end) => return end.map(drop),
                Err(_) => return Ok(()),
            }
            heard(false);
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
                    Frame::Pong => {
                        heard(true);
                        continue;
                    }
                    Frame::Broken { head, .. } | Frame::TooBig { head } => (head, true),
                };
                // Waiting here stops reading, and TCP slows the peer down.
                let arrived = std::time::Instant::now();
                if self.inbox.send(Inbound::Bytes(self.flow, bytes, arrived)).await.is_err() {
                    return Ok(());
                }
                if last {
                    tokio::time::sleep(LINGER).await;
                    return Ok(());
                }
            }
        }
    }
}
