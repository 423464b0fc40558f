//! Junk on every port of the real server: every datagram counted, dropped, and a call goes on beside it (issue, section 7.6).

use super::house::{House, NUMBER, Phone, twiml, within};
use super::mutator::memory;
use crate::fault::app::{self, App};
use crate::fault::child::{Place, Server};
use crate::fault::http;
use chorus::rng::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const DATAGRAMS: usize = 200;
/// Sent before the server has read those before: far less than a socket's buffer holds.
const AT_ONCE: usize = 20;
/// Connections of strangers.
const STRANGERS: usize = 400;

fn junk(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0; 20 + rng.below(600) as usize];
    rng.fill(&mut bytes);
    // Neither a keep-alive nor a STUN-like accident.
    bytes[0] = 0xc3;
    bytes
}

/// What the kernel says of the UDP socket with this port on 127.0.0.1: octets that wait, datagrams that it dropped itself.
fn kernel(port: u16) -> (u64, u64) {
    let table = std::fs::read_to_string("/proc/net/udp").unwrap();
    let local = format!("0100007F:{port:04X}");
    let row: Vec<&str> = table
        .lines()
        .map(|l| l.split_whitespace().collect::<Vec<_>>())
        .find(|row| row[1] == local)
        .unwrap_or_else(|| panic!("nobody has port {port}"));
    let waiting = row[4].split_once(':').unwrap().1;
    (u64::from_str_radix(waiting, 16).unwrap(), row[12].parse().unwrap())
}

/// Sends so many datagrams no faster than the server reads them; none is lost on the way.
async fn pour(rng: &mut Rng, from: &UdpSocket, to: SocketAddr) {
    for _ in 0..DATAGRAMS / AT_ONCE {
        for _ in 0..AT_ONCE {
            from.send_to(&junk(rng), to).await.unwrap();
        }
        let read = async {
            while kernel(to.port()).0 > 0 {
                tokio::task::yield_now().await;
            }
        };
        within("the server to read its junk", read).await;
    }
    assert_eq!(kernel(to.port()).1, 0, "the kernel dropped none");
}

/// A server that is a process of its own, because the counters of several in one process add up.
struct Scene {
    place: Place,
    server: Server,
    app: Arc<App>,
}

impl Scene {
    async fn start(name: &str, document: &'static str) -> Scene {
        let place = Place::new(name);
        let app = App::start(move |r| match r.path.as_str() {
            "/voice" => app::twiml(document),
            _ => app::twiml("<Hangup/>"),
        })
        .await;
        let server = place.start().await;
        server.trunk("127.0.0.1:9".parse().unwrap(), &[]).await;
        server.number(NUMBER, &[("VoiceUrl", &app.url("/voice"))]).await;
        Scene { place, server, app }
    }

    async fn counted(&self, name: &str) -> usize {
        let text = http::ask(self.server.http, "GET", "/metrics", "", None).await.unwrap().text();
        let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0, |v| v.parse::<f64>().unwrap() as usize)
    }

    /// All were read: as soon as the figures are renewed, they say exactly so many.
    async fn all_counted(&self, name: &str, sent: usize) {
        let shown = async {
            while self.counted(name).await < sent {
                tokio::task::yield_now().await;
            }
        };
        within(name, shown).await;
        assert_eq!(self.counted(name).await, sent, "{name}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place.dir);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_the_sip_port_is_counted_and_dropped() {
    let scene = Scene::start("junk-sip", "<Hangup/>").await;
    let sip = scene.server.sip;
    let mut rng = Rng::from_number(76);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    pour(&mut rng, &socket, sip).await;
    scene.all_counted("chorus_sip_dropped_total", DATAGRAMS).await;
    let mut answer = [0; 100];
    assert!(socket.try_recv_from(&mut answer).is_err(), "junk was answered");

    // A stream of junk is cut off; the server does not wait for it to become a message.
    let mut stream = TcpStream::connect(sip).await.unwrap();
    let mut long = b"INVITE ".to_vec();
    long.extend(std::iter::repeat_n(b'x', 200_000));
    let _ = stream.write_all(&long).await;
    let mut rest = Vec::new();
    let _ = within("the stream to be cut off", stream.read_to_end(&mut rest)).await;

    let mut phone = Phone::new(sip).await;
    phone.dial().await;
    phone.ended().await;
}

/// Messages that are begun and never ended fill their connections' buffers; when these are gone the memory is the machine's again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_strangers_made_the_server_hold_is_given_back() {
    let scene = Scene::start("junk-half", "<Hangup/>").await;
    let half = [b"INVITE sip:x SIP/2.0\r\nX: ".as_slice(), &[b'a'; 46_000]].concat();
    let sent = (STRANGERS * half.len() / 1_024) as u64;
    let before = memory(&scene.server);
    let mut strangers = Vec::new();
    for _ in 0..STRANGERS {
        let mut stream = TcpStream::connect(scene.server.sip).await.unwrap();
        stream.write_all(&half).await.unwrap();
        strangers.push(stream);
    }
    let held = async {
        // It looks at what it holds once in a while.
        while memory(&scene.server) < before + sent
            || scene.counted("chorus_sip_connections").await < STRANGERS
        {
            tokio::task::yield_now().await;
        }
    };
    within("the server to hold what was sent", held).await;
    drop(strangers);
    let given_back = async {
        let mut crest = 0;
        while memory(&scene.server) + sent / 3 > crest {
            crest = crest.max(memory(&scene.server));
            tokio::task::yield_now().await;
        }
    };
    within("what was held to be given back", given_back).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_the_rtp_and_rtcp_ports_is_counted_and_dropped() {
    let document = "<Gather numDigits=\"3\" action=\"/done\"><Say>Hello, hello, hello.</Say><Pause length=\"30\"/></Gather>";
    let scene = Scene::start("junk-rtp", document).await;
    let mut phone = Phone::new(scene.server.sip).await;
    let rtp = phone.dial().await;
    phone.hears().await;
    // From now on the phone's own address is believed, and no other.
    phone.talk(rtp, 10).await;
    let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut rng = Rng::from_number(77);
    pour(&mut rng, &stranger, rtp).await;
    pour(&mut rng, &stranger, rtcp).await;
    pour(&mut rng, &phone.rtp, rtp).await;
    // Keys and words of a stranger are junk too, however well they are made.
    let mut other = Phone::new(scene.server.sip).await;
    let well_made = other.press(rtp, "999").await + other.talk(rtp, 10).await;
    scene.all_counted("chorus_rtp_dropped_total", 3 * DATAGRAMS + well_made).await;
    phone.press(rtp, "123").await;
    phone.ended().await;
    let digits: Vec<String> =
        scene.app.seen().iter().filter(|r| r.path == "/done").map(|r| r.get("Digits").to_owned()).collect();
    assert_eq!(digits, ["123"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_the_http_port_is_refused_and_changes_nothing() {
    let house = House::start(|_, _| twiml("<Hangup/>")).await;
    let mut rng = Rng::from_number(78);
    for _ in 0..30 {
        let mut stream = TcpStream::connect(house.server.http).await.unwrap();
        let _ = stream.write_all(&junk(&mut rng)).await;
        let _ = stream.shutdown().await;
        let mut rest = Vec::new();
        let _ = within("the answer to junk", stream.read_to_end(&mut rest)).await;
        let text = String::from_utf8_lossy(&rest);
        assert!(text.is_empty() || text.starts_with("HTTP/1.1 400"), "{text}");
    }
    // A client that resets in the middle of its request.
    for _ in 0..10 {
        let mut stream = TcpStream::connect(house.server.http).await.unwrap();
        let _ = stream
            .write_all(b"POST /2010-04-01/Accounts HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\nTo=")
            .await;
        socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }
    let before = house.metric("chorus_http_requests_total").await;
    let strangers = house.ask("GET", "/2010-04-01/Accounts.json", "AC1", "wrong", &[]).await;
    assert_eq!(strangers.status, 401);
    within("the request to be counted", async {
        while house.metric("chorus_http_requests_total").await < before + 1.0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let calls = house.api("GET", "/Calls.json", &[]).await;
    assert_eq!(calls.status, 200, "{}", calls.body);
    assert_eq!(calls.json()["calls"].as_array().unwrap().len(), 0);
    house.end().await;
}

/// Whoever sends junk does not fill the disk: the log says so a few times, then how often it kept silent.
#[test]
fn the_log_about_strangers_is_limited() {
    use chorus::call::cx::CallSettings;
    use chorus::clock::{Mono, Now, Wall};
    use chorus::sip::endpoint::EndpointConfig;
    use chorus::sip::event::{Flow, Transport};
    use chorus::switch::log::{LINES_MAX, WINDOW};
    use chorus::switch::{Input, Output, Switch};

    let settings = CallSettings {
        public_url: String::new(),
        node: "one".to_owned(),
        silent_after_s: 60,
        realm: String::new(),
        events: None,
        addresses: Vec::new(),
    };
    let mut switch = Switch::new(Rng::from_number(1), EndpointConfig::default(), settings, 1);
    let [remote, local] = [7, 1].map(|n| std::net::SocketAddr::from(([192, 0, 2, n], 5060)));
    let flow = Flow { transport: Transport::Udp, remote, local, conn: 0 };
    let mut lines = Vec::new();
    let mut send = |at: Mono, times: u64| {
        lines.clear();
        for _ in 0..times {
            let junk = bytes::Bytes::from_static(b"\xc3 is no method");
            switch.handle(Now { mono: at, wall: Wall(0) }, Input::Sip(flow, junk));
            while let Some(o) = switch.poll() {
                match o {
                    Output::Log(line) => lines.push(line),
                    other => panic!("junk made {other:?}"),
                }
            }
        }
        (lines.clone(), switch.refusals().dropped)
    };
    let start = Mono(1);
    let (said, dropped) = send(start, 1_000);
    assert_eq!((said.len() as u64, dropped), (LINES_MAX, 1_000));
    assert!(said[0].contains("192.0.2.7") && said[0].contains("There is no trunk yet"), "{}", said[0]);
    let (said, dropped) = send(start + WINDOW, 1);
    assert_eq!((said.len(), dropped), (1, 1_001));
    assert!(said[0].contains("(980 more like it were not logged)"), "{}", said[0]);
}
