//! What Dial and its nouns become.

use super::{NONE, codes, read, text, verb};
use ::twiml::Method::Get;
use ::twiml::verb::*;
use ::twiml::{Secret, Verb};

#[test]
fn dial_with_everything() {
    let inside = "<Dial action='/after' method='GET' timeout='20' timeLimit='60' hangupOnStar='true' callerId='+15550100'
        record='record-from-ringing-dual' trim='trim-silence' recordingTrack='inbound'
        recordingStatusCallback='/rec' recordingStatusCallbackMethod='GET' recordingStatusCallbackEvent='absent'
        answerOnBridge='true' ringTone='us-old' sequential='true' referUrl='/refer' referMethod='GET'>
        <Number sendDigits='1W2' url='/whisper' method='GET' statusCallback='/s' statusCallbackMethod='GET'
            statusCallbackEvent='initiated ringing answered completed'> +1 (555) 010-1234 </Number>
        <Sip username='u' password='p'>sip:bob@pbx.example;transport=tcp?X-A=1%202&amp;X-B=</Sip></Dial>";
    let number = Number {
        send_digits: text("1W2"),
        url: text("/whisper"),
        method: Get,
        status_callback: text("/s"),
        status_callback_method: Get,
        status_callback_event: vec![
            CallEvent::Initiated,
            CallEvent::Ringing,
            CallEvent::Answered,
            CallEvent::Completed,
        ],
        number: "+1 (555) 010-1234".into(),
    };
    let sip = Sip {
        username: text("u"),
        password: Some(Secret("p".into())),
        uris: vec![SipUri {
            uri: "sip:bob@pbx.example;transport=tcp".into(),
            headers: vec![("X-A".into(), "1 2".into()), ("X-B".into(), String::new())],
            ..SipUri::default()
        }],
        ..Sip::default()
    };
    let expected = Dial {
        action: text("/after"),
        method: Get,
        timeout: 20,
        time_limit: 60,
        hangup_on_star: true,
        caller_id: text("+15550100"),
        record: DialRecord::FromRingingDual,
        trim: Trim::TrimSilence,
        recording_track: RecordingTrack::Inbound,
        recording_status_callback: text("/rec"),
        recording_status_callback_method: Get,
        recording_status_callback_event: vec![RecordingEvent::Absent],
        answer_on_bridge: true,
        ring_tone: text("us-old"),
        sequential: true,
        refer_url: text("/refer"),
        refer_method: Get,
        nouns: vec![Noun::Number(number), Noun::Sip(sip)],
    };
    assert_eq!(verb(inside), Verb::Dial(Box::new(expected)));
}

fn nouns(inside: &str) -> Vec<Noun> {
    match read(inside).verbs.remove(0) {
        Verb::Dial(dial) => dial.nouns,
        other => panic!("{other:?}"),
    }
}

#[test]
fn dial_takes_a_bare_number() {
    let number = Noun::Number(Number { number: "+15550100".into(), ..Number::default() });
    assert_eq!(nouns("<Dial>\n  +15550100 \n</Dial>"), std::slice::from_ref(&number));
    assert_eq!(nouns("<Dial>+15550100<Number>+15550100</Number></Dial>"), [number]);
    assert_eq!(codes("<Dial>+15550100<Number>+15550100</Number></Dial>"), [13215]);
    assert_eq!(nouns("<Dial/>"), []);
    assert_eq!(codes("<Dial/>"), [13223]);
}

#[test]
fn what_is_no_number_fails_honestly() {
    for good in ["911", "415-555-1212", "(415) 555.1212", "+441632960961", "1001", "+1/555"] {
        assert_eq!(codes(&format!("<Dial>{good}</Dial>")), NONE, "{good}");
    }
    for bad in ["alice", "+", "555+1", "sip:a@b", "12\u{e9}", "5;ext=3", "1234567890123456789012345"] {
        let inside = format!("<Dial>{bad}</Dial>");
        let target = bad.to_string();
        assert_eq!(nouns(&inside), [Noun::Invalid(Invalid { name: "Number", target, code: 13223 })]);
        assert_eq!(codes(&inside), [13223], "{bad}");
    }
}

#[test]
fn nouns_that_are_not_offered_are_kept_and_warned_about() {
    for name in ["Application", "Client", "Conference", "Queue", "Sim", "WhatsApp"] {
        let inside = format!("<Dial><{name} anything='1'> room <Identity/></{name}></Dial>");
        assert_eq!(nouns(&inside), [Noun::Unsupported(Unsupported { name, target: "room".into() })]);
        assert_eq!(codes(&inside), [13215]);
    }
    assert_eq!(codes("<Dial><Conference>a</Conference><Number>1</Number></Dial>"), [13000, 13215]);
}

#[test]
fn dial_rings_ten_at_most() {
    let many = "<Number>5550100</Number>".repeat(12);
    assert_eq!(nouns(&format!("<Dial>{many}</Dial>")).len(), 10);
    let words = &read(&format!("<Dial>{many}</Dial>")).warnings[0].words;
    assert_eq!(words, "Dial rings 10 parties; the last 2 are ignored");
}

#[test]
fn sip_addresses_are_vetted() {
    let table: &[(&str, bool)] = &[
        ("sip:a@b", true),
        ("SIPS:a@b.example:5061;transport=tls", true),
        ("sip:b.example", true),
        ("sip:a@[2001:db8::1]:5060", true),
        ("tel:+1", false),
        ("a@b", false),
        ("sip:", false),
        ("sip:a@", false),
        ("sip:a b@c", false),
        ("sip:a@b&gt;", false),
        ("sip:a@b&#13;&#10;Via: x", false),
        ("sip:\"a\"@b", false),
    ];
    for (address, good) in table {
        let inside = format!("<Dial><Sip>{address}</Sip></Dial>");
        let expected: &[u32] = if *good { &[] } else { &[13243] };
        assert_eq!(codes(&inside), expected, "{address}");
        assert_eq!(matches!(nouns(&inside)[..], [Noun::Sip(_)]), *good, "{address}");
    }
    let long = format!("<Dial><Sip>sip:{}@b</Sip></Dial>", "a".repeat(249));
    assert_eq!(codes(&long), [13243]);
    let fits = format!("<Dial><Sip>sip:{}@b</Sip></Dial>", "a".repeat(248));
    assert_eq!(codes(&fits), NONE);
}

#[test]
fn only_harmless_headers_travel() {
    type Row<'a> = (&'a str, Option<(&'a str, &'a str)>, u32);
    let table: &[Row<'_>] = &[
        ("X-Name=a%20b", Some(("X-Name", "a b")), 0),
        ("x-lower=%C3%A9", Some(("x-lower", "é")), 0),
        ("User-to-User=00", Some(("User-to-User", "00")), 0),
        ("X-Percent=50%&amp;", Some(("X-Percent", "50%")), 0),
        ("Via=x", None, 13252),
        ("X-=x", None, 13252),
        ("X-A%0D%0AVia=x", None, 13252),
        ("X-A=1%0d%0aVia:%20x", None, 13252),
        ("X-A:=1", None, 13252),
    ];
    for (query, expected, code) in table {
        let inside = format!("<Dial><Sip>sip:a@b?{query}</Sip></Dial>");
        let [Noun::Sip(sip)] = &nouns(&inside)[..] else { panic!("{query}") };
        let expected: Vec<_> = expected.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect();
        assert_eq!(sip.uris[0].headers, expected, "{query}");
        let expected: Vec<u32> = if *code == 0 { vec![] } else { vec![*code] };
        assert_eq!(codes(&inside), expected, "{query}");
    }
    let long = format!("<Dial><Sip>sip:a@b?X-A={}&amp;X-B=1</Sip></Dial>", "é".repeat(171));
    assert_eq!(codes(&long), [13253], "counted as written: three characters an octet");
    let many = "X-A=1&amp;".repeat(33);
    assert_eq!(codes(&format!("<Dial><Sip>sip:a@b?{many}</Sip></Dial>")), [13251]);
}

#[test]
fn sip_may_have_several_addresses() {
    let inside = "<Dial><Sip><Uri priority='1' weight='2' username='u' password=' p '>sip:a@b?X-A=1</Uri>
        <Uri>sip:c@d</Uri><Headers><Header name='X-All' value='yes'/></Headers></Sip></Dial>";
    assert_eq!(codes(inside), NONE);
    let [Noun::Sip(sip)] = &nouns(inside)[..] else { panic!() };
    let all = ("X-All".to_string(), "yes".to_string());
    let first = SipUri {
        priority: 1,
        weight: 2,
        username: text("u"),
        password: Some(Secret(" p ".into())),
        uri: "sip:a@b".into(),
        headers: vec![("X-A".into(), "1".into()), all.clone()],
    };
    let second = SipUri { uri: "sip:c@d".into(), headers: vec![all], ..SipUri::default() };
    assert_eq!(sip.uris, [first, second]);
    let many = "<Uri>sip:a@b</Uri>".repeat(11);
    assert_eq!(codes(&format!("<Dial><Sip>{many}</Sip></Dial>")), [13250]);
    assert_eq!(codes("<Dial><Sip/></Dial>"), [13243]);
    assert_eq!(codes("<Dial><Sip>sip:x@y<Uri>sip:a@b</Uri></Sip></Dial>"), [12200]);
}

#[test]
fn a_password_is_not_in_the_debug_text() {
    let inside = "<Dial><Sip username='u' password='hunter2'>sip:a@b</Sip></Dial>";
    let debug = format!("{:?}", verb(inside));
    assert!(debug.contains("username") && !debug.contains("hunter2"), "{debug}");
}
