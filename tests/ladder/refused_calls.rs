//! Calls that are refused: what the peer hears, and whose debugger is told what (rulings 2.7, 2.9).

use super::scene::*;
use crate::kit::World;
use crate::kit::doors::{acl, domain};
use crate::kit::phone::OnCall;
use crate::kit::rows::{account, number, trunk};
use crate::kit::world::ACCOUNT;
use chorus::api::command::{Answer, Request};
use chorus::api::command_external::{ExternalCall, Origin};
use chorus::sid::AccountSid;
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{NotificationRow, TrunkRow};
use chorus::store::tx::Op;
use chorus::switch::log::{LINES_MAX, WINDOW};

const OTHER: AccountSid = AccountSid(0xbb);
const THIRD: AccountSid = AccountSid(0xcc);

fn notes_of(w: &World, account: AccountSid) -> Vec<&NotificationRow> {
    w.store.all::<NotificationRow>().filter(|n| n.account == account).collect()
}

/// Another account, and its trunk for whoever comes from there, beside the World's own account with its number.
fn tenant(w: &mut World, sid: AccountSid, source: &str) {
    w.put(vec![
        Op::PutAccount(Box::new(account(sid, AccountRules::default()))),
        Op::PutTrunk(Box::new(TrunkRow {
            account: Some(sid),
            name: format!("lines of {sid}"),
            ..trunk(sid.0, &[source])
        })),
    ]);
}

fn refused(w: &mut World, user: &str) -> u16 {
    w.phones[0].ended.clear();
    w.dial(0, user);
    over(w);
    w.run_ms(100);
    w.phones[0].ended[0].code
}

/// The log is the operator's; a debugger is one account's.
#[test]
fn a_debugger_tells_nothing_of_other_accounts() {
    let mut w = caller(720, "");
    w.without_trunk();
    tenant(&mut w, OTHER, "10.0.1.10");
    w.put(vec![Op::PutNumber(Box::new(number(7, "+442079460018", OTHER.0)))]);
    // The whole number of the World's account, a piece of it, and a piece of its own.
    for (dialled, near) in [("+15550001", false), ("5550001", false), ("79460018", true)] {
        assert_eq!(refused(&mut w, dialled), 404, "{dialled}");
        let notes = notes_of(&w, OTHER);
        let words = &notes.last().unwrap().words;
        assert!(!words.contains(&ACCOUNT.to_string()), "{words}");
        assert!(dialled == "+15550001" || !words.contains("+15550001"), "{words}");
        assert_eq!(words.contains("+442079460018 is configured"), near, "{words}");
    }
    assert!(w.logs.iter().any(|l| l.contains(&ACCOUNT.to_string())), "the operator sees whose it is");
    assert!(notes_of(&w, ACCOUNT).is_empty());
}

#[test]
fn whose_call_it_was_is_told_only_where_that_is_known() {
    let mut w = caller(721, "");
    w.without_trunk();
    tenant(&mut w, OTHER, "10.0.1.10");
    tenant(&mut w, THIRD, "10.0.1.0/24");
    assert_eq!(refused(&mut w, "+15557777"), 404);
    assert_eq!(w.store.all::<NotificationRow>().count(), 0, "two accounts share the address");
}

/// What strangers send is counted apart: an account still hears of its own.
#[test]
fn strangers_do_not_silence_a_debugger() {
    let mut w = caller(722, "");
    w.without_trunk();
    w.domain(acl(domain(false), "10.0.1.10/32"));
    let stranger = w.phone("stranger", 66);
    for n in 0..LINES_MAX * 3 {
        w.send_raw(stranger, format!("junk {n}").into());
    }
    w.phones[0].calls = Some("sip:bot@nowhere.example".to_owned());
    assert_eq!(refused(&mut w, "bot"), 404);
    assert_eq!(notes_of(&w, ACCOUNT).iter().map(|n| n.code).collect::<Vec<_>>(), [32100]);
    assert!(w.logs.iter().any(|l| l.contains("refused with 404")), "nor the log");
}

/// A peer that repeats itself fills no table: as many lines as the log has, and how many there were beside.
#[test]
fn one_peer_does_not_fill_a_debugger() {
    let mut w = caller(723, "");
    w.quiet = true;
    w.number(|n| n.voice = None);
    for _ in 0..LINES_MAX + 5 {
        assert_eq!(refused(&mut w, "+15550001"), 480);
    }
    assert!(w.now.mono.0 < u64::try_from(WINDOW.as_micros()).unwrap(), "all in one window");
    assert_eq!(notes_of(&w, ACCOUNT).len() as u64, LINES_MAX);
    w.run(WINDOW);
    assert_eq!(refused(&mut w, "+15550001"), 480);
    let notes = notes_of(&w, ACCOUNT);
    assert_eq!(notes.iter().filter(|n| n.words.contains("(5 more like it were not logged)")).count(), 1);
}

#[test]
fn a_door_tells_its_account_that_the_house_is_full() {
    let mut w = caller(724, "<Say>hi</Say>");
    w.without_trunk();
    w.domain(acl(domain(false), "10.0.1.0/28"));
    w.phones[0].calls = Some("sip:bot@acme.example".to_owned());
    w.switch.limit_calls(0);
    assert_eq!(refused(&mut w, "bot"), 503);
    assert!(notes_of(&w, ACCOUNT)[0].words.contains("refused with 503"));
}

fn external(w: &mut World) -> Option<u32> {
    let call = ExternalCall {
        external: None,
        to: "+15550001".to_owned(),
        from: "+15559999".to_owned(),
        host: String::new(),
        origin: Origin::Source("10.0.1.10".parse().unwrap()),
        source: None,
    };
    let ticket = w.ask(Request::External(Box::new(call)));
    w.run_ms(100);
    match w.replies.get(&ticket) {
        Some(Answer::Call(_)) => None,
        Some(Answer::Refused { code, .. }) => Some(*code),
        other => panic!("{other:?}"),
    }
}

/// They take no port and no worker.
#[test]
fn calls_of_external_switches_have_a_cap_of_their_own() {
    let mut w = caller(725, "<Say>hi</Say><Pause length=\"60\"/>");
    w.quiet = true;
    w.switch.limit_calls(2);
    assert_eq!([external(&mut w), external(&mut w), external(&mut w)], [None, None, Some(20503)]);
    // Two more of our own fit in, at either door.
    callee(&mut w, OnCall::Answer(100));
    w.dial(0, "+15550001");
    answered(&mut w, 0);
    api(&mut w, |_| {});
    answered(&mut w, 1);
    w.phone("third", 12);
    w.dial(2, "+15550001");
    w.until("refused", |w| !w.phones[2].ended.is_empty());
    assert_eq!(w.phones[2].ended[0].code, 503);
}

#[test]
fn an_account_that_is_suspended_answers_nothing() {
    let mut w = caller(726, "<Say>hi</Say>");
    w.suspend();
    assert_eq!(refused(&mut w, "+15550001"), 480);
    assert!(notes_of(&w, ACCOUNT)[0].words.contains("the account is not active"));
}
