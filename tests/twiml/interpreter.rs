//! What runs next.

use super::read;
use ::twiml::{Document, Event, Interpreter, Kind, Method, Step};

fn start(inside: &str, kind: Kind) -> Interpreter {
    Interpreter::new(read(inside), kind)
}

fn params(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect()
}

/// A step in short: the verb's name, `method href params`, or END.
fn short(step: Step) -> String {
    match step {
        Step::Run(verb) => verb.name().to_string(),
        Step::Request { href, method, params } => {
            let params: Vec<String> = params.iter().map(|(n, v)| format!("{n}={v}")).collect();
            format!("{} {} {}", method.as_str(), href.as_deref().unwrap_or("(same)"), params.join("&"))
                .trim()
                .into()
        }
        Step::Fail(error) => format!("FAIL {}", error.code),
        Step::End => "END".into(),
    }
}

/// Begins `inside`, whose first verb runs, reports `event`, and gives the step after it.
fn after(inside: &str, event: Event) -> String {
    let mut interpreter = start(inside, Kind::Call);
    assert!(matches!(interpreter.step(Event::Next), Step::Run(_)), "{inside}");
    short(interpreter.step(event))
}

fn keys(digits: &str, finished_on_key: Option<char>) -> Event {
    Event::Gathered { digits: digits.into(), finished_on_key }
}

fn recorded(made: bool) -> Event {
    Event::Recorded { params: params(&[("RecordingSid", "RE1")]), made }
}

fn dialled() -> Event {
    Event::Dialled { params: params(&[("DialCallStatus", "completed")]) }
}

fn connected() -> Event {
    Event::Connected { params: params(&[("A", "1")]) }
}

fn referred() -> Event {
    Event::Referred { params: params(&[("A", "1")]) }
}

#[test]
fn what_runs_next() {
    let (stream, sip) = ("<Stream url='wss://a'/>", "<Sip>sip:a@b</Sip>");
    let table: Vec<(String, Event, &str)> = vec![
        (
            "<Gather action='/a' method='GET'/><Pause/>".into(),
            keys("12", Some('#')),
            "GET /a Digits=12&FinishedOnKey=#&msg=Gather End",
        ),
        ("<Gather/><Pause/>".into(), keys("1", None), "POST (same) Digits=1&FinishedOnKey=&msg=Gather End"),
        ("<Gather action='/a'/><Pause/>".into(), keys("", Some('#')), "Pause"),
        ("<Gather action='/a'/>".into(), keys("", None), "END"),
        (
            "<Gather action='/a' actionOnEmptyResult='true'/><Pause/>".into(),
            keys("", None),
            "POST /a Digits=&FinishedOnKey=&msg=Gather End",
        ),
        (
            "<Gather actionOnEmptyResult='true'/><Pause/>".into(),
            keys("", None),
            "POST (same) Digits=&FinishedOnKey=&msg=Gather End",
        ),
        ("<Record action='/a' method='GET'/><Pause/>".into(), recorded(true), "GET /a RecordingSid=RE1"),
        ("<Record/><Pause/>".into(), recorded(true), "POST (same) RecordingSid=RE1"),
        ("<Record action='/a'/><Pause/>".into(), recorded(false), "Pause"),
        ("<Dial action='/a'>1</Dial><Pause/>".into(), dialled(), "POST /a DialCallStatus=completed"),
        ("<Dial action=''>1</Dial><Pause/>".into(), dialled(), "POST  DialCallStatus=completed"),
        ("<Dial>1</Dial><Pause/>".into(), dialled(), "Pause"),
        ("<Dial>1</Dial>".into(), dialled(), "END"),
        (format!("<Connect action='/a'>{stream}</Connect><Pause/>"), connected(), "POST /a A=1"),
        (format!("<Connect>{stream}</Connect><Pause/>"), connected(), "Pause"),
        (format!("<Refer action='/a'>{sip}</Refer><Pause/>"), referred(), "POST /a A=1"),
        (format!("<Refer>{sip}</Refer><Pause/>"), referred(), "Pause"),
        (format!("<Start>{stream}</Start><Pause/>"), Event::Next, "Pause"),
        ("<Stop/><Pause/>".into(), Event::Next, "Pause"),
        ("<Say>a</Say><Pause/>".into(), Event::Next, "Pause"),
        ("<Play>a</Play><Redirect method='GET'>/b</Redirect><Pause/>".into(), Event::Next, "GET /b"),
        ("<Pause/><Redirect/><Pause/>".into(), Event::Next, "POST (same)"),
        ("<Hangup/><Say>never</Say>".into(), Event::Next, "END"),
        ("<Reject/><Say>never</Say>".into(), Event::Next, "END"),
        ("<Say>a</Say><Pause/>".into(), keys("1", None), "Pause"),
        ("<Gather/><Pause/>".into(), dialled(), "Pause"),
    ];
    for (inside, event, expected) in table {
        assert_eq!(after(&inside, event.clone()), expected, "{inside} {event:?}");
    }
}

#[test]
fn verbs_run_in_their_order_and_then_the_document_ends() {
    let mut interpreter = start("<Say>a</Say><Foo/><Pause/><Play>b</Play>", Kind::Call);
    let steps: Vec<String> = (0..6).map(|_| short(interpreter.step(Event::Next))).collect();
    assert_eq!(steps, ["Say", "Pause", "Play", "END", "END", "END"]);
    assert_eq!(interpreter.warnings().len(), 1);
}

#[test]
fn a_request_is_the_end_of_its_document() {
    for inside in ["<Redirect>/a</Redirect><Say>never</Say>", "<Redirect/>"] {
        let mut interpreter = start(inside, Kind::Call);
        assert!(matches!(interpreter.step(Event::Next), Step::Request { method: Method::Post, .. }));
        assert_eq!(interpreter.step(Event::Next), Step::End);
    }
}

#[test]
fn an_empty_document_ends_at_once() {
    let mut interpreter = Interpreter::new(Document::default(), Kind::Call);
    assert_eq!(interpreter.step(Event::Next), Step::End);
}

#[test]
fn the_call_can_look_ahead() {
    let mut interpreter = start("<Say>a</Say><Play>b</Play>", Kind::Call);
    interpreter.step(Event::Next);
    assert_eq!(interpreter.running().map(|v| v.name()), Some("Say"));
    assert_eq!(interpreter.upcoming().map(|v| v.name()), Some("Play"));
}

#[test]
fn a_whisper_runs_little_and_dials_nobody() {
    let inside = "<Say>a</Say><Record/><Start/><Gather/><Hangup/>";
    let mut interpreter = start(inside, Kind::Whisper);
    let steps: Vec<String> = (0..4).map(|_| short(interpreter.step(Event::Next))).collect();
    assert_eq!(steps, ["Say", "Gather", "Hangup", "END"]);
    assert_eq!(interpreter.warnings().iter().map(|w| w.code).collect::<Vec<_>>(), [12200, 12200]);

    let mut interpreter = start("<Say>a</Say><Dial>1</Dial><Say>b</Say>", Kind::Whisper);
    let steps: Vec<String> = (0..3).map(|_| short(interpreter.step(Event::Next))).collect();
    assert_eq!(steps, ["Say", "FAIL 13201", "END"]);
}
