//! CRLF keep-alives (RFC 5626 section 4.4.1) with a real peer: what the server sends over a connection of its own making, baresip answers.

use super::baresip::{Baresip, scene_with};
use super::installed;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// One comes every 30 s.
const LIMIT: Duration = Duration::from_secs(60);

/// Stands between the server and the peer; what goes over a connection, and whether the server sent it.
async fn between(peer: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<(bool, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (seen, all) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut server, _) = listener.accept().await.unwrap();
        let mut peer = TcpStream::connect(peer).await.unwrap();
        let (mut ours, mut theirs) = (vec![0; 65_536], vec![0; 65_536]);
        loop {
            let (n, from_server) = tokio::select! {
                n = server.read(&mut ours) => (n.unwrap_or(0), true),
                n = peer.read(&mut theirs) => (n.unwrap_or(0), false),
            };
            if n == 0 {
                return;
            }
            let (bytes, to) = if from_server { (&ours[..n], &mut peer) } else { (&theirs[..n], &mut server) };
            let _ = seen.send((from_server, bytes.to_vec()));
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    });
    (at, all)
}

#[tokio::test]
async fn a_ping_of_ours_is_answered_by_a_real_peer() {
    if !installed("baresip") {
        return;
    }
    let s = scene_with("keepalive", false).await;
    let (way, mut seen) = between(s.peer).await;
    s.server.trunk(way, &[("transport", "tcp")]).await;
    let mut phone = Baresip::start(&s.place, s.peer, &[]);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    phone.says("Call established").await;
    let both = async {
        let next = async |seen: &mut mpsc::UnboundedReceiver<(bool, Vec<u8>)>, want: (bool, &[u8])| loop {
            let (ours, bytes) = seen.recv().await.expect("the connection stands");
            if (ours, bytes.as_slice()) == want {
                return;
            }
        };
        next(&mut seen, (true, b"\r\n\r\n")).await;
        next(&mut seen, (false, b"\r\n")).await;
    };
    assert!(tokio::time::timeout(LIMIT, both).await.is_ok(), "a ping and its answer");
}
