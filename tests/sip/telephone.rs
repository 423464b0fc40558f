//! Numbers in URIs.

use chorus::sip::telephone;
use chorus::sip::wire::Uri;

#[test]
fn a_number_is_read_wherever_a_uri_holds_one() {
    for (uri, number) in [
        ("tel:+1-201-555-0123", "+12015550123"),
        ("tel:+358-555-1234567;isub=1411;ext=99", "+3585551234567"),
        ("tel:863-1234;phone-context=+1-914-555", "+19145558631234"),
        ("tel:7042;phone-context=example.com", "7042"),
        ("TEL:(415)555.0100", "4155550100"),
        ("sip:+1-415-555-0100@carrier.example", "+14155550100"),
        ("sip:+14155550100;npdi;rn=+1415@carrier.example;user=phone", "+14155550100"),
        ("sip:555-0100;phone-context=+1415@carrier.example;user=phone", "+14155550100"),
        ("sip:*72@pbx.example;user=phone", "*72"),
        // No numbers, or none that says so.
        ("sip:415-555@pbx.example", "415-555"),
        ("sip:alice;day=tuesday@pbx.example", "alice;day=tuesday"),
        ("sip:j%6Fe@pbx.example", "joe"),
        ("sip:pbx.example", ""),
        ("urn:service:sos", "service:sos"),
    ] {
        assert_eq!(telephone::user(&Uri::parse(uri).unwrap()), number, "{uri}");
    }
}
