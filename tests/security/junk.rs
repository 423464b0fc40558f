//! Junk on every port of the real server: counted, dropped, and a call goes on beside it (issue, section 7.6).

use super::house::{House, Phone, twiml, within};
use chorus::rng::Rng;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const DATAGRAMS: usize = 200;

fn junk(rng: &mut Rng) -> Vec<u8> {
    let mut bytes = vec![0; 20 + rng.below(600) as usize];
    rng.fill(&mut bytes);
    // Neither a keep-alive nor a STUN-like accident.
    bytes[0] = 0xc3;
    bytes
}

/// Waits until a counter has grown by so much.
async fn grows(house: &House, name: &str, before: f64, by: f64) {
    within(name, async {
        while house.metric(name).await < before + by {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_the_sip_port_is_counted_and_dropped() {
    let house = House::start(|_, _| twiml("<Hangup/>")).await;
    house.trunk(serde_json::json!({})).await;
    house.number(&[("VoiceUrl", &house.app.url("/voice"))]).await;
    let before = house.metric("chorus_sip_dropped_total").await;
    let mut rng = Rng::from_number(76);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..DATAGRAMS {
        socket.send_to(&junk(&mut rng), house.server.sip).await.unwrap();
    }
    grows(&house, "chorus_sip_dropped_total", before, DATAGRAMS as f64 * 0.9).await;
    let mut answer = [0; 100];
    assert!(socket.try_recv_from(&mut answer).is_err(), "junk was answered");

    // A stream of junk is cut off; the server does not wait for it to become a message.
    let mut stream = TcpStream::connect(house.server.sip).await.unwrap();
    let mut long = b"INVITE ".to_vec();
    long.extend(std::iter::repeat_n(b'x', 200_000));
    let _ = stream.write_all(&long).await;
    let mut rest = Vec::new();
    let _ = within("the stream to be cut off", stream.read_to_end(&mut rest)).await;

    let mut phone = Phone::new(house.server.sip).await;
    phone.dial().await;
    phone.ended().await;
    house.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn junk_on_the_rtp_and_rtcp_ports_is_counted_and_dropped() {
    let house = House::start(|_, seen| match seen.target.as_str() {
        "/voice" => twiml("<Gather numDigits=\"3\" action=\"/done\"><Say>Hello, hello, hello.</Say><Pause length=\"30\"/></Gather>"),
        _ => twiml("<Hangup/>"),
    })
    .await;
    house.trunk(serde_json::json!({})).await;
    house.number(&[("VoiceUrl", &house.app.url("/voice"))]).await;
    let before = house.metric("chorus_rtp_dropped_total").await;
    let mut phone = Phone::new(house.server.sip).await;
    let rtp = phone.dial().await;
    phone.hears().await;
    let rtcp = std::net::SocketAddr::new(rtp.ip(), rtp.port() + 1);
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut rng = Rng::from_number(77);
    for _ in 0..DATAGRAMS {
        let bytes = junk(&mut rng);
        stranger.send_to(&bytes, rtp).await.unwrap();
        stranger.send_to(&bytes, rtcp).await.unwrap();
        phone.rtp.send_to(&bytes, rtp).await.unwrap();
    }
    // Keys of a stranger are junk too, however well they are made.
    let mut other = Phone::new(house.server.sip).await;
    other.press(rtp, "999").await;
    grows(&house, "chorus_rtp_dropped_total", before, DATAGRAMS as f64 * 2.0).await;
    phone.press(rtp, "123").await;
    phone.ended().await;
    let digits = house.app.seen().into_iter().filter(|s| s.target == "/done").flat_map(|s| s.form());
    let digits: Vec<String> = digits.filter(|(n, _)| n == "Digits").map(|(_, v)| v).collect();
    assert_eq!(digits, ["123"]);
    house.end().await;
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
    grows(&house, "chorus_http_requests_total", before, 1.0).await;
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

    let settings = CallSettings { public_url: String::new(), node: "one".to_owned(), silent_after_s: 60 };
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
