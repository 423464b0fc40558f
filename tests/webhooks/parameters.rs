//! The parameters, by name.

use super::{call_row, only};
use chorus::clock::Wall;
use chorus::sid::*;
use chorus::sip::event::Cause;
use chorus::store::rows::*;
use chorus::webhooks::params::*;

fn recording() -> RecordingRow {
    RecordingRow {
        sid: RecordingSid(7),
        account: AccountSid(0xac),
        call: CallSid(0x11),
        status: "completed".into(),
        source: "RecordVerb".into(),
        channels: 1,
        track: "both".into(),
        ms: Some(4_600),
        file: "x.wav".into(),
        error: None,
        callback: None,
        events: "completed".into(),
        started: Wall(1_438_286_400_000),
        created: Wall(0),
        updated: Wall(0),
    }
}

#[test]
fn every_request_about_a_call_carries_the_standard_set() {
    let p = standard(&call_row());
    let names: Vec<&str> = p.iter().map(|(n, _)| n.as_str()).collect();
    let first =
        ["CallSid", "AccountSid", "From", "To", "Caller", "Called", "CallStatus", "ApiVersion", "Direction"];
    assert_eq!(names[..9], first);
    assert_eq!(only(&p, "CallSid"), "CA00000000000000000000000000000011");
    assert_eq!(only(&p, "Caller"), "+15005550006");
    assert_eq!(only(&p, "Called"), "+15005550001");
    assert_eq!(only(&p, "ApiVersion"), "2010-04-01");
    for side in ["From", "To", "Caller", "Called"] {
        for what in ["City", "State", "Zip", "Country"] {
            assert_eq!(only(&p, &format!("{side}{what}")), "");
        }
    }
    assert!(!names.contains(&"ParentCallSid") && !names.contains(&"ApplicationSid"));
    assert_eq!(names.len(), 9 + 16, "nothing else, and nothing twice");
}

#[test]
fn a_child_names_its_parent_and_an_application_is_named() {
    let mut row = call_row();
    row.parent = Some(CallSid(5));
    row.application = Some(ApplicationSid(6));
    row.to = "client:ada".into();
    let p = standard(&row);
    assert_eq!(only(&p, "ParentCallSid"), CallSid(5).to_string());
    assert_eq!(only(&p, "ApplicationSid"), ApplicationSid(6).to_string());
    assert!(!p.iter().any(|(n, _)| n == "ToCity"), "a browser has no geography");
}

#[test]
fn a_status_callback_tells_more_once_the_call_is_over() {
    let mut row = call_row();
    row.status = CallStatus::InProgress;
    row.answered = Some(Wall(10_000));
    let p = status_callback(&row, Wall(1_438_286_400_000), 1, None);
    assert_eq!(only(&p, "CallStatus"), "in-progress");
    assert_eq!(only(&p, "Timestamp"), "Thu, 30 Jul 2015 20:00:00 +0000");
    assert_eq!(only(&p, "CallbackSource"), "call-progress-events");
    assert_eq!(only(&p, "SequenceNumber"), "1");
    assert!(!p.iter().any(|(n, _)| n == "CallDuration" || n == "Duration"));

    row.status = CallStatus::Completed;
    row.ended = Some(Wall(70_001));
    row.cause = Some(Cause::new(200, "OK"));
    let url = recording_url("https://chorus.test/", row.account, RecordingSid(7));
    let p = status_callback(&row, Wall(70_001), 2, Some((&recording(), &url)));
    assert_eq!((only(&p, "CallDuration"), only(&p, "Duration")), ("61", "2"));
    assert_eq!(only(&p, "SipResponseCode"), "200");
    assert_eq!(only(&p, "RecordingDuration"), "5");
    assert_eq!(
        only(&p, "RecordingUrl"),
        format!("https://chorus.test/2010-04-01/Accounts/{}/Recordings/{}", row.account, RecordingSid(7))
    );
}

#[test]
fn a_call_that_was_never_answered_lasted_no_time() {
    let mut row = call_row();
    row.status = CallStatus::NoAnswer;
    row.ended = Some(Wall(30_000));
    row.cause = Some(Cause::new(487, "Request Terminated"));
    let p = status_callback(&row, Wall(30_000), 0, None);
    assert_eq!(
        (only(&p, "CallDuration"), only(&p, "Duration"), only(&p, "SipResponseCode")),
        ("0", "0", "487")
    );
}

#[test]
fn sip_headers_keep_their_case_and_others_stay_out() {
    let headers: Vec<(String, String)> =
        [("X-Account", "1"), ("x-lower", "2"), ("User-to-User", "3"), ("Via", "4"), ("é", "5")]
            .map(|(k, v)| (k.to_string(), v.to_string()))
            .into();
    let names: Vec<String> = sip_extras(&headers).into_iter().map(|(n, _)| n).collect();
    assert_eq!(names, ["SipHeader_X-Account", "SipHeader_x-lower", "SipHeader_User-to-User"]);
}

#[test]
fn recording_stream_and_action_parameters() {
    let p = recording_callback(&recording(), "completed", "https://x.test/R");
    let want = [
        ("RecordingStatus", "completed"),
        ("RecordingDuration", "5"),
        ("RecordingChannels", "1"),
        ("RecordingStartTime", "Thu, 30 Jul 2015 20:00:00 +0000"),
        ("RecordingSource", "RecordVerb"),
        ("RecordingTrack", "both"),
        ("RecordingUrl", "https://x.test/R"),
    ];
    for (name, value) in want {
        assert_eq!(only(&p, name), value);
    }
    assert_eq!(only(&recording_callback(&recording(), "in-progress", ""), "RecordingDuration"), "-1");
    for ms in [0, 499, 1_300, 1_500, 4_999] {
        let row = RecordingRow { ms: Some(ms), ..recording() };
        let told = recording_callback(&row, "completed", "");
        assert_eq!(
            only(&told, "RecordingDuration"),
            chorus::api::recordings::duration(&row),
            "as REST shows it"
        );
    }

    let stream = StreamRow {
        sid: StreamSid(3),
        account: AccountSid(0xac),
        call: CallSid(0x11),
        name: "agent".into(),
        status: "in-progress".into(),
        callback: None,
        created: Wall(0),
        updated: Wall(0),
    };
    let p = stream_callback(&stream, "stream-error", Some("31920 handshake"), Wall(1_438_286_400_123));
    assert_eq!(only(&p, "StreamEvent"), "stream-error");
    assert_eq!(only(&p, "StreamError"), "31920 handshake");
    assert_eq!(only(&p, "Timestamp"), "2015-07-30T20:00:00.123Z");

    let outcome =
        DialOutcome { status: "completed".into(), seconds: Some(9), bridged: true, ..Default::default() };
    let p = dial_action(&outcome);
    assert_eq!(
        (only(&p, "DialCallStatus"), only(&p, "DialCallDuration"), only(&p, "DialBridged")),
        ("completed", "9", "true")
    );
    assert_eq!(only(&gather_action("12", "#"), "FinishedOnKey"), "#");
}

#[test]
fn forms_and_queries_are_encoded_as_twilio_does() {
    let p = vec![("To".to_string(), "+1 5".to_string()), ("N".to_string(), "ä&=".to_string())];
    assert_eq!(form(&p), "To=%2B1+5&N=%C3%A4%26%3D");
    assert_eq!(with_query("https://a.test/x", &p[..1]), "https://a.test/x?To=%2B1+5");
    assert_eq!(with_query("https://a.test/x?q=1#rc=1", &p[..1]), "https://a.test/x?q=1&To=%2B1+5#rc=1");
    assert_eq!(with_query("https://a.test/x?", &p[..1]), "https://a.test/x?To=%2B1+5");
    assert_eq!(with_query("https://a.test/x", &[]), "https://a.test/x");
}
