//! SQLite answers every list from an index, in its order: no table is read whole, and a page costs what it shows.

use super::kit::{Maker, sqlite};
use chorus::clock::Wall;
use chorus::sid::{AccountSid, CallSid, CredentialListSid, ElasticTrunkSid, SipDomainSid};
use chorus::store::calls::CallFilter;
use chorus::store::notifications::NotificationFilter;
use chorus::store::recordings::RecordingFilter;
use chorus::store::retention::{Retention, due};
use chorus::store::rows::{CallStatus, DoorSid, ListKind, ListSid, Purpose};
use chorus::store::tx::StoreError;
use chorus::store::*;
use std::time::Duration;

type Ask = Box<dyn Fn(&mut Reader) -> Result<(), StoreError> + Send>;

fn ask(f: impl Fn(&mut Reader) -> Result<(), StoreError> + Send + 'static) -> Ask {
    Box::new(f)
}

fn call_filters() -> Vec<(&'static str, CallFilter, bool)> {
    let any = CallFilter::default;
    let span = Period { from: Some(Wall(1)), to: Some(Wall(2)) };
    let (to, from) = (Some("+1".to_owned()), Some("+2".to_owned()));
    vec![
        ("none", any(), false),
        ("to", CallFilter { to: to.clone(), ..any() }, false),
        ("from", CallFilter { from: from.clone(), ..any() }, false),
        ("status", CallFilter { status: Some(CallStatus::Completed), ..any() }, false),
        ("queued", CallFilter { status: Some(CallStatus::Queued), ..any() }, false),
        ("in progress", CallFilter { status: Some(CallStatus::InProgress), ..any() }, false),
        ("parent", CallFilter { parent: Some(CallSid(1)), ..any() }, false),
        // The rows of a span of another time than the creation are sorted: only they are read.
        ("started", CallFilter { started: span, ..any() }, true),
        ("ended", CallFilter { ended: span, ..any() }, true),
        (
            "all",
            CallFilter {
                to,
                from,
                status: Some(CallStatus::Busy),
                parent: Some(CallSid(1)),
                started: span,
                ended: span,
            },
            true,
        ),
    ]
}

fn asks(a: AccountSid) -> Vec<(String, Ask, bool)> {
    let s = Scope::Account(a);
    let mut all: Vec<(String, Ask, bool)> = Vec::new();
    let pages = [
        ("first", Page::first(50)),
        ("after", Page { size: 50, number: 1, cursor: Some(Cursor::after(Wall(5), "CA1")) }),
        ("before", Page { size: 50, number: 1, cursor: Some(Cursor::before(Wall(5), "CA1")) }),
    ];
    for (place, page) in pages {
        for (name, filter, sorts) in call_filters() {
            let page = page.clone();
            let list = ask(move |r| calls::list(r, s, &filter, &page).map(drop));
            all.push((format!("calls, {name}, {place}"), list, sorts));
        }
        let p = page.clone();
        all.push((
            format!("all calls, {place}"),
            ask(move |r| calls::list(r, Scope::Operator, &CallFilter::default(), &p).map(drop)),
            false,
        ));
        for (name, call) in [("none", None), ("call", Some(CallSid(1)))] {
            let (p, q, z) = (page.clone(), page.clone(), page.clone());
            let created = Period { from: Some(Wall(1)), to: Some(Wall(9)) };
            let f = RecordingFilter { call, created };
            all.push((
                format!("recordings, {name}, {place}"),
                ask(move |r| recordings::list(r, s, &f, &p).map(drop)),
                false,
            ));
            let f = NotificationFilter { call, level: None, created };
            all.push((
                format!("notifications, {name}, {place}"),
                ask(move |r| notifications::list(r, s, &f, &q).map(drop)),
                false,
            ));
            let f = NotificationFilter { call, level: Some(1), created };
            all.push((
                format!("notifications, level, {name}, {place}"),
                ask(move |r| notifications::list(r, s, &f, &z).map(drop)),
                false,
            ));
        }
        let (p, q, z, o) = (page.clone(), page.clone(), page.clone(), page.clone());
        all.push((
            format!("numbers, {place}"),
            ask(move |r| numbers::list(r, s, &Default::default(), &p).map(drop)),
            false,
        ));
        all.push((
            format!("applications, {place}"),
            ask(move |r| applications::list(r, s, None, &q).map(drop)),
            false,
        ));
        let (u, g) = (page.clone(), page.clone());
        let (door, calls, kind) = (DoorSid::Domain(SipDomainSid(1)), Purpose::Calls, ListKind::Credentials);
        all.push((
            format!("uses, {place}"),
            ask(move |r| sip_domains::uses(r, s, door, calls, kind, &u).map(drop)),
            false,
        ));
        all.push((
            format!("gateways, {place}"),
            ask(move |r| trunks::gateways(r, Scope::Operator, &g).map(drop)),
            false,
        ));
        all.push((format!("keys, {place}"), ask(move |r| keys::list(r, s, &z).map(drop)), false));
        all.push((
            format!("outbox, {place}"),
            ask(move |r| outbox::list(r, s, Some("failed"), &o).map(drop)),
            false,
        ));
    }
    let day = Some(Duration::from_secs(86_400));
    let keep = Retention { recordings: day, notifications: day, outbox: day };
    let list = ListSid::Credentials(CredentialListSid(1));
    let doors = [DoorSid::Domain(SipDomainSid(1)), DoorSid::Trunk(ElasticTrunkSid(1))];
    all.extend([
        ("entries".to_owned(), ask(move |r| sip_lists::entries_reach(r, s, list, 9).map(drop)), false),
        ("guards".to_owned(), ask(move |r| sip_domains::guards(r, s, &doors).map(drop)), true),
        ("a list in use".to_owned(), ask(move |r| sip_domains::in_use(r, list).map(drop)), true),
        ("a call".to_owned(), ask(move |r| calls::get(r, s, CallSid(1)).map(drop)), false),
        ("a call by key".to_owned(), ask(move |r| calls::by_idempotency(r, s, "k").map(drop)), false),
        ("a number".to_owned(), ask(|r| numbers::by_number(r, Scope::Operator, "+1").map(drop)), false),
        ("callbacks of a call".to_owned(), ask(move |r| outbox::of_call(r, s, CallSid(1)).map(drop)), false),
        ("streams of a call".to_owned(), ask(move |r| streams::of_call(r, s, CallSid(1)).map(drop)), false),
        ("a stream by name".to_owned(), ask(move |r| streams::find(r, s, CallSid(1), "x").map(drop)), false),
        ("a timeline".to_owned(), ask(move |r| timeline::get(r, s, CallSid(1)).map(drop)), false),
        ("live calls".to_owned(), ask(|r| calls::live(r, Scope::Operator).map(drop)), false),
        ("live recordings".to_owned(), ask(|r| recordings::live(r, Scope::Operator).map(drop)), false),
        ("live streams".to_owned(), ask(|r| streams::live(r, Scope::Operator).map(drop)), false),
        ("pending callbacks".to_owned(), ask(|r| outbox::live(r, Scope::Operator).map(drop)), false),
        ("retention".to_owned(), ask(move |r| due(r, Wall(1 << 40), &keep).map(drop)), false),
    ]);
    all
}

#[tokio::test]
async fn no_list_reads_a_whole_table() {
    let db = sqlite();
    for (name, ask, may_sort) in asks(Maker::new(90).account) {
        let read = db.store.read(move |r| {
            r.keep_plans();
            ask(r)?;
            Ok(r.plans())
        });
        let plan = read.await.unwrap();
        assert!(!plan.is_empty(), "{name}: no plan");
        for line in &plan {
            let walks =
                line.starts_with("SEARCH") || (line.starts_with("SCAN") && line.contains(" USING INDEX "));
            let sorts = line.starts_with("USE TEMP B-TREE");
            // Two halves, each in its order, are one list in that order; live calls are few.
            if ["MERGE (UNION ALL)", "LEFT", "RIGHT", "SCAN calls USING INDEX calls_live"]
                .contains(&line.as_str())
            {
                continue;
            }
            let live = name.contains("queued") || name.contains("in progress");
            assert!(!live || line.contains("calls_live"), "{name} asks more than what is live: {plan:?}");
            assert!(walks || (sorts && may_sort), "{name}: {plan:?}");
            // Only what is the operator's, or bounded by its limit, may walk an index from its end.
            let bounded = name.starts_with("all calls") || name.starts_with("live") || name == "retention";
            assert!(line.starts_with("SEARCH") || sorts || bounded, "{name}: {plan:?}");
        }
    }
}
