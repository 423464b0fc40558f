//! What each verb but Dial becomes: one document with everything, and the corners that no table shows.

use super::{NONE, codes, read, text, verb};
use ::twiml::Method::{Get, Post};
use ::twiml::verb::*;
use ::twiml::{Method, Verb};

#[test]
fn say_speaks_plain_text() {
    let said = |inside: &str| match verb(&format!("<Say>{inside}</Say>")) {
        Verb::Say(say) => say.text,
        other => panic!("{other:?}"),
    };
    let table = [
        ("  Hello\n   world ", "Hello world"),
        ("A &amp; B &lt;C&gt; &#233;", "A & B <C> é"),
        ("<![CDATA[2 < 3]]> is <!-- not --> true", "2 < 3 is true"),
        ("one<break time=\"2s\"/>two", "one two"),
        ("<p>First.</p><p>Second.</p>", "First. Second."),
        ("<s>a</s>b", "a b"),
        ("the <sub alias=\"World Wide Web\">WWW</sub>.", "the World Wide Web."),
        ("<sub alias=\"\">gone</sub>left", "left"),
        ("code <say-as interpret-as=\"digits\">12 34</say-as>.", "code 1 2 3 4 ."),
        ("<say-as interpret-as=\"spell-out\"><w>ab</w>c</say-as>", "a b c"),
        ("<say-as interpret-as=\"date\">1/2</say-as>", "1/2"),
        ("<prosody rate=\"fast\"><emphasis>deep <w role=\"x\">er</w></emphasis></prosody>", "deep er"),
        ("<lang xml:lang=\"de-DE\">Guten Tag</lang>", "Guten Tag"),
        ("<phoneme alphabet=\"ipa\" ph=\"x\">pecan</phoneme>", "pecan"),
    ];
    for (inside, expected) in table {
        assert_eq!(said(inside), expected, "{inside}");
    }
}

#[test]
fn say_without_text_is_passed_over() {
    for inside in ["<Say/>", "<Say>  \n </Say>", "<Say><break/></Say>"] {
        let document = read(inside);
        assert_eq!(document.verbs, []);
        assert_eq!(codes(inside), [13520]);
    }
}

#[test]
fn a_long_say_is_cut() {
    let full = "ä".repeat(4096);
    assert_eq!(codes(&format!("<Say>{full}</Say>")), NONE);
    let document = read(&format!("<Say>{full}x</Say>"));
    assert_eq!(document.warnings.iter().map(|w| w.code).collect::<Vec<_>>(), [13521]);
    assert_eq!(document.verbs, [Verb::Say(Say { text: full, ..Say::default() })]);
}

#[test]
fn a_cut_behind_a_blank_leaves_no_blank() {
    let document = read(&format!("<Say>{} b</Say>", "a".repeat(4095)));
    assert_eq!(document.verbs, [Verb::Say(Say { text: "a".repeat(4095), ..Say::default() })]);
}

#[test]
fn play_needs_a_url_or_digits() {
    let url = "<Play loop='0'>\n https://a.example/b.mp3\n</Play>";
    assert_eq!(
        verb(url),
        Verb::Play(Play { times: 1000, digits: None, url: "https://a.example/b.mp3".into() })
    );
    let tones = Verb::Play(Play { times: 1, digits: text("1w2"), url: String::new() });
    assert_eq!(verb("<Play digits='1w2'/>"), tones);
    assert_eq!(read("<Play/>").verbs, []);
    assert_eq!(codes("<Play/>"), [12200]);
    assert_eq!(codes("<Play digits='zz'/>"), [12200, 13430]);
}

#[test]
fn gather_with_everything() {
    let inside = "<Gather action='/keys' method='get' timeout='9' finishOnKey='*' numDigits='4'
        actionOnEmptyResult='true' bargeIn='false'><Say>One</Say><Pause/><Play>/two.wav</Play></Gather>";
    let expected = Gather {
        action: text("/keys"),
        method: Get,
        timeout: 9,
        finish_on_key: Some('*'),
        num_digits: Some(4),
        action_on_empty_result: true,
        barge_in: false,
        prompts: vec![
            Prompt::Say(Say { text: "One".into(), ..Say::default() }),
            Prompt::Pause(Pause { seconds: 1 }),
            Prompt::Play(Play { url: "/two.wav".into(), ..Play::default() }),
        ],
    };
    assert_eq!(verb(inside), Verb::Gather(expected));
    let Verb::Gather(bare) = verb("<Gather finishOnKey=''/>") else { panic!() };
    assert_eq!(bare, Gather { finish_on_key: None, ..Gather::default() });
    assert_eq!((bare.timeout, bare.num_digits, bare.method, bare.barge_in), (5, None, Post, true));
}

#[test]
fn gather_takes_keys_where_speech_is_wanted_and_says_so() {
    for (input, warned) in [("dtmf", false), ("speech", true), ("dtmf speech", true), ("speech dtmf", true)] {
        let document = read(&format!("<Gather input='{input}'/>"));
        assert_eq!(document.verbs, [Verb::Gather(Gather::default())], "{input}");
        let expected: &[u32] = if warned { &[13326] } else { &[] };
        assert_eq!(document.warnings.iter().map(|w| w.code).collect::<Vec<_>>(), expected, "{input}");
    }
    let words = &read("<Gather input='speech'/>").warnings[0].words;
    assert_eq!(words, "input=\"speech\" of Gather is not offered yet; \"dtmf\" is used");
}

#[test]
fn record_with_everything() {
    let inside =
        "<Record action='/done' method='GET' timeout='0' finishOnKey='1#' maxLength='14400' playBeep='false'
        trim='do-not-trim' recordingStatusCallback='https://a.example/r' recordingStatusCallbackMethod='GET'
        recordingStatusCallbackEvent='in-progress absent'/>";
    let expected = Record {
        action: text("/done"),
        method: Get,
        timeout: 0,
        finish_on_key: "1#".into(),
        max_length: 14_400,
        play_beep: false,
        trim: Trim::DoNotTrim,
        recording_status_callback: text("https://a.example/r"),
        recording_status_callback_method: Get,
        recording_status_callback_event: vec![RecordingEvent::InProgress, RecordingEvent::Absent],
    };
    assert_eq!(verb(inside), Verb::Record(expected));
    let default = Record::default();
    assert_eq!((default.timeout, default.max_length, default.play_beep), (5, 3600, true));
    assert_eq!((default.trim, default.finish_on_key.as_str()), (Trim::TrimSilence, "1234567890*#"));
    assert_eq!(codes("<Record transcribe='true' transcribeCallback='/t'/>"), [13614, 13257]);
}

#[test]
fn a_list_keeps_the_events_it_knows() {
    let inside = "<Record recordingStatusCallbackEvent='absent failed absent'/>";
    let document = read(inside);
    let Verb::Record(record) = &document.verbs[0] else { panic!() };
    assert_eq!(record.recording_status_callback_event, [RecordingEvent::Absent]);
    assert_eq!(codes(inside), [13621]);
}

#[test]
fn connect_has_one_stream_of_one_track() {
    let inside = "<Connect action='/after' method='GET'><Stream url='wss://a.example/s' name='n' statusCallback='/c'
        statusCallbackMethod='GET'><Parameter name='who' value=' me '/><Parameter name='empty'/></Stream></Connect>";
    let stream = Stream {
        url: "wss://a.example/s".into(),
        name: text("n"),
        track: StreamTrack::Inbound,
        status_callback: text("/c"),
        status_callback_method: Get,
        parameters: vec![("who".into(), " me ".into()), ("empty".into(), String::new())],
    };
    let expected = Connect { action: text("/after"), method: Get, stream: Some(stream) };
    assert_eq!(verb(inside), Verb::Connect(expected));

    let both = read("<Connect><Stream url='wss://a' track='both_tracks'/></Connect>");
    let Verb::Connect(Connect { stream: Some(stream), .. }) = &both.verbs[0] else { panic!() };
    assert_eq!((stream.track, both.warnings[0].code), (StreamTrack::Inbound, 31941));
    assert_eq!(codes("<Connect><Stream url='wss://a'/><Stream url='wss://b'/></Connect>"), [12200]);
    assert_eq!(codes("<Connect><ConversationRelay url='wss://a'/></Connect>"), [12200, 12200]);
    assert_eq!(codes("<Connect><Stream/></Connect>"), [31923]);
}

#[test]
fn parameters_have_a_length_and_a_name() {
    let stream =
        |parameter: &str| codes(&format!("<Start><Stream url='wss://a'>{parameter}</Stream></Start>"));
    let value = |n: usize| format!("<Parameter name='n' value='{}'/>", "ü".repeat(n));
    assert_eq!(stream(&value(498)), NONE);
    assert_eq!(stream(&value(499)), [12200]);
    assert_eq!(stream("<Parameter value='v'/>"), [12200]);
    assert_eq!(stream(&value(0).repeat(99)), NONE);
    assert_eq!(stream(&value(0).repeat(100)), [12200]);
}

#[test]
fn start_and_stop() {
    let inside = "<Start><Stream url='wss://a' name='one' track='both_tracks'/><Stream url='wss://b'/>
        <Recording channels='mono' track='inbound' trim='do-not-trim' recordingStatusCallback='https://a.example/r'/></Start>";
    let first =
        Stream { url: "wss://a".into(), name: text("one"), track: StreamTrack::Both, ..Stream::default() };
    let second = Stream { url: "wss://b".into(), ..Stream::default() };
    let recording = Recording {
        channels: Channels::Mono,
        track: RecordingTrack::Inbound,
        trim: Trim::DoNotTrim,
        recording_status_callback: text("https://a.example/r"),
        ..Recording::default()
    };
    assert_eq!(verb(inside), Verb::Start(Start { streams: vec![first, second], recording: Some(recording) }));
    let stop = Verb::Stop(Stop { streams: vec!["one".into(), "two".into()] });
    assert_eq!(verb("<Stop><Stream name='one'/><Stream name='two' url='wss://a'/></Stop>"), stop);
    assert_eq!(codes("<Stop><Stream/></Stop>"), [12200]);
    assert_eq!(codes("<Start><Recording/><Recording/></Start>"), [12200]);
    assert_eq!(codes("<Start><Siprec/><Transcription/></Start>"), [12200, 12200]);
}

#[test]
fn a_refer_needs_an_address_that_may_stand_in_brackets() {
    for bad in ["", "<Sip/>", "<Sip>+1555</Sip>", "<Sip>sip:a@b&gt;</Sip>", "<Sip>sip:a@b?X=a b</Sip>"] {
        let document = format!("<Refer>{bad}</Refer>");
        let refer = Verb::Refer(Refer { action: None, method: Post, target: None });
        assert_eq!(read(&document).verbs, [refer], "{bad}");
        assert!(!read(&document).warnings.is_empty(), "{bad}");
    }
}

#[test]
fn the_short_verbs() {
    let table = [
        ("<Pause/>", Verb::Pause(Pause { seconds: 1 })),
        ("<Pause length='0'/>", Verb::Pause(Pause { seconds: 0 })),
        ("<Redirect/>", Verb::Redirect(Redirect { method: Post, url: None })),
        (
            "<Redirect method='GET'> ../b </Redirect>",
            Verb::Redirect(Redirect { method: Method::Get, url: text("../b") }),
        ),
        ("<Reject/>", Verb::Reject(Reject { reason: RejectReason::Rejected, parameters: vec![] })),
        ("<Reject reason='busy'/>", Verb::Reject(Reject { reason: RejectReason::Busy, parameters: vec![] })),
        (
            "<Refer method='GET'><Sip> sip:a@b;x=1?X-A=%20b </Sip></Refer>",
            Verb::Refer(Refer { action: None, method: Method::Get, target: text("sip:a@b;x=1?X-A=%20b") }),
        ),
        ("<Hangup/>", Verb::Hangup(Hangup { parameters: vec![] })),
        (
            "<Hangup><Parameter name='a' value='b'/></Hangup>",
            Verb::Hangup(Hangup { parameters: vec![("a".into(), "b".into())] }),
        ),
    ];
    for (inside, expected) in table {
        assert_eq!(verb(inside), expected, "{inside}");
    }
}

#[test]
fn which_verbs_answer_a_ringing_call() {
    let table = [
        ("<Say>a</Say>", true),
        ("<Play>a</Play>", true),
        ("<Gather/>", true),
        ("<Record/>", true),
        ("<Dial>1</Dial>", true),
        ("<Dial answerOnBridge='true'>1</Dial>", false),
        ("<Connect><Stream url='wss://a'/></Connect>", true),
        ("<Start><Stream url='wss://a'/></Start>", true),
        ("<Stop/>", false),
        ("<Hangup/>", true),
        ("<Reject/>", false),
        ("<Pause/>", false),
        ("<Redirect/>", false),
    ];
    for (inside, answers) in table {
        assert_eq!(verb(inside).answers(), answers, "{inside}");
    }
}
