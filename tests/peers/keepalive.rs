//! CRLF keep-alives (RFC 5626 section 4.4.1) with a real peer: what the server sends over a connection of its own making, baresip answers.

use super::baresip::{Baresip, scene_in, scene_with};
use super::installed;
use super::kamailio::certify;
use crate::fault::child::{Place, free};
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

/// The records that carry them, by their lengths: what is inside is a secret.
#[tokio::test]
async fn over_tls_a_ping_of_ours_is_answered_too() {
    if !installed("baresip") {
        return;
    }
    let mut place = Place::new("keepalive-tls");
    place.extra.push(("CHORUS_SIP_TLS_LISTEN", free().to_string()));
    let s = scene_in(place, false).await;
    let dir = &s.place.dir;
    let authority = certify(dir);
    let both = ["pbx-cert.pem", "pbx-key.pem"].map(|f| std::fs::read_to_string(dir.join(f)).unwrap());
    std::fs::write(dir.join("both.pem"), both.concat()).unwrap();
    let (way, mut seen) = between(SocketAddr::new(s.peer.ip(), s.peer.port() + 1)).await;
    s.server.trunk(way, &[("transport", "tls"), ("tls_ca", &authority)]).await;
    let account =
        format!("<sip:+12125550001@{};transport=tls>;regint=0;answermode=auto;audio_codecs=PCMU\n", s.peer);
    let certificate = format!("sip_certificate {}\n", dir.join("both.pem").display());
    let mut phone = Baresip::with_more(&s.place, s.peer, &account, &[], &certificate);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    phone.says("Call established").await;
    // Application data, and the only thing in what was read: the length of its body.
    let body = |bytes: &[u8]| match bytes {
        [23, 3, 3, high, low, rest @ ..] => {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            (rest.len() == length).then_some(length)
        }
        _ => None,
    };
    let both = async {
        // What a record adds to four octets: TLS 1.3, and GCM and ChaCha20 of TLS 1.2.
        let mut pinged = None;
        loop {
            let (ours, bytes) = seen.recv().await.expect("the connection stands");
            match body(&bytes) {
                Some(length @ (20 | 21 | 28)) if ours => pinged = Some(length),
                Some(length) if !ours && Some(length + 2) == pinged => return,
                _ => {}
            }
        }
    };
    assert!(tokio::time::timeout(LIMIT, both).await.is_ok(), "a ping and its answer");
}
