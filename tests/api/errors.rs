//! The table of errors.

use chorus::error::{ENTRIES, Fault, Level, entry, more_info};

#[test]
fn the_table_is_in_order_and_whole() {
    for pair in ENTRIES.windows(2) {
        assert!(pair[0].last < pair[1].code, "{} before {}", pair[0].code, pair[1].code);
    }
    for e in ENTRIES {
        assert!(e.code <= e.last);
        assert!(e.code == 20003 || e.sentence.ends_with('.'), "{}", e.code);
        assert!(e.http.is_none_or(|s| (400..600).contains(&s)), "{}", e.code);
        assert!(e.sip.is_none_or(|s| (400..700).contains(&s)), "{}", e.code);
        assert!(e.fault != Fault::Us || e.retryable, "{}: our faults pass", e.code);
        assert!(e.level == Level::Error || e.http.is_none_or(|s| s == 400), "{}", e.code);
    }
}

#[test]
fn codes_are_found_alone_and_in_families() {
    assert_eq!(entry(20404).unwrap().http, Some(404));
    assert_eq!(entry(11310).unwrap().code, 11300);
    assert_eq!(entry(13223).unwrap().sip, Some(404));
    assert!(entry(11321).is_none() && entry(0).is_none() && entry(u32::MAX).is_none());
    assert_eq!(more_info(11200), "https://www.twilio.com/docs/errors/11200");
}
