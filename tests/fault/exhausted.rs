//! Out of descriptors, out of ports: whoever comes then is refused, the calls that are up go on, and all is well again when there
//! is something to be had (issue 3, section 3).

use super::app::{App, twiml};
use super::callers::{Crowd, field};
use super::child::{ACCOUNT, Place, Server, TOKEN};
use super::http;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

const NUMBER: &str = "+15550000001";
const STAYS: &str = "+15550000002";
const HELD: usize = 2;
const LIMIT: Duration = Duration::from_secs(30);

/// An open connection to the REST API: a server without descriptors takes no new one.
struct Kept(TcpStream);

impl Kept {
    async fn open(server: &Server) -> Kept {
        let mut kept = Kept(TcpStream::connect(server.http).await.unwrap());
        // It was accepted, not only queued by the kernel.
        assert_eq!(kept.ask("GET", "/readyz", "").await.status, 200);
        kept
    }

    async fn ask(&mut self, method: &str, path: &str, body: &str) -> http::Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: chorus\r\n{}Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            http::basic(ACCOUNT, TOKEN),
            body.len()
        );
        self.0.write_all(head.as_bytes()).await.unwrap();
        let (head, body) = http::read(&mut self.0).await.unwrap();
        http::Answer { status: head.split(' ').nth(1).unwrap().parse().unwrap(), body }
    }
}

/// New descriptors get numbers below this.
fn limit(server: &Server, descriptors: Option<u64>) {
    let pid = server.pid() as i32;
    // SAFETY: both structures live on this stack; an all-zero one is a value of its type.
    unsafe {
        let mut now: libc::rlimit = std::mem::zeroed();
        assert_eq!(libc::prlimit(pid, libc::RLIMIT_NOFILE, std::ptr::null(), &raw mut now), 0);
        let next = libc::rlimit { rlim_cur: descriptors.unwrap_or(now.rlim_max), rlim_max: now.rlim_max };
        assert_eq!(libc::prlimit(pid, libc::RLIMIT_NOFILE, &raw const next, std::ptr::null_mut()), 0);
    }
}

/// User and system time so far.
fn busy(server: &Server) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split(' ').collect();
    let ticks: u64 = fields[12].parse::<u64>().unwrap() + fields[13].parse::<u64>().unwrap();
    // SAFETY: no preconditions.
    Duration::from_millis(ticks * 1_000 / unsafe { libc::sysconf(libc::_SC_CLK_TCK) } as u64)
}

async fn until(crowd: &mut Crowd, what: &str, so: impl Fn(&Crowd) -> bool) {
    let begun = Instant::now();
    while !so(crowd) {
        crowd.go_on().await;
        assert!(begun.elapsed() < LIMIT, "{what}: {:?}", crowd.seen);
    }
}

/// A server with calls that are up, and somebody whom it can call.
async fn house(place: &Place) -> (Server, Crowd, Arc<App>, UdpSocket) {
    let app = App::start(|request| match request.path.as_str() {
        "/stays" => twiml("<Say>Stay.</Say><Pause length=\"600\"/>"),
        _ => twiml("<Hangup/>"),
    });
    let app = app.await;
    let server = place.start().await;
    let callee = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    server.trunk(callee.local_addr().unwrap(), &[]).await;
    server.number(NUMBER, &[("VoiceUrl", &app.url("/hangup"))]).await;
    server.number(STAYS, &[("VoiceUrl", &app.url("/stays"))]).await;
    let mut crowd = Crowd::new(server.sip);
    for _ in 0..HELD {
        crowd.hold(STAYS);
    }
    until(&mut crowd, "calls are up", |c| c.held() == HELD).await;
    (server, crowd, app, callee)
}

/// Three callers, one after the other: each hears 503 and nothing else that is final.
async fn refused(crowd: &mut Crowd) {
    for _ in 0..3 {
        let before = crowd.seen.refused;
        crowd.dial();
        until(crowd, "refused", |c| c.seen.refused == before + 1 && c.in_flight() == 0).await;
    }
    assert!(crowd.seen.other.is_empty() && crowd.seen.served == 0, "{:?}", crowd.seen);
}

/// OPTIONS, and requests within the calls that are up: all answered, for so long.
async fn all_answered(crowd: &mut Crowd, time: Duration) {
    let begun = Instant::now();
    while begun.elapsed() < time {
        crowd.ask();
        until(crowd, "answered", Crowd::is_quiet).await;
    }
    assert_eq!((crowd.answered.len() as u64, &crowd.refused_asks), (crowd.asked, &vec![]));
    assert_eq!(crowd.held(), HELD, "a call that was up is gone");
}

fn form(url: &str) -> String {
    let to = [("To", "+15550009999"), ("From", NUMBER), ("Url", url)];
    serde_urlencoded::to_string(to).unwrap()
}

/// What became of a call that was created.
async fn end_of(server: &Server, made: &http::Answer) -> String {
    let sid = made.json()["sid"].as_str().unwrap().to_owned();
    let begun = Instant::now();
    loop {
        let call = server.get(&format!("/Calls/{sid}.json")).await.json();
        let status = call["status"].as_str().unwrap().to_owned();
        if status != "queued" && status != "initiated" {
            return status;
        }
        assert!(begun.elapsed() < LIMIT, "{call}");
        tokio::task::yield_now().await;
    }
}

async fn codes(server: &Server) -> Vec<String> {
    let notes = server.get("/Notifications.json").await.json();
    let notes = notes["notifications"].as_array().unwrap().clone();
    notes.iter().map(|n| n["error_code"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_descriptors_new_calls_are_refused_whole_and_those_that_are_up_go_on() {
    let place = Place::new("descriptors");
    let (server, mut crowd, app, callee) = house(&place).await;
    let mut rest = Kept::open(&server).await;
    limit(&server, Some(8));
    let path = format!("/2010-04-01/Accounts/{ACCOUNT}/Calls.json");
    // The first of all is taken: that there is no port shows only when one is wanted. It fails, and was never dialled.
    let made = rest.ask("POST", &path, &form(&app.url("/hangup"))).await;
    assert_eq!(made.status, 201, "{}", made.text());
    refused(&mut crowd).await;
    // Nobody lets these in, and nobody burns time over it.
    let mut sip = TcpStream::connect(server.sip).await.unwrap();
    let _web = TcpStream::connect(server.http).await.unwrap();
    let (before, begun) = (busy(&server), Instant::now());
    all_answered(&mut crowd, Duration::from_secs(2)).await;
    let (used, passed) = (busy(&server) - before, begun.elapsed());
    assert!(used < passed / 2, "{used:?} of processor time in {passed:?}");

    limit(&server, None);
    assert_eq!(end_of(&server, &made).await, "failed");
    assert!(codes(&server).await.contains(&"10004".to_owned()), "{:?}", codes(&server).await);
    let nothing = callee.try_recv_from(&mut [0; 16]).map(drop).map_err(|e| e.kind());
    assert_eq!(nothing, Err(std::io::ErrorKind::WouldBlock), "it was dialled all the same");
    // Who connected meanwhile is let in, who calls is served, who is called hears of it.
    let options = format!(
        "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bKtcp\r\nMax-Forwards: 70\r\nFrom: <sip:t@127.0.0.1>;tag=t\r\n\
         To: <sip:{0}>\r\nCall-ID: tcp\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
        server.sip
    );
    sip.write_all(options.as_bytes()).await.unwrap();
    let mut buffer = [0; 1_024];
    let read = tokio::time::timeout(LIMIT, sip.read(&mut buffer)).await.unwrap().unwrap();
    assert!(buffer[..read].starts_with(b"SIP/2.0 200"), "{}", String::from_utf8_lossy(&buffer[..read]));
    serves_again(&server, &mut crowd, &app, &callee).await;
}

/// One call in, one call out.
async fn serves_again(server: &Server, crowd: &mut Crowd, app: &App, callee: &UdpSocket) {
    let begun = Instant::now();
    // The last refusal still stands for a moment.
    while crowd.seen.served == 0 {
        crowd.dial();
        until(crowd, "over", |c| c.in_flight() == 0).await;
        assert!(begun.elapsed() < LIMIT, "{:?}", crowd.seen);
    }
    let url = app.url("/hangup");
    let made = server.post("/Calls.json", &[("To", "+15550009999"), ("From", NUMBER), ("Url", &url)]).await;
    assert_eq!(made.unwrap().status, 201);
    let mut buffer = [0; 4_096];
    let (read, _) = tokio::time::timeout(LIMIT, callee.recv_from(&mut buffer)).await.unwrap().unwrap();
    let invite = String::from_utf8_lossy(&buffer[..read]).into_owned();
    assert!(invite.starts_with("INVITE ") && !field(&invite, "Call-ID").is_empty(), "{invite}");
    all_answered(crowd, Duration::from_millis(1)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_ports_new_calls_are_refused_whole_and_those_that_are_up_go_on() {
    let mut place = Place::new("ports");
    // A pair for each call that is up, and none more.
    place.extra.push(("CHORUS_RTP_PORTS", format!("19020-{}", 19_020 + 2 * HELD - 1)));
    let (server, mut crowd, app, callee) = house(&place).await;
    let url = app.url("/hangup");
    let form = [("To", "+15550009999"), ("From", NUMBER), ("Url", url.as_str())];
    let made = server.post("/Calls.json", &form).await.unwrap();
    assert_eq!((made.status, end_of(&server, &made).await.as_str()), (201, "failed"));
    refused(&mut crowd).await;
    all_answered(&mut crowd, Duration::from_millis(500)).await;
    let codes = codes(&server).await;
    assert!(codes.contains(&"10004".to_owned()), "{codes:?}");
    assert!(callee.try_recv_from(&mut [0; 16]).is_err(), "it was dialled all the same");
}
