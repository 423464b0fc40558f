//! Bad input, made from the declarations: each parameter missing, empty, too long, of the wrong type, out of range,
//! repeated, in bad UTF-8. Each is refused with the declared code and changes nothing; what is legal by declaration (an optional
//! parameter that is missing) is counted with its reason, so that no parameter is passed over.

use super::harness::*;
use super::targets::Targets;
use chorus::api::not_offered::NOT_OFFERED;
use chorus::api::operation::{Operation, Shape, Verb};
use chorus::api::params::*;
use chorus::api::router::ROUTES;

/// The seven ways in which a parameter can be bad (issue, section 7.6).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Fault {
    Missing,
    Empty,
    TooLong,
    WrongType,
    OutOfRange,
    Repeated,
    BadUtf8,
}

const FAULTS: [Fault; 7] = [
    Fault::Missing,
    Fault::Empty,
    Fault::TooLong,
    Fault::WrongType,
    Fault::OutOfRange,
    Fault::Repeated,
    Fault::BadUtf8,
];

fn own(list: &[&str]) -> Vec<String> {
    list.iter().map(|s| s.to_string()).collect()
}

/// A value of the right kind, but for its length.
fn too_long(kind: Kind) -> String {
    let long = |n: usize| "x".repeat(n);
    match kind {
        Kind::Text(max) | Kind::Token(max) => long(max + 1),
        Kind::Int(..) | Kind::PageSize => "9".repeat(20),
        Kind::Bool => "true".repeat(100),
        Kind::OneOf(_) | Kind::Words(_) => long(1_000),
        Kind::Method => "POST".repeat(100),
        Kind::Url => format!("http://example.com/{}", long(URL_MAX)),
        Kind::TwimlUrl => format!("data:text/xml,<Response>{}</Response>", long(URL_MAX)),
        Kind::StreamUrl => format!("wss://example.com/{}", long(URL_MAX)),
        Kind::Twiml => long(TWIML_MAX + 1),
        Kind::Sid(prefix) => format!("{prefix}{}", "0".repeat(33)),
        Kind::Phone => format!("+1{}", "5".repeat(40)),
        Kind::PhonePattern => "1".repeat(33),
        Kind::Callee => format!("sip:a@{}", long(ENDPOINT_MAX)),
        Kind::Caller => long(65),
        Kind::Endpoint => long(ENDPOINT_MAX + 1),
        Kind::Digits => "1".repeat(DIGITS_MAX + 1),
        Kind::Time => format!("2026-01-01T{}Z", "0".repeat(100)),
        Kind::Host => long(256),
        Kind::Address => format!("192.0.2.{}", "1".repeat(100)),
        Kind::Password => format!("aB1{}", long(PASSWORD_MAX)),
        Kind::Country => "DEU".to_string(),
        Kind::Cidrs => format!("192.0.2.1/{}", "0".repeat(100)),
        Kind::Names => long(256),
        Kind::Fingerprints => "ab".repeat(33),
        Kind::Order(_) => long(256),
        Kind::Prefix | Kind::Prefixes => "1".repeat(PREFIX_MAX + 1),
        Kind::DialString => format!("sip:{{number}}@{}", long(ENDPOINT_MAX)),
        Kind::Pairs => "x".repeat(PAIR_CHARS_MAX),
    }
}

fn wrong_type(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Text(_) => own(&["\u{0}", "a\u{7}"]),
        Kind::Token(_) => own(&["a b", "é", "\u{0}"]),
        Kind::Int(..) => own(&["abc", "1.5", " 1", "0x1"]),
        Kind::PageSize => own(&["abc", "1.5"]),
        Kind::Bool => own(&["yes", "1", "truee"]),
        Kind::OneOf(_) => own(&["5", "\u{0}"]),
        Kind::Words(_) => own(&["5", "completed\u{0}"]),
        Kind::Method => own(&["5", "GETS"]),
        Kind::Url => own(&[
            "nonsense",
            "/relative",
            "http://",
            "http://a b/",
            "http://under_score.example/",
            "http://ex\u{0}ample.com/",
        ]),
        Kind::TwimlUrl => own(&[
            "nonsense",
            "/relative",
            "http://a b/",
            "data:",
            "data:text/xml,",
            "data:text/xml,<Response>",
            "data:text/xml;base64,&&&",
            "data:text/xml,<Response>\u{1}</Response>",
            "data:text/xml,<Response><Gather finishOnKey='#'/></Response>",
        ]),
        Kind::StreamUrl => own(&["nonsense", "wss://"]),
        Kind::Twiml => own(&["<Response>\u{1}</Response>"]),
        Kind::Sid(prefix) => {
            vec!["nonsense".into(), format!("{prefix}123"), format!("{prefix}{}", "g".repeat(32))]
        }
        Kind::Phone => own(&["nonsense", "15005550006", "+1500555000x"]),
        Kind::PhonePattern => own(&["nonsense", "%27"]),
        Kind::Callee => own(&["nonsense", "sip:", "sip:a@b c"]),
        Kind::Caller => own(&["a b", "a\u{0}", "user<script>"]),
        Kind::Endpoint => own(&["a\u{0}"]),
        Kind::Digits => own(&["12x"]),
        Kind::Time => own(&["yesterday", "1e9"]),
        Kind::Host => own(&["a b", "http://host/"]),
        Kind::Address => own(&["nonsense", "192.0.2", "example.com", "192.0.2.1/24"]),
        Kind::Password => {
            own(&["alllower0000000", "ALLUPPER0000000", "NoDigitsAtAllHere", "aB1\u{7}aB1aB1aB1aB1"])
        }
        Kind::Country => own(&["us", "1A"]),
        Kind::Cidrs => own(&["nonsense", "192.0.2"]),
        Kind::Names => own(&["a b", "http://host/"]),
        Kind::Fingerprints => own(&["nonsense", "ab:cd"]),
        Kind::Order(_) => own(&["5", "\u{0}"]),
        Kind::Prefix => own(&["a", "1 2", "#"]),
        Kind::Prefixes => own(&["a", "1.5", "*1", "+"]),
        Kind::DialString => own(&["nonsense", "tel:{number}", "sip:{number}", "sip:{number}@a b"]),
        Kind::Pairs => own(&["a\u{0}"]),
    }
}

/// Values of the right type that no declaration takes; empty where a kind has nothing outside of it.
fn out_of_range(kind: Kind) -> Vec<String> {
    match kind {
        Kind::Int(min, max) => {
            let above = (max < i64::MAX).then(|| max + 1);
            [min.checked_sub(1), above].into_iter().flatten().map(|n| n.to_string()).collect()
        }
        Kind::PageSize => own(&["0", "-1"]),
        Kind::OneOf(_) => own(&["nonsense"]),
        Kind::Words(_) => own(&["nonsense", "completed nonsense"]),
        Kind::Order(words) => vec!["nonsense".into(), words.join(" ")],
        Kind::Method => own(&["PUT"]),
        Kind::Url => own(&["ftp://example.com/", "javascript:alert(1)"]),
        Kind::TwimlUrl => own(&["ftp://example.com/", "data:audio/wav,x", "data:image/png,x"]),
        Kind::StreamUrl => own(&["https://example.com/"]),
        Kind::Sid(_) => vec![format!("ZZ{}", "0".repeat(32))],
        Kind::Phone => own(&["+12", "+0123456789", "+1234567890123456"]),
        Kind::Callee => own(&["12", "sip:a@host:99999", "client:bob", "+0123456789"]),
        Kind::Caller => own(&["+0123456789"]),
        Kind::Digits => own(&["E"]),
        Kind::Time => own(&["2026-13-01", "2026-02-30", "2026-01-01T25:00:00Z"]),
        Kind::Host => own(&["host:99999", "host:0"]),
        Kind::Cidrs => own(&["192.0.2.0/33", "256.0.2.0/24"]),
        Kind::Address => own(&["256.0.2.0"]),
        Kind::Password => own(&["Short1Short"]),
        Kind::DialString => own(&["sip:1@host", "sip:{number}{other}@host"]),
        Kind::Text(_) | Kind::Token(_) | Kind::Twiml | Kind::Bool | Kind::Country | Kind::PhonePattern => {
            vec![]
        }
        Kind::Prefix | Kind::Prefixes | Kind::Names | Kind::Fingerprints => vec![],
        Kind::Pairs | Kind::Endpoint => vec![],
    }
}

type Fields = Vec<(String, String)>;

/// The requests that show a fault of a parameter, or why it is none there.
fn requests(op: &Operation, param: &Param, fault: Fault) -> Result<Vec<Fields>, &'static str> {
    if param.kind == Kind::Pairs {
        return pairs(op, param, fault);
    }
    let each = |values: Vec<String>| values.iter().map(|v| with(op, param.name, v)).collect();
    match fault {
        Fault::Missing if param.required.is_none() => Err("it is optional"),
        Fault::Missing => {
            let mut fields = Targets::fields(op);
            fields.retain(|(n, _)| n != param.name);
            Ok(vec![fields])
        }
        Fault::Empty if param.may_be_empty() => Err("an empty value clears it"),
        Fault::Empty => Ok(each(vec![String::new()])),
        Fault::TooLong => Ok(each(vec![too_long(param.kind)])),
        Fault::WrongType => Ok(each(wrong_type(param.kind))),
        Fault::OutOfRange => match out_of_range(param.kind) {
            none if none.is_empty() => Err("nothing of its type is out of range"),
            values => Ok(each(values)),
        },
        Fault::Repeated if matches!(param.kind, Kind::Words(_)) || param.kind.is_list() => {
            Err("it is a list")
        }
        Fault::Repeated => {
            let mut fields = with(op, param.name, "1");
            fields.push((param.name.to_string(), "1".to_string()));
            Ok(vec![fields])
        }
        Fault::BadUtf8 => Ok(vec![with(op, param.name, BAD_UTF8)]),
    }
}

/// The same for numbered pairs.
fn pairs(op: &Operation, param: &Param, fault: Fault) -> Result<Vec<Fields>, &'static str> {
    let cases: Vec<Vec<(&str, String)>> = match fault {
        Fault::Missing => return Err("it is optional"),
        Fault::Empty => vec![vec![("1.Name", String::new())]],
        Fault::TooLong => vec![vec![("1.Name", "a".into()), ("1.Value", too_long(param.kind))]],
        Fault::WrongType => {
            let names = wrong_type(param.kind).into_iter().map(|v| vec![("1.Name", v)]);
            names.chain([vec![("1.Value", "a".into())], vec![("1.Other", "a".into())]]).collect()
        }
        Fault::OutOfRange => vec![vec![("0.Name", "a".into())], vec![("100.Name", "a".into())]],
        Fault::Repeated => vec![vec![("1.Name", "a".into()), ("1.Name", "b".into())]],
        Fault::BadUtf8 => vec![vec![("1.Name", BAD_UTF8.into())]],
    };
    let name = |half: &str| format!("{}{half}", param.name);
    let all = |case: Vec<(&str, String)>| {
        Targets::fields(op).into_iter().chain(case.into_iter().map(|(half, v)| (name(half), v))).collect()
    };
    Ok(cases.into_iter().map(all).collect())
}

/// Stands for octets that are no UTF-8 until the request is written.
const BAD_UTF8: &str = "bad-utf-8-here";

/// Fields of a good request with one of them replaced.
fn with(op: &Operation, name: &str, value: &str) -> Vec<(String, String)> {
    let mut fields = Targets::fields(op);
    fields.retain(|(n, _)| n != name);
    fields.push((name.to_string(), value.to_string()));
    fields
}

struct Bench {
    server: Server,
    targets: Targets,
    before: String,
    calls: usize,
}

impl Bench {
    fn new() -> Bench {
        let server = Server::start();
        let targets = Targets::new(&server);
        let (before, calls) = (server.dump(), server.callee().calls());
        Bench { server, targets, before, calls }
    }

    fn send(&self, op: &Operation, fields: &[(String, String)]) -> Reply {
        let (auth, json) = (Targets::auth(&self.server, op), op.shape.takes_json());
        let (method, path, kind, body) = self.targets.request(op, fields);
        let bad: &[u8] = if json { b"\xff\xc3\x28" } else { b"%FF%C3%28" };
        // The path of a request is ASCII: there the octets are escaped, so text can be cut.
        let place = |text: &str| text.replace(BAD_UTF8, "%FF%C3%28");
        let mut octets = Vec::new();
        for (i, part) in body.split(BAD_UTF8).enumerate() {
            octets.extend_from_slice(if i > 0 { bad } else { b"" });
            octets.extend_from_slice(part.as_bytes());
        }
        let head = [("Authorization", auth.as_str()), ("Content-Type", kind)];
        self.server.send(method, &place(&path), &head, &octets)
    }

    fn unchanged(&self, after: &str) {
        assert_eq!(self.server.dump(), self.before, "{after} changed something");
        assert_eq!(self.server.callee().calls(), self.calls, "{after} dialled");
    }
}

/// A refusal in the form of its API, with the declared code; of JSON:API with a pointer to the attribute.
fn refused(op: &Operation, param: &Param, fault: Fault, reply: &Reply, case: &str) {
    let missing = matches!(fault, Fault::Missing | Fault::Empty).then_some(param.required).flatten();
    let code = match fault {
        Fault::BadUtf8 => 20001,
        Fault::OutOfRange if param.kind == Kind::StreamUrl => 31922,
        _ => missing.unwrap_or(param.bad),
    };
    if !matches!(op.shape, Shape::Carrier(_) | Shape::CarrierList(_) | Shape::Json(_)) {
        assert_eq!(reply.status, 400, "{case}");
        assert_eq!(reply.json()["code"], code, "{case}");
        assert!(reply.json()["message"].is_string() && reply.json()["more_info"].is_string(), "{case}");
        return;
    }
    assert_eq!(reply.status, if op.verb.has_body() { 422 } else { 400 }, "{case}");
    let error = &reply.json()["errors"][0];
    assert!(error["code"].is_string(), "{case}");
    // Octets that are no text belong to no attribute.
    if fault != Fault::BadUtf8 {
        assert_eq!(error["source"]["pointer"], format!("/data/attributes/{}", param.name), "{case}");
    }
}

/// Operations that take parameters; deletions take none.
fn operations() -> impl Iterator<Item = &'static Operation> {
    ROUTES.iter().filter(|o| o.verb != Verb::Delete && !matches!(o.shape, Shape::Text))
}

/// Parameters of all operations together; changes only with the declarations.
const PARAMETERS: usize = 588;

/// What is no fault, by the declaration and nothing else.
fn legal(param: &Param, fault: Fault) -> bool {
    let list = matches!(param.kind, Kind::Words(_)) || param.kind.is_list();
    let unlimited = matches!(
        param.kind,
        Kind::Text(_)
            | Kind::Token(_)
            | Kind::Twiml
            | Kind::Bool
            | Kind::Country
            | Kind::PhonePattern
            | Kind::Endpoint
            | Kind::Prefix
            | Kind::Names
            | Kind::Fingerprints
            | Kind::Prefixes
    );
    match fault {
        Fault::Missing => param.required.is_none(),
        Fault::Empty => param.may_be_empty(),
        Fault::OutOfRange => unlimited,
        Fault::Repeated => list,
        Fault::TooLong | Fault::WrongType | Fault::BadUtf8 => false,
    }
}

#[test]
fn every_parameter_is_refused_in_seven_ways_and_nothing_changes() {
    let bench = Bench::new();
    let (mut parameters, mut shown, mut passed) = (0, 0, 0);
    for op in operations() {
        for param in op.tables().into_iter().flatten() {
            parameters += 1;
            for fault in FAULTS {
                let cases = requests(op, param, fault);
                assert_eq!(
                    cases.is_err(),
                    legal(param, fault),
                    "{} {} {fault:?}: {cases:?}",
                    op.id,
                    param.name
                );
                passed += usize::from(cases.is_err());
                shown += usize::from(cases.as_ref().is_ok_and(|c| !c.is_empty()));
                for fields in cases.into_iter().flatten() {
                    let reply = bench.send(op, &fields);
                    let given = fields.iter().map(|(n, v)| format!("{n}={v:.40?} ")).collect::<String>();
                    let case =
                        format!("{} {} {fault:?} {given}: {}", op.id, param.name, reply.text_or_length());
                    refused(op, param, fault, &reply, &case);
                }
            }
        }
        bench.unchanged(op.id);
    }
    println!("{parameters} parameters: {shown} faults refused, {passed} are none");
    assert_eq!((parameters, shown + passed), (PARAMETERS, PARAMETERS * FAULTS.len()));
}

#[test]
fn octets_that_are_no_text_are_refused_in_names_too() {
    let bench = Bench::new();
    for body in [b"\xff=1".as_slice(), b"To=\xff\xfe", b"%FF=1"] {
        bench.server.post_raw("/Calls.json", body).bad(400, 20001);
    }
    bench.unchanged("bad UTF-8");
}

#[test]
fn what_is_not_offered_yet_is_refused_by_name() {
    let bench = Bench::new();
    let mut tried = 0;
    for row in NOT_OFFERED {
        let op = ROUTES.iter().find(|o| o.id == row.operation).unwrap_or_else(|| panic!("{}", row.operation));
        let param = op.params.iter().find(|p| p.name == row.name).unwrap_or_else(|| panic!("{}", row.name));
        let value = match param.kind {
            Kind::OneOf(words) => words.iter().find(|w| **w != row.harmless).unwrap().to_string(),
            Kind::Bool => "true".to_string(),
            Kind::Int(min, _) => min.to_string(),
            Kind::Sid(prefix) => format!("{prefix}{}", "0".repeat(32)),
            Kind::Url | Kind::TwimlUrl => "https://example.com/".to_string(),
            Kind::Method => "POST".to_string(),
            _ => "words".to_string(),
        };
        let reply = bench.targets.send(&bench.server, op, &with(op, row.name, &value), &bench.server.auth());
        let words = reply.bad(400, 20001);
        assert!(words.starts_with(&format!("{} is not offered yet", row.name)), "{words}");
        tried += 1;
    }
    bench.unchanged("what is not offered");
    assert_eq!(tried, 44, "the table may only shrink");
}

#[test]
fn unknown_parameters_are_passed_over() {
    let server = Server::start();
    server.post("/Applications.json", &[("Nonsense", "1"), ("FriendlyName", "a")]).good(201);
}
