//! `explain`, asked right before a call that is refused, ends in the words that the refusal stores: one row a reason. Before the
//! reason is there it finds nothing wrong.

use super::domains::{PASSWORD, extension, off, register};
use super::elastic::{self, url};
use super::family::status_of;
use super::registering;
use super::scene::*;
use super::users::trunk_of_alice;
use crate::kit::doors::{acl, domain, list};
use crate::kit::phone::OnCall;
use crate::kit::registrar::OnRegister;
use crate::kit::rows::{account, application, dial_request, trunk};
use crate::kit::world::{ACCOUNT, hook};
use crate::kit::{Reply, World};
use chorus::api::command::{Answer, Request};
use chorus::sid::{AccountSid, ApplicationSid, CallSid, TrunkSid};
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::{AccountRow, CallRow, NotificationRow, Purpose, TrunkRow};
use chorus::store::tx::Op;
use chorus::switch::{Input, QUEUED_MAX};
use chorus::trunk::explain::{Explanation, Question, Step};

const OTHER: AccountSid = AccountSid(0xbb);
const CARRIER: TrunkSid = TrunkSid(0x71);
const OWN: &str = "+15550001";
const ABROAD: &str = "+442079460018";

fn explained(w: &mut World, trunk: TrunkSid, number: &str) -> Explanation {
    let from = Some(OWN.to_owned());
    let question = Question { trunk, number: number.to_owned(), from, ..Question::default() };
    let ticket = w.ask(Request::Explain(Box::new(question)));
    match w.replies.get(&ticket) {
        Some(Answer::Explained(explanation)) => (**explanation).clone(),
        other => panic!("{other:?}"),
    }
}

fn last(steps: &[Step]) -> (u32, String) {
    let last = steps.last().unwrap();
    assert!(!last.ok && last.code.is_some(), "{steps:#?}");
    (last.code.unwrap(), last.words.clone())
}

fn notes(w: &World) -> Vec<(u32, String)> {
    let mut notes: Vec<&NotificationRow> = w.store.all::<NotificationRow>().collect();
    notes.sort_by_key(|n| n.created);
    notes.into_iter().filter(|n| n.account == ACCOUNT).map(|n| (n.code, n.words.clone())).collect()
}

type Change = fn(&mut World);

/// The reason, what is dialled, what is so before, what the reason is; and what it leads to.
type Row<T> = (&'static str, &'static str, Change, Change, T);

fn nothing(_: &mut World) {}

/// A call is up that came in over the carrier's trunk.
fn one_is_up(w: &mut World) {
    w.dial(0, OWN);
    answered(w, 0);
}

fn has_another_account(w: &mut World) {
    w.put(vec![Op::PutAccount(Box::new(account(OTHER, AccountRules::default())))]);
}

fn bob_is_here(w: &mut World) {
    w.phone("bob", 12);
    w.another_trunk(extension(0x82, "bob"));
    register(w, 1, "bob", "chorus");
}

fn suspended(w: &mut World) {
    w.suspend();
}

fn without_minutes(w: &mut World) {
    w.rules(|r| r.max_minutes_per_day = Some(0));
}

fn one_call_and_it_is_up(w: &mut World) {
    w.rules(|r| r.max_concurrent_calls = Some(1));
    one_is_up(w);
}

fn one_channel_and_it_is_taken(w: &mut World) {
    w.trunk(|t| t.max_channels = Some(1));
    one_is_up(w);
}

fn full(w: &mut World) {
    w.switch.limit_calls(0);
}

fn out_of_ports(w: &mut World) {
    w.ports_gone = true;
    w.dial(0, OWN);
    over(w);
}

/// The status that the caller gets, and the code that is stored.
#[rustfmt::skip]
const INBOUND: &[Row<(u16, u32)>] = &[
    ("no such number", "+15557777", |w| w.number(|n| n.number = "+15557777".to_owned()), |w| w.number(|n| n.number = OWN.to_owned()), (404, 32100)),
    ("a piece of it", "5550001", |w| w.number(|n| n.number = "5550001".to_owned()), |w| w.number(|n| n.number = OWN.to_owned()), (404, 32100)),
    ("another's number", OWN, has_another_account, |w| w.number(|n| n.account = OTHER), (404, 32100)),
    ("max_channels", OWN, nothing, one_channel_and_it_is_taken, (503, 32100)),
    ("suspended", OWN, nothing, suspended, (480, 32100)),
    ("no VoiceUrl", OWN, nothing, |w| w.number(|n| n.voice = None), (480, 32100)),
    ("no VoiceUrl of the application", OWN, nothing, |w| {
        w.put(vec![Op::PutApplication(Box::new(application(7, ACCOUNT.0)))]);
        w.number(|n| n.application = Some(ApplicationSid(7)));
    }, (480, 32100)),
    ("max_concurrent_calls", OWN, nothing, one_call_and_it_is_up, (486, 10004)),
    ("max_minutes_per_day", OWN, nothing, without_minutes, (486, 10004)),
    ("a full house", OWN, nothing, full, (503, 32100)),
    ("no port", OWN, nothing, out_of_ports, (503, 32100)),
    ("a name: suspended", "bob", bob_is_here, suspended, (480, 32100)),
    ("a name: max_channels", "bob", bob_is_here, one_channel_and_it_is_taken, (503, 32100)),
    ("a name: max_minutes_per_day", "bob", bob_is_here, without_minutes, (486, 10004)),
    ("a name: not registered", "bob", bob_is_here, |w| off(w, 1), (480, 32009)),
    ("a name: its trunk is full", "bob", bob_is_here, |w| {
        w.another_trunk(TrunkRow { max_channels: Some(0), ..extension(0x82, "bob") });
    }, (480, 13224)),
];

#[test]
fn a_call_that_comes_in_is_refused_in_the_words_of_explain() {
    for (seed, (what, number, before, shuts, (status, code))) in (1_000..).zip(INBOUND) {
        let mut w = caller(seed, "<Say>hi</Say><Pause length=\"60\"/>");
        w.trunk(|t| t.account = Some(ACCOUNT));
        before(&mut w);
        let fine = explained(&mut w, CARRIER, number).inbound;
        assert!(fine.iter().all(|s| s.ok && s.code.is_none()), "{what}: {fine:#?}");
        shuts(&mut w);
        let said = last(&explained(&mut w, CARRIER, number).inbound);
        let phone = w.phone("refused", 20);
        w.dial(phone, number);
        w.until("refused", |w| !w.phones[phone].ended.is_empty());
        w.run_ms(500);
        assert_eq!((w.phones[phone].ended[0].code, said.0), (*status, *code), "{what}: {}", said.1);
        assert_eq!(notes(&w).last(), Some(&said), "{what}");
    }
}

/// A number of an account's own trunk: nobody can be rung there.
#[test]
fn a_trunk_that_cannot_be_rung_says_so_in_the_words_of_explain() {
    type Scene = fn(u64) -> World;
    let none: Scene = |seed| elastic::trunk(seed, &[], |_| {});
    let clear: Scene = |seed| {
        let mut udp = url(3, 10, 10);
        udp.sip_url += ";transport=udp";
        elastic::trunk(seed, &[udp], |t| t.secure = true)
    };
    let abroad: Scene = |seed| {
        let mut carrier = url(2, 10, 10);
        carrier.sip_url = format!("sip:{ABROAD}@10.0.1.2");
        let mut w = elastic::trunk(seed, &[carrier], |_| {});
        w.rules(|r| *r = AccountRules::of_new());
        w
    };
    for (seed, scene, code) in [(1_050, none, 32010), (1_051, clear, 32209), (1_052, abroad, 13227)] {
        let mut w = scene(seed);
        let said = last(&explained(&mut w, CARRIER, OWN).inbound);
        w.dial(0, OWN);
        over(&mut w);
        w.run_ms(500);
        assert_eq!((w.phones[0].ended[0].code, said.0), (480, code), "{}", said.1);
        assert_eq!(notes(&w).last(), Some(&said));
    }
    // A document that is asked instead is no refusal.
    let mut w = elastic::trunk(1_053, &[], |t| t.disaster_recovery_url = Some(hook("/dr").url));
    let steps = explained(&mut w, CARRIER, OWN).inbound;
    assert!(steps.last().unwrap().ok && steps.iter().any(|s| s.code == Some(32010)), "{steps:#?}");
    w.app.on("/dr", Reply::twiml("<Say>later</Say>"));
    w.dial(0, OWN);
    answered(&mut w, 0);
}

/// The code that the account gets; and that of a Dial, of those that a Dial meets.
#[rustfmt::skip]
const OUTBOUND: &[Row<(u32, Option<u32>)>] = &[
    ("suspended", "+15550002", nothing, suspended, (10001, None)),
    ("its main account is suspended", "+15550002", |w| {
        w.put(vec![Op::PutAccount(Box::new(account(OTHER, AccountRules::default())))]);
        let mut row = w.store.get::<AccountRow>(ACCOUNT).unwrap().clone();
        row.owner = OTHER;
        row.touch(w.now.wall);
        w.put(vec![Op::PutAccount(Box::new(row))]);
    }, |w| status_of(w, OTHER, "suspended"), (10001, None)),
    ("a country", ABROAD, nothing, |w| w.rules(|r| *r = AccountRules::of_new()), (21215, Some(13227))),
    ("no country", "00999123456", nothing, |w| w.rules(|r| *r = AccountRules::of_new()), (21215, Some(13227))),
    ("max_minutes_per_day", "+15550002", nothing, without_minutes, (10004, None)),
    ("max_concurrent_calls", "+15550002", nothing, one_call_and_it_is_up, (10004, None)),
    ("max_channels", "+15550002", nothing, one_channel_and_it_is_taken, (13224, None)),
    ("no outbound_host", "+15550002", nothing, |w| w.trunk(|t| t.outbound_host = None), (13224, Some(13224))),
    ("another prefix", "+15550002", nothing, |w| w.trunk(|t| t.outbound_route_prefixes = vec!["44".to_owned()]), (13224, Some(13224))),
    ("a full house", "+15550002", nothing, full, (20503, None)),
    ("no port", "+15550002", nothing, out_of_ports, (20503, None)),
];

#[test]
fn a_call_that_goes_out_is_refused_in_the_words_of_explain() {
    for (seed, (what, number, before, shuts, (code, dials))) in (1_100..).zip(OUTBOUND) {
        let document = match dials {
            Some(_) => format!("<Dial><Number>{number}</Number></Dial>"),
            None => "<Say>hi</Say><Pause length=\"60\"/>".to_owned(),
        };
        let mut w = caller(seed, &document);
        callee(&mut w, OnCall::Answer(100));
        before(&mut w);
        let fine = explained(&mut w, CARRIER, number).outbound;
        assert!(fine.iter().all(|s| s.ok && s.code.is_none()), "{what}: {fine:#?}");
        shuts(&mut w);
        let said = last(&explained(&mut w, CARRIER, number).outbound);
        assert_eq!(said.0, *code, "{what}: {}", said.1);
        assert_eq!(posted(&mut w, number), Some(said.clone()), "{what}");
        assert!(w.phones[1].invite.is_none(), "{what}: nobody was dialled");
        if let Some(code) = dials {
            w.dial(0, OWN);
            over(&mut w);
            w.run_ms(500);
            assert_eq!(notes(&w).last(), Some(&(*code, said.1)), "{what}");
        }
    }
}

/// One more call, when as many wait for their turn as may.
#[test]
fn a_full_queue_is_told_in_the_words_of_explain() {
    let mut w = caller(1_149, "");
    w.quiet = true;
    w.rules(|r| r.calls_per_second = 1);
    for n in 0..=QUEUED_MAX {
        let mut request = dial_request(CallSid(n as u128), w.now.wall);
        request.status_callback = None;
        w.ask(Request::Dial(Box::new(request)));
    }
    w.run_ms(500);
    let said = last(&explained(&mut w, CARRIER, "+15550002").outbound);
    assert_eq!((said.0, posted(&mut w, "+15550002")), (20429, Some(said)));
    w.input(Input::Drain);
    let said = last(&explained(&mut w, CARRIER, "+15550002").outbound);
    assert_eq!((said.0, posted(&mut w, "+15550002")), (20503, Some(said)));
}

/// POST Calls: what it is refused with.
fn posted(w: &mut World, to: &str) -> Option<(u32, String)> {
    let mut request = dial_request(CallSid(0xca11), w.now.wall);
    request.to = to.to_owned();
    let ticket = w.ask(Request::Dial(Box::new(request)));
    w.run_ms(100);
    match w.replies.get(&ticket) {
        Some(Answer::Refused { code, words }) => Some((*code, words.clone())),
        Some(Answer::Call(_)) => None,
        other => panic!("{other:?}"),
    }
}

/// Over which trunk an account's call to an address goes; and what is wrong with the address.
#[test]
fn an_address_is_refused_in_the_words_of_explain() {
    for (seed, to, code) in [(1_150, "sip:bot@acme.example", 13255), (1_151, "sip:@:", 13243)] {
        let mut w = caller(seed, "");
        has_another_account(&mut w);
        let mut rows = acl(domain(false), "10.0.1.10/32");
        rows.domains.iter_mut().for_each(|d| d.account = OTHER);
        w.domain(rows);
        let said = last(&explained(&mut w, CARRIER, to).outbound);
        assert_eq!((said.0, posted(&mut w, to)), (code, Some(said)));
    }
}

/// It is accepted, and fails at once: nobody has registered where it leads.
#[test]
fn a_user_that_is_not_there_is_called_in_the_words_of_explain() {
    let mut w = trunk_of_alice(1_152, "");
    w.trunk(|t| t.account = Some(ACCOUNT));
    let said = last(&explained(&mut w, CARRIER, "+15550002").outbound);
    assert_eq!(posted(&mut w, "+15550002"), None);
    w.run_ms(500);
    assert_eq!((said.0, notes(&w).last()), (32009, Some(&said)));
    // The same user with an escape in its name (RFC 3261 section 19.1.4).
    assert_eq!(last(&explained(&mut w, CARRIER, "sip:%61lice@chorus").outbound), said);
}

/// A trunk that is down refuses nothing while there is another way: explain says over which one it goes.
#[test]
fn a_trunk_that_is_down_says_which_way_a_call_goes() {
    let mut w = registering::pbx(1_153, OnRegister::Take(600), "<Say>hi</Say>");
    w.trunk(|t| t.outbound_route_prefixes = vec!["1555".to_owned()]);
    w.run_ms(1_000);
    let other = TrunkRow { outbound_host: Some("10.0.1.2:5060".to_owned()), ..trunk(0x72, &[]) };
    callee(&mut w, OnCall::Answer(100));
    let down = |w: &mut World| explained(w, CARRIER, "+15550002").outbound.pop().unwrap();
    assert!(down(&mut w).ok);
    w.phones[0].registrar.as_mut().unwrap().mute = true;
    w.until("down", |w| w.switch.registrations()[0].1.state.as_str() == "down");
    let alone = down(&mut w);
    assert!(alone.ok && alone.words.contains("no answer to OPTIONS") && alone.words.contains("all ways"));
    w.another_trunk(other);
    let beside = down(&mut w);
    assert!(!beside.ok && beside.words.contains("It is down") && beside.code.is_none(), "{beside:?}");
    assert_eq!(posted(&mut w, "+15550002"), None);
    w.run_ms(1_000);
    assert_eq!(w.store.get::<CallRow>(CallSid(0xca11)).unwrap().trunk, Some(TrunkSid(0x72)));
}

/// Who is shown, and why; and why a trunk is not the way of a call that goes all the same.
#[test]
fn explain_says_who_is_shown_and_why_another_trunk_is_taken() {
    let mut w = World::new(1_154);
    let says = |w: &mut World, trunk, words: &str| {
        let steps = explained(w, trunk, "+15550002").outbound;
        assert!(steps.iter().any(|s| s.words.contains(words)), "{words}: {steps:#?}");
        steps.last().unwrap().ok
    };
    assert!(says(&mut w, CARRIER, "From is <sip:+15550001@(our address)>, who calls."));
    w.trunk(|t| t.default_sender = Some("+15550009".to_owned()));
    assert!(says(&mut w, CARRIER, "From is <sip:+15550001@(our address)>, who calls."));
    w.number(|n| n.number = "+15550008".to_owned());
    assert!(says(&mut w, CARRIER, "From is <sip:+15550009@(our address)>: default_sender"));
    w.trunk(|t| t.from_user = Some("desk".to_owned()));
    assert!(says(&mut w, CARRIER, "From is <sip:desk@(our address)>: from_user"));
    let prefixed = |prefix: &str, account| TrunkRow {
        account,
        outbound_host: Some("10.0.1.3".to_owned()),
        outbound_route_prefixes: vec![prefix.to_owned()],
        ..trunk(0x72, &[])
    };
    let second = TrunkSid(0x72);
    w.another_trunk(prefixed("44", None));
    assert!(!says(&mut w, second, "begins with none of this trunk's outbound_route_prefixes: 44."));
    w.another_trunk(prefixed("1555", Some(OTHER)));
    let question = Question {
        account: Some(ACCOUNT),
        trunk: second,
        number: "+15550002".to_owned(),
        ..Question::default()
    };
    let ticket = w.ask(Request::Explain(Box::new(question)));
    let Some(Answer::Explained(said)) = w.replies.get(&ticket) else { panic!("no answer") };
    assert_eq!(said.outbound.last().unwrap().words, "This trunk is pinned to another account.");
    w.another_trunk(TrunkRow { max_channels: Some(0), ..prefixed("1555", None) });
    assert!(!says(&mut w, second, "(trunk 114) has as many calls as its max_channels allows"));
    assert!(says(&mut w, CARRIER, "This trunk is way 1 of 1."));
}

/// Trunks that share an address stand for each other's calls: the number decides, and nobody hears of what is nobody's.
#[test]
fn trunks_that_share_an_address_are_explained_together() {
    let mut w = caller(1_155, "<Say>hi</Say>");
    has_another_account(&mut w);
    w.trunk(|t| t.account = Some(OTHER));
    let closed = last(&explained(&mut w, CARRIER, OWN).inbound);
    assert!(!closed.1.contains(&ACCOUNT.to_string()), "{closed:?}");
    w.another_trunk(TrunkRow { account: Some(ACCOUNT), ..trunk(0x72, &["10.0.1.0/24"]) });
    let steps = explained(&mut w, CARRIER, OWN).inbound;
    assert!(
        steps
            .iter()
            .any(|s| s.ok && s.words.contains("It is a call of trunk") && s.words.contains("trunk 114"))
    );
    assert!(steps.iter().all(|s| s.ok), "{steps:#?}");
    let steps = explained(&mut w, CARRIER, "+15557777").inbound;
    assert!(
        !steps.last().unwrap().ok && steps.last().unwrap().code.is_none(),
        "no account is told: {steps:#?}"
    );
    w.dial(0, "+15557777");
    over(&mut w);
    assert_eq!(w.store.all::<NotificationRow>().count(), 0);
    w.trunk(|t| t.inbound_source_ips = Vec::new());
    let steps = explained(&mut w, CARRIER, OWN).inbound;
    assert!(steps.len() == 1 && steps[0].words.contains("nobody can call over it"), "{steps:#?}");
}

fn at(w: &mut World, trunk: TrunkSid, number: &str, from: &str, source: Option<&str>) -> Vec<Step> {
    let source = source.map(|ip| ip.parse().unwrap());
    let (number, from) = (number.to_owned(), Some(from.to_owned()));
    let ticket =
        w.ask(Request::Explain(Box::new(Question { trunk, number, from, source, ..Question::default() })));
    match w.replies.get(&ticket) {
        Some(Answer::Explained(explanation)) => explanation.inbound.clone(),
        other => panic!("{other:?}"),
    }
}

/// One door is refused in the words of explain: `trunk`, what phone 0 calls and as whom; before `shuts` nothing is wrong.
fn refused_at(mut w: World, uri: &str, from: &str, shuts: impl FnOnce(&mut World), end: (u16, u32)) {
    let user = uri.strip_prefix("sip:").and_then(|u| u.split_once('@')).unwrap().0.to_owned();
    w.phones[0].calls = Some(uri.to_owned());
    let fine = at(&mut w, CARRIER, uri, from, Some("10.0.1.10"));
    assert!(fine.iter().all(|s| s.ok && s.code.is_none()), "{uri}: {fine:#?}");
    shuts(&mut w);
    let steps = at(&mut w, CARRIER, uri, from, Some("10.0.1.10"));
    let said = last(&steps);
    w.dial_with(0, &user, from, vec![]);
    over(&mut w);
    w.run_ms(500);
    assert_eq!((w.phones[0].ended[0].code, said.0), end, "{steps:#?}");
    assert_eq!(notes(&w).last(), Some(&said), "{uri}");
}

/// The host decides before the trunk does: a call to a SIP domain is refused in the words of explain.
#[test]
fn a_call_to_a_domain_is_refused_in_the_words_of_explain() {
    const BOT: &str = "sip:bot@acme.example";
    type Change = fn(&mut World);
    let elsewhere: Change = |w| w.domain(acl(domain(false), "10.0.9.0/24"));
    let voiceless: Change = |w| {
        let mut rows = domain(false);
        rows.domains.iter_mut().for_each(|d| d.voice = None);
        w.domain(rows);
    };
    let rows: [(Change, (u16, u32)); 5] = [
        (elsewhere, (403, 32201)),
        (voiceless, (480, 32100)),
        (suspended, (480, 32100)),
        (without_minutes, (486, 10004)),
        (full, (503, 32100)),
    ];
    for (seed, (shuts, end)) in (1_160..).zip(rows) {
        let mut w = caller(seed, "<Say>hi</Say>");
        w.domain(acl(domain(false), "10.0.1.0/24"));
        refused_at(w, BOT, "desk12", shuts, end);
    }
    // One that asks for a password, one that nobody opens, and who is known nowhere.
    let mut w = caller(1_166, "<Say>hi</Say>");
    w.domain(list(domain(false), Purpose::Calls, PASSWORD));
    let steps = at(&mut w, CARRIER, BOT, "desk12", Some("192.0.2.99"));
    assert!(steps.iter().any(|s| s.ok && s.words.contains("192.0.2.99 is asked for a password (407)")));
    assert!(steps.iter().all(|s| s.ok), "{steps:#?}");
    let mut w = caller(1_167, "<Say>hi</Say>");
    w.domain(acl(domain(false), "10.0.9.0/24"));
    let steps = at(&mut w, CARRIER, "sip:bot@ACME.example.:5060", "desk12", Some("192.0.2.99"));
    let end = steps.last().unwrap();
    assert!(!end.ok && end.code.is_none() && end.words.contains("192.0.2.99 gets no answer"), "{steps:#?}");
}

/// A PBX that dials out through the DomainName of its trunk; asked by that name, or by the trunk's SID.
#[test]
fn a_call_of_a_pbx_is_refused_in_the_words_of_explain() {
    type Change = fn(&mut World);
    const TO: &str = "sip:+15550002@pbx.example.com";
    let rows: [(&str, &str, Change, (u16, u32)); 6] = [
        (TO, OWN, |w| w.number(|n| n.number = "+15550009".to_owned()), (403, 21210)),
        (TO, OWN, suspended, (480, 32100)),
        (TO, OWN, without_minutes, (486, 10004)),
        (TO, OWN, |w| w.rules(|r| r.max_concurrent_calls = Some(0)), (486, 10004)),
        (TO, OWN, |w| w.trunk(|t| t.outbound_host = None), (480, 13224)),
        (
            "sip:+442079460018@pbx.example.com",
            OWN,
            |w| w.rules(|r| *r = AccountRules::of_new()),
            (480, 13227),
        ),
    ];
    for (seed, (uri, from, shuts, end)) in (1_170..).zip(rows) {
        let w = elastic::behind(seed, elastic::lists(Some("10.0.1.8/29"), None), |_| {});
        refused_at(w, uri, from, shuts, end);
    }
    let mut w = elastic::behind(1_179, elastic::lists(Some("10.0.1.8/29"), None), |_| {});
    let own = TrunkSid(elastic::TRUNK.0);
    assert_eq!(
        at(&mut w, own, "+15550002", OWN, Some("10.0.1.10")),
        at(&mut w, CARRIER, TO, OWN, Some("10.0.1.10"))
    );
    let steps = at(&mut w, own, "+15550002", OWN, None);
    assert!(steps.iter().all(|s| s.ok) && steps.iter().any(|s| s.words.contains("'+15550002' goes over")));
    // No country's code begins with a 0.
    let said = last(&at(&mut w, own, "011442079460018", OWN, None));
    assert_eq!(said.0, 13223);
}
