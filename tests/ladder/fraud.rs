//! Names that lead to a carrier: it lets us in by our address, so whoever may not dial a number may not dial it there either.

use super::elastic;
use super::scene::*;
use super::transfer::refer;
use crate::kit::phone::OnCall;
use crate::kit::rows::{self, trunk};
use crate::kit::{Reply, World, ladder};
use chorus::sid::AccountSid;
use chorus::store::account_rules::AccountRules;
use chorus::store::elastic::OriginationUrlRow;
use chorus::store::rows::{CallRow, NotificationRow, TrunkRow};
use chorus::store::tx::Op;
use chorus::trunk::policy::Refer;

/// Abroad, which is not open to the account; and at home.
const ABROAD: &str = "+442079460018";
const HOME: &str = "+15550003";

/// The operator's carrier has a name, which leads to the phone `edge`; its INVITEs come from elsewhere. The account's own PBX is at
/// own.example, evil.example is the account's name for the carrier's edge, and either.example names both.
fn carrier(mut w: World) -> (World, usize, usize) {
    w.trunk(|t| {
        t.outbound_host = Some("sip.carrier.example".to_owned());
        t.inbound_source_ips = vec!["10.0.1.10".to_owned()];
    });
    w.rules(|r| *r = AccountRules::of_new());
    for (name, hosts) in [
        ("sip.carrier.example", vec!["10.0.1.6"]),
        ("evil.example", vec!["10.0.1.6"]),
        ("own.example", vec!["10.0.1.5"]),
        ("either.example", vec!["10.0.1.6", "10.0.1.5"]),
    ] {
        w.names.insert(name.to_owned(), hosts);
    }
    let (edge, own) = (w.phone("edge", 6), w.phone("own", 5));
    for phone in [edge, own] {
        w.phones[phone].on_call = OnCall::Answer(100);
    }
    (w, edge, own)
}

/// Somebody calls, and this document runs; or REST does it all.
fn with_caller(seed: u64, document: &str) -> (World, usize, usize) {
    carrier(caller(seed, document))
}

/// POST Calls to an address; how the call ended, and the codes of the debugger.
fn post(w: &mut World, to: &str) -> (CallRow, Vec<u32>) {
    let sid = api(w, |r| {
        r.to = to.to_owned();
        r.document = chorus::api::command::Document::Inline("<Response><Hangup/></Response>".to_owned());
    });
    let ended = |w: &World| w.store.get::<CallRow>(sid).is_some_and(|row| row.status.is_final());
    w.until("it is over", ended);
    w.run_ms(100);
    (w.store.get::<CallRow>(sid).unwrap().clone(), codes(w))
}

fn codes(w: &World) -> Vec<u32> {
    w.store.all::<NotificationRow>().map(|n| n.code).collect()
}

fn was_called(w: &World, phone: usize) -> bool {
    w.phones[phone].invite.is_some()
}

#[test]
fn fraud_post_calls() {
    let (mut w, edge, _) = with_caller(1200, "<Hangup/>");
    let (row, codes) = post(&mut w, &format!("sip:{ABROAD}@evil.example"));
    assert_eq!((row.status.as_str(), row.error, codes), ("failed", Some(21215), vec![21215]));
    assert_eq!(row.cause.unwrap().code, 403);
    let note = w.store.all::<NotificationRow>().next().unwrap();
    let opens = "\"allowed_calling_codes\":[\"44\"]";
    assert!(note.words.contains("leads to 10.0.1.6") && note.words.contains(opens), "{}", note.words);
    assert!(!was_called(&w, edge));
    ladder::check(
        w,
        "fraud_post_calls",
        "A name of the account's that leads to a carrier's address is no way to a country that is not open: no INVITE, 21215.",
    );
}

/// What may be dialled may be dialled there; and who is no number is nobody's expense.
#[test]
fn what_is_open_is_open_there() {
    for to in [format!("sip:{HOME}@evil.example"), "sip:anna@evil.example".to_owned()] {
        let (mut w, edge, _) = with_caller(1201, "<Hangup/>");
        let (row, codes) = post(&mut w, &to);
        assert_eq!((row.status.as_str(), codes), ("completed", vec![]), "{to}");
        assert!(was_called(&w, edge));
    }
}

/// The address is the carrier's whether it is written as a name or not; the table's own addresses count as before.
#[test]
fn the_address_itself_is_no_way_either() {
    for to in ["10.0.1.6", "evil.example;transport=tcp", "nowhere.example;maddr=10.0.1.6"] {
        let (mut w, edge, _) = with_caller(1202, "<Hangup/>");
        let (row, codes) = post(&mut w, &format!("sip:{ABROAD}@{to}"));
        assert_eq!((row.status.as_str(), codes), ("failed", vec![21215]), "{to}");
        assert!(!was_called(&w, edge), "{to}");
    }
}

/// A PBX of the account is called whatever it is called by, also where its name leads elsewhere, too.
#[test]
fn what_is_no_carriers_is_called() {
    for (seed, host) in [(1203, "own.example"), (1204, "either.example")] {
        let (mut w, edge, own) = with_caller(seed, "<Hangup/>");
        let (row, codes) = post(&mut w, &format!("sip:{ABROAD}@{host}"));
        assert_eq!((row.status.as_str(), codes), ("completed", vec![]), "{host}");
        assert_eq!((was_called(&w, edge), was_called(&w, own)), (false, true), "{host}");
    }
}

#[test]
fn fraud_dial() {
    let dial = format!("<Dial action=\"/dialled\"><Sip>sip:{ABROAD}@evil.example</Sip></Dial>");
    let (mut w, edge, _) = with_caller(1205, &dial);
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w.dial(0, "+15550001");
    over(&mut w);
    w.run_ms(100);
    let told = &w.app.of("/dialled")[0].params;
    assert_eq!((told["DialCallStatus"].as_str(), codes(&w)), ("failed", vec![13227]));
    assert!(!was_called(&w, edge));
    ladder::check(w, "fraud_dial", "The same in a Dial: 13227, and the document goes on.");
}

/// The trunk of an account rings at the next of its addresses.
#[test]
fn an_origination_url_is_passed_over() {
    let url = |host: &str, priority| OriginationUrlRow {
        sip_url: format!("sip:{ABROAD}@{host}"),
        ..elastic::url(priority as u8, priority, 10)
    };
    let (mut w, edge, own) =
        carrier(elastic::trunk(1206, &[url("evil.example", 1), url("own.example", 2)], |_| {}));
    w.dial(0, "+15550001");
    answered(&mut w, own);
    w.run_ms(300);
    w.hang_up(0);
    over(&mut w);
    assert!(!was_called(&w, edge));
}

/// Whoever a PBX of the account transfers its call to is called by the account.
#[test]
fn a_transfer_leads_no_further() {
    let lists = elastic::lists(Some("10.0.1.10/32"), None);
    let w = elastic::behind(1207, lists, |t| t.transfer_mode = "sip-only".to_owned());
    let (mut w, edge, _) = carrier(w);
    w.names.insert("sip.carrier.example".to_owned(), vec!["10.0.1.2", "10.0.1.6"]);
    elastic::dial_out(&mut w, "+15550001");
    answered(&mut w, 1);
    w.run_ms(300);
    refer(&mut w, 0, &format!("sip:{ABROAD}@evil.example"));
    w.run_ms(2_000);
    assert_eq!(w.phones[0].transfer, [202, 100, 403]);
    assert!(codes(&w).contains(&13227), "{:?}", codes(&w));
    assert!(!was_called(&w, edge));
}

/// A trunk that is pinned to another account is that account's: whatever it is called by, and whoever is called there.
#[test]
fn another_accounts_trunk_is_not_called() {
    const OTHER: AccountSid = AccountSid(0xac7);
    for (seed, to, codes) in [
        (1209, "sip:anna@10.0.1.7", None),
        (1210, "sip:anna@pbx.other.example", None),
        (1211, "sip:anna@theirs.example", Some(21215)),
        (1212, "sip:anna@10.0.1.8", Some(21215)),
    ] {
        let (mut w, ..) = with_caller(seed, "<Hangup/>");
        // Not even by an account that may dial everywhere.
        w.rules(|r| *r = AccountRules::default());
        w.put(vec![Op::PutAccount(Box::new(rows::account(OTHER, AccountRules::of_new())))]);
        w.another_trunk(TrunkRow {
            account: Some(OTHER),
            outbound_host: Some("pbx.other.example".to_owned()),
            ..trunk(0x77, &["10.0.1.7"])
        });
        w.names.insert("pbx.other.example".to_owned(), vec!["10.0.1.7", "10.0.1.8"]);
        w.names.insert("theirs.example".to_owned(), vec!["10.0.1.7"]);
        let theirs = [w.phone("theirs", 7), w.phone("edge", 8)];
        match codes {
            Some(code) => {
                let (row, _) = post(&mut w, to);
                assert_eq!((row.status.as_str(), row.error), ("failed", Some(code)), "{to}");
            }
            None => {
                let sid = api(&mut w, |r| r.to = to.to_owned());
                w.run_ms(100);
                assert!(w.store.get::<CallRow>(sid).is_none(), "{to}: refused at once");
            }
        }
        assert!(theirs.iter().all(|p| !was_called(&w, *p)), "{to}");
        // It is its own account's.
        w.number(|n| n.account = OTHER);
        w.rules(|r| *r = AccountRules::default());
        let sid = chorus::sid::CallSid(0xca12);
        let mut request = rows::dial_request(sid, w.now.wall);
        (request.account, request.to, request.status_callback) = (OTHER, to.to_owned(), None);
        w.ask(chorus::api::command::Request::Dial(Box::new(request)));
        w.until("it rings there", |w| theirs.iter().any(|p| was_called(w, *p)));
    }
}

/// Whoever trusts a wide network keeps nobody else from calling their own servers in it.
#[test]
fn a_wide_network_of_another_accounts_trunk_is_not_its_place() {
    const OTHER: AccountSid = AccountSid(0xac7);
    for (seed, sources, called) in [(1215, "10.0.0.0/8", true), (1216, "10.0.1.0/24", false)] {
        for (seed, to) in [(seed, "sip:anna@10.0.1.7"), (seed + 10, "sip:anna@mine.example")] {
            let (mut w, ..) = with_caller(seed, "<Hangup/>");
            w.put(vec![Op::PutAccount(Box::new(rows::account(OTHER, AccountRules::of_new())))]);
            w.another_trunk(TrunkRow {
                account: Some(OTHER),
                outbound_host: Some("10.0.1.8".to_owned()),
                ..trunk(0x77, &[sources])
            });
            w.names.insert("mine.example".to_owned(), vec!["10.0.1.7"]);
            let mine = w.phone("mine", 7);
            api(&mut w, |r| r.to = to.to_owned());
            w.run_ms(2_000);
            assert_eq!(was_called(&w, mine), called, "{to} where {sources} is trusted");
        }
    }
}

/// The peer of a trunk calls whom we refer it to, at the cost of whoever pays for the trunk.
#[test]
fn a_peer_is_referred_to_no_country_that_is_not_open() {
    let verb = |to: &str| format!("<Refer action=\"/referred\"><Sip>sip:{to}@pbx.example</Sip></Refer>");
    for (seed, to, sent) in [(1213, ABROAD, false), (1214, HOME, true), (1215, "204", true)] {
        let (mut w, ..) = with_caller(seed, &verb(to));
        w.trunk(|t| t.refer = Refer::Allow);
        w.phones[0].on_refer = vec![202, 200];
        w.app.on("/referred", Reply::twiml("<Hangup/>"));
        w.dial(0, "+15550001");
        over(&mut w);
        assert_eq!(
            (w.phones[0].referred.is_some(), codes(&w)),
            (sent, if sent { vec![] } else { vec![13227] })
        );
    }
}
