//! RTP from strangers: an attacker sprays the whole range of ports while a call is set up, in it and after it. By content: its tone is
//! in no recording and reached no agent, and no packet went out to it.

use crate::fault::app::{App, Reply, Request, twiml};
use crate::fault::bank::{Bank, Manner};
use crate::fault::child::Place;
use crate::fault::{agent, http};
use crate::media::audio;
use chorus::media::codec::g711::ulaw_from_pcm;
use chorus::media::rtp::Packet;
use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Outside of what other tests and the kernel give to anybody.
const PORTS: std::ops::RangeInclusive<u16> = 19_100..=19_199;
const NUMBER: &str = "+15550000001";
const LIMIT: Duration = Duration::from_secs(40);
/// The attacker's tone; the telephone says 400 Hz.
const TONE: f64 = 1_000.0;

struct Attacker {
    stop: Arc<AtomicBool>,
    /// Rounds over all ports.
    rounds: watch::Receiver<u64>,
    thread: std::thread::JoinHandle<usize>,
}

impl Attacker {
    /// From an address of its own, in bursts of so many coherent packets to each port every 20 ms.
    fn start(from: &'static str, burst: u32) -> Attacker {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let (count, rounds) = watch::channel(0);
        let thread = std::thread::spawn(move || {
            let socket = UdpSocket::bind((from, 0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            let tone: Vec<u8> = audio::sine(TONE, 20, 12_000.0).iter().map(|s| ulaw_from_pcm(*s)).collect();
            let (mut n, mut heard, mut bytes, mut next) = (0, 0, Vec::new(), Instant::now());
            while !stopped.load(Ordering::Relaxed) {
                for _ in 0..burst {
                    for port in PORTS {
                        bytes.clear();
                        let (seq, ts) = (n as u16, n * 160);
                        Packet { marker: false, pt: 0, seq, ts, ssrc: u32::from(port), payload: &tone }
                            .write(&mut bytes);
                        // A closed port says so; that is no answer.
                        let _ = socket.send_to(&bytes, ("127.0.0.1", port));
                        heard += std::iter::from_fn(|| socket.recv_from(&mut [0; 2_048]).ok()).count();
                    }
                    n += 1;
                }
                count.send_replace(u64::from(n));
                next += Duration::from_millis(20);
                std::thread::park_timeout(next.saturating_duration_since(Instant::now()));
            }
            heard
        });
        Attacker { stop, rounds, thread }
    }

    /// It goes on for so many rounds more.
    async fn goes_on(&mut self, rounds: u64) {
        let goal = *self.rounds.borrow() + rounds;
        self.rounds.wait_for(|n| *n >= goal).await.unwrap();
    }

    /// How many packets it got.
    fn stop(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

#[tokio::test]
async fn an_attacker_that_sprays_the_port_range_is_heard_by_nobody_and_hears_nothing() {
    let agent = agent::start();
    let url = format!("ws://{}", agent.address);
    let answer = move |r: &Request| -> Reply {
        match r.path.as_str() {
            "/voice" => twiml(format!(
                "<Start><Recording channels=\"dual\" recordingStatusCallback=\"/recording\"/></Start>\
                 <Connect><Stream url=\"{url}\"/></Connect>"
            )),
            _ => twiml(""),
        }
    };
    let mut place = Place::new("strangers");
    place.extra.push(("CHORUS_RTP_PORTS", format!("{}-{}", PORTS.start(), PORTS.end())));
    let app = App::start(answer).await;
    let server = place.start().await;
    let (voice, status) = (app.url("/voice"), app.url("/status"));
    server.number(NUMBER, &[("VoiceUrl", &voice), ("StatusCallback", &status)]).await;
    // At the pace of speech, and faster than any peer; from the peer's host, and from another one.
    let mut attackers = [Attacker::start("127.0.0.1", 1), Attacker::start("127.0.0.2", 5)];
    let manner = || Manner { answer: Duration::ZERO, refuse: None, stay: Duration::from_secs(5), keys: "" };
    let bank = Bank::start(server.sip, 5, move |_| manner()).await;
    server.trunk(bank.address, &[]).await;
    bank.dial(NUMBER, "+12125550077", "voice", manner());
    let over = |seen: &[Request]| seen.iter().any(|r| r.path == "/recording");
    assert!(app.until(LIMIT, over).await, "{:?}\n{}", app.seen(), place.log_text());
    let sid = app.seen().into_iter().find(|r| r.path == "/recording").unwrap().get("RecordingSid").to_owned();
    // After the call: the port that was its is still sprayed.
    let call = bank.book.lock().unwrap().legs.values().next().map(|s| s.received);
    attackers[0].goes_on(50).await;
    let heard: Vec<usize> = attackers.into_iter().map(Attacker::stop).collect();
    assert_eq!(heard, [0, 0], "no packet goes out to a stranger");
    let media = server.get(&format!("/Recordings/{sid}.wav")).await;
    assert_eq!(media.status, 200, "{}", media.text());
    let mut file = hound::WavReader::new(&media.body[..]).unwrap();
    let channels = usize::from(file.spec().channels);
    let all: Vec<i16> = file.samples::<i16>().map(Result::unwrap).collect();
    // What came in, and what the agent sent back of it.
    for channel in 0..channels {
        let samples: Vec<i16> = all.iter().skip(channel).step_by(channels).copied().collect();
        let (peer, stranger) = (audio::share(&samples, 400.0), audio::share(&samples, TONE));
        println!("{} samples: the peer's tone {peer:.3}, the stranger's {stranger:.6}", samples.len());
        assert!(samples.len() > 3 * 8_000 && peer > 0.5, "{} samples, {peer}", samples.len());
        assert!(stranger < 1e-4, "{stranger}");
    }
    assert!(call.is_some_and(|received| received > 100) && agent.media.load(Ordering::Relaxed) > 100);
    let metrics = http::ask(server.http, "GET", "/metrics", "", None).await.unwrap();
    let metrics = metrics.text();
    let dropped = metrics.lines().filter_map(|l| l.strip_prefix("chorus_rtp_dropped_total ")).next();
    let dropped: f64 = dropped.and_then(|n| n.trim().parse().ok()).unwrap_or_default();
    assert!(dropped > 500.0, "the attack found the call's port: {dropped} packets dropped");
}
