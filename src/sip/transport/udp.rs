//! (s) The UDP socket.

use super::{Inbound, local::Local, undelivered};
use crate::media::worker::arrival;
use crate::sip::endpoint::overload;
use crate::sip::event::{Flow, Transport as Kind};
use bytes::Bytes;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// The largest datagram there is.
const DATAGRAM_MAX: usize = 65_535;
/// A datagram that lay in the kernel for longer tells that the wall clock was set, not that we are slow.
const AGE_MAX: Duration = Duration::from_secs(10);
/// What waits in the kernel while we are behind, in octets (it counts each message twice or more). Its default of 200 KiB lost
/// OPTIONS of a server with a tenth of a core before anybody saw them; with much more than this everything would be so late that
/// peers send it again.
const BUFFER: usize = 512 << 10;
/// Datagrams read before other tasks get their turn.
const BATCH: usize = 64;
/// Times that a datagram is tried again because it may have been blamed for another.
const BLAMED_MAX: usize = 4;

pub(super) struct Udp {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
    local: Arc<Local>,
    inbox: mpsc::Sender<Inbound>,
    /// The socket speaks IPv6: IPv4 peers must be written as mapped addresses, and are shown as what they are.
    mapped: bool,
}

impl Udp {
    /// `reads`: the socket was made there.
    pub(super) fn start(
        socket: UdpSocket,
        local: Arc<Local>,
        inbox: mpsc::Sender<Inbound>,
        reads: &tokio::runtime::Handle,
    ) -> Udp {
        let mapped = socket.local_addr().is_ok_and(|a| a.is_ipv6());
        undelivered::keep(&socket);
        undelivered::may_be_cut(&socket);
        // As much as the kernel allows; what it does not take is lost, and sent again.
        if let Err(e) = socket2::SockRef::from(&socket).set_recv_buffer_size(BUFFER) {
            tracing::warn!("the SIP socket keeps its usual buffer: {e}");
        }
        let socket = Arc::new(socket);
        let reader = reads.spawn(read(socket.clone(), local.clone(), inbox.clone())).abort_handle();
        Udp { socket, reader, local, inbox, mapped }
    }

    /// A full socket buffer loses the datagram; retransmission is the transaction's business. What the kernel finds no way
    /// for is reported (RFC 3261 section 18.4).
    pub(super) fn send(&self, remote: SocketAddr, bytes: &Bytes) {
        let to = match remote.ip() {
            IpAddr::V4(v4) if self.mapped => SocketAddr::new(v4.to_ipv6_mapped().into(), remote.port()),
            _ => remote,
        };
        // A failure may be of a datagram sent before: the kernel tells it to whoever asks next, once each, and where it is late
        // with them several wait.
        let mut sent = self.socket.try_send_to(bytes, to);
        for _ in 0..BLAMED_MAX {
            match &sent {
                Err(e) if e.kind() != ErrorKind::WouldBlock => sent = self.socket.try_send_to(bytes, to),
                _ => break,
            }
        }
        let Err(e) = sent else { return };
        metrics::counter!("chorus_sip_unsent_total", "transport" => "udp").increment(1);
        if e.kind() != ErrorKind::WouldBlock {
            lost(&self.local, &self.inbox, remote);
        }
    }
}

/// Reported without waiting: a driver that is this far behind learns it from the transaction's timer.
fn lost(local: &Local, inbox: &mpsc::Sender<Inbound>, remote: SocketAddr) {
    let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
    let flow = Flow { transport: Kind::Udp, remote, local: local.toward(remote.ip()), conn: 0 };
    if inbox.try_send(Inbound::Lost(flow)).is_err() {
        metrics::counter!("chorus_sip_lost_unreported_total").increment(1);
    }
}

/// Tells what came back undelivered.
fn read_errors(socket: &UdpSocket, local: &Local, inbox: &mpsc::Sender<Inbound>) {
    for _ in 0..BATCH {
        match socket.try_io(Interest::ERROR, || undelivered::next(socket)) {
            Ok(Some(remote)) => lost(local, inbox, remote),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(socket: Arc<UdpSocket>, local: Arc<Local>, inbox: mpsc::Sender<Inbound>) {
    let mut buffer = vec![0_u8; DATAGRAM_MAX];
    loop {
        let Ok(ready) = socket.ready(Interest::READABLE | Interest::ERROR).await else { return };
        if ready.is_error() {
            read_errors(&socket, &local, &inbox);
        }
        for _ in 0..BATCH {
            match socket.try_recv_from(&mut buffer) {
                Ok((length, _)) if overload::is_ack_of_refusal(buffer.get(..length).unwrap_or_default()) => {}
                Ok((length, remote)) => {
                    let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
                    let bytes = Bytes::copy_from_slice(buffer.get(..length).unwrap_or_default());
                    let flow =
                        Flow { transport: Kind::Udp, remote, local: local.toward(remote.ip()), conn: 0 };
                    // A driver that is behind must lose the newest rather than answer the oldest too late.
                    let now = Instant::now();
                    let arrived = now.checked_sub(arrival::age(&*socket, AGE_MAX)).unwrap_or(now);
                    match inbox.try_send(Inbound::Bytes(flow, bytes, arrived)) {
                        Ok(()) => {}
                        Err(mpsc::error::TrySendError::Full(_)) => {
                            metrics::counter!("chorus_sip_queue_full_total").increment(1);
                        }
                        Err(mpsc::error::TrySendError::Closed(_)) => return,
                    }
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => break,
                // An ICMP error of something sent before: the error queue says of what.
                Err(_) => {
                    metrics::counter!("chorus_sip_socket_errors_total", "transport" => "udp").increment(1)
                }
            }
        }
        tokio::task::yield_now().await;
    }
}
