//! The pure readers: forms, dates, numbers.

use chorus::api::{dates, form, parse};
use chorus::clock::Wall;
use proptest::prelude::*;

#[test]
fn dates_are_read_exactly() {
    let at = |text: &str| dates::parse(text).map(|s| s.from.0);
    assert_eq!(at("1970-01-01"), Some(0));
    assert_eq!(at("2000-02-29"), Some(951_782_400_000));
    assert_eq!(at("2026-01-02T03:04:05Z"), Some(1_767_323_045_000));
    assert_eq!(at("2026-01-02T03:04:05.678+01:30"), Some(1_767_317_645_000));
    assert_eq!(at("2026-01-02 03:04:05"), at("2026-01-02T03:04:05Z"));
    for bad in [
        "1900-02-29",
        "2026-1-2",
        "2026-01-02T",
        "2026-01-02Tx",
        "26-01-02",
        "2026-01-02T03:04:05Zx",
        "1969-12-31",
    ] {
        assert_eq!(at(bad), None, "{bad}");
    }
}

#[test]
fn a_form_is_read_as_browsers_and_sdks_write_it() {
    let fields = form::fields(b"a=1&b=x+y%20z&c&=d&e=%&f=%zz&StartTime>=2026-01-01").unwrap();
    let want = [
        ("a", "1"),
        ("b", "x y z"),
        ("c", ""),
        ("", "d"),
        ("e", "%"),
        ("f", "%zz"),
        ("StartTime>", "2026-01-01"),
    ];
    assert_eq!(fields, want.map(|(n, v)| (n.to_string(), v.to_string())));
}

proptest! {
    #[test]
    fn what_is_encoded_reads_the_same(text in ".*") {
        let coded = form::encode(&text);
        prop_assert_eq!(form::decode(coded.as_bytes(), true), Some(text));
    }

    #[test]
    fn any_octets_are_read_or_refused(octets in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(fields) = form::fields(&octets) {
            prop_assert!(fields.len() <= octets.len());
        }
    }

    #[test]
    fn every_day_reads_back(days in 0i64..1_000_000) {
        let wall = Wall(days * 86_400_000);
        prop_assert_eq!(dates::parse(&wall.date()).map(|s| s.from), Some(wall));
    }

    #[test]
    fn a_phone_number_is_a_plus_and_digits(text in "[+ ]?[0-9 ().-]{0,20}") {
        if let Some(number) = parse::phone(&text) {
            prop_assert!(number.starts_with('+') && number[1..].bytes().all(|b| b.is_ascii_digit()));
        }
    }
}
