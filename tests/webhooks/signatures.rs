//! The 18 vectors, and what the shell signs: the URL as it goes over the wire.

use chorus::webhooks::sign::*;

const T1: &str = "12345";
const T2: &str = "0123456789abcdef0123456789abcdef";
const JSON: &[u8] = br#"{"CallSid":"CA1234567890ABCDE","Caller":"+12349013030"}"#;

/// Token, URL, parameters, signature.
type Case = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

fn form(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
}

#[test]
fn the_form_post_vectors() {
    let cases: &[Case] = &[
        (
            T1,
            "https://example.com/myapp.php?foo=1&bar=2",
            &[
                ("To", "+18005551212"),
                ("Digits", "1234"),
                ("CallSid", "CA1234567890ABCDE"),
                ("From", "+14158675310"),
                ("Caller", "+14158675310"),
            ],
            "L/OH5YylLD5NRKLltdqwSvS0BnU=",
        ),
        (
            T2,
            "https://chorus.test/voice",
            &[
                ("To", "+15005550001"),
                ("From", "+15005550006"),
                ("Direction", "inbound"),
                ("CallStatus", "ringing"),
                ("CallSid", "CA11111111111111111111111111111111"),
                ("AccountSid", "AC00000000000000000000000000000000"),
            ],
            "9cASpiuxjKBi0n7U+yM4r0gQXIk=",
        ),
        (
            T2,
            "https://chorus.test/a",
            &[("b", "2"), ("a", ""), ("B", "1"), ("SipHeader_X-Foo", "bar baz"), ("ToZip", "")],
            "7e/TZvjm89ogpzDri/B48my1mXw=",
        ),
        (
            T2,
            "https://chorus.test/gather",
            &[("Confidence", "0.9125"), ("SpeechResult", "Grüße, 世界 & co = 100%")],
            "7Z7GUTXhiX6XEkPj0XLjCwLtZMg=",
        ),
        (
            T2,
            "https://chorus.test/w",
            &[("From", "+1555"), ("Body", "  hi +1  ")],
            "AFPAZ4XY1kzOyKfY5fiz73uFDko=",
        ),
        (T2, "http://chorus.test:8080/voice", &[("CallSid", "CA1")], "CAttGZMzPEdWsLt+vOiHQxklc6k="),
        (T2, "https://chorus.test/voice", &[("CallSid", "CA1")], "txLL8GlhA4ZRTUaPcTPKiRcQCW4="),
        (T2, "https://chorus.test/", &[("CallSid", "CA1")], "Rg7LVZPGIISTkyoa6kgTBjOIM7w="),
        (T2, "https://chorus.test", &[("CallSid", "CA1")], "o7tE0U3eqTnOvrtwo4CcuEu7oMs="),
        (T2, "https://chorus.test/v?q=1", &[("CallSid", "CA1")], "cLq2F68C7QbLYbyZ+6csxMSRg+Y="),
        (T2, "https://chorus.test/v?q=1#rc=2&rp=all", &[("CallSid", "CA1")], "cLq2F68C7QbLYbyZ+6csxMSRg+Y="),
        (
            T2,
            "https://chorus.test/multi",
            &[("X", "1"), ("Ev", "b"), ("Ev", "a"), ("Ev", "a")],
            "H0/5e6zG7lS3I3otSCEIK0UZosc=",
        ),
    ];
    for (token, url, pairs, signature) in cases {
        assert_eq!(sign(token, url, &form(pairs)), *signature, "{url}");
        assert!(verify(token, url, &form(pairs), signature), "{url}");
        assert!(!verify("another", url, &form(pairs), signature), "{url}");
    }
}

#[test]
fn the_port_is_dropped_for_https_and_kept_for_http() {
    let call = form(&[("CallSid", "CA1")]);
    let dropped = "txLL8GlhA4ZRTUaPcTPKiRcQCW4=";
    let kept = "qBtVvVJe6KvaYruVFy1Zb0AtlsU=";
    assert_eq!(sign(T2, "https://chorus.test:8443/voice", &call), dropped);
    assert_ne!(sign(T2, "https://chorus.test:8443/voice", &call), kept, "vector 9 is the one not to use");
    assert_eq!(sign(T2, "https://user:secret@chorus.test:8443/voice", &call), dropped);
    assert_eq!(signed_url("http://user@chorus.test:8080/voice"), "http://chorus.test:8080/voice");
    assert_eq!(signed_url("https://[2001:db8::1]:8443/x"), "https://[2001:db8::1]/x");
    assert_eq!(signed_url("https://[2001:db8::1]/x"), "https://[2001:db8::1]/x");
}

#[test]
fn get_json_websocket_and_shared_key_vectors() {
    let get = "https://chorus.test/voice?AccountSid=AC00000000000000000000000000000000\
               &CallSid=CA11111111111111111111111111111111&From=%2B15005550006&To=%2B15005550001";
    assert_eq!(sign(T2, get, &[]), "F9MTV9eFwFPM4dPvt6QcO/eUZ7c=");

    let plain = with_body_hash("https://chorus.test/json", JSON);
    let hash = "5ccde7145dfb8f56479710896586cb9d5911809d83afbe34627818790db0aec9";
    assert_eq!(plain, format!("https://chorus.test/json?bodySHA256={hash}"));
    assert_eq!(sign(T2, &plain, &[]), "O3pZrHwxXySWQr8F0QgNmQjc7Es=");
    let query = with_body_hash("https://chorus.test/json?x=1#rc=1", JSON);
    assert_eq!(query, format!("https://chorus.test/json?x=1&bodySHA256={hash}#rc=1"));
    assert_eq!(sign(T2, &query, &[]), "/hXj/oY4gkuqx6WkeASrxB+wWI0=");

    assert_eq!(sign_websocket(T2, "wss://chorus.test/media"), "4oL4O4XXV15EvYezykhDyWoDEsw=");
    assert_eq!(sign_websocket(T2, "wss://chorus.test/media/"), "JgWO9MTez2drW2fyWTLgH/Oxmic=");

    let call = form(&[("CallSid", "CA1")]);
    let shared = sign_sha256(T2, "https://chorus.test/voice", &call);
    assert_eq!(shared, "NwSCBhPbrft1DEVIDtZ1qppUsFl3xYCrS379UUHsCko=");
}

#[test]
fn what_the_receiver_sees_is_what_is_signed() {
    assert_eq!(signed_url("https://App.Test/a b/ü?q=ä"), "https://app.test/a%20b/%C3%BC?q=%C3%A4");
    assert_eq!(signed_url("https://app.test?x=1"), "https://app.test?x=1");
    assert_eq!(signed_url("not a url#x"), "not a url");
}
