//! SIGTERM with live calls: nothing new, what lives may finish, exit code 0.

use super::app::{App, Request, twiml};
use super::bank::{Bank, Manner};
use super::child::Place;
use crate::kit::registrar::{OnRegister, Registrar};
use crate::security::secrets;
use bytes::Bytes;
use chorus::sip::event::Side;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;

const LIMIT: Duration = Duration::from_secs(20);
const PASSWORD: &str = "Friend1of2the3registrar";

fn stays(ms: u64) -> Manner {
    Manner { answer: Duration::ZERO, refuse: None, stay: Duration::from_millis(ms), keys: "" }
}

/// A request by hand; the status code of its final answer.
async fn ask(server: SocketAddr, method: &str, user: &str) -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let me = socket.local_addr().unwrap();
    let request = format!(
        "{method} sip:{user}@{server} SIP/2.0\r\nVia: SIP/2.0/UDP {me};branch=z9hG4bK{}\r\nMax-Forwards: 70\r\n\
         From: <sip:+12125550001@{me}>;tag=x{user}\r\nTo: <sip:{user}@{server}>\r\nCall-ID: {method}-{}\r\nCSeq: 1 {method}\r\n\
         Contact: <sip:{me}>\r\nContent-Length: 0\r\n\r\n",
        me.port(),
        me.port(),
    );
    socket.send_to(request.as_bytes(), server).await.unwrap();
    let mut buffer = [0; 4_096];
    loop {
        let n = tokio::time::timeout(LIMIT, socket.recv(&mut buffer)).await.expect("an answer").unwrap();
        let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
        let code: u16 = text.split(' ').nth(1).unwrap().parse().unwrap();
        if code >= 200 {
            return code;
        }
    }
}

/// Without a call there is nothing else to wait for.
#[tokio::test(flavor = "multi_thread")]
async fn sigterm_waits_until_the_registrars_have_heard() {
    let place = Place::new("leave");
    let mut server = place.start().await;
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let host = socket.local_addr().unwrap().to_string();
    let registrar = Arc::new(Mutex::new(Registrar::new(OnRegister::Challenge(PASSWORD, 120))));
    let pbx = registrar.clone();
    let hears = tokio::spawn(async move {
        let mut buffer = vec![0; 4_096];
        while let Ok((n, from)) = socket.recv_from(&mut buffer).await {
            let answer = pbx.lock().unwrap().hear(&Bytes::copy_from_slice(&buffer[..n]));
            if let Some(Some(bytes)) = answer {
                socket.send_to(&bytes, from).await.unwrap();
            }
        }
    });
    secrets::plant(PASSWORD);
    let user = [("username", "chorus"), ("password", PASSWORD), ("outbound_host", &host)];
    server.sip_trunk("outbound_registration", &user).await;
    let bound = || registrar.lock().unwrap().contact.is_some();
    assert!(until(LIMIT, bound).await, "{}", place.log_text());
    server.signal(libc::SIGTERM);
    let status = tokio::time::timeout(LIMIT, server.wait()).await.expect("it ends");
    assert_eq!((status.code(), bound()), (Some(0), false), "{}", place.log_text());
    hears.abort();
    let _ = std::fs::remove_dir_all(&place.dir);
}

struct Scene {
    place: Place,
    server: super::child::Server,
    bank: Bank,
    app: Arc<App>,
}

async fn scene(name: &str, grace: &str) -> Scene {
    let mut place = Place::new(name);
    place.extra.push(("CHORUS_DRAIN_S", grace.to_owned()));
    let app = App::start(|_| twiml("<Say>Hello.</Say><Pause length=\"60\"/>")).await;
    let server = place.start().await;
    let bank = Bank::start(place.sip, 4, |_| stays(60_000)).await;
    server.trunk(bank.address, &[]).await;
    let (url, status) = (app.url("/voice"), app.url("/status"));
    server.number("+15550000001", &[("VoiceUrl", &url), ("StatusCallback", &status)]).await;
    Scene { place, server, bank, app }
}

async fn until(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let mut looks = tokio::time::interval(Duration::from_millis(20));
    let end = Instant::now() + limit;
    while !so() && Instant::now() < end {
        looks.tick().await;
    }
    so()
}

/// Asks until the signal has arrived.
async fn until_503(server: SocketAddr) -> bool {
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        if ask(server, "OPTIONS", "+15550000001").await == 503 {
            return true;
        }
    }
    false
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_refuses_new_calls_and_lets_live_ones_finish() {
    let mut s = scene("drain", "30").await;
    for i in 0..10 {
        s.bank.dial("+15550000001", &format!("+1212000{i:04}"), "pause", stays(3_000));
    }
    let answered = || s.bank.book.lock().unwrap().legs.values().filter(|l| l.answered.is_some()).count();
    assert!(until(LIMIT, || answered() == 10).await, "ten calls are up:\n{}", s.place.log_text());
    assert_eq!(ask(s.server.sip, "OPTIONS", "+15550000001").await, 200);
    s.server.signal(libc::SIGTERM);
    assert!(until_503(s.server.sip).await, "OPTIONS gets 503");
    assert_eq!(ask(s.server.sip, "INVITE", "+15550000001").await, 503, "a new call is refused");
    let status = tokio::time::timeout(LIMIT, s.server.wait()).await.expect("it ends when the last call ends");
    assert_eq!(status.code(), Some(0));
    for leg in s.bank.book.lock().unwrap().legs.values() {
        let (at, by, code) = leg.ended.expect("it ended");
        assert_eq!((by, code), (Side::Us, 200), "the phone hung up, not the server");
        assert!(at - leg.answered.unwrap() >= Duration::from_millis(2_900), "it could finish");
    }
    // What was not delivered when the process ended is delivered by the next one.
    let _again = s.place.start().await;
    let told = |seen: &[Request]| seen.iter().filter(|r| r.get("CallStatus") == "completed").count() >= 10;
    assert!(s.app.until(LIMIT, told).await, "each told its end");
    let _ = std::fs::remove_dir_all(&s.place.dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_hangs_up_after_the_grace_time() {
    let mut s = scene("grace", "1").await;
    s.bank.dial("+15550000001", "+12120000001", "pause", stays(60_000));
    let answered = || s.bank.book.lock().unwrap().legs.values().any(|l| l.answered.is_some());
    assert!(until(LIMIT, answered).await, "{}", s.place.log_text());
    s.server.signal(libc::SIGTERM);
    let status = tokio::time::timeout(LIMIT, s.server.wait()).await.expect("it ends after the grace time");
    assert_eq!(status.code(), Some(0));
    let ended = s.bank.book.lock().unwrap().legs.values().next().unwrap().ended;
    assert!(matches!(ended, Some((_, Side::Peer, _))), "it got BYE: {ended:?}");
    let told = |seen: &[Request]| seen.iter().any(|r| r.get("CallStatus") == "completed");
    assert!(s.app.until(Duration::ZERO, told).await, "the end was told before the process ended");
    let _ = std::fs::remove_dir_all(&s.place.dir);
}
