//! What an account may do, how fast and how much.

use super::elastic;
use super::scene::*;
use super::transfer::refer;
use crate::kit::phone::OnCall;
use crate::kit::rows::dial_request;
use crate::kit::{Reply, World, ladder};
use chorus::api::command::{Answer, CallUpdate, Document, EndWish, Request};
use chorus::call::event::Ticket;
use chorus::sid::CallSid;
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{CallRow, NotificationRow};
use chorus::switch::Input;
use chorus::trunk::policy::Refer;

/// The account makes one call a second; the callee answers at once.
fn slow(seed: u64) -> World {
    let mut w = World::new(seed);
    callee(&mut w, OnCall::Answer(100));
    w.app.on("/voice", Reply::twiml("<Hangup/>"));
    w.line("app", "chorus", "PATCH /carrier/v1/accounts calls_per_second=1");
    w.rules(|r| r.calls_per_second = 1);
    w
}

fn post(w: &mut World, n: u128) -> Ticket {
    let mut request = dial_request(CallSid(n), w.now.wall);
    request.status_callback = None;
    w.line("app", "chorus", "POST Calls");
    w.ask(Request::Dial(Box::new(request)))
}

fn refused(w: &World, ticket: Ticket) -> Option<u32> {
    match w.replies.get(&ticket) {
        Some(Answer::Refused { code, .. }) => Some(*code),
        Some(Answer::Call(_)) => None,
        other => panic!("{other:?}"),
    }
}

/// When its INVITE left, milliseconds after it was accepted.
fn waited(w: &World, n: u128) -> i64 {
    let row = w.store.get::<CallRow>(CallSid(n)).unwrap();
    row.started.unwrap().0 - row.created.0
}

fn status(w: &World, n: u128) -> &'static str {
    w.store.get::<CallRow>(CallSid(n)).unwrap().status.as_str()
}

#[test]
fn limit_calls_per_second() {
    let mut w = slow(900);
    for n in 1..=3 {
        post(&mut w, n);
    }
    w.run_ms(10);
    assert_eq!((status(&w, 2), status(&w, 3)), ("queued", "queued"));
    w.run_ms(10_000);
    for n in 1..=3 {
        let turn = 1_000 * (n as i64 - 1);
        assert!((turn..turn + 50).contains(&waited(&w, n)), "{n} waited {} ms", waited(&w, n));
    }
    ladder::check(
        w,
        "limit_calls_per_second",
        "Calls per second (over it: queued, as Twilio): each is dialled in its turn.",
    );
}

#[test]
fn limit_cancelled_in_the_queue() {
    let mut w = slow(901);
    for n in 1..=3 {
        post(&mut w, n);
    }
    w.run_ms(100);
    end(&mut w, CallSid(2), EndWish::Canceled);
    w.run_ms(10_000);
    assert_eq!((status(&w, 2), status(&w, 3)), ("canceled", "completed"));
    assert!((1_000..1_050).contains(&waited(&w, 3)), "the turn of the one that left is the next one's");
    ladder::check(
        w,
        "limit_cancelled_in_the_queue",
        "A call that is cancelled while it is queued is never dialled, and costs nobody's turn.",
    );
}

#[test]
fn limit_queue_survives_a_restart() {
    let mut w = slow(902);
    for n in 1..=3 {
        post(&mut w, n);
    }
    w.run_ms(500);
    w.crash();
    w.run_ms(10_000);
    assert_eq!((status(&w, 2), status(&w, 3)), ("completed", "completed"));
    ladder::check(
        w,
        "limit_queue_survives_a_restart",
        "A queued call found at start is dialled in its turn; one whose INVITE may have left is not dialled again.",
    );
}

fn error(w: &World, n: u128) -> (&'static str, Option<u32>) {
    (status(w, n), w.store.get::<CallRow>(CallSid(n)).unwrap().error)
}

/// What was open when a call was accepted need not be when its turn comes: it ends as one that was never dialled, and says why.
#[test]
fn a_call_whose_turn_comes_is_dialled_if_it_still_may_be() {
    type Shuts = fn(&mut World);
    let country: Shuts = |w| w.rules(|r| r.allowed_calling_codes = vec!["44".to_owned()]);
    let minutes: Shuts = |w| w.rules(|r| r.max_minutes_per_day = Some(0));
    let trunk: Shuts = |w| w.without_trunk();
    let account: Shuts = |w| w.suspend();
    let home: fn(&mut AccountRules) = |r| r.home = Some("44".to_owned());
    for (seed, shuts, code) in
        [(908, country, 21215), (909, minutes, 10004), (910, trunk, 13224), (911, account, 10001)]
    {
        let mut w = slow(seed);
        w.rules(home);
        for n in 1..=3 {
            post(&mut w, n);
        }
        w.run_ms(100);
        shuts(&mut w);
        w.run_ms(10_000);
        assert_eq!(
            (status(&w, 1), error(&w, 2), error(&w, 3)),
            ("completed", ("failed", Some(code)), ("failed", Some(code)))
        );
        assert_eq!(w.phones[0].ended.len(), 1, "{code}: nobody else was dialled");
        let notes: Vec<u32> = w.store.all::<NotificationRow>().map(|n| n.code).collect();
        assert_eq!(notes, [code, code]);
    }
}

/// A trunk's channel is taken with the call, not with its INVITE; who waits for its turn holds none.
#[test]
fn calls_that_come_at_once_do_not_overfill_a_trunk() {
    let mut w = slow(912);
    w.rules(|r| r.calls_per_second = 0);
    w.trunk(|t| t.max_channels = Some(1));
    let tickets: Vec<Ticket> = (1..=20).map(|n| post(&mut w, n)).collect();
    w.run_ms(1_000);
    let codes: Vec<_> = tickets.iter().map(|t| refused(&w, *t)).collect();
    assert_eq!(codes.iter().filter(|c| c.is_none()).count(), 1, "{codes:?}");
    assert!(codes.iter().flatten().all(|c| *c == 13224));
}

#[test]
fn who_waits_for_its_turn_holds_no_channel() {
    for (seed, crash) in [(913, false), (916, true)] {
        let mut w = slow(seed);
        // What the second one does; the first hangs up.
        w.app.on("/voice", Reply::twiml("<Pause length=\"60\"/>"));
        w.trunk(|t| t.max_channels = Some(1));
        post(&mut w, 1);
        w.until("the first is over", |w| w.switch.calls().count() == 0);
        let tickets = [post(&mut w, 2), post(&mut w, 3)];
        w.run_ms(10);
        assert_eq!(tickets.map(|t| refused(&w, t)), [None, None], "neither has a channel yet");
        if crash {
            w.crash();
        }
        w.run_ms(10_000);
        assert_eq!((status(&w, 2), error(&w, 3)), ("in-progress", ("failed", Some(13224))));
    }
}

/// An update may shorten a call, and lift its limit as far as the account may talk.
#[test]
fn a_time_limit_of_an_update_is_within_the_minutes_of_the_day() {
    let mut w = World::new(914);
    callee(&mut w, OnCall::Answer(100));
    w.app.on("/voice", Reply::twiml("<Pause length=\"600\"/>"));
    w.rules(|r| r.max_minutes_per_day = Some(2));
    let sid = api(&mut w, |_| {});
    answered(&mut w, 0);
    for (after_ms, limit) in [(10_000, 60), (10_000, 3_600)] {
        w.run_ms(after_ms);
        update(&mut w, sid, CallUpdate { time_limit_s: Some(limit), ..CallUpdate::default() });
    }
    w.run_ms(80_000);
    assert!(w.phones[0].ended.is_empty(), "the second one lifted the first");
    w.run_ms(30_000);
    assert!(!w.phones[0].ended.is_empty(), "but not the day's");
}

/// A Dial's child talks its account's minutes as well, of which others have talked some since its parent began.
#[test]
fn a_child_is_given_the_minutes_that_are_left() {
    let mut w = caller(915, "<Say>hi</Say><Pause length=\"30\"/><Dial><Number>+15550002</Number></Dial>");
    callee(&mut w, OnCall::Answer(100));
    w.rules(|r| r.max_minutes_per_day = Some(2));
    w.dial(0, "+15550001");
    w.until("it rings there", |w| w.phones[1].leg.is_some());
    let child = w.switch.calls().map(|c| c.row()).find(|r| r.parent.is_some()).unwrap();
    assert!((85..=91).contains(&child.time_limit_s), "{} s", child.time_limit_s);
}

/// SIGTERM: who waits is not hung up with the others, but left to the next process.
#[test]
fn a_drain_leaves_the_queue_to_the_next_process() {
    let mut w = slow(903);
    for n in 1..=3 {
        post(&mut w, n);
    }
    w.run_ms(500);
    w.input(Input::Drain);
    w.run_ms(5_000);
    assert_eq!((w.switch.counts().calls, status(&w, 1)), (0, "completed"));
    assert_eq!((status(&w, 2), status(&w, 3)), ("queued", "queued"));
    w.crash();
    w.run_ms(10_000);
    assert_eq!((status(&w, 2), status(&w, 3)), ("completed", "completed"));
}

#[test]
fn limit_country() {
    let mut w = World::new(904);
    callee(&mut w, OnCall::Answer(100));
    w.rules(|r| *r = AccountRules::of_new());
    let mut request = dial_request(CallSid(1), w.now.wall);
    request.to = "+442079460018".to_owned();
    w.line("app", "chorus", "POST Calls To=+442079460018");
    let ticket = w.ask(Request::Dial(Box::new(request)));
    w.run_ms(100);
    assert_eq!(refused(&w, ticket), Some(21215));
    assert!(w.store.get::<CallRow>(CallSid(1)).is_none(), "no row");
    w.line("chorus", "app", "400, code 21215");
    w.phone("caller", 10);
    w.app.on("/voice", Reply::twiml("<Dial>+442079460018</Dial><Say>no</Say>"));
    w.dial(1, "+15550001");
    w.until("over", |w| !w.phones[1].ended.is_empty());
    w.run_ms(1_000);
    let notes: Vec<&NotificationRow> = w.store.all::<NotificationRow>().collect();
    assert!(notes.iter().any(|n| n.code == 13227 && n.words.contains("curl -X PATCH")), "{notes:?}");
    assert!(w.phones[0].ended.is_empty(), "nothing was dialled");
    ladder::check(
        w,
        "limit_country",
        "A new account may dial its own country and extensions; the refusal (21215; in a Dial 13227) comes before any effect.",
    );
}

#[test]
fn limit_concurrent_calls() {
    let mut w = caller(905, "<Say>hi</Say><Pause length=\"5\"/>");
    callee(&mut w, OnCall::Answer(100));
    w.rules(|r| r.max_concurrent_calls = Some(1));
    w.dial(0, "+15550001");
    w.run_ms(1_000);
    w.phone("second", 11);
    w.dial(2, "+15550001");
    w.run_ms(1_000);
    w.until("refused", |w| !w.phones[2].ended.is_empty());
    assert_eq!(w.phones[2].ended[0].code, 486);
    let ticket = post(&mut w, 1);
    w.run_ms(100);
    assert_eq!(refused(&w, ticket), Some(10004));
    let notes: Vec<&NotificationRow> = w.store.all::<NotificationRow>().collect();
    assert!(notes.iter().any(|n| n.code == 10004), "{notes:?}");
    over(&mut w);
    w.run_ms(1_000);
    let ticket = post(&mut w, 2);
    w.run_ms(100);
    assert_eq!(refused(&w, ticket), None, "the first call is over");
    ladder::check(
        w,
        "limit_concurrent_calls",
        "Concurrent calls per account: 486 with a Reason and a Notification to who calls, 10004 to who dials.",
    );
}

/// Nor does one that ends a call which goes on: what was talked counts.
#[test]
fn minutes_of_a_call_that_a_restart_ends_are_talked() {
    let mut w = caller(907, "<Say>hi</Say><Pause length=\"600\"/>");
    w.rules(|r| r.max_minutes_per_day = Some(2));
    w.dial(0, "+15550001");
    answered(&mut w, 0);
    w.run_ms(90_000);
    w.crash();
    w.until("left", |w| !w.phones[0].ended.is_empty());
    w.phones[0].ended.clear();
    w.dial(0, "+15550001");
    answered(&mut w, 0);
    w.run_ms(40_000);
    assert!(!w.phones[0].ended.is_empty(), "half a minute was left");
}

/// Minutes are counted from the rows: a restart gives none back, the next day does.
#[test]
fn minutes_of_a_day_survive_a_restart() {
    let mut w = caller(906, "<Say>hi</Say><Pause length=\"600\"/>");
    w.rules(|r| r.max_minutes_per_day = Some(2));
    w.dial(0, "+15550001");
    w.run_ms(200_000);
    let row = w.store.all::<CallRow>().next().unwrap().clone();
    let lasted = row.ended.unwrap().seconds_since(row.answered.unwrap());
    assert!((118..=121).contains(&lasted), "it ends with the minutes that are left: {lasted} s");
    for _ in 0..2 {
        w.phones[0].ended.clear();
        w.dial(0, "+15550001");
        w.until("refused", |w| !w.phones[0].ended.is_empty());
        assert_eq!(w.phones[0].ended[0].code, 486);
        w.crash();
    }
    w.run(std::time::Duration::from_secs(24 * 3_600));
    w.phones[0].ended.clear();
    w.dial(0, "+15550001");
    w.until("answered", |w| w.phones[0].answered);
}

/// Codes of the debugger.
fn noted(w: &World, code: u32) -> usize {
    w.store.all::<NotificationRow>().filter(|n| n.code == code).count()
}

#[test]
fn limit_dial_of_several() {
    let several = "<Dial action=\"/dialled\"><Number>+15550002</Number><Number>+15550002</Number><Number>+15550002</Number></Dial>";
    let mut w = caller(907, several);
    callee(&mut w, OnCall::Answer(100));
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w.line("app", "chorus", "PATCH /carrier/v1/accounts max_concurrent_calls=2");
    w.rules(|r| r.max_concurrent_calls = Some(2));
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    assert_eq!((w.store.all::<CallRow>().count(), noted(&w, 10004)), (2, 2));
    w.run_ms(500);
    w.hang_up(1);
    over(&mut w);
    assert_eq!(w.app.of("/dialled")[0].params["DialCallStatus"], "completed");
    ladder::check(
        w,
        "limit_dial_of_several",
        "A Dial of several at once rings as many as the account may have calls; of each other one a Notification tells.",
    );
}

/// One after the other is one at a time: each finds the room that the one before has left.
#[test]
fn a_dial_of_one_after_the_other_needs_room_for_one() {
    let several = "<Dial sequential=\"true\"><Number>+15550002</Number><Number>+15550002</Number></Dial>";
    let mut w = caller(908, several);
    callee(&mut w, OnCall::Refuse(486));
    w.rules(|r| r.max_concurrent_calls = Some(2));
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!((w.store.all::<CallRow>().count(), noted(&w, 10004)), (3, 0));
}

/// The party that a REFER brings in is dialled by the account, so it finds the same limits.
#[test]
fn limit_transfer() {
    let mut w = caller(909, "<Dial action=\"/dialled\"><Number>+15550002</Number></Dial>");
    callee(&mut w, OnCall::Answer(100));
    w.app.on("/dialled", Reply::twiml("<Hangup/>"));
    w.trunk(|t| t.refer = Refer::Allow);
    w.rules(|r| *r = AccountRules { max_concurrent_calls: Some(3), ..AccountRules::of_new() });
    w.dial(0, "+15550001");
    answered(&mut w, 1);
    w.run_ms(500);
    // By the account's own ways, and at the house that the REFER came from: no door around its rules.
    for to in ["sip:+442079460018@10.0.0.1".to_owned(), "sip:00442079460018@10.0.1.2".to_owned()] {
        refer(&mut w, 1, &to);
        w.run_ms(500);
    }
    assert_eq!((w.phones[1].transfer.clone(), noted(&w, 21215)), (vec![603, 603], 2));
    w.rules(|r| r.max_concurrent_calls = Some(2));
    refer(&mut w, 1, "sip:+15550002@10.0.0.1");
    w.run_ms(500);
    assert_eq!((w.phones[1].transfer.clone(), noted(&w, 10004)), (vec![603, 603, 603], 1));
    assert_eq!(w.store.all::<CallRow>().count(), 2, "nobody was called");
    w.hang_up(0);
    over(&mut w);
    ladder::check(
        w,
        "limit_transfer",
        "REFER to a country that is not open (21215), or beyond the calls that the account may have (10004): 603, all stays as it was.",
    );
}

/// The document stands in the URL of the number, so it runs before anything else happens: the call that brings it counts all the same,
/// and so does whoever it dials, before either is written.
fn inline(seed: u64, calls: u32) -> World {
    let mut w = World::new(seed);
    w.phone("caller", 10);
    callee(&mut w, OnCall::Answer(100));
    let dial = "<Dial answerOnBridge=\"true\"><Number>+15550002</Number></Dial>";
    w.number(|n| n.voice = Some(at(&format!("data:text/xml,<Response>{dial}</Response>"))));
    w.rules(|r| r.max_concurrent_calls = Some(calls));
    w
}

#[test]
fn limit_inline_document() {
    let mut w = inline(917, 1);
    w.dial(0, "+15550001");
    over(&mut w);
    w.run_ms(100);
    assert_eq!((w.store.all::<CallRow>().count(), noted(&w, 10004)), (1, 1));
    assert!(w.phones[1].invite.is_none());
    ladder::check(
        w,
        "limit_inline_document",
        "A call whose document stands in its URL counts from its INVITE: the Dial in it finds no room for another one.",
    );
}

#[test]
fn who_waits_for_a_commit_has_its_place() {
    let mut w = inline(918, 2);
    let second = w.phone("second", 11);
    w.dial(0, "+15550001");
    w.dial(second, "+15550001");
    answered(&mut w, 0);
    assert_eq!(w.phones[second].ended[0].code, 486, "the callee of the first was not dialled yet");
    assert_eq!(w.store.all::<CallRow>().count(), 2);
    w.hang_up(0);
    over(&mut w);
    // What never was takes none.
    w.run_ms(1_000);
    w.database_down = true;
    w.phones[0].ended.clear();
    w.dial(0, "+15550001");
    over(&mut w);
    assert_eq!(w.phones[0].ended[0].code, 503);
    w.database_down = false;
    w.run_ms(10_000);
    w.phones[0].ended.clear();
    w.dial(0, "+15550001");
    answered(&mut w, 0);
}

/// As at Twilio a call through a trunk of an account is one call, though two rows show it here.
#[test]
fn a_call_of_a_trunk_is_one_call() {
    fn pbx(w: &mut World) {
        elastic::dial_out(w, "+15550001");
    }
    fn carrier(w: &mut World) {
        w.dial(0, "+15550001");
    }
    let out = elastic::behind(919, elastic::lists(Some("10.0.1.8/29"), None), |_| {});
    let into = elastic::trunk(920, &[elastic::url(2, 10, 10)], |_| {});
    type Dials = fn(&mut World);
    for (mut w, dials) in [(out, pbx as Dials), (into, carrier as Dials)] {
        if w.phones.len() < 2 {
            elastic::pbx(&mut w, 2, OnCall::Answer(100));
        }
        w.rules(|r| r.max_concurrent_calls = Some(2));
        dials(&mut w);
        answered(&mut w, 0);
        w.run_ms(100);
        // One more is let in, and then none.
        let tickets = [post(&mut w, 1), post(&mut w, 2)];
        w.run_ms(50);
        assert_eq!(tickets.map(|t| refused(&w, t)), [None, Some(10004)]);
        w.hang_up(0);
        over(&mut w);
    }
}

/// The far end that a REST update takes away goes on alone, in the place of the call that it came from.
#[test]
fn a_far_end_that_is_left_alone_is_a_call() {
    let mut w = elastic::behind(921, elastic::lists(Some("10.0.1.8/29"), None), |_| {});
    w.rules(|r| r.max_concurrent_calls = Some(1));
    elastic::dial_out(&mut w, "+15550001");
    answered(&mut w, 0);
    w.run_ms(100);
    let far = w.switch.calls().map(|c| c.row()).find(|r| r.parent.is_some()).unwrap().sid;
    let document = Some(Document::Inline("<Response><Pause length=\"20\"/></Response>".to_owned()));
    update(&mut w, far, CallUpdate { document, ..CallUpdate::default() });
    over(&mut w);
    w.run_ms(1_000);
    assert_eq!(w.switch.calls().map(|c| c.row().sid).collect::<Vec<_>>(), [far]);
    let ticket = post(&mut w, 1);
    w.run_ms(100);
    assert_eq!(refused(&w, ticket), Some(10004));
    w.until("it is over", |w| w.switch.calls().count() == 0);
    let ticket = post(&mut w, 2);
    w.run_ms(100);
    assert_eq!(refused(&w, ticket), None);
}

/// Where there was no port a moment ago nothing is begun: no ringing, no webhook, no row. A second later one tries again.
#[test]
fn without_a_port_whoever_comes_next_is_refused_at_once() {
    let mut w = caller(910, "<Say>hello</Say>");
    callee(&mut w, OnCall::Answer(100));
    w.app.on("/voice", Reply::twiml("<Say>hello</Say>"));
    w.ports_gone = true;
    for _ in 0..2 {
        w.dial(0, "+15550001");
        over(&mut w);
        assert_eq!(w.phones[0].ended.pop().unwrap().code, 503);
    }
    let ticket = post(&mut w, 1);
    w.run_ms(100);
    assert_eq!(refused(&w, ticket), Some(20503));
    assert_eq!((w.app.of("/voice").len(), w.store.all::<CallRow>().count()), (1, 1));
    w.ports_gone = false;
    w.run_ms(1_000);
    w.dial(0, "+15550001");
    w.until("answered", |w| w.phones[0].answered);
}
