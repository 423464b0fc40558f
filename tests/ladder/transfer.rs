//! REFER from the peer, and INVITE with Replaces.

use super::scene::*;
use crate::kit::doors::{acl, domain};
use crate::kit::phone::OnCall;
use crate::kit::rows::trunk;
use crate::kit::world::{ACCOUNT, hook};
use crate::kit::{Reply, World, ladder};
use chorus::sip::event::SipCmd;
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{CallRow, NotificationRow, TrunkRow};
use chorus::trunk::policy::Refer;

const DIAL: &str = "<Dial action=\"/dialled\"><Number>+15550002</Number></Dial>";
pub(super) const NEW_PARTY: &str = "sip:+15550003@10.0.0.1";

/// A caller (phone 0), a callee (phone 1), and a third (phone 2) who is reached at +15550003.
pub(super) fn three(seed: u64, document: &str, third: OnCall) -> World {
    let mut w = ready(seed, document, third);
    w.dial(0, "+15550001");
    w
}

/// The same before the call.
fn ready(seed: u64, document: &str, third: OnCall) -> World {
    let mut w = caller(seed, document);
    w.trunk(|t| t.refer = Refer::Allow);
    w.another_trunk(TrunkRow {
        name: "other".to_owned(),
        outbound_host: Some("10.0.1.3:5060".to_owned()),
        outbound_route_prefixes: vec!["15550003".to_owned()],
        ..trunk(0x72, &[])
    });
    callee(&mut w, OnCall::Answer(100));
    let third_phone = w.phone("third", 3);
    w.phones[third_phone].on_call = third;
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w
}

/// The same, with caller and callee connected.
pub(super) fn connected(seed: u64, third: OnCall) -> World {
    let mut w = three(seed, DIAL, third);
    answered(&mut w, 1);
    w.run_ms(500);
    w
}

pub(super) fn refer(w: &mut World, phone: usize, to: &str) {
    let to = to.to_owned();
    w.with_phone(phone, |p, now| p.endpoint.command(now, SipCmd::Refer { leg: p.leg.unwrap(), to }));
}

/// The callee refers and hangs up without waiting; who stays talks to the new party until he hangs up.
pub(super) fn refers_and_leaves(w: &mut World) {
    refer(w, 1, NEW_PARTY);
    w.until("accepted", |w| w.phones[1].transfer.contains(&202));
    w.hang_up(1);
    w.until("the third has answered", |w| w.phones[2].answered);
    hear_each_other(w, 0, 2);
    w.hang_up(0);
    over(w);
}

/// `Replaces` that names the dialog of a phone.
pub(super) fn replaces(w: &World, phone: usize) -> String {
    let d = w.phones[phone].dialog.clone().unwrap();
    format!("{};to-tag={};from-tag={}", d.call_id, d.remote_tag, d.local_tag)
}

/// They hear each other.
pub(super) fn hear_each_other(w: &mut World, one: usize, other: usize) {
    for (speaks, hears) in [(one, other), (other, one)] {
        let before = w.phones[hears].rtp_loud;
        w.talk(speaks, Some(crate::kit::world::spoken("a word")));
        w.until("it is heard", |w| w.phones[hears].rtp_loud > before + 5);
    }
}

pub(super) fn transferred_to(w: &World) -> Vec<String> {
    w.store.all::<CallRow>().filter_map(|r| r.transferred_to.clone()).collect()
}

#[test]
fn transfer_blind() {
    let mut w = connected(540, OnCall::Answer(400));
    refer(&mut w, 1, NEW_PARTY);
    w.until("the callee has left", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[1].transfer, [202, 100, 180, 200]);
    assert_eq!(w.phones[2].invite.as_ref().unwrap().from_user, "+15559999");
    hear_each_other(&mut w, 0, 2);
    w.hang_up(2);
    over(&mut w);
    assert_eq!(transferred_to(&w), ["+15550003"]);
    assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], "completed");
    ladder::check(
        w,
        "transfer_blind",
        "REFER from the peer by the trunk's setting: 202, NOTIFYs, and who stays is connected with the new party.",
    );
}

#[test]
fn transfer_busy() {
    let mut w = connected(541, OnCall::Refuse(486));
    refer(&mut w, 1, NEW_PARTY);
    w.until("refused", |w| w.phones[1].transfer.contains(&486));
    hear_each_other(&mut w, 0, 1);
    w.hang_up(1);
    over(&mut w);
    assert!(transferred_to(&w).is_empty());
    ladder::check(
        w,
        "transfer_busy",
        "REFER from the peer: a new party that is busy leaves everything as it was.",
    );
}

#[test]
fn transfer_and_hang_up() {
    let mut w = connected(542, OnCall::Answer(1_500));
    refers_and_leaves(&mut w);
    ladder::check(
        w,
        "transfer_and_hang_up",
        "REFER from a peer that hangs up at once: who stays waits for the new party.",
    );
}

/// The Dial ends as its last party did.
#[test]
fn who_waits_for_a_new_party_that_is_busy_goes_on_in_the_document() {
    let mut w = connected(543, OnCall::Ring);
    refer(&mut w, 1, NEW_PARTY);
    w.until("accepted", |w| w.phones[1].transfer.contains(&202));
    w.hang_up(1);
    over(&mut w);
    assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], "no-answer");
}

#[test]
fn transfer_by_caller() {
    let mut w = connected(544, OnCall::Answer(400));
    refer(&mut w, 0, NEW_PARTY);
    w.until("the caller has left", |w| !w.phones[0].ended.is_empty());
    assert_eq!(w.phones[0].transfer, [202, 100, 180, 200]);
    hear_each_other(&mut w, 1, 2);
    w.hang_up(1);
    w.until("both are over", |w| !w.phones[1].ended.is_empty() && !w.phones[2].ended.is_empty());
    ladder::check(
        w,
        "transfer_by_caller",
        "REFER from the caller of a Dial: its callee and the new party are connected.",
    );
}

#[test]
fn transfer_of_a_document() {
    let mut w = three(545, "<Say>one</Say><Pause length=\"20\"/><Say>two</Say>", OnCall::Answer(400));
    w.until("answered", |w| w.phones[0].answered);
    w.run_ms(1_000);
    refer(&mut w, 0, NEW_PARTY);
    w.until("the caller has left", |w| !w.phones[0].ended.is_empty());
    assert_eq!(w.phones[0].transfer, [202, 100, 180, 200]);
    w.until("the document goes on", |w| w.phones[2].rtp_loud > 5);
    w.until("and ends", |w| !w.phones[2].ended.is_empty());
    assert_eq!(transferred_to(&w), ["+15550003"]);
    ladder::check(w, "transfer_of_a_document", "REFER while a document runs: it goes on with the new party.");
}

#[test]
fn a_document_waits_for_its_new_party_or_ends() {
    for (seed, third) in [(546, OnCall::Answer(2_000)), (547, OnCall::Refuse(404))] {
        let mut w = three(seed, "<Say>one</Say><Pause length=\"5\"/><Say>two</Say>", third);
        w.until("answered", |w| w.phones[0].answered);
        refer(&mut w, 0, NEW_PARTY);
        w.until("accepted", |w| w.phones[0].transfer.contains(&202));
        w.hang_up(0);
        w.until("over", |w| w.switch.calls().count() == 0);
        assert_eq!(w.phones[2].rtp_loud > 0, seed == 546);
    }
}

/// The new party is not called before the row says so; without it the transfer is over, and the next one may be tried.
#[test]
fn a_transfer_that_cannot_be_written_fails_and_leaves_the_way_free() {
    let mut w = three(556, "<Say>one</Say><Pause length=\"60\"/>", OnCall::Answer(200));
    w.until("answered", |w| w.phones[0].answered);
    w.run_ms(1_000);
    w.database_down = true;
    refer(&mut w, 0, NEW_PARTY);
    w.run_ms(2_000);
    assert_eq!(w.phones[0].transfer, [202, 100, 503]);
    assert!(w.phones[2].invite.is_none());
    w.database_down = false;
    w.run_ms(30_000);
    assert!(transferred_to(&w).is_empty(), "nor says its row that it was");
    w.phones[0].transfer.clear();
    refer(&mut w, 0, NEW_PARTY);
    w.until("the document goes on with the third", |w| w.phones[2].rtp_loud > 0 || w.phones[2].answered);
    assert_eq!(w.phones[0].transfer, [202, 100, 180, 200]);
}

#[test]
fn transfer_attended() {
    let mut w = connected(548, OnCall::Answer(100));
    // The callee consults the third by a call of its own, which another telephone plays here.
    w.app.on("/consult", Reply::twiml("<Dial><Number>+15550003</Number></Dial>"));
    w.number(|n| n.voice = Some(hook("/consult")));
    let consults = w.phone("consults", 4);
    w.dial(consults, "+15550001");
    w.until("they talk", |w| w.phones[2].answered && w.phones[consults].answered);
    w.run_ms(500);
    let named = replaces(&w, consults).replace(';', "%3B").replace('=', "%3D");
    refer(&mut w, 1, &format!("{NEW_PARTY}?Replaces={named}"));
    w.until("both have left", |w| !w.phones[1].ended.is_empty() && !w.phones[consults].ended.is_empty());
    assert_eq!(w.phones[1].transfer, [202, 100, 200]);
    hear_each_other(&mut w, 0, 2);
    w.hang_up(0);
    over(&mut w);
    w.until("the third too", |w| !w.phones[2].ended.is_empty());
    ladder::check(
        w,
        "transfer_attended",
        "REFER with Replaces that names another call here: both who stay are joined.",
    );
}

#[test]
fn transfer_denied() {
    let mut w = caller(549, DIAL);
    callee(&mut w, OnCall::Answer(100));
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    w.run_ms(500);
    refer(&mut w, 1, NEW_PARTY);
    w.until("refused", |w| w.phones[1].transfer == [603]);
    hear_each_other(&mut w, 0, 1);
    w.hang_up(0);
    over(&mut w);
    assert!(
        w.store.all::<NotificationRow>().any(|n| n.code == 13802 && n.words.contains("\"refer\": \"allow\""))
    );
    ladder::check(
        w,
        "transfer_denied",
        "REFER over a trunk that may not transfer: 603 and a Notification that says why.",
    );
}

/// No toll fraud: numbers and users go the account's ways, and nobody is called at an address of the referrer's choice.
#[test]
fn a_transfer_goes_where_the_account_may_call() {
    let mut w = connected(550, OnCall::Answer(100));
    for to in ["sip:anna@evil.example", "mailto:anna@evil.example", "sip:anna@10.0.0.1?Replaces=broken"] {
        refer(&mut w, 1, to);
        w.run_ms(300);
    }
    assert_eq!(w.phones[1].transfer, [404, 416, 400]);
    // A number keeps to the account's trunks, whatever host stands behind it.
    refer(&mut w, 1, "sip:+15550003@evil.example");
    w.until("the third has answered", |w| w.phones[2].answered);
    w.hang_up(0);
    over(&mut w);
}

/// Nor by the way of the trunk's own house, where an extension is called as it stands: with a prefix that leads abroad, or a Replaces
/// that names nothing here.
#[test]
fn a_transfer_to_the_trunks_own_house_is_no_way_around_a_country() {
    let mut w = connected(554, OnCall::Answer(100));
    w.rules(|r| *r = AccountRules::of_new());
    for to in [
        "sip:00442079460018@10.0.1.2",
        "sip:011442079460018@10.0.1.2",
        "sip:%30%30442079460018@10.0.1.2",
        "sip:+442079460018@10.0.1.2",
        "sip:+442079460018@10.0.1.2?Replaces=none%3Bto-tag%3Da%3Bfrom-tag%3Db",
        "sip:4420794600;phone-context=+44@10.0.1.2",
    ] {
        w.phones[1].transfer.clear();
        refer(&mut w, 1, to);
        w.run_ms(300);
        assert_eq!(w.phones[1].transfer, [603], "{to}");
    }
    assert!(w.store.all::<NotificationRow>().all(|n| n.code == 21215));
    // An extension there is nobody's expense.
    w.phones[1].transfer.clear();
    refer(&mut w, 1, "sip:204@10.0.1.2");
    w.run_ms(300);
    assert_eq!(w.phones[1].transfer[0], 202);
}

/// Two that transfer to each other do not go on for ever.
#[test]
fn a_transfer_is_one_hop_further() {
    for (hops, left, codes) in [(70, 68, 202), (2, 0, 202), (1, 0, 483)] {
        let mut w = ready(555, DIAL, OnCall::Ring);
        w.phones[0].hops.0 = hops;
        w.dial(0, "+15550001");
        answered(&mut w, 1);
        w.run_ms(500);
        refer(&mut w, 1, NEW_PARTY);
        w.run_ms(500);
        assert_eq!(w.phones[1].transfer[0], codes, "{hops} hops");
        assert_eq!(w.phones[2].hops.1, (codes == 202).then_some(left), "{hops} hops");
    }
}

#[test]
fn replaces_in() {
    let mut w = three(551, "<Say>one</Say><Pause length=\"3\"/><Say>two</Say>", OnCall::Ring);
    w.until("answered", |w| w.phones[0].answered);
    w.run_ms(1_000);
    let named = replaces(&w, 0);
    w.dial_with(1, "+15550001", "+15558888", vec![("Replaces".to_owned(), named)]);
    w.until("the caller has left", |w| !w.phones[0].ended.is_empty());
    w.until("the document goes on", |w| w.phones[1].rtp_loud > 5);
    w.until("and ends", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.store.all::<CallRow>().count(), 1);
    ladder::check(
        w,
        "replaces_in",
        "INVITE with Replaces takes over a call of its trunk: the program goes on without a gap.",
    );
}

/// Who is called rings; somebody of the same trunk takes the call from their own telephone.
#[test]
fn replaces_early() {
    let dial = "<Dial action=\"/dialled\">+15550002</Dial>";
    let mut w = three(553, dial, OnCall::Ring);
    w.phones[1].on_call = OnCall::Ring;
    w.until("it rings", |w| w.phones[1].leg.is_some());
    w.run_ms(1_000);
    let named = replaces(&w, 1);
    let other = named.replace("from-tag=", "from-tag=x");
    w.dial_with(2, "+15550001", "+15558888", vec![("Replaces".to_owned(), other)]);
    w.until("refused", |w| !w.phones[2].ended.is_empty());
    assert_eq!(w.phones[2].ended.pop().unwrap().code, 481, "another's dialog");
    let named = format!("{named};early-only");
    w.dial_with(2, "+15550001", "+15558888", vec![("Replaces".to_owned(), named)]);
    w.until("it rings no more", |w| !w.phones[1].ended.is_empty());
    w.until("they are connected", |w| w.phones[2].answered);
    hear_each_other(&mut w, 0, 2);
    w.hang_up(2);
    over(&mut w);
    assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], "completed");
    w.run_ms(100);
    let rows: Vec<_> = w.store.all::<CallRow>().map(|r| r.status).collect();
    assert_eq!(rows, [chorus::store::rows::CallStatus::Completed; 2]);
    let sentence =
        "INVITE with Replaces of a dialog that only rings: its sender picks up, what rang gets CANCEL.";
    ladder::check(w, "replaces_early", sentence);
}

#[test]
fn replaces_that_fits_nothing_is_refused() {
    let mut w = connected(552, OnCall::Ring);
    let good = replaces(&w, 0);
    for (named, code) in [
        (good.replace("to-tag=", "to-tag=x"), 481),
        (good.replace("from-tag=", "from-tag=x"), 481),
        (format!("{good};early-only"), 486),
        ("nothing".to_owned(), 400),
    ] {
        w.dial_with(2, "+15550001", "+15558888", vec![("Replaces".to_owned(), named.clone())]);
        w.until("refused", |w| !w.phones[2].ended.is_empty());
        assert_eq!(w.phones[2].ended.pop().unwrap().code, code, "{named}");
    }
    // A dialog that is not of this trunk's account.
    w.trunk(|t| t.inbound_source_ips = vec!["10.0.1.10".to_owned()]);
    w.another_trunk(TrunkRow { account: Some(chorus::sid::AccountSid(9)), ..trunk(0x73, &["10.0.1.3"]) });
    w.dial_with(2, "+15550001", "+15558888", vec![("Replaces".to_owned(), good)]);
    w.until("refused", |w| !w.phones[2].ended.is_empty());
    assert_eq!(w.phones[2].ended[0].code, 481);
    hear_each_other(&mut w, 0, 1);
    let told = |n: &NotificationRow| n.words.contains("Replaces") && n.account == chorus::sid::AccountSid(9);
    assert!(w.store.all::<NotificationRow>().any(told), "the account of the trunk that it came over");
}

/// A user of a SIP domain takes over calls of its account, and of no other.
#[test]
fn a_call_is_taken_over_through_a_door_of_its_account_alone() {
    for (account, refused) in [(ACCOUNT, None), (chorus::sid::AccountSid(9), Some(481))] {
        let mut w = three(553, "<Say>one</Say><Pause length=\"3\"/><Say>two</Say>", OnCall::Ring);
        let mut rows = acl(domain(false), "10.0.1.0/28");
        rows.domains[0].account = account;
        w.domain(rows);
        w.phones[1].calls = Some("sip:bot@acme.example".to_owned());
        w.until("answered", |w| w.phones[0].answered);
        w.run_ms(1_000);
        let named = replaces(&w, 0);
        w.dial_with(1, "bot", "desk12", vec![("Replaces".to_owned(), named)]);
        match refused {
            None => w.until("the caller has left", |w| !w.phones[0].ended.is_empty()),
            Some(code) => {
                w.until("refused", |w| !w.phones[1].ended.is_empty());
                assert_eq!(w.phones[1].ended[0].code, code);
                assert!(w.phones[0].ended.is_empty());
            }
        }
        w.until("the document goes on", |w| w.phones[usize::from(refused.is_none())].rtp_loud > 5);
    }
}

/// Who stays with a document would have to be taken over by another call: that is not done, and nothing is lost by asking.
#[test]
fn a_transfer_to_a_document_is_refused() {
    let mut w = connected(553, OnCall::Ring);
    w.app.on("/consult", Reply::twiml("<Say>a</Say><Pause length=\"60\"/>"));
    w.number(|n| n.voice = Some(hook("/consult")));
    let consults = w.phone("consults", 4);
    w.dial(consults, "+15550001");
    answered(&mut w, consults);
    let named = replaces(&w, consults).replace(';', "%3B").replace('=', "%3D");
    refer(&mut w, 1, &format!("{NEW_PARTY}?Replaces={named}"));
    w.until("refused", |w| w.phones[1].transfer == [603]);
    hear_each_other(&mut w, 0, 1);
    assert!(w.phones[consults].answered, "the document goes on");
    w.hang_up(consults);
    w.hang_up(0);
    over(&mut w);
}

/// Both who stay have documents behind their Dials: the one of the referrer's call goes on, the other's ends without a word.
#[test]
fn of_two_who_are_joined_one_document_goes_on() {
    let mut w = connected(554, OnCall::Answer(100));
    // The callee also has a call from the fourth, on another line.
    let dial = "<Dial action=\"/other\"><Number>+15550003</Number></Dial><Say>never</Say>";
    w.app.on("/second", Reply::twiml(dial));
    w.number(|n| n.voice = Some(hook("/second")));
    let fourth = w.phone("fourth", 4);
    w.dial(fourth, "+15550001");
    w.until("they talk", |w| w.phones[2].answered && w.phones[fourth].answered);
    w.run_ms(500);
    let named = replaces(&w, 2).replace(';', "%3B").replace('=', "%3D");
    refer(&mut w, 1, &format!("{NEW_PARTY}?Replaces={named}"));
    w.until("both have left", |w| !w.phones[1].ended.is_empty() && !w.phones[2].ended.is_empty());
    hear_each_other(&mut w, 0, fourth);
    w.hang_up(fourth);
    over(&mut w);
    w.run_ms(500);
    assert_eq!(w.app.of("/dialled").len(), 1, "the Dial of the referrer's call is over");
    assert!(w.app.of("/other").is_empty());
}
