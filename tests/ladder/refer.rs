//! The Refer verb: the peer is asked to call somebody else in our place.

use super::scene::*;
use crate::kit::{Reply, World, ladder};
use bytes::Bytes;
use chorus::store::rows::NotificationRow;
use chorus::trunk::policy::Refer;

const REFER: &str = "<Refer action=\"/referred\"><Sip>sip:alice@pbx.example?X-Case=7&amp;X-Why=billing</Sip></Refer><Say>not reached</Say>";

/// A caller whose trunk allows transfers, and whose phone does this with a REFER.
fn referring(seed: u64, document: &str, on_refer: &[u16]) -> World {
    let mut w = caller(seed, document);
    w.trunk(|t| t.refer = Refer::Allow);
    w.phones[0].on_refer = on_refer.to_vec();
    w.app.on("/referred", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    w
}

/// What the action was told: ReferCallStatus, ReferSipResponseCode, NotifySipResponseCode.
fn outcome(w: &World) -> [Option<String>; 3] {
    let params = w.app.of("/referred")[0].params.clone();
    ["ReferCallStatus", "ReferSipResponseCode", "NotifySipResponseCode"].map(|name| params.get(name).cloned())
}

fn told(status: &str, answer: &str, notified: &str) -> [Option<String>; 3] {
    [status, answer, notified].map(|t| Some(t.to_owned()).filter(|t| !t.is_empty()))
}

#[test]
fn refer_verb() {
    let mut w = referring(520, REFER, &[202, 180, 200]);
    over(&mut w);
    assert_eq!(outcome(&w), told("in-progress", "202", "200"));
    let to = w.phones[0].referred.clone().unwrap();
    assert_eq!(to.uri, "sip:alice@pbx.example");
    let header = |n: &str, v: &str| (n.to_owned(), v.to_owned());
    assert_eq!(to.headers, [header("X-Case", "7"), header("X-Why", "billing")]);
    ladder::check(
        w,
        "refer_verb",
        "The Refer verb: REFER, 202, NOTIFYs until the new call is answered, then the action.",
    );
}

#[test]
fn refer_verb_busy() {
    let mut w = referring(521, REFER, &[202, 486]);
    over(&mut w);
    assert_eq!(outcome(&w), told("busy", "202", "486"));
    ladder::check(
        w,
        "refer_verb_busy",
        "The Refer verb: a new call that fails is told to the action, the call goes on.",
    );
}

#[test]
fn refer_verb_refused() {
    let mut w = referring(522, REFER, &[405]);
    over(&mut w);
    assert_eq!(outcome(&w), told("failed", "405", ""));
    ladder::check(w, "refer_verb_refused", "The Refer verb: a peer that does not take REFER.");
}

#[test]
fn refer_verb_without_notify() {
    let mut w = referring(523, REFER, &[202]);
    w.phones[0].mute = true;
    over(&mut w);
    assert_eq!(outcome(&w), told("", "202", ""));
    ladder::check(
        w,
        "refer_verb_without_notify",
        "The Refer verb: a peer that never says how the new call goes.",
    );
}

#[test]
fn refer_verb_hangup() {
    let mut w = referring(524, REFER, &[202, 180]);
    w.until("referred", |w| w.phones[0].referred.is_some());
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    w.run_ms(1_000);
    assert_eq!(outcome(&w), told("canceled", "202", "180"));
    ladder::check(
        w,
        "refer_verb_hangup",
        "The Refer verb: the caller hangs up before the new call is answered.",
    );
}

#[test]
fn refer_verb_denied() {
    let mut w = caller(525, REFER);
    w.app.on("/referred", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(outcome(&w), told("failed", "", ""));
    assert!(w.phones[0].referred.is_none());
    assert!(w.store.all::<NotificationRow>().any(|n| n.code == 13801));
    ladder::check(
        w,
        "refer_verb_denied",
        "Chorus sends REFER only where the trunk allows it: otherwise Notification 13801.",
    );
}

#[test]
fn without_an_action_the_next_verb_runs_and_behind_the_last_one_the_call_ends() {
    let mut w =
        referring(526, "<Refer><Sip>sip:alice@pbx.example</Sip></Refer><Say>go on</Say>", &[202, 404]);
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 0);
    let mut w = referring(527, "<Refer><Sip>sip:alice@pbx.example</Sip></Refer>", &[202, 200]);
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 200);
}

/// The NOTIFYs come before the 202, and the last of them alone ends the verb.
#[test]
fn a_notify_may_overtake_the_answer() {
    let mut w = referring(528, REFER, &[]);
    w.until("referred", |w| w.phones[0].referred.is_some());
    for (state, line) in [("active;expires=60", "180 Ringing"), ("terminated;reason=noresource", "200 OK")] {
        let body = Bytes::from(format!("SIP/2.0 {line}\r\n"));
        let plain = w.phones[0].raw_request("NOTIFY", Some(("message/sipfrag", body))).unwrap();
        let plain = String::from_utf8(plain.to_vec()).unwrap();
        let fields = format!("\r\nEvent: refer\r\nSubscription-State: {state}\r\nContent-Type:");
        let notify = plain.replacen("\r\nContent-Type:", &fields, 1);
        w.send_raw(0, notify.into());
    }
    over(&mut w);
    assert_eq!(outcome(&w), told("in-progress", "202", "200"));
}
