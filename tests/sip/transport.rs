//! The sockets, on real loopback: whole calls over UDP and TCP, and peers that misbehave on a stream.

use super::peer::{Req, SDP, response};
use bytes::Bytes;
use chorus::clock::{Mono, Now, Wall};
use chorus::rng::Rng;
use chorus::sip::event::{
    Cause, Flow, InviteCmd, LegId, Lookup, ResolveId, SipCmd, SipEvent, SipOut, Transport as Kind,
};
use chorus::sip::flow::named;
use chorus::sip::transport::keepalive::Pace;
use chorus::sip::transport::resolve::{Target, order};
use chorus::sip::transport::{Config, Inbound, Transport};
use chorus::sip::wire::{Frame, Framer, Verdict, read_datagram};
use chorus::sip::{Endpoint, EndpointConfig};
use chorus::store::rows::TrunkRow;
use chorus::trunk::Snapshot;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Phone {
    pub endpoint: Endpoint,
    pub transport: Transport,
    inbox: mpsc::Receiver<Inbound>,
    started: Instant,
    pub events: Vec<SipEvent>,
}

impl Phone {
    async fn new(seed: u64) -> Phone {
        let trunk = super::net::trunk(1, &["127.0.0.0/8"]);
        Phone::with(seed, Config::new(([127, 0, 0, 1], 0).into()), vec![trunk]).await
    }

    pub async fn with(seed: u64, config: Config, trunks: Vec<TrunkRow>) -> Phone {
        let (to, inbox) = mpsc::channel(1_024);
        let transport = Transport::start(config, Rng::from_number(seed), to).await.unwrap();
        let endpoint = Endpoint::new(Rng::from_number(seed), EndpointConfig::default());
        let mut phone = Phone::of(endpoint, transport, inbox);
        phone.trunks(trunks);
        phone
    }

    pub fn trunks(&mut self, trunks: Vec<TrunkRow>) {
        for news in self.transport.set_trunks(&trunks) {
            let now = self.now();
            news.give(&mut self.endpoint, now);
        }
        self.flush();
        self.endpoint.set_sources(Now::default(), Arc::new(Snapshot::new(trunks, vec![])));
    }

    fn of(endpoint: Endpoint, transport: Transport, inbox: mpsc::Receiver<Inbound>) -> Phone {
        Phone { endpoint, transport, inbox, started: Instant::now(), events: vec![] }
    }

    fn address(&self) -> SocketAddr {
        self.transport.local_addr()
    }

    fn now(&self) -> Now {
        Now { mono: Mono(self.started.elapsed().as_micros() as u64), wall: Wall(0) }
    }

    pub fn tell(&mut self, cmd: SipCmd) {
        let now = self.now();
        self.endpoint.command(now, cmd);
        self.flush();
    }

    fn flush(&mut self) {
        while let Some(out) = self.endpoint.poll() {
            match out {
                SipOut::Send(flow, bytes) => self.transport.send(flow, bytes),
                SipOut::Resolve(id, lookup) => self.transport.resolve(id, lookup),
                SipOut::Event(event) => self.events.push(event),
            }
        }
    }

    /// One input: something arrived, or a deadline.
    pub async fn step(&mut self) {
        let wait = self.endpoint.poll_timeout().map(|at| Duration::from_micros(at.0));
        let deadline = wait.map_or(self.started + PATIENCE, |d| self.started + d);
        let arrived = tokio::time::timeout_at(deadline.into(), self.inbox.recv()).await;
        let now = self.now();
        match arrived {
            Ok(Some(x)) => x.give(&mut self.endpoint, now),
            Ok(None) => panic!("the transport is gone"),
            Err(_) => self.endpoint.on_time(now),
        }
        self.flush();
    }

    pub fn take(&mut self, want: impl Fn(&SipEvent) -> bool) -> Option<SipEvent> {
        let at = self.events.iter().position(want)?;
        Some(self.events.remove(at))
    }
}

/// Both phones run until the first one has seen what is wanted.
pub async fn until(a: &mut Phone, b: &mut Phone, want: impl Fn(&SipEvent) -> bool) -> SipEvent {
    timeout(PATIENCE, async {
        loop {
            if let Some(event) = a.take(&want) {
                return event;
            }
            tokio::select! {
                () = a.step() => {}
                () = b.step() => {}
            }
        }
    })
    .await
    .expect("the event in time")
}

pub fn run<F: Future<Output = ()>>(test: F) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

pub fn dial(uri: String, offer: Bytes) -> SipCmd {
    SipCmd::Invite(Box::new(InviteCmd {
        leg: LegId(2),
        call_id: "loop@127.0.0.1".into(),
        local_tag: "mine".into(),
        uri: uri.clone(),
        next_hop: None,
        from: "<sip:alice@LOCAL>".into(),
        to: format!("<{uri}>"),
        max_forwards: 70,
        offer,
        headers: vec![],
        credentials: None,
        ..InviteCmd::default()
    }))
}

async fn whole_call(parameter: &str, kind: Kind, offer: Bytes) {
    whole_call_at([127, 0, 0, 1].into(), parameter, kind, offer).await;
}

async fn whole_call_at(ip: IpAddr, parameter: &str, kind: Kind, offer: Bytes) {
    let rows = || vec![super::net::trunk(1, &["127.0.0.0/8", "::1"])];
    let config = || Config::new((ip, 0).into());
    let (mut a, mut b) = (Phone::with(1, config(), rows()).await, Phone::with(2, config(), rows()).await);
    let uri = format!("sip:bob@{}{parameter}", b.address());
    a.tell(dial(uri, offer.clone()));
    let incoming = until(&mut b, &mut a, |e| matches!(e, SipEvent::Incoming { .. })).await;
    let SipEvent::Incoming { leg, invite, .. } = incoming else { unreachable!() };
    // It says our address on this flow.
    let seen_at = format!("{} {ip}", if ip.is_ipv6() { "IP6" } else { "IP4" });
    let offer = String::from_utf8(offer.to_vec()).unwrap().replace("IP4 10.0.0.2", &seen_at);
    assert_eq!((invite.flow.transport, invite.offer), (kind, Some(offer.into())));
    b.tell(SipCmd::Ring { leg, body: None });
    until(&mut a, &mut b, |e| matches!(e, SipEvent::Progress { code: 180, .. })).await;
    b.tell(SipCmd::Answer { leg, body: SDP.into(), headers: vec![] });
    until(&mut a, &mut b, |e| matches!(e, SipEvent::Answered { .. })).await;
    until(&mut b, &mut a, |e| matches!(e, SipEvent::Confirmed { .. })).await;
    // The callee hangs up: on a stream its BYE must take the connection that the caller made.
    b.tell(SipCmd::Hangup { leg, cause: Cause::new(200, "Done"), headers: vec![] });
    until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
    until(&mut b, &mut a, |e| matches!(e, SipEvent::Ended { .. })).await;
    let connections = if kind == Kind::Tcp { 1 } else { 0 };
    assert_eq!((a.transport.connections(), b.transport.connections()), (connections, connections));
}

#[test]
fn a_call_over_udp() {
    run(whole_call("", Kind::Udp, SDP.into()));
}

#[test]
fn a_call_over_tcp_with_a_body_that_no_datagram_holds() {
    let offer = format!("{SDP}{}", "a=x-filler:0123456789\r\n".repeat(1_500));
    run(whole_call(";transport=tcp", Kind::Tcp, offer.into()));
}

#[test]
fn calls_over_ipv6() {
    run(async {
        let ip = Ipv6Addr::LOCALHOST.into();
        whole_call_at(ip, "", Kind::Udp, SDP.into()).await;
        whole_call_at(ip, ";transport=tcp", Kind::Tcp, SDP.into()).await;
    });
}

#[test]
fn a_refused_connection_fails_the_call_at_once() {
    run(async {
        let (mut a, mut b) = (Phone::new(1).await, Phone::new(2).await);
        let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let started = Instant::now();
        a.tell(dial(format!("sip:x@{free};transport=tcp"), SDP.into()));
        let ended = until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
        let SipEvent::Ended { cause, .. } = ended else { unreachable!() };
        assert_eq!(cause.code, 503);
        assert!(started.elapsed() < PATIENCE);
        assert_eq!(a.transport.connections(), 0);
    });
}

#[test]
fn a_datagram_that_comes_back_fails_the_call_at_once_and_harms_no_other() {
    run(async {
        let (mut a, mut b) = (Phone::new(1).await, Phone::new(2).await);
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        a.tell(dial(format!("sip:x@{free}"), SDP.into()));
        let ended = until(&mut a, &mut b, |e| matches!(e, SipEvent::Ended { .. })).await;
        let SipEvent::Ended { cause, .. } = ended else { unreachable!() };
        // 503 by RFC 3261 section 8.1.3.1; after Timer B it would be 408.
        assert_eq!(cause.code, 503);
        let to = |remote| Flow { transport: Kind::Udp, remote, local: a.address(), conn: 0 };
        for _ in 0..100 {
            a.transport.send(to(free), "nobody reads this".into());
            a.transport.send(to(b.address()), "the kernel may blame this one".into());
        }
        for _ in 0..100 {
            let read = timeout(PATIENCE, b.inbox.recv()).await;
            assert!(matches!(read, Ok(Some(Inbound::Bytes(..)))), "{read:?}");
        }
    });
}

/// Reads one message from a stream.
async fn read(stream: &mut TcpStream, framer: &mut Framer) -> Option<Frame> {
    let mut buffer = [0; 4_096];
    loop {
        if let Some(frame) = framer.next() {
            return Some(frame);
        }
        let n = timeout(PATIENCE, stream.read(&mut buffer)).await.expect("an answer in time").unwrap_or(0);
        if n == 0 {
            return None;
        }
        framer.push(&buffer[..n]);
    }
}

fn code(frame: Option<Frame>) -> u16 {
    let Some(Frame::Message(bytes)) = frame else { panic!("no message: {frame:?}") };
    // The answer to a message without end may be unreadable itself.
    let line = String::from_utf8_lossy(&bytes[..12]).into_owned();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// A phone that runs by itself, and its address.
async fn serve() -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let mut phone = Phone::new(3).await;
    let address = phone.address();
    let task = tokio::spawn(async move {
        loop {
            phone.step().await;
        }
    });
    (address, task)
}

fn options(n: usize) -> String {
    let id = format!("o{n}");
    Req::new("OPTIONS").call_id(&id).branch(&id).text()
}

#[test]
fn a_stream_is_cut_into_messages_wherever_the_segments_end() {
    run(async {
        let (address, task) = serve().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let mut framer = Framer::default();
        for byte in options(0).bytes() {
            stream.write_all(&[byte]).await.unwrap();
        }
        assert_eq!(code(read(&mut stream, &mut framer).await), 200);
        let three = [options(1), options(2), options(3)].concat();
        stream.write_all(three.as_bytes()).await.unwrap();
        for _ in 0..3 {
            assert_eq!(code(read(&mut stream, &mut framer).await), 200);
        }
        stream.write_all(b"\r\n\r\n").await.unwrap();
        assert_eq!(read(&mut stream, &mut framer).await, Some(Frame::Pong));
        task.abort();
    });
}

/// RFC 5626 section 4.4.1, as the one that connected. The pace is another one; what is waited for is what happens.
#[test]
fn a_connection_of_ours_is_pinged_and_given_up_when_the_pings_are_answered_no_longer() {
    run(async {
        let pace = Pace { every: Duration::from_millis(200), within: Duration::from_millis(100) };
        let config = Config { pace, ..Config::new(([127, 0, 0, 1], 0).into()) };
        let mut a = Phone::with(1, config, vec![super::net::trunk(1, &["127.0.0.0/8"])]).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        a.tell(dial(format!("sip:x@{};transport=tcp", listener.local_addr().unwrap()), SDP.into()));
        let peer = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut framer = Framer::default();
            assert!(matches!(read(&mut stream, &mut framer).await, Some(Frame::Message(_))), "the INVITE");
            // Nobody knows yet that this one answers: its silence says nothing.
            for _ in 0..3 {
                assert_eq!(read(&mut stream, &mut framer).await, Some(Frame::Ping));
            }
            stream.write_all(b"\r\n").await.unwrap();
            let mut more = 0;
            while let Some(frame) = read(&mut stream, &mut framer).await {
                assert_eq!(frame, Frame::Ping);
                more += 1;
            }
            assert!(more > 0, "the one that was not answered, and those that crossed the answer");
        };
        let ended = async {
            loop {
                if let Some(SipEvent::Ended { cause, .. }) = a.take(|e| matches!(e, SipEvent::Ended { .. })) {
                    return cause;
                }
                a.step().await;
            }
        };
        let (cause, ()) = timeout(PATIENCE, async { tokio::join!(ended, peer) }).await.expect("the end");
        assert_eq!((cause.code, a.transport.connections()), (503, 0), "what was under way is told at once");
    });
}

#[test]
fn a_stream_without_frames_is_answered_and_closed_and_others_go_on() {
    run(async {
        let (address, task) = serve().await;
        let mut good = TcpStream::connect(address).await.unwrap();
        let mut bad = TcpStream::connect(address).await.unwrap();
        let text = options(1).replace("Content-Length: 0", "Content-Length: -999");
        bad.write_all(text.as_bytes()).await.unwrap();
        let mut framer = Framer::default();
        assert_eq!(code(read(&mut bad, &mut framer).await), 400);
        assert_eq!(read(&mut bad, &mut framer).await, None, "closed");
        // Too long is said by the head alone.
        let mut long = TcpStream::connect(address).await.unwrap();
        let text = options(3).replace("Content-Length: 0", "Content-Length: 1000000");
        long.write_all(text.as_bytes()).await.unwrap();
        let mut framer = Framer::default();
        assert_eq!(code(read(&mut long, &mut framer).await), 513);
        assert_eq!(read(&mut long, &mut framer).await, None, "closed");
        let mut junk = TcpStream::connect(address).await.unwrap();
        let _ = junk.write_all(&[b'x'; 200_000]).await;
        assert_eq!(read(&mut junk, &mut Framer::default()).await, None, "closed");
        good.write_all(options(2).as_bytes()).await.unwrap();
        assert_eq!(code(read(&mut good, &mut Framer::default()).await), 200);
        task.abort();
    });
}

#[test]
fn a_peer_that_stops_reading_is_cut_off_and_freezes_nobody() {
    run(async {
        let (to, mut inbox) = mpsc::channel(64);
        let config = Config::new(([127, 0, 0, 1], 0).into());
        let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
        let deaf = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let flow = Flow {
            transport: Kind::Tcp,
            remote: deaf.local_addr().unwrap(),
            local: transport.local_addr(),
            conn: 0,
        };
        let big = Bytes::from(vec![b'x'; 60_000]);
        let (_held, _) = tokio::join!(async { deaf.accept().await.unwrap() }, async {
            transport.send(flow, big.clone());
        });
        let lost = timeout(PATIENCE, async {
            loop {
                transport.send(flow, big.clone());
                tokio::task::yield_now().await;
                if let Ok(Inbound::Lost(lost)) = inbox.try_recv() {
                    return lost;
                }
            }
        });
        assert_eq!(lost.await.unwrap().remote, flow.remote);
    });
}

async fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    timeout(PATIENCE, socket.connect(to)).await.expect("a connection").unwrap()
}

/// A stranger that holds every place open keeps nobody out: its connections leave for whoever comes, those of peers stay.
#[test]
fn strangers_make_room_for_whoever_comes() {
    run(async {
        let config = Config { connections_max: 3, ..Config::new(([127, 0, 0, 1], 0).into()) };
        let trunk = super::net::trunk(1, &["127.0.0.2"]);
        let mut phone = Phone::with(4, config, vec![trunk]).await;
        let address = phone.address();
        let task = tokio::spawn(async move {
            loop {
                phone.step().await;
            }
        });
        let stranger = || connect([127, 0, 0, 3], address);
        let mut strangers = Vec::new();
        for n in 0..3 {
            strangers.push(stranger().await);
            // To say something is not to be known.
            strangers[n].write_all(options(n).as_bytes()).await.unwrap();
        }
        let mut peer = connect([127, 0, 0, 2], address).await;
        let mut framer = Framer::default();
        for n in 10..20 {
            peer.write_all(options(n).as_bytes()).await.unwrap();
            assert_eq!(code(read(&mut peer, &mut framer).await), 200);
            strangers.push(stranger().await);
        }
        for stranger in &mut strangers[..9] {
            assert_eq!(read(stranger, &mut Framer::default()).await, None, "it made room");
        }
        // Where all are peers, the one that comes has to go.
        for n in 20..22 {
            let mut other = connect([127, 0, 0, 2], address).await;
            other.write_all(options(n).as_bytes()).await.unwrap();
            assert_eq!(code(read(&mut other, &mut Framer::default()).await), 200);
            strangers.push(other);
        }
        assert_eq!(read(&mut stranger().await, &mut Framer::default()).await, None);
        peer.write_all(options(30).as_bytes()).await.unwrap();
        assert_eq!(code(read(&mut peer, &mut framer).await), 200);
        task.abort();
    });
}

#[test]
fn a_datagram_of_junk_is_dropped_and_the_next_one_answered() {
    run(async {
        let (address, task) = serve().await;
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        for junk in [&b"\xff\x00junk"[..], b"", b"\r\n\r\n", &[b'A'; 60_000]] {
            socket.send_to(junk, address).await.unwrap();
        }
        socket.send_to(options(1).as_bytes(), address).await.unwrap();
        let mut buffer = [0; 4_096];
        let (n, from) = timeout(PATIENCE, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(from, address);
        let Verdict::Message(answer) = read_datagram(&Bytes::copy_from_slice(&buffer[..n])) else { panic!() };
        assert_eq!(answer.code(), Some(200));
        assert_eq!(answer.via().unwrap().rport(), Some(socket.local_addr().unwrap().port()));
        // Somebody else's response changes nothing.
        let text = response(&request(), 200, "", "x", "");
        socket.send_to(text.as_bytes(), address).await.unwrap();
        socket.send_to(options(2).as_bytes(), address).await.unwrap();
        timeout(PATIENCE, socket.recv_from(&mut buffer)).await.unwrap().unwrap();
        task.abort();
    });
}

fn request() -> chorus::sip::wire::Message {
    match read_datagram(&Bytes::from(Req::new("INVITE").text())) {
        Verdict::Message(m) => m,
        other => panic!("{other:?}"),
    }
}

#[test]
fn next_hops_become_flows() {
    run(async {
        let (to, mut inbox) = mpsc::channel(64);
        let config =
            Config { external: Some([203, 0, 113, 9].into()), ..Config::new(([0, 0, 0, 0], 0).into()) };
        let transport = Transport::start(config, Rng::from_number(1), to).await.unwrap();
        let port = transport.local_addr().port();
        type Found<'a> = Option<(&'a str, Kind, &'a str)>;
        let cases: [(&str, Option<u16>, Option<Kind>, Found); 5] = [
            ("127.0.0.1", None, None, Some(("127.0.0.1:5060", Kind::Udp, "127.0.0.1"))),
            ("localhost", Some(5070), Some(Kind::Tcp), Some(("127.0.0.1:5070", Kind::Tcp, "127.0.0.1"))),
            ("192.0.2.4", Some(5080), None, Some(("192.0.2.4:5080", Kind::Udp, "203.0.113.9"))),
            ("192.0.2.4", None, Some(Kind::Tls), Some(("192.0.2.4:5061", Kind::Tls, "203.0.113.9"))),
            ("[::1]", None, None, None),
        ];
        for (n, (host, to_port, kind, want)) in cases.into_iter().enumerate() {
            let hop = Lookup { host: host.into(), port: to_port, transport: kind, trunk: None };
            transport.resolve(ResolveId(n as u64), hop);
            let found = timeout(PATIENCE, inbox.recv()).await.unwrap().unwrap();
            let Inbound::Resolved(id, flows) = found else { panic!() };
            assert_eq!(id, ResolveId(n as u64));
            let want = want.map(|(remote, transport, local)| Flow {
                transport,
                remote: remote.parse().unwrap(),
                local: SocketAddr::new(local.parse().unwrap(), port),
                conn: if transport == Kind::Tls { named(None, host) } else { 0 },
            });
            assert_eq!(flows, want.into_iter().collect::<Vec<_>>(), "{host}");
        }
    });
}

#[test]
fn srv_targets_are_ordered_by_priority_and_drawn_by_weight() {
    let target = |priority, weight, host: &str| Target { priority, weight, port: 5060, host: host.into() };
    let all =
        vec![target(20, 1, "last"), target(10, 90, "heavy"), target(10, 10, "light"), target(10, 0, "zero")];
    let mut first = std::collections::BTreeMap::<String, u32>::new();
    let mut rng = Rng::from_number(5);
    for _ in 0..2_000 {
        let ordered = order(all.clone(), &mut rng);
        assert_eq!(ordered.len(), 4);
        assert_eq!(ordered[3].host, "last");
        *first.entry(ordered[0].host.clone()).or_default() += 1;
    }
    assert!((1_650..1_900).contains(&first["heavy"]), "{first:?}");
    assert!((120..320).contains(&first["light"]), "{first:?}");
    assert!(first.get("zero").is_some_and(|n| (1..80).contains(n)), "{first:?}");
}
