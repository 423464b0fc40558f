//! What may happen next, with its weight: phones, REST, agents, faults.

use super::docs::{Switches, improvise};
use crate::kit::World;
use crate::kit::agent::Behaviour;
use crate::kit::phone::OnCall;
use crate::kit::world::{ACCOUNT, Death, hook, spoken};
use chorus::api::command::*;
use chorus::rng::Rng;
use chorus::sdp::Direction;
use chorus::sid::*;
use chorus::store::rows::{RecordWish, Subscription};
use chorus::switch::Input;
use std::sync::atomic::Ordering;
use std::time::Duration;

const PHONES: u8 = 7;

/// Every action with its weight.
const ACTIONS: [(&str, u64, fn(&mut Chance)); 36] = [
    ("action phone dials", 30, Chance::dial),
    ("action phone dials nobody", 2, Chance::dial_nobody),
    ("action phone hangs up", 10, Chance::hang_up),
    ("action phone presses keys", 20, Chance::press),
    ("action phone sends INFO", 6, Chance::info),
    ("action phone holds", 3, |c| c.reoffer("INVITE", Direction::SendOnly)),
    ("action phone resumes", 3, |c| c.reoffer("INVITE", Direction::SendRecv)),
    ("action phone sends UPDATE", 3, |c| c.reoffer("UPDATE", Direction::SendRecv)),
    ("action phone changes its mind", 15, Chance::behave),
    ("action phone falls silent", 1, Chance::fall_silent),
    ("action rest dials", 12, Chance::rest_dial),
    ("action rest redirects by url", 8, Chance::rest_url),
    ("action rest redirects by twiml", 8, Chance::rest_twiml),
    ("action rest completes", 3, |c| c.rest_end(EndWish::Completed)),
    ("action rest cancels", 3, |c| c.rest_end(EndWish::Canceled)),
    ("action rest limits", 1, Chance::rest_limit),
    ("action rest records", 5, Chance::rest_record),
    ("action rest pauses a recording", 3, |c| c.rest_change(RecordingChange::Pause { silence: true })),
    ("action rest cuts a recording", 2, |c| c.rest_change(RecordingChange::Pause { silence: false })),
    ("action rest resumes a recording", 3, |c| c.rest_change(RecordingChange::Resume)),
    ("action rest stops a recording", 2, |c| c.rest_change(RecordingChange::Stop)),
    ("action rest streams", 4, Chance::rest_stream),
    ("action rest stops a stream", 3, Chance::rest_stop_stream),
    ("action agent sends a mark", 4, |c| c.agent("mark")),
    ("action agent clears", 3, |c| c.agent("clear")),
    ("action agent sends media", 4, |c| c.agent("media")),
    ("action agent sends garbage", 1, |c| c.agent("garbage")),
    ("action agent stops", 2, |c| c.agent("stop")),
    ("action agent closes", 4, Chance::agent_closes),
    ("action agents change", 3, Chance::agents_change),
    ("fault database", 3, Chance::database),
    ("fault disk", 3, Chance::disk),
    ("fault ports", 3, Chance::ports),
    ("fault network", 8, Chance::network),
    ("fault crash", 2, Chance::crash),
    ("fault drain", 1, Chance::drain),
];

pub struct Chance {
    pub w: World,
    rng: Rng,
    at: Switches,
    calls: Vec<CallSid>,
    drained: bool,
    last: &'static str,
}

impl Chance {
    pub fn new(seed: u64) -> Chance {
        let mut w = World::new(seed);
        w.quiet = true;
        w.slack_us = 30_000;
        w.at_random = true;
        w.switch.place_at_random();
        w.agent.behaviour = Behaviour::Forgetful;
        let at = Switches::default();
        w.app.improvise = Some(improvise(w.rng.fork(), at.clone()));
        w.sounds.insert("http://app.test/sound.wav".to_owned(), spoken("sound"));
        w.number(|n| n.fallback = Some(hook("/fallback")));
        for host in 2..2 + PHONES {
            let phone = w
                .phone(["trunk", "anna", "bert", "cleo", "dora", "emil", "fay"][usize::from(host - 2)], host);
            w.phones[phone].light = true;
        }
        let rng = w.rng.fork();
        Chance { w, rng, at, calls: vec![], drained: false, last: "" }
    }

    /// One action, then some time.
    pub fn step(&mut self) {
        let total: u64 = ACTIONS.iter().map(|(_, n, _)| n).sum();
        let mut at = self.rng.below(total);
        for (name, weight, act) in ACTIONS {
            if at < weight {
                self.last = name;
                act(self);
                break;
            }
            at -= weight;
        }
        self.murmur();
        let us = match self.rng.below(100) {
            0..60 => self.rng.below(50_000),
            60..92 => self.rng.below(300_000),
            92..99 => self.rng.below(1_500_000),
            _ => self.rng.below(6_000_000),
        };
        self.w.run(Duration::from_micros(us));
        self.w.check();
        let notes = std::mem::take(&mut self.at.notes.lock().unwrap().wrong);
        self.w.oracle.wrong.extend(notes);
    }

    fn count(&mut self) {
        let name = self.last;
        self.w.count(name);
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.rng.below(100) < percent
    }

    /// Phones that are answered say something now and then, else they would be taken for gone.
    fn murmur(&mut self) {
        for i in 0..self.w.phones.len() {
            if self.w.phones[i].answered && !self.w.phones[i].silent {
                self.w.with_phone(i, |p, now| p.murmur(now));
            }
        }
    }

    fn one(&mut self, of: Vec<usize>) -> Option<usize> {
        let n = self.rng.below(of.len() as u64) as usize;
        of.get(n).copied()
    }

    fn idle(&mut self) -> Option<usize> {
        let idle = (1..self.w.phones.len()).filter(|i| self.w.phones[*i].leg.is_none()).collect();
        self.one(idle)
    }

    fn busy(&mut self) -> Option<usize> {
        let busy = (0..self.w.phones.len()).filter(|i| self.w.phones[*i].leg.is_some()).collect();
        self.one(busy)
    }

    fn talking(&mut self) -> Option<usize> {
        let talking = (0..self.w.phones.len()).filter(|i| self.w.phones[*i].answered).collect();
        self.one(talking)
    }

    fn dial(&mut self) {
        // Not everybody at once, so that there is somebody to be called.
        let live = self.w.phones.iter().filter(|p| p.leg.is_some()).count();
        let Some(phone) = self.idle().filter(|_| live < 4) else { return };
        self.count();
        self.w.phones[phone].silent = false;
        let headers = if self.chance(20) { vec![("X-Order".to_owned(), "7".to_owned())] } else { vec![] };
        self.w.dial_with(phone, "+15550001", "+15559999", headers);
    }

    fn dial_nobody(&mut self) {
        let Some(phone) = self.idle() else { return };
        self.count();
        self.w.dial(phone, "+15550077");
    }

    fn hang_up(&mut self) {
        let Some(phone) = self.busy() else { return };
        self.count();
        self.w.hang_up(phone);
    }

    fn press(&mut self) {
        let Some(phone) = self.talking() else { return };
        self.count();
        let keys = ["1", "2", "*", "#", "42#", "9"][self.rng.below(6) as usize];
        self.w.press(phone, keys);
    }

    fn info(&mut self) {
        let Some(phone) = self.talking() else { return };
        self.count();
        let body = "Signal=5\r\nDuration=160\r\n".into();
        self.w.raw(phone, "INFO", Some(("application/dtmf-relay", body)));
    }

    fn reoffer(&mut self, method: &str, direction: Direction) {
        let Some(phone) = self.talking() else { return };
        self.count();
        self.w.reoffer(phone, method, direction);
    }

    fn behave(&mut self) {
        self.count();
        let phone = self.rng.below(u64::from(PHONES)) as usize;
        let ms = self.rng.below(4_000);
        self.w.phones[phone].on_call = match self.rng.below(10) {
            0 => OnCall::Ring,
            1 => OnCall::EarlyMedia(ms),
            2 => OnCall::Refuse([486, 404, 480, 503, 603, 500, 488][self.rng.below(7) as usize]),
            _ => OnCall::Answer(ms),
        };
    }

    fn fall_silent(&mut self) {
        let Some(phone) = self.talking() else { return };
        self.count();
        self.w.phones[phone].silent = true;
    }

    fn rest_dial(&mut self) {
        let live = self.w.phones.iter().filter(|p| p.leg.is_some()).count();
        if live >= 5 {
            return;
        }
        self.count();
        let sid = CallSid::new(&mut self.rng);
        self.calls.push(sid);
        let mut some = |percent| self.rng.below(100) < percent;
        let callback = Subscription {
            hook: hook("/status"),
            initiated: some(80),
            ringing: some(80),
            answered: some(80),
            completed: some(90),
        };
        let document = if some(30) {
            Document::Inline(
                "<Response><Say>hi</Say><Redirect>http://app.test/doc</Redirect></Response>".to_owned(),
            )
        } else {
            Document::Fetch(hook("/doc"))
        };
        let request = DialRequest {
            sid,
            account: ACCOUNT,
            to: if some(50) { "+15550002".to_owned() } else { "sip:anna@10.0.1.3".to_owned() },
            from: "+15550001".to_owned(),
            number: Some(NumberSid(0x91)),
            caller_id: None,
            application: None,
            document,
            twiml_left_out: false,
            fallback: some(50).then(|| hook("/fallback")),
            status_callback: some(90).then_some(callback),
            timeout_s: if some(40) { 2 } else { 30 },
            time_limit_s: if some(10) { 3 } else { 600 },
            send_digits: some(10).then(|| "12".to_owned()),
            record: some(20).then(wish),
            sip_auth: None,
            idempotency: None,
            at: self.w.now.wall,
        };
        self.w.ask(Request::Dial(Box::new(request)));
    }

    fn live(&mut self) -> Option<CallSid> {
        let live: Vec<CallSid> = self.w.switch.calls().map(|c| c.sid()).collect();
        let n = self.rng.below(live.len() as u64) as usize;
        live.get(n).copied()
    }

    fn update(&mut self, update: CallUpdate) {
        let Some(sid) = self.live() else { return };
        self.count();
        self.w.ask(Request::Update(sid, Box::new(update)));
    }

    fn rest_url(&mut self) {
        self.update(CallUpdate { document: Some(Document::Fetch(hook("/doc"))), ..CallUpdate::default() });
    }

    fn rest_twiml(&mut self) {
        let text = [
            "<Response><Say>new</Say><Redirect>http://app.test/doc</Redirect></Response>",
            "<Response/>",
            "<Response><Pause/>",
        ][self.rng.below(3) as usize];
        self.update(CallUpdate {
            document: Some(Document::Inline(text.to_owned())),
            ..CallUpdate::default()
        });
    }

    fn rest_end(&mut self, end: EndWish) {
        self.update(CallUpdate { end: Some(end), ..CallUpdate::default() });
    }

    fn rest_limit(&mut self) {
        self.update(CallUpdate { time_limit_s: Some(2), ..CallUpdate::default() });
    }

    fn rest_record(&mut self) {
        let Some(sid) = self.live() else { return };
        self.count();
        let start = RecordStart { sid: RecordingSid::new(&mut self.rng), wish: wish() };
        self.w.ask(Request::Record(sid, Box::new(start)));
    }

    fn rest_change(&mut self, change: RecordingChange) {
        let Some(sid) = self.live() else { return };
        self.count();
        self.w.ask(Request::ChangeRecording(sid, RecordingRef::Current, change));
    }

    fn rest_stream(&mut self) {
        let Some(sid) = self.live() else { return };
        self.count();
        let start = StreamStartRequest {
            sid: StreamSid::new(&mut self.rng),
            url: "wss://agent.test/media".to_owned(),
            name: Some("rest".to_owned()),
            track: ["inbound_track", "both_tracks"][self.rng.below(2) as usize].to_owned(),
            status_callback: Some(hook("/status/stream")),
            parameters: vec![],
        };
        self.w.ask(Request::StartStream(sid, Box::new(start)));
    }

    fn rest_stop_stream(&mut self) {
        let Some(sid) = self.live() else { return };
        self.count();
        self.w.ask(Request::StopStream(sid, "rest".to_owned()));
    }

    fn live_agent(&mut self) -> Option<(StreamSid, String)> {
        let live: Vec<(StreamSid, String)> = self
            .w
            .agents
            .iter()
            .filter(|(_, a)| !a.closed && !a.closing && !a.stream_sid.is_empty())
            .map(|(s, a)| (*s, a.stream_sid.clone()))
            .collect();
        let n = self.rng.below(live.len() as u64) as usize;
        live.get(n).cloned()
    }

    fn agent(&mut self, what: &str) {
        let Some((stream, sid)) = self.live_agent() else { return };
        self.count();
        let text = match what {
            "mark" => format!(r#"{{"event":"mark","streamSid":"{sid}","mark":{{"name":"m"}}}}"#),
            "clear" => format!(r#"{{"event":"clear","streamSid":"{sid}"}}"#),
            "media" => format!(
                r#"{{"event":"media","streamSid":"{sid}","media":{{"payload":"{}"}}}}"#,
                "/v7+".repeat(800)
            ),
            "stop" => format!(r#"{{"event":"stop","streamSid":"{sid}"}}"#),
            _ => "{\"event\":7".to_owned(),
        };
        self.w.agent_says(stream, &text);
    }

    fn agent_closes(&mut self) {
        let Some((stream, _)) = self.live_agent() else { return };
        self.count();
        self.w.agent_closes(stream);
    }

    fn agents_change(&mut self) {
        self.count();
        self.w.agent.behaviour = if self.chance(50) { Behaviour::Forgetful } else { Behaviour::Mute };
        self.w.agents_down = self.chance(25);
    }

    fn database(&mut self) {
        self.w.database_down = !self.w.database_down && self.chance(60);
        self.w.count(if self.w.database_down { "fault database down" } else { "fault database up" });
    }

    fn disk(&mut self) {
        self.w.disk_full = !self.w.disk_full && self.chance(60);
        self.w.count(if self.w.disk_full { "fault disk full" } else { "fault disk free" });
    }

    fn ports(&mut self) {
        self.w.ports_gone = !self.w.ports_gone && self.chance(60);
        self.w.count(if self.w.ports_gone { "fault ports gone" } else { "fault ports back" });
    }

    fn network(&mut self) {
        let bad = self.chance(50);
        self.w.net.loss = if bad { self.rng.below(31) } else { 0 };
        self.w.net.duplicate = if bad { self.rng.below(20) } else { 0 };
        self.w.net.reorder = if bad { self.rng.below(20) } else { 0 };
        self.w.net.jitter_us = if bad { self.rng.below(40_000) } else { 0 };
        for (fault, name) in [
            (self.w.net.loss, "fault loss"),
            (self.w.net.duplicate, "fault duplication"),
            (self.w.net.reorder, "fault reordering"),
        ] {
            if fault > 0 {
                self.w.count(name);
            }
        }
    }

    /// Now, or at one of the next transactions.
    fn crash(&mut self) {
        let n = self.w.commits + 1 + self.rng.below(10);
        match self.rng.below(4) {
            0 => {
                self.w.count("crash between");
                self.w.crash();
            }
            1 => self.w.dies = Some((n, Death::Unwritten)),
            2 => self.w.dies = Some((n, Death::Unsynced)),
            _ => self.w.dies = Some((n, Death::Untold)),
        }
        self.drained = false;
    }

    /// SIGTERM; its successor comes a while later.
    fn drain(&mut self) {
        if self.drained {
            self.w.crash();
        } else {
            self.count();
            self.w.input(Input::Drain);
            self.w.dies = Some((self.w.commits + 10, Death::Untold));
        }
        self.drained = !self.drained;
    }

    /// Everything heals, everybody hangs up, hours pass: was every promise kept?
    pub fn end(&mut self) {
        self.at.tame.store(true, Ordering::Relaxed);
        let w = &mut self.w;
        w.dies = None;
        (w.database_down, w.disk_full, w.ports_gone, w.agents_down) = (false, false, false, false);
        w.net = crate::kit::net::Net::default();
        for i in 0..w.phones.len() {
            w.hang_up(i);
        }
        w.run(Duration::from_secs(60));
        for i in 0..w.phones.len() {
            w.hang_up(i);
        }
        w.run(Duration::from_secs(14 * 3_600));
        w.reckon();
        let mut notes = self.at.notes.lock().unwrap();
        w.oracle.wrong.append(&mut notes.wrong);
        for (name, n) in &notes.counted {
            *w.counted.entry(name).or_default() += n;
        }
    }
}

fn wish() -> RecordWish {
    RecordWish {
        channels: 2,
        track: "both".to_owned(),
        trim: false,
        callback: Some(hook("/status/rec")),
        events: "completed".to_owned(),
    }
}
