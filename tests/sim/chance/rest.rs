//! What comes by the REST API.

use super::Chance;
use crate::kit::world::{ACCOUNT, hook};
use chorus::api::command::*;
use chorus::sid::*;
use chorus::store::rows::{RecordWish, Subscription};

impl Chance {
    pub(super) fn rest_dial(&mut self) {
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

    pub(super) fn live(&mut self) -> Option<CallSid> {
        let live: Vec<CallSid> = self.w.switch.calls().map(|c| c.sid()).collect();
        let n = self.rng.below(live.len() as u64) as usize;
        live.get(n).copied()
    }

    pub(super) fn update(&mut self, update: CallUpdate) {
        let Some(sid) = self.live() else { return };
        self.count();
        self.w.ask(Request::Update(sid, Box::new(update)));
    }

    pub(super) fn rest_url(&mut self) {
        self.update(CallUpdate { document: Some(Document::Fetch(hook("/doc"))), ..CallUpdate::default() });
    }

    pub(super) fn rest_twiml(&mut self) {
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

    pub(super) fn rest_end(&mut self, end: EndWish) {
        self.update(CallUpdate { end: Some(end), ..CallUpdate::default() });
    }

    pub(super) fn rest_limit(&mut self) {
        self.update(CallUpdate { time_limit_s: Some(2), ..CallUpdate::default() });
    }

    pub(super) fn rest_record(&mut self) {
        let Some(sid) = self.live() else { return };
        self.count();
        let start = RecordStart { sid: RecordingSid::new(&mut self.rng), wish: wish() };
        self.w.ask(Request::Record(sid, Box::new(start)));
    }

    pub(super) fn rest_change(&mut self, change: RecordingChange) {
        let Some(sid) = self.live() else { return };
        self.count();
        self.w.ask(Request::ChangeRecording(sid, RecordingRef::Current, change));
    }

    pub(super) fn rest_stream(&mut self) {
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

    pub(super) fn rest_stop_stream(&mut self) {
        let Some(sid) = self.live() else { return };
        self.count();
        self.w.ask(Request::StopStream(sid, "rest".to_owned()));
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
