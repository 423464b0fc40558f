//! `/carrier/v1/accounts`, `/carrier/v1/phone_numbers` and `/carrier/v1/calls`.

use super::harness::*;
use chorus::media::event::Stats;
use chorus::sip::event::Cause;
use chorus::store::rows::*;
use chorus::store::tx::Op;
use serde_json::{Value, json};

const ACCOUNTS: &str = "/carrier/v1/accounts";
const NUMBERS: &str = "/carrier/v1/phone_numbers";
const CALLS: &str = "/carrier/v1/calls";

impl Server {
    /// A resource of the operator that is made or changed: its id and attributes.
    #[track_caller]
    fn carried(&self, method: &str, path: &str, body: Value) -> (String, Value) {
        let status = if method == "POST" { 201 } else { 200 };
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let made = self.carrier(method, path, &body).good(status);
        (made["data"]["id"].as_str().unwrap().to_string(), made["data"]["attributes"].clone())
    }

    #[track_caller]
    fn unprocessable(&self, method: &str, path: &str, body: &Value, pointer: &str) {
        let reply = self.carrier(method, path, &body.to_string());
        assert_eq!(reply.status, 422, "{body}: {}", reply.text());
        let error = &reply.json()["errors"][0];
        assert_eq!(error["source"]["pointer"], format!("/data/attributes/{pointer}"), "{body}: {error}");
    }

    /// As this account.
    fn as_account(&self, account: (&str, &str), rest: &str, fields: &[(&str, &str)]) -> Reply {
        let head = [
            ("Authorization", basic(account.0, account.1)),
            ("Content-Type", "application/x-www-form-urlencoded".to_owned()),
        ];
        let head: Vec<(&str, &str)> = head.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let path = format!("/2010-04-01/Accounts/{}{rest}", account.0);
        let method = if fields.is_empty() { "GET" } else { "POST" };
        self.send(method, &path, &head, form(fields).as_bytes())
    }
}

#[test]
fn an_account_shows_its_token_once_and_can_be_suspended_and_closed() {
    let server = Server::start();
    let wrapped = json!({ "data": { "type": "account", "attributes": { "name": "Shop" } } });
    let (sid, made) = server.carried("POST", ACCOUNTS, wrapped);
    let token = made["auth_token"].as_str().unwrap().to_owned();
    assert_eq!((&made["name"], &made["status"]), (&json!("Shop"), &json!("active")));
    assert!(made["parent_account_sid"].is_null());
    let path = format!("{ACCOUNTS}/{sid}");
    for reply in [server.carrier("GET", &path, ""), server.carrier("GET", ACCOUNTS, "")] {
        assert!(!reply.text().contains(&token) && !reply.text().contains("auth_token"), "{}", reply.text());
    }
    let account = (sid.as_str(), token.as_str());
    server.as_account(account, "/Calls.json", &[]).good(200);
    let (_, now) = server.carried("PATCH", &path, json!({ "status": "suspended", "name": "Closed shop" }));
    assert_eq!((&now["name"], &now["status"]), (&json!("Closed shop"), &json!("suspended")));
    server.as_account(account, "/Calls.json", &[]).bad(403, 20005);
    server.carried("PUT", &path, json!({ "status": "closed" }));
    server.as_account(account, "/Calls.json", &[]).bad(401, 20003);
    server.unprocessable("PATCH", &path, &json!({ "status": "active" }), "status");
    server.unprocessable("PATCH", &path, &json!({ "status": null }), "status");
    assert_eq!(server.carrier("DELETE", &path, "").status, 405);
}

#[test]
fn an_accounts_rules_are_the_operators() {
    let server = Server::start();
    let (sid, made) = server.carried("POST", ACCOUNTS, json!({ "name": "Shop", "max_concurrent_calls": 4 }));
    assert_eq!((&made["calls_per_second"], &made["max_concurrent_calls"]), (&json!(1), &json!(4)));
    assert_eq!((&made["allowed_calling_codes"], &made["all_countries"]), (&json!([]), &json!(false)));
    let path = format!("{ACCOUNTS}/{sid}");
    // The line that a refusal with 21215 prints.
    let (_, now) = server.carried("PATCH", &path, json!({ "allowed_calling_codes": ["44", "1876"] }));
    assert_eq!(now["allowed_calling_codes"], json!(["44", "1876"]));
    let (_, now) =
        server.carried("PATCH", &path, json!({ "all_countries": true, "max_concurrent_calls": null }));
    assert_eq!((&now["all_countries"], &now["max_concurrent_calls"]), (&json!(true), &Value::Null));
    assert_eq!(now["allowed_calling_codes"], json!(["44", "1876"]));
    for (field, value) in [
        ("allowed_calling_codes", json!(["4"])),
        ("allowed_calling_codes", json!(["1415"])),
        ("calls_per_second", json!(-1)),
        ("max_minutes_per_day", json!(0)),
        ("all_countries", json!("perhaps")),
    ] {
        let mut body = json!({});
        body[field] = value;
        server.unprocessable("PATCH", &path, &body, field);
    }
    // Its first number opens its country.
    server.carried("POST", NUMBERS, json!({ "number": "+447700900123", "account_sid": sid }));
    assert_eq!(server.carried("GET", &path, json!(null)).1["home_calling_code"], Value::Null, "all are open");
    server.carried("PATCH", &path, json!({ "all_countries": false }));
    server.carried("POST", NUMBERS, json!({ "number": "+4930123456", "account_sid": sid }));
    assert_eq!(server.carried("GET", &path, json!(null)).1["home_calling_code"], "49");
}

#[test]
fn a_subaccount_has_a_parent_and_no_children() {
    let server = Server::start();
    let parent = server.account.sid.to_string();
    let (child, made) = server.carried("POST", ACCOUNTS, json!({ "parent_account_sid": parent }));
    assert_eq!(made["parent_account_sid"], parent);
    assert!(made["name"].as_str().unwrap().starts_with("SubAccount Created at"));
    server.unprocessable("POST", ACCOUNTS, &json!({ "parent_account_sid": child }), "parent_account_sid");
    let nobody = json!({ "parent_account_sid": format!("AC{}", "0".repeat(32)) });
    server.unprocessable("POST", ACCOUNTS, &nobody, "parent_account_sid");
    let listed = server.carrier("GET", &format!("{ACCOUNTS}?PageSize=1&status=active"), "").good(200);
    assert_eq!(listed["data"][0]["id"], child);
    let next = listed["links"]["next"].as_str().unwrap();
    assert!(next.contains("status=active"), "{next}");
    let rest = server.carrier("GET", next, "").good(200);
    assert_eq!((&rest["data"][0]["id"], &rest["links"]["next"]), (&json!(parent), &Value::Null));
}

#[test]
fn a_public_number_is_claimed_and_given_up_by_an_account() {
    let server = Server::with(Setup { numbers_open: false, ..Setup::default() });
    let claim = |number: &str| server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", number)]);
    claim("+15005550021").bad(400, 21422);
    let (sid, made) = server.carried("POST", NUMBERS, json!({ "number": "15005550021", "type": "mobile" }));
    assert_eq!((&made["number"], &made["visibility"]), (&json!("+15005550021"), &json!("public")));
    assert_eq!((&made["iso_country_code"], &made["area_code"]), (&json!("US"), &json!("500")));
    assert!(made["account_sid"].is_null());
    server.unprocessable("POST", NUMBERS, &json!({ "number": "+1 (500) 555-0021" }), "number");
    let claimed = claim("+15005550021").good(201);
    assert_eq!(claimed["type"], "mobile");
    let path = format!("{NUMBERS}/{sid}");
    let (_, now) = server.carried("GET", &path, json!(null));
    assert_eq!(now["account_sid"], server.account.sid.to_string());
    assert_eq!(now["incoming_phone_number_sid"], claimed["sid"]);
    let refused = server.carrier("DELETE", &path, "");
    assert_eq!((refused.status, refused.text().contains("account_sid: null")), (409, true));
    let number = format!("/IncomingPhoneNumbers/{}.json", claimed["sid"].as_str().unwrap());
    assert_eq!(server.delete(&number).status, 204);
    assert!(server.carried("GET", &path, json!(null)).1["account_sid"].is_null());
    for visibility in ["private", "disabled"] {
        server.carried("PATCH", &path, json!({ "visibility": visibility }));
        claim("+15005550021").bad(400, 21422);
    }
    assert_eq!(server.carrier("DELETE", &path, "").status, 204);
    assert_eq!(server.carrier("GET", &path, "").status, 404);
}

#[test]
fn the_operator_gives_a_number_to_an_account_and_takes_it_back() {
    let server = Server::start();
    let other = server.another(false);
    let mine = server.account.sid.to_string();
    let body = json!({ "number": "+447700900123", "visibility": "private", "account_sid": mine, "locality": "London" });
    let (sid, made) = server.carried("POST", NUMBERS, body);
    assert_eq!((&made["account_sid"], &made["iso_country_code"]), (&json!(mine), &json!("GB")));
    let number = made["incoming_phone_number_sid"].as_str().unwrap().to_owned();
    let rest = format!("/IncomingPhoneNumbers/{number}.json");
    server.post(&rest, &[("VoiceUrl", "https://example.com/v")]).good(200);
    let path = format!("{NUMBERS}/{sid}");
    // It moves with its SID and without the settings of the account before.
    let (_, moved) = server.carried("PATCH", &path, json!({ "account_sid": other.sid }));
    assert_eq!((&moved["incoming_phone_number_sid"], &moved["locality"]), (&json!(number), &json!("London")));
    server.get(&rest).bad(404, 20404);
    let sid = other.sid.to_string();
    let theirs = server.as_account((&sid, &other.auth_token), &rest, &[]).good(200);
    assert!(theirs["voice_url"].is_null(), "{theirs}");
    let (_, back) = server.carried("PATCH", &path, json!({ "account_sid": null }));
    assert!(back["account_sid"].is_null());
    server.as_account((&sid, &other.auth_token), &rest, &[]).bad(404, 20404);
    // One that was claimed before the inventory knew it.
    let claimed = server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM)]).good(201);
    let (_, known) = server.carried("POST", NUMBERS, json!({ "number": FROM }));
    assert_eq!(known["incoming_phone_number_sid"], claimed["sid"]);
    let listed = server.carrier("GET", &format!("{NUMBERS}?visibility=public"), "").good(200);
    assert_eq!(listed["data"][0]["attributes"]["account_sid"], mine);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
}

#[test]
fn a_bad_attribute_of_a_number_is_pointed_at() {
    let server = Server::start();
    let before = server.dump();
    for (field, value) in [
        ("number", json!("12")),
        ("number", json!("+0123456789")),
        ("number", json!("+1500555002100000")),
        ("number", json!("alice")),
        ("number", json!(null)),
        ("type", json!("short_code")),
        ("type", json!("toll_free")),
        ("type", json!("fax")),
        ("visibility", json!("hidden")),
        ("account_sid", json!(format!("AC{}", "0".repeat(32)))),
        ("iso_country_code", json!("us")),
        ("iso_country_code", json!("ZZ")),
        ("locality", json!(["London"])),
    ] {
        let mut body = json!({ "number": "+15005550021" });
        body[field] = value;
        server.unprocessable("POST", NUMBERS, &body, field);
    }
    for body in ["", "[]", "{\"data\":{\"type\":\"sip_trunk\",\"attributes\":{}}}", "{\"nonsense\":1}"] {
        assert_eq!(server.carrier("POST", NUMBERS, body).status, 422, "{body}");
    }
    assert_eq!(server.dump(), before);
    let (_, short) = server.carried("POST", NUMBERS, json!({ "number": "12345" }));
    assert_eq!((&short["type"], &short["iso_country_code"]), (&json!("short_code"), &Value::Null));
    let (_, free) = server.carried("POST", NUMBERS, json!({ "number": "+18005550021" }));
    assert_eq!(free["type"], "toll_free");
    // Each is found as it was written.
    for (asked, number) in
        [("12345", "12345"), ("%2B18005550021", "+18005550021"), ("18005550021", "+18005550021")]
    {
        let found = server.carrier("GET", &format!("{NUMBERS}?number={asked}"), "").good(200);
        let numbers: Vec<&Value> =
            found["data"].as_array().unwrap().iter().map(|n| &n["attributes"]["number"]).collect();
        assert_eq!(numbers, [number], "{asked}");
    }
    assert_eq!(server.carrier("GET", &format!("{NUMBERS}?number=alice"), "").status, 400);
    // Nobody gets a disabled one.
    let own =
        json!({ "number": "+15005550022", "visibility": "disabled", "account_sid": server.account.sid });
    server.unprocessable("POST", NUMBERS, &own, "account_sid");
}

/// A call that is over, with what a test makes of its row.
fn over(server: &Server, change: impl FnOnce(&mut CallRow)) -> Value {
    let mut row = call(server.account.sid, CallStatus::Completed);
    change(&mut row);
    server.put(Op::InsertCall(Box::new(row.clone())));
    server.carried("GET", &format!("{CALLS}/{}", row.sid), json!(null)).1
}

#[test]
fn a_call_says_who_ended_it_and_how_it_sounded() {
    let server = Server::start();
    let good = over(&server, |row| {
        row.direction = Direction::OutboundApi;
        (row.ended_by, row.cause) = (Some("peer".into()), Some(Cause::new(200, "Normal Clearing")));
        (row.post_dial_delay_ms, row.answer_delay_ms) = (Some(1_200), Some(4_500));
        row.stats = Some(Stats {
            received: 975,
            sent: 1_000,
            lost: 25,
            jitter_us: 3_250,
            rtt_us: 40_000,
            mos_x100: 391,
            ..Stats::default()
        });
    });
    assert_eq!((&good["hung_up_by"], &good["hung_up_how"]), (&json!("callee"), &Value::Null));
    assert_eq!((&good["sip_code"], &good["q850_cause"]), (&json!(200), &json!(16)));
    assert_eq!((&good["post_dial_delay_ms"], &good["answer_delay_ms"]), (&json!(1_200), &json!(4_500)));
    assert_eq!((&good["packets_lost"], &good["packet_loss_percent"]), (&json!(25), &json!(2.5)));
    assert_eq!((&good["jitter_ms"], &good["round_trip_ms"]), (&json!(3.25), &json!(40.0)));
    assert_eq!(good["mos"], 3.91);
    let mute = over(&server, |row| {
        (row.status, row.ended_by) = (CallStatus::Busy, Some("us".into()));
        (row.ended_how, row.cause) = (Some("api".into()), Some(Cause::new(486, "Busy Here")));
    });
    assert_eq!((&mute["hung_up_by"], &mute["hung_up_how"]), (&json!("chorus"), &json!("api")));
    assert_eq!(mute["q850_cause"], 17);
    for figure in ["mos", "jitter_ms", "packets_lost", "packet_loss_percent", "packets_sent", "round_trip_ms"]
    {
        assert!(mute[figure].is_null(), "{figure}");
    }
    // Nobody answered, which is another cause than that of a caller who gave up; and the trunk is the account's.
    let trunk = chorus::sid::ElasticTrunkSid(7);
    for (status, cause) in [(CallStatus::NoAnswer, 19), (CallStatus::Canceled, 16)] {
        let early = over(&server, |row| {
            (row.status, row.elastic_trunk, row.trunk) = (status, Some(trunk), None);
            row.cause = Some(Cause::new(487, "No answer"));
        });
        assert_eq!((&early["q850_cause"], &early["trunk_sid"]), (&json!(cause), &json!(trunk)));
    }
    // A cause that the peer gave is its own.
    let told = over(&server, |row| {
        row.ended_by = Some("peer".into());
        row.cause = Some(Cause { code: 200, words: "moved".into(), q850: Some(31) });
    });
    assert_eq!((&told["hung_up_by"], &told["q850_cause"]), (&json!("caller"), &json!(31)));
    let listed = server.carrier("GET", &format!("{CALLS}?status=busy&PageSize=5"), "").good(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let account = server.another(false).sid;
    let none = server.carrier("GET", &format!("{CALLS}?account_sid={account}"), "").good(200);
    assert_eq!(none["data"], json!([]));
    assert_eq!(server.carrier("GET", &format!("{CALLS}/CA{}", "0".repeat(32)), "").status, 404);
}

#[test]
fn a_real_call_keeps_its_delays_its_cause_and_its_figures() {
    let server = Server::start();
    let live = server.live_call();
    server.post(&format!("/Calls/{}.json", live.sid), &[("Status", "completed")]).good(200);
    server.in_status(&live.sid.to_string(), "completed");
    let (_, call) = server.carried("GET", &format!("{CALLS}/{}", live.sid), json!(null));
    assert_eq!((&call["hung_up_by"], &call["hung_up_how"]), (&json!("chorus"), &json!("api")));
    assert_eq!((&call["sip_code"], &call["q850_cause"]), (&json!(200), &json!(16)));
    for figure in ["answer_delay_ms", "packets_sent", "packets_received", "duration"] {
        assert!(call[figure].is_u64(), "{figure}: {call}");
    }
}
