//! DomainNames of accounts: one form, and never a name of the server itself.

use chorus::trunk::names::Names;

#[test]
fn a_name_is_the_same_however_it_is_written() {
    let names = Names::new(vec!["sip.house.example".into()], None);
    for text in ["acme.sip.example.com", "ACME.sip.Example.com", "acme.sip.example.com."] {
        assert_eq!(names.read(text).as_deref(), Ok("acme.sip.example.com"), "{text}");
    }
    assert_eq!(names.read("acme").as_deref(), Ok("acme.chorus.local"));
}

#[test]
fn no_account_gets_a_name_of_the_server_or_an_address() {
    let names = Names::new(vec!["sip.house.example".into()], None);
    for text in ["chorus", "Chorus.", "chorus.local", "sip.house.example", "SIP.house.example."] {
        assert_eq!(names.read(text), Err("not a name of this server itself".into()), "{text}");
    }
    for text in
        ["192.0.2.1", "::1", "[::1]", "a.example:5060", "a..b", "-a.example", "a b.example", "10.1", ""]
    {
        assert_eq!(names.read(text), Err("a host name like pbx.example.com".into()), "{text}");
    }
}

#[test]
fn where_the_operator_gave_a_suffix_every_name_ends_in_it() {
    let names = Names::new(vec![], Some("sip.example.com".into()));
    assert_eq!(names.read("acme").as_deref(), Ok("acme.sip.example.com"));
    assert_eq!(names.read("acme.sip.example.com").as_deref(), Ok("acme.sip.example.com"));
    for text in ["acme.example.com", "evilsip.example.com", "acme.chorus.local"] {
        assert!(names.read(text).unwrap_err().starts_with("a name that ends in .sip.example.com"), "{text}");
    }
    assert!(names.read("sip.example.com").is_err());
}
