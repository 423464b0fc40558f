//! The new party of a transfer where nobody stays but the document, and who takes a call's place by Replaces: on whose terms it speaks,
//! and what becomes of a call that something else happens to meanwhile.

use super::media::{self, WORDS, is_encrypted, required};
use super::scene::*;
use super::transfer::{NEW_PARTY, connected, hear_each_other, refer, replaces, three};
use crate::kit::phone::OnCall;
use crate::kit::rows::trunk;
use crate::kit::world::{ACCOUNT, hook, spoken};
use crate::kit::{Reply, World, ladder};
use chorus::api::command::{Answer, CallUpdate, Document};
use chorus::media::plan::Codec;
use chorus::sid::TrunkSid;
use chorus::store::rows::{CallRow, CallStatus, TrunkRow};
use chorus::trunk::media::SrtpPolicy;
use chorus::trunk::policy::Refer;

const UNUSABLE: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.1.3\r\ns=-\r\nc=IN IP4 10.0.1.3\r\nt=0 0\r\nm=audio 4000 RTP/AVP 9\r\n";

/// Changes the trunk that the new party is behind.
fn other_trunk(w: &mut World, change: impl FnOnce(&mut TrunkRow)) {
    let mut row = w.store.get::<TrunkRow>(TrunkSid(0x72)).unwrap().clone();
    change(&mut row);
    w.another_trunk(row);
}

/// The caller's document runs; the new party does this.
fn running(seed: u64, third: OnCall) -> World {
    let document = format!("<Say>one</Say><Pause length=\"20\"/><Say>{WORDS}</Say>");
    let mut w = three(seed, &document, third);
    answered(&mut w, 0);
    w.run_ms(1_000);
    w
}

/// What a document offers or answers as keys.
fn keys(document: &str) -> Vec<&str> {
    document.lines().filter_map(|l| l.split("inline:").nth(1)).map(|k| &k[..30]).collect()
}

/// The words are the last that it heard.
fn heard(w: &mut World, phone: usize) {
    let all = w.phones[phone].heard.len();
    let last = 2 * (spoken(WORDS).ulaw.len() + 4_000);
    w.phones[phone].heard.drain(..all.saturating_sub(last));
    media::heard(w, phone, WORDS);
}

fn row(w: &World) -> &CallRow {
    w.store.all::<CallRow>().find(|r| r.parent.is_none()).unwrap()
}

#[test]
fn transfer_to_a_trunk_with_terms_of_its_own() {
    let mut w = running(560, OnCall::Answer(400));
    other_trunk(&mut w, |t| {
        t.media.srtp = SrtpPolicy::Required;
        t.media.codecs = vec![Codec::Pcma];
        t.media.ptime = Some(30);
    });
    w.phones[2].terms = required(5);
    refer(&mut w, 0, NEW_PARTY);
    answered(&mut w, 2);
    let offer = w.phones[2].documents[0].clone();
    assert!(offer.contains("RTP/SAVP 8 ") && offer.contains("a=ptime:30"), "{offer}");
    assert!(is_encrypted(&w, 2));
    // What it says later is answered on the same terms.
    w.run_ms(1_000);
    w.reoffer(2, "INVITE", chorus::sdp::Direction::SendRecv);
    w.run_ms(12);
    let now = w.now;
    w.phones[2].take_answer(now);
    assert!(is_encrypted(&w, 2), "{:?}", w.phones[2].told);
    w.until("the document ends", |w| !w.phones[2].ended.is_empty());
    heard(&mut w, 2);
    let words = "REFER to a number behind a trunk that requires SRTP: the new party is offered what that trunk wants.";
    ladder::check(w, "transfer_to_a_trunk_with_terms_of_its_own", words);
}

/// Neither the referrer nor a trunk that was passed over knows the key of who is spoken with in the end.
#[test]
fn the_new_party_gets_keys_that_nobody_else_has() {
    let document = format!("<Say>one</Say><Pause length=\"20\"/><Say>{WORDS}</Say>");
    let mut w = three(561, &document, OnCall::Refuse(503));
    // It is called at once: what it is to be comes before its answer.
    w.hang_up(0);
    over(&mut w);
    w.trunk(|t| t.media.srtp = SrtpPolicy::Required);
    other_trunk(&mut w, |t| t.media.srtp = SrtpPolicy::Required);
    let fourth = w.phone("fourth", 4);
    w.another_trunk(TrunkRow {
        name: "third".to_owned(),
        outbound_host: Some("10.0.1.4:5060".to_owned()),
        outbound_route_prefixes: vec!["15550003".to_owned()],
        media: w.store.get::<TrunkRow>(TrunkSid(0x72)).unwrap().media.clone(),
        ..trunk(0x73, &[])
    });
    w.phones[0].terms = required(6);
    w.phones[fourth].terms = required(7);
    w.dial(0, "+15550001");
    answered(&mut w, 0);
    w.run_ms(500);
    refer(&mut w, 0, NEW_PARTY);
    answered(&mut w, fourth);
    let passed_over = w.phones[2].invite.as_ref().unwrap().offer.clone().unwrap();
    let text = |p: usize| w.phones[p].documents.last().unwrap().clone();
    let texts = [text(0), String::from_utf8_lossy(&passed_over).into_owned(), text(fourth)];
    let all: Vec<&str> = texts.iter().flat_map(|t| keys(t)).collect();
    let distinct: std::collections::BTreeSet<&str> = all.iter().copied().collect();
    assert!(all.len() == 7 && distinct.len() == 7, "one answered, three and three offered: {texts:?}");
    w.until("the document ends", |w| !w.phones[fourth].ended.is_empty());
    heard(&mut w, fourth);
    let row = w.store.all::<CallRow>().find(|r| r.transferred_to.is_some()).unwrap();
    assert_eq!(row.trunk, Some(TrunkSid(0x73)));
}

#[test]
fn a_new_party_without_a_usable_answer_ends_the_call() {
    let mut w = running(562, OnCall::Answer(400));
    w.phones[2].answer_with = Some(UNUSABLE.into());
    refer(&mut w, 0, NEW_PARTY);
    w.until("the caller has left", |w| !w.phones[0].ended.is_empty());
    w.run_ms(1_000);
    assert_eq!(w.switch.calls().count(), 0, "nobody is spoken to, not the referrer either");
    assert_eq!(row(&w).cause.as_ref().unwrap().code, 488);
}

#[test]
fn transfer_answered_in_a_183() {
    let mut w = running(563, OnCall::EarlyMedia(1_500));
    refer(&mut w, 0, NEW_PARTY);
    w.until("the document ends", |w| !w.phones[2].ended.is_empty());
    heard(&mut w, 2);
    let words = "The new party answers the offer in a reliable 183: its 200 says nothing of media, and the document is heard.";
    ladder::check(w, "transfer_answered_in_a_183", words);
}

/// INVITE with Replaces from phone 2, without an offer.
fn replaced_without_offer(seed: u64, answer: Option<&'static str>) -> World {
    let mut w = running(seed, OnCall::Ring);
    let named = replaces(&w, 0);
    w.phones[2].offerless = true;
    w.phones[2].late_answer = answer.map(|a| a.into());
    w.dial_with(2, "+15550001", "+15558888", vec![("Replaces".to_owned(), named)]);
    w.until("the caller has left", |w| !w.phones[0].ended.is_empty());
    w
}

#[test]
fn replaces_without_an_offer() {
    let mut w = replaced_without_offer(564, None);
    w.until("the document ends", |w| !w.phones[2].ended.is_empty());
    heard(&mut w, 2);
    ladder::check(
        w,
        "replaces_without_an_offer",
        "INVITE with Replaces and no offer: our 200 offers, the ACK answers, the program goes on.",
    );
}

#[test]
fn who_replaces_and_answers_nothing_usable_is_left() {
    for (seed, answer) in [(565, UNUSABLE), (566, "")] {
        let mut w = replaced_without_offer(seed, Some(answer));
        w.run_ms(1_000);
        assert_eq!(w.switch.calls().count(), 0, "{answer:?}");
        assert_eq!(row(&w).cause.as_ref().unwrap().code, 488);
    }
}

/// The 60 s that the new party may ring are not the call's.
#[test]
fn a_redirected_call_outlives_the_transfer_that_it_ends() {
    let mut w = running(567, OnCall::Ring);
    refer(&mut w, 0, NEW_PARTY);
    w.until("it rings", |w| w.phones[2].leg.is_some());
    w.run_ms(100);
    w.app.on("/new", Reply::twiml("<Pause length=\"100\"/>"));
    let sid = first(&w);
    let document = Some(Document::Fetch(hook("/new")));
    update(&mut w, sid, CallUpdate { document, ..Default::default() });
    w.until("the new party is let go", |w| !w.phones[2].ended.is_empty());
    assert_eq!(w.phones[0].transfer, [202, 100, 180, 487], "the referrer knows that nothing will come of it");
    w.run_ms(70_000);
    assert!(w.phones[0].ended.is_empty(), "{:?}", w.phones[0].ended);
    assert_eq!(w.switch.calls().next().unwrap().row().transferred_to, None);
    // And it may be transferred after all.
    w.phones[2].on_call = OnCall::Answer(100);
    refer(&mut w, 0, NEW_PARTY);
    answered(&mut w, 2);
    w.until("the document ends", |w| !w.phones[2].ended.is_empty());
}

/// Between its referrer's BYE and the answer of the new party a call has nobody who could hear another document.
#[test]
fn a_call_that_waits_for_its_new_party_is_not_redirected() {
    let mut w = running(568, OnCall::Answer(5_000));
    refer(&mut w, 0, NEW_PARTY);
    w.until("accepted", |w| w.phones[0].transfer.contains(&202));
    w.hang_up(0);
    over(&mut w);
    w.run_ms(100);
    redirect(&mut w);
    let refused = |a: &Answer| matches!(a, Answer::Refused { code: 21220, .. });
    assert!(w.replies.values().any(refused), "{:?}", w.replies);
    w.until("the document ends", |w| !w.phones[2].ended.is_empty());
    heard(&mut w, 2);
    w.run_ms(100);
    assert_eq!((row(&w).status, w.switch.counts().calls), (CallStatus::Completed, 0));
}

/// The row is being written when the call is redirected: nobody wants its INVITE any more.
#[test]
fn a_new_party_that_nobody_wants_any_more_is_not_called() {
    let mut w = running(569, OnCall::Answer(100));
    refer(&mut w, 0, NEW_PARTY);
    w.until("the REFER has come", |w| said(w, "is transferred to"));
    redirect(&mut w);
    over(&mut w);
    assert!(w.phones[2].invite.is_none(), "nobody was called");
    ladder::check(
        w,
        "transfer_redirected_at_once",
        "A call that is redirected while a REFER waits for its row: NOTIFY 487, and nobody is called.",
    );
}

/// Phone 2 comes over another trunk of the account, which requires SRTP.
fn takes_over(seed: u64) -> World {
    let mut w = running(seed, OnCall::Ring);
    w.trunk(|t| t.inbound_source_ips = vec!["10.0.1.10".to_owned()]);
    let other = TrunkRow { account: Some(ACCOUNT), refer: Refer::Allow, ..trunk(0x74, &["10.0.1.3"]) };
    w.another_trunk(TrunkRow {
        media: chorus::trunk::media::TrunkMedia { srtp: SrtpPolicy::Required, ..Default::default() },
        ..other
    });
    w
}

#[test]
fn replaces_from_another_trunk() {
    let mut w = takes_over(570);
    w.phones[2].terms = required(8);
    let named = replaces(&w, 0);
    w.dial_with(2, "+15550001", "+15558888", vec![("Replaces".to_owned(), named)]);
    w.until("the caller has left", |w| !w.phones[0].ended.is_empty());
    assert!(is_encrypted(&w, 2));
    assert_eq!(w.switch.calls().next().unwrap().row().trunk, Some(TrunkSid(0x74)));
    w.until("the document ends", |w| !w.phones[2].ended.is_empty());
    heard(&mut w, 2);
    ladder::check(
        w,
        "replaces_from_another_trunk",
        "INVITE with Replaces over another trunk of the account: answered on that trunk's terms, SRTP here.",
    );
}

#[test]
fn who_may_not_replace_leaves_the_call_as_it_was() {
    let mut w = takes_over(571);
    let named = replaces(&w, 0);
    w.dial_with(2, "+15550001", "+15558888", vec![("Replaces".to_owned(), named)]);
    w.until("refused", |w| !w.phones[2].ended.is_empty());
    assert_eq!(w.phones[2].ended[0].code, 488, "in clear over a trunk that requires SRTP");
    assert_eq!(w.switch.calls().next().unwrap().row().trunk, Some(TrunkSid(0x71)));
    // In clear, as its own trunk has it.
    w.reoffer(0, "INVITE", chorus::sdp::Direction::SendRecv);
    w.run_ms(12);
    let now = w.now;
    assert!(w.phones[0].told.last().unwrap().contains("RTP/AVP "), "{:?}", w.phones[0].told);
    w.phones[0].take_answer(now);
    over(&mut w);
    heard(&mut w, 0);
}

/// Who stays hangs up while the new party rings.
#[test]
fn transfer_that_nobody_waits_for() {
    let mut w = three(572, "<Dial action=\"/after\"><Number>+15550002</Number></Dial>", OnCall::Ring);
    w.app.on("/after", Reply::twiml("<Pause length=\"30\"/>"));
    answered(&mut w, 1);
    w.run_ms(500);
    refer(&mut w, 0, NEW_PARTY);
    w.until("it rings", |w| w.phones[2].leg.is_some());
    w.run_ms(100);
    w.hang_up(1);
    w.until("the new party is let go", |w| !w.phones[2].ended.is_empty());
    w.run_ms(100);
    assert_eq!(w.phones[0].transfer, [202, 100, 180, 487]);
    // The document goes on, and may be transferred.
    w.phones[2].on_call = OnCall::Answer(100);
    refer(&mut w, 0, NEW_PARTY);
    answered(&mut w, 2);
    w.until("the document ends", |w| !w.phones[2].ended.is_empty());
    ladder::check(
        w,
        "transfer_that_nobody_waits_for",
        "Who stays hangs up while the new party rings: NOTIFY 487, and the next REFER is taken.",
    );
}

/// The call of who stays is redirected instead.
#[test]
fn a_transfer_ends_with_a_redirection_of_who_stays() {
    let mut w = connected(573, OnCall::Ring);
    refer(&mut w, 1, NEW_PARTY);
    w.until("it rings", |w| w.phones[2].leg.is_some());
    w.run_ms(100);
    redirect(&mut w);
    over(&mut w);
    assert_eq!(w.phones[1].transfer, [202, 100, 180, 487]);
    hear_nothing_more(&mut w);
}

/// The referrer's own call is redirected: it has no part in the transfer any more, which goes on without it.
#[test]
fn a_referrer_that_is_redirected_is_told_and_goes_on() {
    let mut w = connected(575, OnCall::Answer(3_000));
    refer(&mut w, 1, NEW_PARTY);
    w.until("it rings", |w| w.phones[2].leg.is_some());
    w.run_ms(100);
    w.app.on("/new", Reply::twiml("<Pause length=\"20\"/>"));
    let named = |c: &&chorus::call::call::Call| c.row().transferred_to.is_some();
    let sid = w.switch.calls().find(named).unwrap().sid();
    let document = Some(Document::Fetch(hook("/new")));
    update(&mut w, sid, CallUpdate { document, ..Default::default() });
    answered(&mut w, 2);
    assert_eq!(w.phones[1].transfer, [202, 100, 180, 487]);
    w.run_ms(500);
    hear_each_other(&mut w, 0, 2);
    assert!(w.phones[1].ended.is_empty(), "{:?}", w.phones[1].ended);
}

fn hear_nothing_more(w: &mut World) {
    w.until("all are let go", |w| w.switch.calls().count() == 0);
    assert!(!w.phones[1].ended.is_empty() && !w.phones[2].ended.is_empty());
}

/// A transfer changes nothing for two who only talk.
#[test]
fn a_transfer_that_is_refused_twice_is_taken_the_third_time() {
    let mut w = connected(574, OnCall::Refuse(486));
    for n in 1..=2 {
        refer(&mut w, 1, NEW_PARTY);
        w.until("refused", |w| w.phones[1].transfer.iter().filter(|c| **c == 486).count() == n);
    }
    w.phones[2].on_call = OnCall::Answer(100);
    refer(&mut w, 1, NEW_PARTY);
    answered(&mut w, 2);
    w.run_ms(500);
    hear_each_other(&mut w, 0, 2);
}
