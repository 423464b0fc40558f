//! Who is calling, by source address; which number; and why not.

use super::net::trunk;
use crate::kit::rows::number;
use chorus::sid::{AccountSid, NumberSid, TrunkSid};
use chorus::store::rows::TrunkMode;
use chorus::trunk::{Network, Snapshot};
use std::net::IpAddr;

fn ip(s: &str) -> IpAddr {
    s.parse().unwrap()
}

#[test]
fn ranges_are_read_written_and_matched() {
    let rows = [
        ("192.0.2.1", "192.0.2.1/32", "192.0.2.1", "192.0.2.2"),
        ("192.0.2.77/24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
        ("0.0.0.0/0", "0.0.0.0/0", "8.8.8.8", "2001:db8::1"),
        ("10.0.0.0/8", "10.0.0.0/8", "::ffff:10.9.9.9", "11.0.0.0"),
        ("2001:db8::/32", "2001:db8::/32", "2001:db8:1::", "2001:db9::"),
        ("::/0", "::/0", "1.2.3.4", ""),
        ("fd00::1", "fd00::1/128", "fd00::1", "fd00::2"),
    ];
    for (text, written, inside, outside) in rows {
        let network = Network::parse(text).unwrap();
        assert_eq!(network.to_string(), written);
        assert!(network.contains(ip(inside)), "{text} holds {inside}");
        assert!(outside.is_empty() || !network.contains(ip(outside)), "{text} does not hold {outside}");
    }
    for bad in [
        "",
        "host.example",
        "192.0.2.0/33",
        "192.0.2.0/-1",
        "192.0.2.0/+8",
        "192.0.2.0/",
        "::/129",
        "1.2.3/8",
    ] {
        let error = Network::parse(bad).unwrap_err();
        assert!(error.contains(bad), "{error}");
    }
}

#[test]
fn several_trunks_may_share_an_address_and_the_number_decides() {
    let mut pinned = trunk(2, &["192.0.2.0/24"]);
    pinned.account = Some(AccountSid(7));
    let mut later = trunk(3, &["192.0.2.7"]);
    later.authentication_mode = TrunkMode::ClientCredentials;
    let trunks = vec![trunk(1, &["192.0.2.7", "192.0.2.0/25"]), pinned, later];
    let numbers = vec![number(1, "+15550001", 7), number(2, "+15550002", 8), number(3, "reception", 8)];
    let s = Snapshot::new(trunks, numbers);
    assert_eq!(s.identify(ip("192.0.2.7")), [TrunkSid(1), TrunkSid(2)]);
    assert_eq!(s.identify(ip("192.0.2.200")), [TrunkSid(2)]);
    assert!(s.identify(ip("198.51.100.1")).is_empty());
    let both = s.identify(ip("192.0.2.7"));
    assert_eq!(s.choose(&both, s.number("+15550001").unwrap()).unwrap().sid, TrunkSid(2));
    assert_eq!(s.choose(&both, s.number("+15550002").unwrap()).unwrap().sid, TrunkSid(1));
    assert!(s.choose(&[TrunkSid(2)], s.number("+15550002").unwrap()).is_none());
}

#[test]
fn a_number_is_found_however_it_is_written() {
    let s = Snapshot::new(vec![], vec![number(1, "+15550001", 7), number(2, "Reception", 8)]);
    for written in ["+15550001", "15550001", "0015550001", "+1 (555) 00-01", "+15550001;npdi"] {
        assert_eq!(s.number(written).map(|n| n.sid), Some(NumberSid(1)), "{written}");
    }
    assert_eq!(s.number("reception").map(|n| n.sid), Some(NumberSid(2)));
    for other in ["", "+", "5550001", "+155500011", "15550001x", "00"] {
        assert!(s.number(other).is_none(), "{other}");
    }
}

#[test]
fn a_refusal_says_what_would_have_matched() {
    let mut pinned = trunk(2, &["192.0.2.0/24"]);
    pinned.account = Some(AccountSid(7));
    let s = Snapshot::new(vec![pinned], vec![number(1, "+15550001", 7), number(2, "+15550002", 8)]);
    let stranger = s.stranger(ip("198.51.100.1"));
    assert!(
        stranger.contains("No trunk has 198.51.100.1") && stranger.contains("192.0.2.0/24"),
        "{stranger}"
    );
    let mut certified = [trunk(2, &["192.0.2.0/24"]), trunk(3, &[])];
    certified.iter_mut().for_each(|trunk| trunk.tls.client_auth = true);
    let [listed, anywhere] =
        certified.map(|trunk| Snapshot::new(vec![trunk], vec![]).stranger(ip("192.0.2.1")));
    assert!(listed.contains("from 192.0.2.0/24, over TLS with a certificate"), "{listed}");
    assert!(
        !listed.contains("No trunk") && anywhere.contains("from anywhere, over TLS"),
        "{listed} {anywhere}"
    );
    let none = Snapshot::default().stranger(ip("192.0.2.1"));
    assert!(none.contains("POST /carrier/v1/sip_trunks"), "{none}");
    // What is another's is for the operator alone.
    let unknown = s.nobody(&[TrunkSid(2)], "5550002");
    assert_eq!(
        unknown.aside.unwrap(),
        "+15550002 is configured and would have matched if it had been dialled in full."
    );
    assert_eq!(unknown.words, "no number '5550002' of this account is configured (looked up as '5550002').");
    let closed = s.nobody(&[TrunkSid(2)], "+15550002");
    assert!(closed.aside.unwrap().contains(&AccountSid(8).to_string()));
    assert_eq!(
        closed.words,
        "no number '+15550002' of this account is configured (looked up as '15550002')."
    );
    let own = s.nobody(&[TrunkSid(2)], "5550001");
    assert!(
        own.words.ends_with("+15550001 is configured and would have matched if it had been dialled in full.")
    );
    assert_eq!(own.aside, None, "that is said already");
    // Where the trunk is nobody's, nobody but the operator is told.
    let open = Snapshot::new(vec![trunk(3, &["192.0.2.0/24"])], vec![number(2, "+15550002", 8)]);
    let open = open.nobody(&[TrunkSid(3)], "5550002");
    assert!(open.aside.is_none() && open.words.contains("+15550002 is configured"), "{open:?}");
}

#[test]
fn numbers_are_dialled_as_people_write_them() {
    for (written, dials) in [
        ("+14155551212", "+14155551212"),
        ("+44 20 7946-0000", "+442079460000"),
        ("415-555-1212", "+14155551212"),
        ("(415) 555-1212", "+14155551212"),
        ("1.415.555.1212", "+14155551212"),
        ("4155551212", "+14155551212"),
        ("911", "911"),
        ("1001", "1001"),
        ("0171 5550100", "01715550100"),
        ("00441715550100", "00441715550100"),
        ("1155551212", "1155551212"),
    ] {
        assert_eq!(chorus::trunk::normalise::dialled(written), dials, "{written}");
    }
}
