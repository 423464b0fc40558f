//! Which part of the world a number is in, and which an account may dial.

use crate::kit::rows::{account, number, trunk};
use chorus::call::permission::may_dial;
use chorus::call::tables::Tables;
use chorus::sid::AccountSid;
use chorus::store::account_rules::AccountRules;
use chorus::store::rows::TrunkRow;
use chorus::trunk::destination::{Zone, is_zone, zone};

const ACCOUNT: AccountSid = AccountSid(7);

#[test]
fn a_zone_is_a_calling_code_and_in_north_america_an_island() {
    for (number, code) in [
        ("+442079460018", "44"),
        ("+14155552671", "1"),
        ("+1 (876) 555-0100", "1876"),
        ("+18095550100", "1809"),
        ("+19005550100", "1900"),
        ("0044 20 7946 0018", "44"),
        ("011 44 20 7946 0018", "44"),
        ("+8821612345678", "882"),
    ] {
        assert_eq!(zone(number), Zone::Code(code.to_owned()), "{number}");
        assert!(is_zone(code));
    }
    for inside in ["1001", "alice", "911", "123456", "*98", "alice-1234567"] {
        assert_eq!(zone(inside), Zone::Inside, "{inside}");
    }
    for unknown in
        ["02079460018", "+2101234567", "+882x", "1234567", "00", "00442079460018#", "*72*4155552671"]
    {
        let expected = if unknown == "00" { Zone::Inside } else { Zone::Unknown };
        assert_eq!(zone(unknown), expected, "{unknown}");
    }
    assert!(!is_zone("44207") && !is_zone("+44") && !is_zone("210") && !is_zone("1415") && !is_zone(""));
}

fn tables(rules: AccountRules) -> Tables {
    let carrier =
        TrunkRow { outbound_host: Some("gw.carrier.example:5070".to_owned()), ..trunk(1, &["192.0.2.0/24"]) };
    let proxied = TrunkRow { outbound_proxy: Some("[2001:db8::7]:5060".to_owned()), ..trunk(2, &[]) };
    Tables::new(
        vec![carrier, proxied],
        vec![number(1, "+15550001", ACCOUNT.0)],
        vec![],
        vec![account(ACCOUNT, rules)],
    )
}

fn code(rules: &AccountRules, to: &str) -> Option<u32> {
    may_dial(&tables(rules.clone()), "http://here", ACCOUNT, to).err().map(|e| e.code)
}

#[test]
fn a_new_account_dials_its_own_country_and_extensions() {
    let new = AccountRules::of_new();
    for open in [
        "+14155552671",
        "1001",
        "sip:alice@pbx.example",
        "sip:1001@gw.carrier.example",
        // Whoever takes the call there is paid by nobody here.
        "sip:+442079460018@elsewhere.example",
        "sip:+442079460018@gw.carrier.example;maddr=198.51.100.1",
        "sip:+442079460018@[2001:db8::8]:5060",
    ] {
        assert_eq!(code(&new, open), None, "{open}");
    }
    for shut in [
        "+442079460018",
        "+18765550100",
        "00442079460018",
        "sip:+442079460018@gw.carrier.example",
        "sip:+442079460018;npdi@GW.carrier.example:5080;transport=tcp",
        "sips:00442079460018@192.0.2.9",
        "sip:00442079460018:secret@192.0.2.9",
        // However it is written, it is read and sent as this.
        "sip:%2B442079460018@gw.carrier.example",
        "sip:%30%30442079460018@gw.carrier.example",
        "sip:00442079460018%23@gw.carrier.example",
        "sip:00442079460018?x=y@gw.carrier.example",
        "sip:20794600;phone-context=+44@gw.carrier.example",
        "sip:123456;phone-context=+4420@gw.carrier.example",
        "sip:+442079460018?X-a=b@gw.carrier.example",
        "sip:+442079460018@gw.carrier.example.",
        "SIP:+442079460018@gw.carrier.example.:5070",
        "sip:+442079460018@[::ffff:192.0.2.9]:5060",
        "sip:+442079460018@elsewhere.example;maddr=192.0.2.9",
        "sip:+442079460018@elsewhere.example;maddr=gw.carrier.example.",
        "sip:+442079460018@[2001:db8:0::7]",
    ] {
        assert_eq!(code(&new, shut), Some(21215), "{shut}");
    }
    assert_eq!(
        code(&AccountRules::default(), "+442079460018"),
        None,
        "an account from before there were rules"
    );
    let british = AccountRules { home: Some("44".to_owned()), ..AccountRules::of_new() };
    assert_eq!(code(&british, "+442079460018"), None);
    assert_eq!(code(&british, "+14155552671"), Some(21215), "its number is there, and was not its first");
}

/// What the refusal prints opens the country, and keeps open what was.
#[test]
fn the_refusal_prints_the_line_that_opens_the_country() {
    let rules = AccountRules { allowed_calling_codes: vec!["49".to_owned()], ..AccountRules::of_new() };
    let words = may_dial(&tables(rules.clone()), "http://here", ACCOUNT, "+442079460018").unwrap_err().words;
    assert!(words.contains("curl -X PATCH http://here/carrier/v1/accounts/AC"), "{words}");
    assert!(words.contains("(GB, GG, IM, JE)"), "{words}");
    let body = words.split("-d '").nth(1).unwrap().trim_end_matches('\'');
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    let codes = serde_json::from_value(body["allowed_calling_codes"].clone()).unwrap();
    assert_eq!(codes, ["49", "44"]);
    let opened = AccountRules { allowed_calling_codes: codes, ..rules };
    assert_eq!(code(&opened, "+442079460018"), None);
    assert_eq!(code(&opened, "+4930123456"), None);
}
