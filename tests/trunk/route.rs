//! Which trunk dials a number, and the Request-URI there.

use crate::kit::rows::trunk;
use chorus::sid::AccountSid;
use chorus::store::rows::{TrunkMode, TrunkRow};
use chorus::trunk::route::{CANDIDATES_MAX, candidates, dial_string, is_template};

const US: AccountSid = AccountSid(7);

fn way(n: u128, prefixes: &[&str]) -> TrunkRow {
    TrunkRow {
        outbound_host: Some(format!("pbx{n}.example:5070")),
        outbound_route_prefixes: prefixes.iter().map(|p| (*p).to_owned()).collect(),
        ..trunk(n, &[])
    }
}

fn pinned(n: u128, account: AccountSid, prefixes: &[&str]) -> TrunkRow {
    TrunkRow { account: Some(account), ..way(n, prefixes) }
}

#[track_caller]
fn order(trunks: &[TrunkRow], number: &str, expected: &[u128]) {
    let found: Vec<u128> = candidates(trunks, US, number).iter().map(|t| t.sid.0).collect();
    assert_eq!(found, expected, "{number}");
}

#[test]
fn ones_own_then_the_longest_prefix_then_the_default() {
    let trunks = [
        way(1, &[]),
        way(2, &["44", "4420"]),
        way(3, &["442", "1"]),
        pinned(4, US, &[]),
        pinned(5, AccountSid(8), &[]),
        way(6, &[]),
        pinned(7, US, &["4420"]),
        trunk(8, &["192.0.2.1"]),
    ];
    order(&trunks, "+442079460018", &[7, 4, 2, 3, 1, 6]);
    order(&trunks, "+441632960000", &[4, 2, 1, 6]);
    order(&trunks, "+14155552671", &[4, 3, 1, 6]);
    order(&trunks, "1001", &[4, 3, 1, 6]);
    order(&trunks[1..3], "+855123456", &[]);
}

#[test]
fn a_trunk_without_a_host_cannot_dial_unless_its_peer_registers() {
    let own = TrunkRow { account: Some(US), ..trunk(1, &["192.0.2.1"]) };
    let peer = TrunkRow {
        authentication_mode: TrunkMode::ClientCredentials,
        username: Some("alice".to_owned()),
        ..trunk(2, &[])
    };
    let shut = TrunkRow { authentication_mode: TrunkMode::OutboundRegistration, ..trunk(3, &[]) };
    // It may be one telephone, also where it is the account's own.
    let phone = TrunkRow { account: Some(US), ..peer.clone() };
    let pbx = TrunkRow { outbound_route_prefixes: vec!["44".to_owned()], ..peer.clone() };
    order(&[own.clone(), shut.clone(), peer, way(4, &[])], "+442079460018", &[4]);
    order(&[phone.clone(), way(4, &[])], "+442079460018", &[4]);
    order(&[phone], "+442079460018", &[2]);
    order(&[own, shut, pbx, way(4, &[])], "+442079460018", &[2, 4]);
    let many: Vec<TrunkRow> = (1..=20).map(|n| way(n, &[])).collect();
    assert_eq!(candidates(&many, US, "+1").len(), CANDIDATES_MAX);
}

#[test]
fn the_request_uri_is_written_as_the_trunk_says() {
    let number = "+14155551234";
    // As it always was, and as the rows of before there was a choice must go on.
    assert_eq!(dial_string(&way(1, &[]), number), "sip:+14155551234@pbx1.example:5070");
    let registered = TrunkRow {
        authentication_mode: TrunkMode::OutboundRegistration,
        username: Some("chorus_user".to_owned()),
        ..way(1, &[])
    };
    assert_eq!(dial_string(&registered, number), "sip:14155551234@pbx1.example:5070");
    let template = |t: &str| TrunkRow { outbound_dial_string: Some(t.to_owned()), ..registered.clone() };
    for (text, uri) in [
        ("sip:{number}@{host};user=phone", "sip:14155551234@pbx1.example:5070;user=phone"),
        ("sip:{user}*{number}@gw.example", "sip:chorus_user*14155551234@gw.example"),
        ("sip:{number}@{number}.{host}", "sip:14155551234@14155551234.pbx1.example:5070"),
    ] {
        assert!(is_template(text), "{text}");
        assert_eq!(dial_string(&template(text), number), uri);
    }
    for bad in [
        "",
        "{number}",
        "sip:{number}",
        "sip:{number}@",
        "sip:x@{host}",
        "sip:{number}@{x}",
        "sip:{number}@a b",
    ] {
        assert!(!is_template(bad), "{bad}");
    }
    assert_eq!(
        dial_string(&template("sip:{{number}@x"), number),
        "sip:{14155551234@x",
        "what was stored is written"
    );
}
