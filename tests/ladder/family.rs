//! A main account's rules and its suspension hold for its subaccounts: what is the operator's word about the one is about all of them.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::rows::{self, dial_request};
use crate::kit::{Reply, World};
use chorus::api::command::{Answer, Request};
use chorus::sid::{AccountSid, CallSid, NumberSid};
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{AccountRow, CallRow, NotificationRow, NumberRow};
use chorus::store::tx::Op;

const MAIN: AccountSid = AccountSid(0xac);
const CHILD: AccountSid = AccountSid(0xac1);
const SECOND: AccountSid = AccountSid(0xac2);

/// The account has two subaccounts, which nothing but the account itself holds back; whoever is called answers.
fn family(seed: u64, document: &str) -> World {
    let mut w = World::new(seed);
    callee(&mut w, OnCall::Answer(100));
    w.app.on("/voice", Reply::twiml(document));
    let child = |sid| AccountRow { owner: MAIN, ..rows::account(sid, AccountRules::default()) };
    w.put([CHILD, SECOND].map(|sid| Op::PutAccount(Box::new(child(sid)))).to_vec());
    w
}

/// POST Calls of an account: the code of its refusal.
fn post(w: &mut World, n: u128, account: AccountSid, to: &str) -> Result<(), (u32, String)> {
    let mut request = dial_request(CallSid(n), w.now.wall);
    (request.account, request.status_callback, request.to) = (account, None, to.to_owned());
    let ticket = w.ask(Request::Dial(Box::new(request)));
    w.run_ms(20);
    match w.replies.get(&ticket) {
        Some(Answer::Refused { code, words }) => Err((*code, words.clone())),
        Some(Answer::Call(_)) => Ok(()),
        other => panic!("{other:?}"),
    }
}

fn dial(w: &mut World, n: u128, account: AccountSid) -> Option<u32> {
    post(w, n, account, "+15550002").err().map(|(code, _)| code)
}

fn row(w: &World, n: u128) -> &CallRow {
    w.store.get::<CallRow>(CallSid(n)).unwrap()
}

pub(super) fn status_of(w: &mut World, sid: AccountSid, status: &str) {
    let mut row = w.store.get::<AccountRow>(sid).unwrap().clone();
    row.status = status.to_owned();
    row.touch(w.now.wall);
    w.put(vec![Op::PutAccount(Box::new(row))]);
}

#[test]
fn concurrent_calls_of_a_family_are_counted_together() {
    let mut w = family(920, "<Pause length=\"60\"/>");
    w.rules(|r| r.max_concurrent_calls = Some(1));
    assert_eq!(dial(&mut w, 1, CHILD), None);
    assert_eq!((dial(&mut w, 2, SECOND), dial(&mut w, 3, MAIN)), (Some(10004), Some(10004)));
    // A call that comes in for one of them, too.
    w.number(|n| n.account = SECOND);
    let phone = w.phone("caller", 10);
    w.dial(phone, "+15550001");
    w.until("refused", |w| !w.phones[phone].ended.is_empty());
    assert_eq!(w.phones[phone].ended[0].code, 486);
    w.run_ms(70_000);
    assert_eq!(dial(&mut w, 5, CHILD), None);
}

#[test]
fn a_subaccount_has_caps_of_its_own_beside_the_familys() {
    let mut w = family(921, "<Pause length=\"60\"/>");
    w.rules(|r| r.max_concurrent_calls = Some(2));
    let mut child = w.store.get::<AccountRow>(CHILD).unwrap().clone();
    child.rules.max_concurrent_calls = Some(1);
    child.touch(w.now.wall);
    w.put(vec![Op::PutAccount(Box::new(child))]);
    assert_eq!((dial(&mut w, 1, CHILD), dial(&mut w, 2, CHILD)), (None, Some(10004)));
    assert_eq!(dial(&mut w, 3, MAIN), None);
}

#[test]
fn minutes_of_a_family_are_counted_together_over_a_restart() {
    let mut w = family(922, "<Pause length=\"600\"/>");
    w.rules(|r| r.max_minutes_per_day = Some(2));
    assert_eq!(dial(&mut w, 1, CHILD), None);
    w.run_ms(200_000);
    let lasted = row(&w, 1).ended.unwrap().seconds_since(row(&w, 1).answered.unwrap());
    assert!((118..=121).contains(&lasted), "it ends with the minutes that are left: {lasted} s");
    assert_eq!((dial(&mut w, 2, SECOND), dial(&mut w, 3, MAIN)), (Some(10004), Some(10004)));
    w.crash();
    assert_eq!((dial(&mut w, 4, SECOND), dial(&mut w, 5, MAIN)), (Some(10004), Some(10004)));
}

/// Milliseconds after the first moment at which these were dialled.
fn turns(w: &World, calls: std::ops::RangeInclusive<u128>, from: i64) -> Vec<i64> {
    calls.map(|n| (row(w, n).started.unwrap().0 - from) / 50 * 50).collect()
}

#[test]
fn calls_per_second_of_a_family_are_one_pace() {
    let mut w = family(923, "<Hangup/>");
    w.rules(|r| r.calls_per_second = 1);
    let from = w.now.wall.0;
    for (n, account) in [(1, CHILD), (2, CHILD), (3, SECOND), (4, MAIN)] {
        assert_eq!(dial(&mut w, n, account), None);
    }
    w.run_ms(10_000);
    let turns = turns(&w, 1..=4, from);
    assert_eq!(turns[0], 0);
    let mut sorted = turns.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [0, 1_000, 2_000, 3_000], "{turns:?}");
}

/// Each keeps its own pace too, and none is passed over for another's backlog.
#[test]
fn a_backlog_of_one_subaccount_is_not_anothers() {
    let mut w = family(924, "<Hangup/>");
    w.rules(|r| r.calls_per_second = 2);
    for sid in [CHILD, SECOND] {
        let mut child = w.store.get::<AccountRow>(sid).unwrap().clone();
        child.rules.calls_per_second = 1;
        child.touch(w.now.wall);
        w.put(vec![Op::PutAccount(Box::new(child))]);
    }
    let from = w.now.wall.0;
    for (n, account) in [(1, CHILD), (2, CHILD), (3, CHILD), (4, SECOND), (5, SECOND)] {
        assert_eq!(dial(&mut w, n, account), None);
    }
    w.run_ms(10_000);
    assert_eq!(turns(&w, 1..=3, from), [0, 1_000, 2_000]);
    assert_eq!(turns(&w, 4..=5, from), [500, 1_500]);
}

#[test]
fn a_family_sleeps_with_its_main_account() {
    let mut w = family(925, "<Pause length=\"60\"/>");
    w.rules(|r| r.calls_per_second = 1);
    assert_eq!((dial(&mut w, 1, CHILD), dial(&mut w, 2, CHILD)), (None, None));
    w.number(|n| n.account = CHILD);
    for (asleep, host) in [("suspended", 10), ("closed", 11)] {
        status_of(&mut w, MAIN, asleep);
        assert_eq!(dial(&mut w, 3, CHILD), Some(10001), "{asleep}");
        let phone = w.phone("caller", host);
        w.dial(phone, "+15550001");
        w.until("refused", |w| !w.phones[phone].ended.is_empty());
        assert_eq!(w.phones[phone].ended[0].code, 480, "{asleep}");
    }
    // Who waited for a turn is not dialled any more; who talks goes on.
    w.run_ms(2_000);
    assert_eq!((row(&w, 1).status.as_str(), row(&w, 2).status.as_str()), ("in-progress", "failed"));
    assert!(w.store.all::<NotificationRow>().any(|n| n.code == 10001));
    status_of(&mut w, MAIN, "active");
    assert_eq!(dial(&mut w, 4, CHILD), None);
}

#[test]
fn a_subaccount_dials_where_both_may() {
    let mut w = family(926, "<Hangup/>");
    w.rules(|r| *r = AccountRules { calls_per_second: 0, ..AccountRules::of_new() });
    let abroad = "+442079460018";
    let (code, words) = post(&mut w, 1, CHILD, abroad).unwrap_err();
    assert_eq!((code, words.matches("curl -X PATCH").count()), (21215, 1), "{words}");
    assert!(words.contains(&format!("accounts/{MAIN}")), "{words}");
    let mut child = w.store.get::<AccountRow>(CHILD).unwrap().clone();
    child.rules.allowed_calling_codes.clear();
    child.touch(w.now.wall);
    w.put(vec![Op::PutAccount(Box::new(child))]);
    let (_, words) = post(&mut w, 2, CHILD, abroad).unwrap_err();
    assert_eq!(words.matches("curl -X PATCH").count(), 2, "both must be opened: {words}");
    w.rules(|r| r.allowed_calling_codes = vec!["44".to_owned()]);
    let (_, words) = post(&mut w, 3, CHILD, abroad).unwrap_err();
    assert!(!words.contains(&format!("accounts/{MAIN} ")) && words.contains(&CHILD.to_string()), "{words}");
    // A number abroad opens nothing: the country is the family's.
    let number = NumberRow { sid: NumberSid(0x92), ..rows::number(0x92, "+4930123456", CHILD.0) };
    w.put(vec![Op::PutNumber(Box::new(NumberRow { created: w.now.wall, ..number }))]);
    assert_eq!(post(&mut w, 4, CHILD, "+4930999999").unwrap_err().0, 21215);
    assert_eq!(post(&mut w, 5, CHILD, "+15550002"), Ok(()), "that of the main account's number");
}
