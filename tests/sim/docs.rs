//! The application of the simulation: documents from a seed, over every verb, and every way to answer wrongly.

use crate::kit::Reply;
use chorus::clock::Now;
use chorus::rng::Rng;
use chorus::webhooks::request::{FetchRequest, Purpose};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// What the application shares with its world.
#[derive(Default)]
pub struct Notes {
    pub counted: BTreeMap<&'static str, u64>,
    pub wrong: Vec<String>,
}

/// From now on it answers every callback, and ends every call.
#[derive(Clone, Default)]
pub struct Switches {
    pub notes: Arc<Mutex<Notes>>,
    pub tame: Arc<AtomicBool>,
}

struct Author {
    rng: Rng,
    at: Switches,
    names: u64,
}

/// How much earlier than a Pause ends the next document may be asked for: rounding of ticks and of milliseconds.
const EARLY_MS: i64 = 60;

pub fn improvise(rng: Rng, at: Switches) -> crate::kit::app::Improvise {
    let mut author = Author { rng, at, names: 0 };
    Box::new(move |now, r| author.answer(now, r))
}

impl Author {
    fn count(&self, what: &'static str) {
        *self.at.notes.lock().unwrap().counted.entry(what).or_default() += 1;
    }

    fn answer(&mut self, now: Now, r: &FetchRequest) -> Reply {
        let tame = self.at.tame.load(Ordering::Relaxed);
        if r.purpose == Purpose::Callback {
            return self.callback(tame);
        }
        self.look(now, r);
        if tame {
            return Reply::twiml("<Hangup/>");
        }
        let after = match self.rng.below(20) {
            0 => self.rng.below(3_000),
            1 => 20_000,
            _ => self.rng.below(80),
        };
        if after >= 15_000 {
            self.count("app slow");
        }
        self.document(now, after).after(after)
    }

    /// A document that was asked for before the Pause in front of it was over.
    fn look(&self, now: Now, r: &FetchRequest) {
        let Some((_, at)) = r.url.split_once("notbefore=") else { return };
        let at: i64 = at.split('&').next().unwrap_or("").parse().unwrap();
        let now = (now.mono.0 / 1_000) as i64;
        if now + EARLY_MS < at {
            let words = format!("{} was asked for {} ms early", r.url, at - now);
            self.at.notes.lock().unwrap().wrong.push(words);
        }
    }

    fn callback(&mut self, tame: bool) -> Reply {
        match self.rng.below(20) {
            0 | 1 if !tame => {
                self.count("app callback refused");
                Reply::status(500)
            }
            2 if !tame => {
                self.count("app callback slow");
                Reply::status(200).after(20_000)
            }
            _ => Reply::status(200).after(self.rng.below(100)),
        }
    }

    fn document(&mut self, now: Now, after: u64) -> Reply {
        match self.rng.below(40) {
            0 => {
                self.count("app bad xml");
                Reply { body: "<Response><Say>".to_owned(), ..Reply::twiml("") }
            }
            1 => {
                self.count("app 500");
                Reply::status(500)
            }
            2 => {
                self.count("app empty");
                Reply { body: String::new(), ..Reply::twiml("") }
            }
            3 => {
                self.count("app html");
                Reply { content_type: "text/html", ..Reply::twiml("<Say>hello</Say>") }
            }
            4 => {
                self.count("app audio");
                Reply { content_type: "audio/mpeg", body: "audio".to_owned(), ..Reply::twiml("") }
            }
            5 => {
                self.count("app text");
                Reply { content_type: "text/plain", body: "hello".to_owned(), ..Reply::twiml("") }
            }
            6..12 => {
                self.count("verb Pause, Redirect");
                let seconds = 1 + self.rng.below(2);
                let at = (now.mono.0 / 1_000 + after + seconds * 1_000) as i64;
                Reply::twiml(&format!(
                    "<Pause length=\"{seconds}\"/><Redirect>/doc?notbefore={at}</Redirect>"
                ))
            }
            _ => {
                let n = 1 + self.rng.below(3);
                let mut body: String = (0..n).map(|_| self.verb()).collect();
                if self.rng.below(3) > 0 {
                    body.push_str("<Redirect>/doc</Redirect>");
                    self.count("verb Redirect");
                }
                Reply::twiml(&body)
            }
        }
    }

    fn pick(&mut self, of: &[&'static str]) -> &'static str {
        of[self.rng.below(of.len() as u64) as usize]
    }

    fn verb(&mut self) -> String {
        let (name, text) = match self.rng.below(34) {
            0..4 => (
                "verb Say",
                format!("<Say>{}</Say>", self.pick(&["hi", "hello there", "a somewhat longer sentence"])),
            ),
            4 => ("verb Play", "<Play>/sound.wav</Play>".to_owned()),
            5 => ("verb Play missing", "<Play>/nothing.wav</Play>".to_owned()),
            6 => ("verb Play digits", "<Play digits=\"1w2\"/>".to_owned()),
            7 => ("verb Pause", "<Pause length=\"1\"/>".to_owned()),
            8..12 => ("verb Gather", self.gather()),
            12..16 => ("verb Record", self.record()),
            16..23 => ("verb Dial", self.dial()),
            23..26 => ("verb Connect Stream", self.connect()),
            26 | 27 => ("verb Start Stream", self.start()),
            28 => ("verb Stop Stream", format!("<Stop><Stream name=\"s{}\"/></Stop>", self.names)),
            29 => (
                "verb Start Recording",
                "<Start><Recording recordingStatusCallback=\"/status/rec\"/></Start>".to_owned(),
            ),
            30 => ("verb Reject", self.pick(&["<Reject/>", "<Reject reason=\"busy\"/>"]).to_owned()),
            31 => ("verb Hangup", "<Hangup/>".to_owned()),
            32 => ("verb unknown", "<Whistle tune=\"1\"/>".to_owned()),
            _ => ("verb empty Dial", "<Dial action=\"/doc\"/>".to_owned()),
        };
        self.count(name);
        text
    }

    fn gather(&mut self) -> String {
        let digits =
            self.pick(&["", " numDigits=\"1\"", " numDigits=\"2\" finishOnKey=\"*\"", " bargeIn=\"false\""]);
        let action = self.pick(&["", " action=\"/doc\"", " action=\"/doc\" actionOnEmptyResult=\"true\""]);
        format!("<Gather timeout=\"1\"{digits}{action}><Say>press</Say><Pause length=\"1\"/></Gather>")
    }

    fn record(&mut self) -> String {
        let more = self.pick(&[
            " timeout=\"1\"",
            " timeout=\"0\"",
            " playBeep=\"false\" timeout=\"0\"",
            " trim=\"do-not-trim\" timeout=\"0\"",
        ]);
        let action = self.pick(&["", " action=\"/doc\""]);
        format!(
            "<Record maxLength=\"2\" recordingStatusCallback=\"/status/rec\" recordingStatusCallbackEvent=\"in-progress completed absent\"{more}{action}/>"
        )
    }

    fn dial(&mut self) -> String {
        let more = self.pick(&[
            "",
            " answerOnBridge=\"true\"",
            " hangupOnStar=\"true\"",
            " timeLimit=\"2\"",
            " sequential=\"true\"",
            " ringTone=\"de\"",
            " record=\"record-from-ringing-dual\" recordingStatusCallback=\"/status/rec\"",
            " record=\"record-from-answer\" recordingStatusCallback=\"/status/rec\"",
        ]);
        let action = self.pick(&["", " action=\"/doc\""]);
        let n = 1 + self.rng.below(3);
        let nouns: String = (0..n).map(|_| self.noun()).collect();
        format!("<Dial timeout=\"5\"{more}{action}>{nouns}</Dial>")
    }

    fn noun(&mut self) -> String {
        let whisper = self.pick(&["", "", " url=\"/doc\"", " url=\"/whisper\""]);
        let events =
            " statusCallback=\"/status/child\" statusCallbackEvent=\"initiated ringing answered completed\"";
        match self.rng.below(3) {
            0 => format!("<Number{whisper}{events}>+15550002</Number>"),
            _ => {
                let transport = self.pick(&["", "", ";transport=tcp"]);
                let host = 3 + self.rng.below(4);
                format!("<Sip{whisper}{events}>sip:bob@10.0.1.{host}{transport}?X-a=b</Sip>")
            }
        }
    }

    fn connect(&mut self) -> String {
        let callback = self.pick(&["", " statusCallback=\"/status/stream\""]);
        format!(
            "<Connect><Stream url=\"wss://agent.test/media\"{callback}><Parameter name=\"a\" value=\"b\"/></Stream></Connect>"
        )
    }

    fn start(&mut self) -> String {
        self.names += 1;
        let track = self.pick(&["inbound_track", "outbound_track", "both_tracks"]);
        format!(
            "<Start><Stream name=\"s{}\" url=\"wss://agent.test/media\" track=\"{track}\" statusCallback=\"/status/stream\"/></Start>",
            self.names
        )
    }
}
