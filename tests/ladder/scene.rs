//! What the ladders have in common.

use crate::kit::phone::OnCall;
use crate::kit::rows::dial_request;
use crate::kit::world::spoken;
use crate::kit::{Reply, World};
use crate::security::secrets;
use chorus::api::command::*;
use chorus::sid::{CallSid, StreamSid};
use chorus::store::rows::Hook;
use chorus::webhooks::request::Method;

/// A caller, phone 0, whose call runs `document`.
pub fn caller(seed: u64, document: &str) -> World {
    let mut w = World::new(seed);
    w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml(document));
    w
}

/// The same, with the call begun.
pub fn calling(seed: u64, document: &str) -> World {
    let mut w = caller(seed, document);
    w.dial(0, "+15550001");
    w
}

/// The same, answered, with the caller talking.
pub fn talking(seed: u64, document: &str) -> World {
    let mut w = calling(seed, document);
    w.until("answered", |w| w.phones[0].answered);
    w.talk(0, Some(spoken(&"a".repeat(200))));
    w
}

/// The phone behind the trunk: +15550002 rings there.
pub fn callee(w: &mut World, does: OnCall) -> usize {
    let phone = w.phone("callee", 2);
    w.phones[phone].on_call = does;
    phone
}

/// The first phone's call is over.
pub fn over(w: &mut World) {
    w.until("the call is over", |w| !w.phones[0].ended.is_empty());
}

pub fn answered(w: &mut World, phone: usize) {
    w.until("answered", |w| w.phones[phone].answered);
}

/// Nothing that is sent arrives for so long.
pub fn all_is_lost(w: &mut World, ms: u64) {
    w.net.loss = 100;
    w.run_ms(ms);
    w.net.loss = 0;
}

/// The oldest call that is live.
pub fn first(w: &World) -> CallSid {
    w.switch.calls().map(|c| c.row()).min_by_key(|r| r.created).unwrap().sid
}

/// POST Calls.
pub fn api(w: &mut World, change: impl FnOnce(&mut DialRequest)) -> CallSid {
    let sid = CallSid(0xca11);
    let mut request = dial_request(sid, w.now.wall);
    change(&mut request);
    request.sip_auth.iter().for_each(|(_, password)| secrets::plant(password));
    w.line("app", "chorus", "POST Calls");
    w.ask(Request::Dial(Box::new(request)));
    sid
}

/// POST Calls/{Sid}.
pub fn update(w: &mut World, sid: CallSid, update: CallUpdate) {
    w.line("app", "chorus", "POST Calls/{Sid}");
    w.ask(Request::Update(sid, Box::new(update)));
}

/// POST Calls/{Sid} with a Twiml that says something new and hangs up.
pub fn redirect(w: &mut World) {
    let sid = first(w);
    let document = Some(Document::Inline("<Response><Say>new</Say></Response>".to_owned()));
    update(w, sid, CallUpdate { document, ..CallUpdate::default() });
}

pub fn end(w: &mut World, sid: CallSid, end: EndWish) {
    update(w, sid, CallUpdate { end: Some(end), ..CallUpdate::default() });
}

/// The stream that is open, with its name in its own messages.
pub fn stream(w: &mut World) -> (StreamSid, String) {
    w.until("the stream is open", |w| w.agents.values().any(|a| !a.stream_sid.is_empty()));
    w.agents.iter().map(|(s, a)| (*s, a.stream_sid.clone())).next().unwrap()
}

/// A timeline holds these words.
pub fn said(w: &World, words: &str) -> bool {
    w.trace.iter().any(|(_, line)| line.what.contains(words))
}

/// A hook whose URL is this, whole.
pub fn at(url: &str) -> Hook {
    Hook { url: url.to_owned(), method: Method::Post }
}
