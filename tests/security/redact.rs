//! The mask itself.

use chorus::telemetry::redact::{line, number, unquoted};
use proptest::prelude::*;

#[test]
fn numbers_keep_their_first_and_last_digits() {
    assert_eq!(number("+15551234534"), "+1555*****34");
    assert_eq!(number("15551234534"), "1555*****34");
    assert_eq!(number("+49301234567"), "+4930*****67");
    assert_eq!(number("5551234"), "55***34");
    assert_eq!(number("1001"), "1001", "an extension is no number");
}

#[test]
fn a_sentence_loses_numbers_user_info_and_query_values() {
    let cases = [
        ("refused a call to +15551234534: no", "refused a call to +1555*****34: no"),
        ("No number '15551234534' is configured.", "No number '1555*****34' is configured."),
        ("INVITE sip:+15551234534@192.0.2.7:5060", "INVITE sip:+1555*****34@192.0.2.7:5060"),
        ("from 192.0.2.7:49152 in 12345 ms", "from 192.0.2.7:49152 in 12345 ms"),
        ("https://u:p@app.test/x?secret=1&b=2 hung", "https://app.test/x?secret=*&b=* hung"),
        ("https://app.test/x?bare", "https://app.test/x?=*"),
        ("sip:bob@pbx.test?X-Token=abc gone", "sip:bob@pbx.test?X-Token=* gone"),
        ("CA12345678901234567890123456789012 ended", "CA12345678901234567890123456789012 ended"),
        (
            "trunk TK00000000000000000000000000000001 (main)",
            "trunk TK00000000000000000000000000000001 (main)",
        ),
        ("GET app.test:8080/voice", "GET app.test:8080/voice"),
        ("to sip:alice:secret@pbx.test:5060 and back", "to sip:alice@pbx.test:5060 and back"),
        ("<SIPS:a:b:c@h;lr>", "<SIPS:a@h;lr>"),
        ("To:<sip:a:b@h>", "To:<sip:a@h>"),
        ("HTTPS://u:p@app.test#x", "HTTPS://app.test#x"),
        ("the action /next?pin=4711&b= failed", "the action /next?pin=*&b=* failed"),
        ("at //u:p@app.test/x", "at //app.test/x"),
        ("what? nothing", "what? nothing"),
    ];
    for (text, expected) in cases {
        assert_eq!(line(text), expected);
    }
}

#[test]
fn what_a_sentence_quotes_of_a_document_is_left_out() {
    let words = r#"sendDigits="47a11" of Number holds other tones; "wide" is used (line 1)"#;
    assert_eq!(unquoted(words), r#"sendDigits="*" of Number holds other tones; "*" is used (line 1)"#);
    assert_eq!(unquoted("nothing"), "nothing");
}

proptest! {
    #[test]
    fn no_number_survives(before in "[ :@+(]?", digits in "[0-9]{7,15}", after in "[ :@).,]?") {
        let shown = line(&format!("to {before}{digits}{after} now")).into_owned();
        prop_assert!(!shown.contains(&digits), "{shown}");
        prop_assert_eq!(line(&shown).into_owned(), shown.clone(), "masking again changes nothing");
    }

    #[test]
    fn no_query_value_survives(value in "[a-zA-Z%]{8,20}", name in "[a-z]{1,6}") {
        let text = format!("cannot reach https://user{value}:{value}@app.test:81/a/b?x=1&{name}={value}#rc=1 today");
        prop_assert!(!line(&text).contains(&value));
    }

    #[test]
    fn any_text_is_taken(text in "\\PC{0,200}") {
        let once = line(&text).into_owned();
        prop_assert_eq!(line(&once).into_owned(), once.clone());
    }
}
