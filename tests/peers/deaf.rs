//! Peers that ask and never read what they are answered: it is their own harm (issue 3, section 3). Over TCP and over TLS.

use super::installed;
use super::scene::*;
use crate::fault::child::{Place, free};
use crate::fault::http;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpSocket, UdpSocket};
use tokio::time::{interval, timeout};

/// Far more than the server's own bounds of 10 and 32 s.
const LIMIT: Duration = Duration::from_secs(90);

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// What its answers repeat: with 16 kB, some hundred of them fill what two kernels hold.
fn options(server: SocketAddr, transport: &str, n: usize, padding: usize) -> String {
    format!(
        "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/{transport} 127.0.0.1:9;branch=z9hG4bKdeaf{n};rport;pad={}\r\nMax-Forwards: 70\r\n\
         From: <sip:deaf@127.0.0.1>;tag=deaf\r\nTo: <sip:{server}>\r\nCall-ID: deaf-{n}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        "x".repeat(padding)
    )
}

/// A connection with next to no room for what comes.
struct Deaf {
    stream: Box<dyn Stream>,
    server: SocketAddr,
    own: SocketAddr,
    transport: &'static str,
    asked: usize,
}

impl Deaf {
    async fn connect(s: &Scene, transport: &'static str) -> Deaf {
        let server = if transport == "TLS" { s.place.extra[0].1.parse().unwrap() } else { s.server.sip };
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4_096).unwrap();
        let stream = socket.connect(server).await.unwrap();
        let own = stream.local_addr().unwrap();
        let stream: Box<dyn Stream> = match transport {
            "TLS" => {
                let pem = std::fs::read(s.place.dir.join("sip-tls/ca.pem")).unwrap();
                let mut roots = rustls::RootCertStore::empty();
                roots.add(CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
                let trust =
                    rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
                let name = ServerName::from(server.ip());
                Box::new(
                    tokio_rustls::TlsConnector::from(Arc::new(trust)).connect(name, stream).await.unwrap(),
                )
            }
            _ => Box::new(stream),
        };
        Deaf { stream, server, own, transport, asked: 0 }
    }

    /// False: the connection is closed.
    async fn asks(&mut self, padding: usize) -> bool {
        self.asked += 1;
        let text = options(self.server, self.transport, self.asked, padding);
        self.stream.write_all(text.as_bytes()).await.is_ok()
    }

    /// Octets of answers that the server's kernel holds for it; None: the server has closed.
    fn held(&self) -> Option<u64> {
        let all = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let of = |at: SocketAddr| format!("0100007F:{:04X}", at.port());
        let (server, own) = (of(self.server), of(self.own));
        let mut rows = all.lines().map(|l| l.split_whitespace().collect::<Vec<_>>());
        let row = rows.find(|r| r.get(1) == Some(&server.as_str()) && r.get(2) == Some(&own.as_str()))?;
        // 01: established.
        let waits = row[4].split(':').next().unwrap();
        (row[3] == "01").then(|| u64::from_str_radix(waits, 16).unwrap())
    }

    /// Asks until the kernel takes no more answers, and some wait in the server.
    async fn stops_the_server(&mut self) {
        let mut looks = interval(Duration::from_millis(20));
        let (mut last, mut same) = (0, 0);
        while same < 10 {
            assert!(self.asks(16_000).await, "closed after {} answers", self.asked);
            looks.tick().await;
            let now = self.held().expect("it stands");
            same = if now == last { same + 1 } else { 0 };
            last = now;
        }
        println!("{} OPTIONS over {}, {last} octets of answers in the kernel", self.asked, self.transport);
    }

    async fn is_closed(&self) {
        let gone = async {
            let mut looks = interval(Duration::from_millis(50));
            while self.held().is_some() {
                looks.tick().await;
            }
        };
        let closed = timeout(LIMIT, gone).await.is_ok();
        assert!(closed, "it stands for ever, with {:?} octets of answers", self.held());
    }
}

/// An OPTIONS of another peer, over UDP.
async fn answered(socket: &UdpSocket, server: SocketAddr, n: usize) {
    let text = options(server, "UDP", 100_000 + n, 1);
    let branch = format!("deaf{};", 100_000 + n);
    socket.send_to(text.as_bytes(), server).await.unwrap();
    let mut buffer = [0; 2_048];
    let answer = async {
        loop {
            let read = socket.recv(&mut buffer).await.unwrap();
            let text = String::from_utf8_lossy(&buffer[..read]);
            if text.starts_with("SIP/2.0 200") && text.contains(&branch) {
                return;
            }
        }
    };
    assert!(timeout(LIMIT, answer).await.is_ok(), "OPTIONS of another peer is not answered");
}

async fn house(name: &str) -> (Scene, UdpSocket) {
    let mut place = Place::new(name);
    // The TLS listener has a port of its own.
    place.extra.push(("CHORUS_SIP_TLS_LISTEN", free().to_string()));
    let s = scene_at(place, free(), &[]).await;
    (s, UdpSocket::bind("127.0.0.1:0").await.unwrap())
}

async fn connections(s: &Scene) -> u64 {
    let all = http::ask(s.server.http, "GET", "/metrics", "", None).await.unwrap().text();
    let line = all.lines().find_map(|l| l.strip_prefix("chorus_sip_connections ")).expect("the gauge");
    line.parse().unwrap()
}

async fn only_itself(name: &str, transport: &'static str) {
    if !installed("sipp") {
        return;
    }
    let (s, healthy) = house(name).await;
    let mut deaf = Deaf::connect(&s, transport).await;
    deaf.stops_the_server().await;
    answered(&healthy, s.server.sip, 1).await;
    // The server is stuck with it; everybody else goes on, also over TCP.
    s.caller_with("lossy", HANGUP, &[], |text| text).await;
    assert!(deaf.held().is_some(), "the call was over before the server gave the deaf one up");
    s.caller_with("lossy", HANGUP, &["-t", "t1"], |text| text).await;
    s.until_told("completed", 2).await;
    deaf.is_closed().await;
    let gone = async {
        let mut looks = interval(Duration::from_millis(50));
        while connections(&s).await > 0 {
            looks.tick().await;
        }
    };
    assert!(timeout(LIMIT, gone).await.is_ok(), "{} connections are left", connections(&s).await);
    // It may come again, if it listens.
    let mut again = Deaf::connect(&s, transport).await;
    assert!(again.asks(1).await);
    let mut buffer = [0; 2_048];
    let read = timeout(LIMIT, again.stream.read(&mut buffer)).await.unwrap().unwrap();
    assert!(buffer[..read].starts_with(b"SIP/2.0 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
}

#[tokio::test]
async fn a_peer_that_stops_reading_over_tcp_hurts_only_itself() {
    only_itself("deaf-tcp", "TCP").await;
}

#[tokio::test]
async fn a_peer_that_stops_reading_over_tls_hurts_only_itself() {
    only_itself("deaf-tls", "TLS").await;
}

/// What it asked for fits into the kernel's buffers: nothing waits in the server, and yet it is given up.
#[tokio::test]
async fn a_peer_that_takes_nothing_of_what_was_sent_is_given_up() {
    let (s, _) = house("deaf-quiet").await;
    let mut both = vec![];
    for transport in ["TCP", "TLS"] {
        let mut deaf = Deaf::connect(&s, transport).await;
        assert!(deaf.asks(16_000).await);
        both.push(deaf);
    }
    for deaf in both {
        deaf.is_closed().await;
    }
}

/// Most memory that the server has held so far, in octets.
fn peak(s: &Scene) -> u64 {
    let all = std::fs::read_to_string(format!("/proc/{}/status", s.server.pid())).unwrap();
    let line = all.lines().find_map(|l| l.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
}

/// Each asks for 10 MB of answers, in as few messages as it can.
#[tokio::test]
async fn what_waits_for_peers_that_do_not_read_is_bounded_in_octets() {
    const PEERS: usize = 12;
    const ASKED: usize = 250;
    const PADDING: usize = 45_000;
    let (s, healthy) = house("deaf-flood").await;
    answered(&healthy, s.server.sip, 0).await;
    let before = peak(&s);
    let mut all = vec![];
    for n in 1..=PEERS {
        let mut deaf = Deaf::connect(&s, "TCP").await;
        while deaf.asked < ASKED && deaf.asks(PADDING).await {}
        all.push(deaf);
        answered(&healthy, s.server.sip, n).await;
    }
    // They ask nothing more, and are closed all the same.
    for deaf in &all {
        deaf.is_closed().await;
    }
    let grown = peak(&s) - before;
    println!("{PEERS} peers that ask for {} octets: the server grew by {grown}", PEERS * ASKED * PADDING);
    assert!(grown < 48 << 20, "{grown} octets");
}
