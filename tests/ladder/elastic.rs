//! Trunks of an account (Elastic SIP Trunking): its numbers ring at the PBX, the PBX dials out through it.

use super::scene::*;
use crate::kit::doors::{acl, user};
use crate::kit::phone::OnCall;
use crate::kit::world::{ACCOUNT, spoken};
use crate::kit::{Reply, World, ladder};
use crate::security::secrets;
use chorus::call::verdict;
use chorus::sid::{ElasticTrunkSid, OriginationUrlSid};
use chorus::sip::event::{Credentials, SipCmd};
use chorus::store::elastic::{ElasticTrunkRow, OriginationUrlRow};
use chorus::store::rows::{CallRow, CallStatus, Direction, DoorSid, NotificationRow, Purpose, RecordingRow};
use chorus::store::snapshot::Snapshot as Rows;
use chorus::store::tx::Op;
use chorus::trunk::policy::{Asserts, Refer};

pub(super) const TRUNK: ElasticTrunkSid = ElasticTrunkSid(0xe1);

/// Where the trunk rings: host of 10.0.1.x, priority, weight.
pub(super) fn url(host: u8, priority: u16, weight: u16) -> OriginationUrlRow {
    OriginationUrlRow {
        sid: OriginationUrlSid(host.into()),
        account: ACCOUNT,
        trunk: TRUNK,
        sip_url: format!("sip:10.0.1.{host}"),
        friendly_name: "PBX".to_owned(),
        priority,
        weight,
        enabled: true,
        created: chorus::clock::Wall(0),
        updated: chorus::clock::Wall(0),
    }
}

/// A caller at a carrier (phone 0), and +15550001 on a trunk that rings at these URLs.
pub(super) fn trunk(
    seed: u64,
    urls: &[OriginationUrlRow],
    change: impl FnOnce(&mut ElasticTrunkRow),
) -> World {
    let mut w = caller(seed, "<Say>nobody hears this</Say>");
    let mut row = ElasticTrunkRow::new(TRUNK, ACCOUNT, w.now.wall);
    row.domain_name = Some("pbx.example.com".to_owned());
    change(&mut row);
    let urls = urls.iter().map(|u| Op::PutOriginationUrl(Box::new(u.clone())));
    let ops = std::iter::once(Op::PutElasticTrunk(Box::new(row))).chain(urls).collect();
    w.put(ops);
    w.number(|n| n.trunk = Some(TRUNK));
    w
}

/// A PBX at 10.0.1.`host`.
pub(super) fn pbx(w: &mut World, host: u8, does: OnCall) -> usize {
    let phone = w.phone("pbx", host);
    w.phones[phone].on_call = does;
    phone
}

/// The call that came in, as it was written last.
pub(super) fn outer(w: &World) -> CallRow {
    w.store.all::<CallRow>().find(|r| r.parent.is_none()).unwrap().clone()
}

#[test]
fn elastic_origination() {
    let mut w = trunk(600, &[url(3, 10, 10)], |_| {});
    let pbx = pbx(&mut w, 3, OnCall::Answer(1_000));
    w.dial(0, "+15550001");
    answered(&mut w, pbx);
    w.run_ms(1_000);
    let row = outer(&w);
    assert_eq!((row.direction, row.elastic_trunk), (Direction::TrunkingOriginating, Some(TRUNK)));
    let header = w.phones[pbx].headers.iter().find(|(name, _)| name == "X-Twilio-CallSid").unwrap();
    assert_eq!(header.1, row.sid.to_string());
    w.hang_up(pbx);
    over(&mut w);
    assert!(w.app.of("/voice").is_empty(), "a trunk's number asks nobody what to do");
    let sentence = "A call to a number of a trunk rings at its origination URL: 180 and 200 go back as they come, BYE crosses.";
    ladder::check(w, "elastic_origination", sentence);
}

#[test]
fn elastic_next_origination_url() {
    let mut w = trunk(601, &[url(3, 20, 10), url(4, 10, 10), url(77, 5, 10)], |_| {});
    let second = pbx(&mut w, 4, OnCall::Refuse(503));
    let third = pbx(&mut w, 3, OnCall::Answer(500));
    w.dial(0, "+15550001");
    answered(&mut w, third);
    w.run_ms(500);
    w.hang_up(0);
    over(&mut w);
    assert_eq!(w.phones[second].ended.len(), 1);
    let child = w.store.all::<CallRow>().find(|r| r.parent.is_some()).unwrap();
    assert_eq!(child.to, "sip:+15550001@10.0.1.3", "the row says where it rang in the end");
    let sentence = "Origination URLs by priority, with fail-over to the next on silence (4 s) and on 5xx.";
    ladder::check(w, "elastic_next_origination_url", sentence);
}

#[test]
fn elastic_busy() {
    let mut w = trunk(602, &[url(3, 10, 10), url(4, 20, 10)], |t| {
        t.disaster_recovery_url = Some(secrets::url("app.test", "/dr"));
    });
    pbx(&mut w, 3, OnCall::Refuse(486));
    pbx(&mut w, 4, OnCall::Answer(100));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!((w.phones[0].ended[0].code, outer(&w).status), (486, CallStatus::Busy));
    let sentence =
        "A PBX that says 486 was reached: no other URL, no disaster recovery, the caller gets its answer.";
    ladder::check(w, "elastic_busy", sentence);
}

#[test]
fn elastic_disaster_recovery() {
    let mut w = trunk(603, &[url(3, 10, 10), url(4, 10, 10)], |t| {
        t.disaster_recovery_url = Some(secrets::url("app.test", "/dr"));
    });
    pbx(&mut w, 3, OnCall::Refuse(500));
    pbx(&mut w, 4, OnCall::Refuse(503));
    w.app.on("/dr", Reply::twiml("<Say>our office cannot be reached</Say>"));
    w.dial(0, "+15550001");
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 15);
    let params = &w.app.of("/dr")[0].params;
    assert_eq!(
        (params["Direction"].as_str(), params["CallStatus"].as_str()),
        ("trunking-originating", "ringing")
    );
    let sentence = "If every origination URL fails, DisasterRecoveryUrl is asked for TwiML.";
    ladder::check(w, "elastic_disaster_recovery", sentence);
}

#[test]
fn elastic_early_media_is_recorded() {
    let mut w = trunk(604, &[url(3, 10, 10)], |t| t.recording.mode = "record-from-ringing-dual".to_owned());
    let pbx = pbx(&mut w, 3, OnCall::EarlyMedia(2_000));
    w.dial(0, "+15550001");
    w.until("the caller has its 183", |w| {
        w.phones[0].engine.counts().legs > 0 && w.phones[pbx].leg.is_some()
    });
    w.run_ms(50);
    w.talk(pbx, Some(spoken(&"b".repeat(100))));
    w.until("early media", |w| w.phones[0].rtp_loud > 5);
    assert!(!w.phones[0].answered);
    answered(&mut w, pbx);
    w.talk(0, Some(spoken(&"a".repeat(100))));
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    w.run_ms(1_000);
    let recording = w.store.all::<RecordingRow>().next().unwrap();
    assert_eq!((recording.source.as_str(), recording.channels), ("Trunking", 2));
    let ms = recording.ms.unwrap();
    assert!(ms > 2_500, "{ms} ms: what was heard before the answer is in it");
    assert_eq!(recording.call, outer(&w).sid);
    let sentence = "183 with early media passes; record-from-ringing records from there on.";
    ladder::check(w, "elastic_early_media_is_recorded", sentence);
}

#[test]
fn elastic_caller_gives_up() {
    let mut w = trunk(605, &[url(3, 10, 10)], |_| {});
    let pbx = pbx(&mut w, 3, OnCall::Ring);
    w.dial(0, "+15550001");
    w.until("it rings", |w| w.phones[pbx].leg.is_some());
    w.run_ms(2_000);
    w.hang_up(0);
    over(&mut w);
    assert_eq!(outer(&w).status, CallStatus::Canceled);
    ladder::check(w, "elastic_caller_gives_up", "CANCEL of the caller crosses to the PBX.");
}

/// RFC 3398 section 7.2.4.1, cause 19: nobody cancelled it, and another way would only make it ring again.
#[test]
fn elastic_nobody_answers() {
    let mut w = trunk(616, &[url(3, 10, 10)], |_| {});
    pbx(&mut w, 3, OnCall::Ring);
    w.dial(0, "+15550001");
    w.run_ms(100_000);
    over(&mut w);
    assert_eq!((w.phones[0].ended[0].code, outer(&w).status), (480, CallStatus::NoAnswer));
    let sentence =
        "A PBX that rings and is not answered for 180 s: 480 goes back, and the call is no-answer.";
    ladder::check(w, "elastic_nobody_answers", sentence);
}

#[test]
fn elastic_too_many_hops() {
    let mut w = trunk(608, &[url(3, 10, 10)], |_| {});
    let pbx = pbx(&mut w, 3, OnCall::Answer(100));
    w.phones[0].hops.0 = 0;
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!((w.phones[0].ended[0].code, w.phones[pbx].hops.1), (483, None));
    assert_eq!(outer(&w).status, CallStatus::Failed);
    assert!(w.store.all::<NotificationRow>().any(|n| n.code == 32_011));
    ladder::check(
        w,
        "elastic_too_many_hops",
        "A call of a trunk that may take no further hop gets 483 (RFC 3261 section 16.3).",
    );
}

#[test]
fn among_equals_the_weight_decides() {
    let mut first = 0;
    for seed in 0..60 {
        let mut w = trunk(7_000 + seed, &[url(3, 10, 30), url(4, 10, 10)], |_| {});
        let pbxs = [3, 4].map(|host| pbx(&mut w, host, OnCall::Ring));
        w.dial(0, "+15550001");
        w.until("one rings", |w| pbxs.iter().any(|p| w.phones[*p].leg.is_some()));
        first += usize::from(w.phones[pbxs[0]].leg.is_some());
    }
    // Three quarters of 60, give or take three standard deviations.
    assert!((35..=55).contains(&first), "{first} of 60 went to the heavier one");
}

#[test]
fn a_trunk_without_enabled_urls_refuses_and_says_why() {
    let mut off = url(3, 10, 10);
    off.enabled = false;
    let mut w = trunk(606, &[off], |_| {});
    let pbx = pbx(&mut w, 3, OnCall::Answer(100));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!((w.phones[0].ended[0].code, w.phones[pbx].ended.len()), (480, 0));
    assert!(w.store.all::<chorus::store::rows::NotificationRow>().any(|n| n.code == 32_010));
}

/// OpenAI and others are addressed by the user of the URI.
#[test]
fn a_user_part_of_the_url_is_kept() {
    let mut named = url(3, 10, 10);
    named.sip_url = "sip:project@10.0.1.3;transport=udp".to_owned();
    let mut w = trunk(607, &[named], |_| {});
    let pbx = pbx(&mut w, 3, OnCall::Answer(100));
    w.dial(0, "+15550001");
    answered(&mut w, pbx);
    let child = w.switch.calls().map(|c| c.row()).find(|r| r.parent.is_some()).unwrap();
    assert_eq!(child.to, "sip:project@10.0.1.3;transport=udp");
    assert!(w.phones[pbx].dialog.as_ref().unwrap().local_uri.contains("project@"));
    w.with_phone(pbx, |p, now| {
        let leg = p.leg.unwrap();
        p.endpoint.command(
            now,
            SipCmd::Hangup { leg, cause: chorus::sip::event::Cause::new(200, "bye"), headers: vec![] },
        );
    });
    over(&mut w);
}

const PASSWORD: &str = "Speak4Friend0and0enter";

/// Which lists open the trunk.
pub(super) fn lists(addresses: Option<&str>, user_of: Option<&str>) -> Rows {
    let mut rows = Rows::default();
    if let Some(cidr) = addresses {
        rows = acl(rows, cidr);
    }
    if let Some(name) = user_of {
        secrets::plant(PASSWORD);
        user(&mut rows, 7, Purpose::Calls, name, PASSWORD);
    }
    rows.uses.iter_mut().for_each(|u| u.owner = DoorSid::Trunk(TRUNK));
    rows
}

/// A PBX at 10.0.1.10 (phone 0) that dials out through `pbx.example.com`; the carrier is phone 1.
pub(super) fn behind(seed: u64, lists: Rows, change: impl FnOnce(&mut ElasticTrunkRow)) -> World {
    let mut w = trunk(seed, &[], change);
    w.number(|n| n.trunk = None);
    w.trunk(|t| t.inbound_source_ips = vec!["10.0.1.2".to_owned()]);
    w.domain(lists);
    callee(&mut w, OnCall::Answer(1_000));
    w.phones[0].calls = Some("sip:+15550002@pbx.example.com".to_owned());
    w
}

pub(super) fn dial_out(w: &mut World, from: &str) {
    w.dial_with(0, "+15550002", from, vec![]);
}

fn knows_password(w: &mut World) {
    let credentials = Credentials { username: "asterisk".to_owned(), password: PASSWORD.to_owned() };
    w.phones[0].credentials = Some(credentials);
}

#[test]
fn elastic_termination_by_address() {
    let mut w = behind(610, lists(Some("10.0.1.8/29"), None), |_| {});
    dial_out(&mut w, "+15550001");
    answered(&mut w, 1);
    w.run_ms(500);
    let row = outer(&w);
    assert_eq!((row.direction, row.elastic_trunk), (Direction::TrunkingTerminating, Some(TRUNK)));
    assert_eq!((row.from.as_str(), row.to.as_str()), ("+15550001", "+15550002"));
    w.hang_up(1);
    over(&mut w);
    assert!(w.app.of("/voice").is_empty());
    let sentence = "A PBX dials out through the termination domain, known by an IP list: out over the account's own way, 180 and 200 come back.";
    ladder::check(w, "elastic_termination_by_address", sentence);
}

#[test]
fn elastic_rings_for_ever() {
    let mut w = behind(619, lists(Some("10.0.1.8/29"), None), |_| {});
    w.phones[1].on_call = OnCall::Ring;
    dial_out(&mut w, "+15550001");
    w.run_ms(185_000);
    over(&mut w);
    let sentence = "Timer C between trunks: an INVITE that only rings for three minutes is taken back, and 480 goes back.";
    ladder::check(w, "elastic_rings_for_ever", sentence);
}

#[test]
fn elastic_termination_by_password() {
    let mut w = behind(611, lists(None, Some("asterisk")), |_| {});
    knows_password(&mut w);
    dial_out(&mut w, "+15550001");
    answered(&mut w, 1);
    w.run_ms(500);
    w.hang_up(0);
    over(&mut w);
    ladder::check(
        w,
        "elastic_termination_by_password",
        "The same by a credential list: 407, then the password.",
    );
}

#[test]
fn elastic_termination_by_both() {
    let mut w = behind(612, lists(Some("10.0.1.8/29"), Some("asterisk")), |_| {});
    dial_out(&mut w, "+15550001");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 407, "the address alone is not enough");
    knows_password(&mut w);
    dial_out(&mut w, "+15550001");
    answered(&mut w, 1);
    w.run_ms(500);
    w.hang_up(0);
    w.until("both are over", |w| w.phones[0].ended.len() == 2);
    let sentence = "Both kinds of list configured: both must pass.";
    ladder::check(w, "elastic_termination_by_both", sentence);
}

#[test]
fn elastic_foreign_caller_id() {
    let mut w = behind(613, lists(Some("10.0.1.8/29"), None), |_| {});
    dial_out(&mut w, "+15559999");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 403);
    w.run_ms(100);
    let notes: Vec<u32> = w.store.all::<NotificationRow>().map(|n| n.code).collect();
    assert_eq!(notes, [21_210]);
    ladder::check(w, "elastic_foreign_caller_id", "403 without a caller ID that is a number of the account.");
}

/// A `+` before them would make another country's numbers of them.
#[test]
fn what_is_no_number_of_the_world_is_not_dialled_as_one() {
    for (n, dialled) in ["911", "01115550002", "123456", "1234567890123456", "201"].into_iter().enumerate() {
        let mut w = behind(640 + n as u64, lists(Some("10.0.1.8/29"), None), |_| {});
        w.phones[0].calls = Some(format!("sip:{dialled}@pbx.example.com"));
        w.dial_with(0, dialled, "+15550001", vec![]);
        over(&mut w);
        assert_eq!(w.phones[0].ended[0].code, 404, "{dialled}");
        w.run_ms(100);
        let notes: Vec<u32> = w.store.all::<NotificationRow>().map(|n| n.code).collect();
        assert_eq!((notes, w.phones[1].invite.is_some()), (vec![13_223], false), "{dialled}");
    }
}

#[test]
fn an_asserted_identity_is_a_caller_id() {
    let mut w = behind(614, lists(Some("10.0.1.8/29"), None), |_| {});
    let asserted = ("P-Asserted-Identity".to_owned(), "<sip:+15550001@pbx.example.com>".to_owned());
    w.dial_with(0, "+15550002", "201", vec![asserted]);
    answered(&mut w, 1);
    assert_eq!(outer(&w).from, "+15550001");
    w.hang_up(0);
    over(&mut w);
}

/// Privacy crosses: the carrier is told whose call it is, the callee is not.
#[test]
fn who_is_withheld_at_the_pbx_is_withheld_from_the_callee() {
    let mut w = behind(618, lists(Some("10.0.1.8/29"), None), |_| {});
    w.trunk(|t| t.identity.outbound = Asserts::PAssertedIdentity);
    let fields = [("P-Asserted-Identity", "<sip:+15550001@pbx.example.com>"), ("Privacy", "id")];
    let fields = fields.map(|(n, v)| (n.to_owned(), v.to_owned())).to_vec();
    w.dial_with(0, "+15550002", "anonymous", fields);
    answered(&mut w, 1);
    let invite = w.phones[1].invite.clone().unwrap();
    assert_eq!((invite.from_user.as_str(), invite.identity.withheld), ("anonymous", true));
    assert_eq!(invite.identity.asserted.unwrap().user, "+15550001");
    assert_eq!(outer(&w).from, "+15550001", "its own account knows");
    w.hang_up(0);
    over(&mut w);
    w.run_ms(1_000);
    assert_eq!(verdict::hung_up(&outer(&w)), (Some("caller"), None), "the PBX called, and hung up");
}

/// Who calls is released because of the far end, whether that hung up or refused: nothing went wrong here.
#[test]
fn the_far_end_of_a_trunks_call_ends_it() {
    for (n, does) in [OnCall::Answer(100), OnCall::Refuse(486), OnCall::Refuse(503)].into_iter().enumerate() {
        let mut w = trunk(650 + n as u64, &[url(3, 10, 10)], |_| {});
        let far = pbx(&mut w, 3, does);
        w.dial(0, "+15550001");
        w.run_ms(1_000);
        if w.phones[far].answered {
            w.hang_up(far);
        }
        over(&mut w);
        w.run_ms(1_000);
        assert_eq!(verdict::hung_up(&outer(&w)), (Some("chorus"), Some("dial")), "{n}");
    }
}

/// As on a call to any number of the account: the number that was called is the account's, whatever the PBX says after it.
#[test]
fn whose_number_a_trunks_call_has_is_known_to_what_follows_from_it() {
    let mut w =
        trunk(619, &[url(3, 10, 10)], |t| t.disaster_recovery_url = Some(secrets::url("app.test", "/dr")));
    w.trunk(|t| {
        t.refer = Refer::Allow;
        t.identity.diversion = true;
    });
    pbx(&mut w, 3, OnCall::Refuse(500));
    let callee = callee(&mut w, OnCall::Answer(100));
    w.app.on("/dr", Reply::twiml("<Dial><Number>+15550002</Number></Dial>"));
    w.dial(0, "+15550001");
    answered(&mut w, callee);
    assert_eq!(w.phones[callee].invite.as_ref().unwrap().diverted_by, "+15550001");
    let third = w.phone("third", 4);
    w.phones[third].on_call = OnCall::Answer(100);
    w.trunk(|t| t.outbound_host = Some("10.0.1.4:5060".to_owned()));
    w.run_ms(500);
    w.with_phone(0, |p, now| {
        let to = "sip:+15550003@10.0.0.1".to_owned();
        p.endpoint.command(now, SipCmd::Refer { leg: p.leg.unwrap(), to });
    });
    answered(&mut w, third);
    assert_eq!(w.phones[third].invite.as_ref().unwrap().from_user, "+15550001");
}

#[test]
fn elastic_wrong_domain() {
    let mut w = behind(615, lists(Some("10.0.1.8/29"), None), |_| {});
    w.phones[0].calls = Some("sip:+15550002@other.example.com".to_owned());
    dial_out(&mut w, "+15550001");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 404);
    w.phones[0].calls = Some("sip:+15550002@pbx.example.com".to_owned());
    let options = "OPTIONS sip:pbx.example.com SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.1.10:5060;branch=z9hG4bKo\r\nFrom: <sip:a@b>;tag=1\r\n\
                   To: <sip:pbx.example.com>\r\nCall-ID: o\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    w.send_raw(0, options.into());
    w.run_ms(100);
    ladder::check(
        w,
        "elastic_wrong_domain",
        "404 for a wrong domain from a known source, 200 to its OPTIONS.",
    );
}

#[test]
fn elastic_busy_callee() {
    let mut w = behind(616, lists(Some("10.0.1.8/29"), None), |_| {});
    w.phones[1].on_call = OnCall::Refuse(486);
    dial_out(&mut w, "+15550001");
    over(&mut w);
    assert_eq!((w.phones[0].ended[0].code, outer(&w).status), (486, CallStatus::Busy));
    ladder::check(w, "elastic_busy_callee", "The carrier's final answer goes back to the PBX as it is.");
}

#[test]
fn elastic_silent_target() {
    let mut w = trunk(618, &[url(77, 10, 10)], |t| {
        t.disaster_recovery_url = Some(secrets::url("app.test", "/dr"));
    });
    w.app.on("/dr", Reply::twiml("<Say>our office cannot be reached</Say>"));
    w.dial(0, "+15550001");
    w.run_ms(4_500);
    assert_eq!(w.app.of("/dr").len(), 1);
    over(&mut w);
    assert!(w.phones[0].rtp_loud > 15);
    let sentence = "A single origination URL that does not even say 100 within 4 s: disaster recovery.";
    ladder::check(w, "elastic_silent_target", sentence);
}

/// Nobody else could be asked: the INVITE has the 32 s of RFC 3261.
#[test]
fn without_disaster_recovery_a_single_target_has_its_time() {
    let mut w = trunk(619, &[url(77, 10, 10)], |_| {});
    w.dial(0, "+15550001");
    w.run_ms(31_000);
    assert!(w.phones[0].ended.is_empty());
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 408);
    assert!(w.store.all::<NotificationRow>().any(|n| n.code == 32_011));
}
