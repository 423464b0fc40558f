//! The load of the kill test: ten calls a second, each doing another verb, and the application that they meet.

use super::app::{App, Reply, Request, twiml};
use super::bank::{Bank, Manner};
use super::book::Created;
use super::child::{Place, Server, post};
use super::{agent, wave};
use chorus::rng::Rng;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What inbound calls do, each with a number of its own.
pub const VERBS: &[&str] =
    &["say", "play", "pause", "gather", "record", "dial", "stream", "redirect", "dialrecord", "reject"];
/// The longest recording of a Record.
pub const RECORDED_MAX: Duration = Duration::from_secs(4);
/// Calls a second.
const RATE: u64 = 10;
/// One of so many calls is made by REST.
const BY_API: u64 = 4;
/// One of so many callbacks is answered late, so that kills fall between a callback and its answer.
const LATE: u64 = 4;

pub struct World {
    pub app: Arc<App>,
    pub bank: Bank,
    /// Media messages that the agent got.
    pub agent: Arc<AtomicU64>,
    rng: Rng,
    next: u64,
    http: SocketAddr,
}

fn number(verb: &str) -> String {
    let at = VERBS.iter().position(|v| *v == verb).unwrap();
    format!("+1555000{at:04}")
}

/// The number that a Dial of the call from `from` calls: as unique as the call.
pub fn child(from: &str) -> String {
    from.replacen("+1212", "+1646", 1)
}

fn answer(request: &Request, agent: SocketAddr, late: &AtomicU64) -> Reply {
    let path = request.path.as_str();
    match path {
        "/tone.wav" => (Duration::ZERO, "audio/wav", wave::tone(2_000)),
        "/say" => twiml(
            "<Say>Hello. This call says something for a while, and then it is over.</Say><Say>Really.</Say>",
        ),
        "/play" => twiml("<Play loop=\"2\">/tone.wav</Play>"),
        "/pause" => twiml("<Pause length=\"1\"/><Say>One.</Say><Pause length=\"1\"/>"),
        "/gather" => twiml(
            "<Gather numDigits=\"2\" timeout=\"2\" action=\"/done\"><Say>Press two keys, whatever they are.</Say></Gather>",
        ),
        // Twilio's default event is `completed` alone.
        "/record" => twiml(format!(
            "<Record maxLength=\"{}\" timeout=\"0\" playBeep=\"false\" trim=\"do-not-trim\" action=\"/done\" \
             recordingStatusCallback=\"/recording\"/>",
            RECORDED_MAX.as_secs()
        )),
        "/dial" | "/dialrecord" => {
            let record = match path {
                "/dial" => "",
                _ => {
                    " record=\"record-from-answer-dual\" recordingStatusCallback=\"/recording\" \
                     recordingStatusCallbackEvent=\"in-progress completed absent\""
                }
            };
            twiml(format!(
                "<Dial timeout=\"20\" action=\"/done\"{record}><Number statusCallback=\"/child\" \
                 statusCallbackEvent=\"initiated ringing answered completed\">{}</Number></Dial>",
                child(request.get("From"))
            ))
        }
        "/stream" => twiml(format!("<Connect><Stream url=\"ws://{agent}/\"/></Connect>")),
        "/redirect" => twiml("<Redirect>/play</Redirect>"),
        "/reject" => twiml("<Reject reason=\"busy\"/>"),
        "/done" => twiml("<Hangup/>"),
        _ => {
            let wait = if late.fetch_add(1, Ordering::Relaxed).is_multiple_of(LATE) { 250 } else { 0 };
            (Duration::from_millis(wait), "text/plain", vec![])
        }
    }
}

fn manner(rng: &mut Rng) -> Manner {
    let refuse = (rng.below(8) == 0).then_some(486);
    let answer = Duration::from_millis(50 + rng.below(900));
    Manner { answer, refuse, stay: Duration::from_millis(800 + rng.below(2_500)), keys: "" }
}

impl World {
    pub async fn new(place: &Place, seed: u64) -> World {
        let agent::Agent { address, media } = agent::start();
        let late = AtomicU64::new(1);
        let app = App::start(move |r| answer(r, address, &late)).await;
        let bank = Bank::start(place.sip, seed, manner).await;
        World { app, bank, agent: media, rng: Rng::from_number(seed), next: 0, http: place.http }
    }

    /// The trunk and a number for each verb.
    pub async fn furnish(&self, server: &Server) {
        server.trunk(self.bank.address, &[]).await;
        for verb in VERBS {
            let (url, status) = (self.app.url(&format!("/{verb}")), self.app.url("/status"));
            server.number(&number(verb), &[("VoiceUrl", &url), ("StatusCallback", &status)]).await;
        }
    }

    /// Calls come for so long.
    pub async fn load(&mut self, time: Duration) {
        let mut ticks = tokio::time::interval(Duration::from_millis(1_000 / RATE));
        let end = Instant::now() + time;
        while Instant::now() < end {
            ticks.tick().await;
            self.next += 1;
            if self.next.is_multiple_of(BY_API) { self.create() } else { self.dial() }
        }
    }

    fn dial(&mut self) {
        let verb = VERBS[self.rng.below(VERBS.len() as u64) as usize];
        let from = format!("+1212{:07}", self.next);
        let keys = if verb == "gather" { "42" } else { "" };
        let stay = Duration::from_millis(1_500 + self.rng.below(4_000));
        let manner = Manner { answer: Duration::ZERO, refuse: None, stay, keys };
        self.bank.dial(&number(verb), &from, verb, manner);
    }

    /// POST Calls; only what got its 201 is in the book.
    fn create(&mut self) {
        let to = format!("+1718{:07}", self.next);
        let (url, status) = (self.app.url("/say"), self.app.url("/status"));
        let (http, book) = (self.http, self.bank.book.clone());
        tokio::spawn(async move {
            let mut form = vec![
                ("To", to.as_str()),
                ("From", "+15550000000"),
                ("Url", url.as_str()),
                ("StatusCallback", status.as_str()),
            ];
            for event in ["initiated", "ringing", "answered", "completed"] {
                form.push(("StatusCallbackEvent", event));
            }
            let Some(made) = post(http, "/Calls.json", &form).await else { return };
            if made.status == 201 {
                let sid = made.json()["sid"].as_str().unwrap().to_owned();
                book.lock().unwrap().created.push(Created { sid, key: to, done: false });
            }
        });
    }
}
