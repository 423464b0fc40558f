//! Twilio's JSON: what goes out to the letter, what comes in by two readers that agree.

use super::agent::{SID, sound, start};
use chorus::streams::message::{self, Counters, Incoming, Payload, SidText};
use proptest::prelude::*;
use serde_json::{Value, json};

fn sid() -> SidText {
    SID.to_string().as_bytes().try_into().unwrap()
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::new();
    write(&mut out);
    serde_json::from_slice(&out).unwrap()
}

#[test]
fn outgoing_messages_have_twilios_fields_with_counters_as_strings() {
    assert_eq!(
        written(message::connected),
        json!({"event": "connected", "protocol": "Call", "version": "1.0.0"})
    );
    let s = start(true);
    assert_eq!(
        written(|v| message::start(v, 1, &sid(), &s)),
        json!({"event": "start", "sequenceNumber": "1", "streamSid": SID, "start": {
            "streamSid": SID, "accountSid": s.account, "callSid": s.call, "tracks": ["inbound"],
            "customParameters": {"b": "two \"2\"", "a": "größe\n"},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}}})
    );
    let c = Counters { sequence: 10, chunk: 9, timestamp: 180 };
    let audio = sound(160);
    let payload = base64_simd::STANDARD.encode_to_string(&audio);
    assert_eq!(payload.len(), 216);
    assert_eq!(
        written(|v| message::media(v, c, &sid(), false, &audio)),
        json!({"event": "media", "sequenceNumber": "10", "streamSid": SID,
            "media": {"track": "inbound", "chunk": "9", "timestamp": "180", "payload": payload}})
    );
    assert_eq!(written(|v| message::media(v, c, &sid(), true, &audio))["media"]["track"], "outbound");
    assert_eq!(
        written(|v| message::dtmf(v, u64::MAX, &sid(), '#')),
        json!({"event": "dtmf", "sequenceNumber": u64::MAX.to_string(), "streamSid": SID,
            "dtmf": {"track": "inbound_track", "digit": "#"}})
    );
    assert_eq!(
        written(|v| message::mark(v, 0, &sid(), "a\"\\\u{1}ü")),
        json!({"event": "mark", "sequenceNumber": "0", "streamSid": SID, "mark": {"name": "a\"\\\u{1}ü"}})
    );
    assert_eq!(
        written(|v| message::stop(v, 100, &sid(), &s)),
        json!({"event": "stop", "sequenceNumber": "100", "streamSid": SID,
            "stop": {"accountSid": s.account, "callSid": s.call}})
    );
}

#[test]
fn a_start_without_parameters_has_an_empty_object_and_both_tracks_are_named() {
    let mut s = start(false);
    s.parameters.clear();
    s.track = chorus::media::plan::Track::Both;
    let v = written(|v| message::start(v, 1, &sid(), &s));
    assert_eq!(v["start"]["customParameters"], json!({}));
    assert_eq!(v["start"]["tracks"], json!(["inbound", "outbound"]));
}

fn audio(p: &Payload<'_>) -> Vec<u8> {
    let mut all = Vec::new();
    p.decode(|a| all.extend_from_slice(a));
    all
}

/// Both readers; they must agree whenever the exact one gives an answer.
fn read(text: &str) -> Result<Incoming<'_>, message::Invalid> {
    let any = message::read_any(&sid(), text.as_bytes());
    if let Some(exact) = message::read_exact(&sid(), text.as_bytes()) {
        assert_eq!(
            any,
            Ok(Incoming::Media(Payload::Standard(exact.into()))),
            "the readers disagree on {text}"
        );
    }
    let read = message::read(&sid(), text.as_bytes());
    assert_eq!(read, any);
    read
}

#[test]
fn the_two_usual_shapes_take_the_short_way() {
    for n in [0, 1, 2, 3, 160, 4_000, 100_000] {
        let payload = base64_simd::STANDARD.encode_to_string(sound(n));
        let compact = format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"{payload}"}}}}"#);
        let spaced =
            format!(r#"{{"event": "media", "streamSid": "{SID}", "media": {{"payload": "{payload}"}}}}"#);
        for text in [compact, spaced] {
            assert_eq!(message::read_exact(&sid(), text.as_bytes()), Some(payload.as_str()));
            let Ok(Incoming::Media(p)) = read(&text) else { panic!("not media: {n}") };
            assert_eq!(audio(&p), sound(n));
        }
    }
}

#[test]
fn other_orders_extra_keys_escapes_and_loose_base64_are_understood() {
    let ulaw = sound(500);
    let payload = base64_simd::STANDARD.encode_to_string(&ulaw);
    let slashes = payload.replace('/', "\\/");
    assert_ne!(slashes, payload);
    let mut lines = payload.clone();
    lines.insert_str(76, "\\n");
    let unpadded = payload.trim_end_matches('=');
    for text in [
        format!(r#"{{"media":{{"payload":"{payload}"}},"streamSid":"{SID}","event":"media"}}"#),
        format!(
            r#"{{"event":"media","sequenceNumber":"7","streamSid":"{SID}","extra":[1,{{"x":null}}],"media":{{"track":"outbound","chunk":4,"timestamp":"9","payload":"{payload}"}}}}"#
        ),
        format!(
            "\n {{ \"event\" : \"media\" ,\"streamSid\":\"{SID}\",\"media\":{{\"payload\":\"{payload}\"}} }} "
        ),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"{slashes}"}}}}"#),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"{lines}"}}}}"#),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"{unpadded}"}}}}"#),
        format!(
            r#"{{"event":"m\u0065dia","streamSid":"{SID}","media":{{"payload":"{payload}"}},"mark":null}}"#
        ),
    ] {
        let Ok(Incoming::Media(p)) = read(&text) else { panic!("not media: {text}") };
        assert_eq!(audio(&p), ulaw, "{text}");
    }
    let mark = format!(r#"{{"event":"mark","mark":{{"name":"\u00fc","x":1}},"streamSid":"{SID}"}}"#);
    assert_eq!(read(&mark), Ok(Incoming::Mark("ü".into())));
    assert_eq!(
        read(&format!(r#"{{"event":"clear","streamSid":"{SID}","why":"barge-in"}}"#)),
        Ok(Incoming::Clear)
    );
    assert_eq!(read(&format!(r#"{{"event":"stop","streamSid":"{SID}"}}"#)), Ok(Incoming::Stop(vec![])));
    assert_eq!(read(r#"{"event":"stop"}"#), Ok(Incoming::Stop(vec![])));
    for text in [
        r#"{"event":"stop","customParameters":{"X-Outcome":"agent","To":"me","X-Bad\r\nBye":"1","X-Line":"a\nb","X-N":{"a":1},"X-M":null}}"#,
        r#"{"event":"stop","stop":{"customParameters":{"X-Outcome":"agent"}}}"#,
    ] {
        assert_eq!(read(text), Ok(Incoming::Stop(vec![("X-Outcome".into(), "agent".into())])), "{text}");
    }
    let figures = r#"{"event":"stop","customParameters":{"X-Score":9,"X-Done":true}}"#;
    let told = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(read(figures), Ok(Incoming::Stop(vec![told("X-Done", "true"), told("X-Score", "9")])));
    for odd in [r#""stop":true"#, r#""customParameters":[1]"#, r#""stop":{"customParameters":null}"#] {
        assert_eq!(read(&format!(r#"{{"event":"stop",{odd}}}"#)), Ok(Incoming::Stop(vec![])), "{odd}");
    }
}

#[test]
fn what_is_not_of_the_dialect_is_refused_with_a_reason() {
    let other = "MZ00000000000000000000000000000000";
    let long = "n".repeat(message::MARK_NAME_MAX + 1);
    for text in [
        String::new(),
        "hello".into(),
        "[]".into(),
        "null".into(),
        "{}".into(),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"AAAA"}}}}x"#),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"A"}}}}"#),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"%%%%"}}}}"#),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":12}}}}"#),
        format!(r#"{{"event":"media","streamSid":"{SID}","media":{{}}}}"#),
        format!(r#"{{"event":"media","streamSid":"{SID}"}}"#),
        format!(r#"{{"event":"media","streamSid":"{other}","media":{{"payload":"AAAA"}}}}"#),
        r#"{"event":"media","media":{"payload":"AAAA"}}"#.into(),
        format!(r#"{{"event":"mark","streamSid":"{SID}"}}"#),
        format!(r#"{{"event":"mark","streamSid":"{SID}","mark":{{"name":7}}}}"#),
        format!(r#"{{"event":"mark","streamSid":"{SID}","mark":{{"name":"{long}"}}}}"#),
        format!(r#"{{"event":"dtmf","streamSid":"{SID}"}}"#),
        format!(r#"{{"event":"stop","streamSid":"{other}"}}"#),
        "[".repeat(100_000),
    ] {
        assert!(read(&text).is_err(), "{text:.80}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn the_short_way_and_serde_agree_on_anything_near_the_usual_shape(
        n in 0usize..400, at in 0usize..600, with in any::<u8>(), what in 0u8..4, spaced in any::<bool>(),
    ) {
        let payload = base64_simd::STANDARD.encode_to_string(sound(n));
        let mut text = if spaced {
            format!(r#"{{"event": "media", "streamSid": "{SID}", "media": {{"payload": "{payload}"}}}}"#)
        } else {
            format!(r#"{{"event":"media","streamSid":"{SID}","media":{{"payload":"{payload}"}}}}"#)
        }.into_bytes();
        let at = at % text.len();
        match what {
            0 => text[at] = with,
            1 => { text.remove(at); }
            2 => text.insert(at, with),
            _ => {}
        }
        let any = message::read_any(&sid(), &text);
        prop_assert_eq!(message::read(&sid(), &text), any.clone());
        if let Some(exact) = message::read_exact(&sid(), &text) {
            prop_assert_eq!(any, Ok(Incoming::Media(Payload::Standard(exact.into()))));
        }
    }
}
