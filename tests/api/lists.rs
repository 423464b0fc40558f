//! Paging and filters.

use super::harness::*;
use chorus::clock::Wall;
use chorus::store::rows::CallStatus;
use chorus::store::tx::Op;

/// 2026-01-02T03:04:05Z.
const AT: i64 = 1_767_323_045_000;

fn seeded(server: &Server, count: i64) {
    for n in 0..count {
        let mut row = call(server.account.sid, CallStatus::Completed);
        row.created = Wall(AT + n);
        row.started = Some(Wall(AT + n * 86_400_000));
        row.to = if n % 2 == 0 { "+15005550006".into() } else { "+15005550007".into() };
        server.put(Op::InsertCall(Box::new(row)));
    }
}

#[test]
fn pages_follow_each_other_there_and_back() {
    let server = Server::start();
    seeded(&server, 7);
    let mut uri = Some("/Calls.json?PageSize=3&To=%2B15005550006&Unknown=1".to_string());
    let (mut seen, mut pages) = (Vec::new(), Vec::new());
    while let Some(rest) = uri {
        let page = server.get(&rest).good(200);
        seen.extend(page["calls"].as_array().unwrap().iter().map(|c| c["sid"].to_string()));
        let next = page["next_page_uri"].as_str();
        let below = server.path("");
        uri = next.map(|u| u.strip_prefix(&below).expect("a path of the account").to_string());
        if let Some(next) = &uri {
            assert!(next.contains("To=%2B15005550006") && !next.contains("Unknown"), "{next}");
        }
        pages.push(page);
    }
    assert_eq!((seen.len(), pages.len()), (4, 2));
    assert_eq!((&pages[0]["start"], &pages[0]["end"]), (&0.into(), &2.into()));
    assert_eq!((&pages[1]["start"], &pages[1]["end"], &pages[1]["page"]), (&3.into(), &3.into(), &1.into()));
    assert!(pages[0]["previous_page_uri"].is_null());
    let back = pages[1]["previous_page_uri"].as_str().unwrap();
    let first = server.send("GET", back, &[("Authorization", &server.auth())], b"").good(200);
    assert_eq!(first["calls"], pages[0]["calls"]);
    let empty = server.get("/Calls.json?Status=busy").good(200);
    assert_eq!((&empty["start"], &empty["end"]), (&0.into(), &0.into()));
}

#[test]
fn a_page_is_cut_to_a_thousand_and_a_bad_token_is_refused() {
    let server = Server::start();
    assert_eq!(server.get("/Calls.json?PageSize=5000").good(200)["page_size"], 1_000);
    server.get("/Calls.json?PageToken=nonsense").bad(400, 21481);
}

#[test]
fn times_filter_by_day_and_by_second() {
    let server = Server::start();
    seeded(&server, 5);
    let count = |query: &str| {
        server.get(&format!("/Calls.json?{query}")).good(200)["calls"].as_array().unwrap().len()
    };
    assert_eq!(count("StartTime=2026-01-02"), 1);
    assert_eq!(count("StartTime=2026-01-02T03:04:05Z"), 1);
    assert_eq!(count("StartTime=2026-01-02T03:04:06Z"), 0);
    assert_eq!(count("StartTime=2026-01-02T00:00:00Z"), 1, "so SDKs write the date");
    assert_eq!(count("StartTime=2026-01-02T00:00:01Z"), 0);
    assert_eq!(count("StartTime%3E=2026-01-04"), 3);
    assert_eq!(count("StartTime%3C=2026-01-04"), 2);
    assert_eq!(count("StartTime%3C=2026-01-02T03:04:05Z"), 1);
    assert_eq!(count("StartTime%3C=2026-01-02T05:04:05%2B02:00"), 1);
    assert_eq!(count("StartTime%3E=2026-01-03&StartTime%3C=2026-01-05"), 2);
    assert_eq!(count("To=%2B15005550007&StartTime%3E=2026-01-04"), 1);
    assert_eq!(count("Status=completed&From=%2B15005550001"), 5);
    assert_eq!(count("To=+1%20500%20555%200007"), count("To=%2B15005550007"), "a plus that was not escaped");
    assert_eq!((count("To=client:bob"), count("From=anonymous")), (0, 0), "addresses that nobody here has");
}

#[test]
fn notifications_filter_by_level_and_call() {
    let server = Server::start();
    let call = server.seed_call(server.account.sid, CallStatus::Completed);
    server.seed_notification(server.account.sid, Some(call.sid), 11200);
    server.seed_notification(server.account.sid, None, 12200);
    let count = |rest: &str| server.get(rest).good(200)["notifications"].as_array().unwrap().len();
    assert_eq!(count("/Notifications.json"), 2);
    assert_eq!(count("/Notifications.json?Log=1"), 1);
    assert_eq!(count("/Notifications.json?MessageDate%3C=2020-01-01"), 0);
    assert_eq!(count(&format!("/Calls/{}/Notifications.json", call.sid)), 1);
}

#[test]
fn numbers_are_found_by_a_part_and_by_type() {
    let server = Server::start();
    for number in ["+15005550010", "+18005550011", "+447700900123"] {
        server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", number)]).good(201);
    }
    let count = |rest: &str| {
        server.get(&format!("/IncomingPhoneNumbers{rest}")).good(200)["incoming_phone_numbers"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(".json?PhoneNumber=555001"), 2);
    assert_eq!(count(".json?PhoneNumber=*5550010"), 1);
    assert_eq!(count("/TollFree.json"), 1);
    assert_eq!(count("/Local.json"), 2);
    assert_eq!(count(".json?Origin=twilio"), 0);
    assert_eq!(count(".json?PhoneNumber=%2B1*00555"), 2);
    assert_eq!(count(".json?PhoneNumber=5*5"), 2);
    assert_eq!(count(".json?PhoneNumber=44*7009*0123"), 1);
    assert_eq!(count(".json?PhoneNumber=5550010*"), 0);
    assert_eq!(count(".json?PhoneNumber=**"), 3);
}
