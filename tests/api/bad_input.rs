//! Bad input, made from the declarations: each parameter missing, empty, too long, of the wrong type, out of range,
//! repeated, in bad UTF-8. Each is refused with the declared code and changes nothing.

use super::harness::*;
use super::targets::Targets;
use chorus::api::not_offered::NOT_OFFERED;
use chorus::api::operation::{Operation, Shape, Verb};
use chorus::api::params::*;
use chorus::api::router::ROUTES;

/// Values that a kind must refuse.
fn bad_values(kind: Kind) -> Vec<String> {
    let own = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
    match kind {
        Kind::Text(max) => vec!["x".repeat(max + 1), "\u{0}".into(), "a\u{7}".into()],
        Kind::Token(max) => vec!["x".repeat(max + 1), "a b".into(), "é".into(), "\u{0}".into()],
        Kind::Int(min, max) => {
            let mut out = own(&["abc", "1.5", "", " 1", "0x1", "99999999999999999999"]);
            out.push(min.wrapping_sub(1).to_string());
            out.extend((max < i64::MAX).then(|| (max + 1).to_string()));
            out
        }
        Kind::PageSize => own(&["abc", "0", "-1", "1.5", "", "99999999999999999999"]),
        Kind::Bool => own(&["yes", "1", "", "truee"]),
        Kind::OneOf(_) => own(&["nonsense", ""]),
        Kind::Words(_) => own(&["nonsense", "", "completed nonsense"]),
        Kind::Method => own(&["PUT", "", "GETS"]),
        Kind::Url => {
            let mut out = own(&[
                "nonsense",
                "/relative",
                "ftp://example.com/",
                "http://",
                "http://a b/",
                "javascript:alert(1)",
                "http://under_score.example/",
                "http://ex\u{0}ample.com/",
            ]);
            out.push(format!("http://example.com/{}", "x".repeat(URL_MAX)));
            out
        }
        Kind::StreamUrl => own(&["nonsense", "https://example.com/", "wss://", ""]),
        Kind::Twiml => vec!["x".repeat(TWIML_MAX + 1), String::new(), "<Response>\u{1}</Response>".into()],
        Kind::Sid(prefix) => {
            vec![
                "nonsense".into(),
                format!("{prefix}123"),
                format!("{prefix}{}", "g".repeat(32)),
                format!("ZZ{}", "0".repeat(32)),
            ]
        }
        Kind::Phone => {
            own(&["nonsense", "12", "+0123456789", "+1234567890123456", "15005550006", "+1500555000x"])
        }
        Kind::PhonePattern => own(&["nonsense", "", "%27"]),
        Kind::Callee => {
            own(&["nonsense", "12", "sip:", "sip:a@b c", "sip:a@host:99999", "client:bob", "+0123456789"])
        }
        Kind::Caller => own(&["a b", "+0123456789", "", "a\u{0}", "user<script>"]),
        Kind::Endpoint => vec!["x".repeat(ENDPOINT_MAX + 1), String::new(), "a\u{0}".into()],
        Kind::Digits => own(&["12x", "", &"1".repeat(DIGITS_MAX + 1)]),
        Kind::Time => own(&["yesterday", "2026-13-01", "2026-02-30", "2026-01-01T25:00:00Z", "", "1e9"]),
        Kind::Host => own(&["a b", "host:99999", "", "http://host/"]),
        Kind::Country => own(&["USA", "us", ""]),
        Kind::Cidrs => own(&["nonsense", "192.0.2.0/33", "192.0.2", ""]),
        Kind::Pairs => Vec::new(),
    }
}

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
    tried: usize,
}

impl Bench {
    fn new() -> Bench {
        let server = Server::start();
        let targets = Targets::new(&server);
        let (before, calls) = (server.dump(), server.callee().calls());
        Bench { server, targets, before, calls, tried: 0 }
    }

    fn refused(&mut self, op: &Operation, param: &Param, fields: &[(String, String)], code: u32, what: &str) {
        let reply = self.targets.send(&self.server, op, fields, &Targets::auth(&self.server, op));
        self.hold(op, param, &reply, code, what);
    }

    fn hold(&mut self, op: &Operation, param: &Param, reply: &Reply, code: u32, what: &str) {
        let case = format!("{} {} {what}: {}", op.id, param.name, reply.text_or_length());
        if matches!(op.shape, Shape::Carrier(_) | Shape::CarrierList(_)) {
            let status = if op.verb == Verb::Post { 422 } else { 400 };
            assert_eq!(reply.status, status, "{case}");
            let pointer = &reply.json()["errors"][0]["source"]["pointer"];
            assert_eq!(pointer, &format!("/data/attributes/{}", param.name), "{case}");
        } else {
            assert_eq!(reply.status, 400, "{case}");
            assert_eq!(reply.json()["code"], code, "{case}");
        }
        self.tried += 1;
    }

    fn unchanged(&self) {
        assert_eq!(self.server.dump(), self.before, "nothing was changed");
        assert_eq!(self.server.callee().calls(), self.calls, "nothing was dialled");
    }
}

/// Operations that take parameters; deletions take none.
fn operations() -> impl Iterator<Item = &'static Operation> {
    ROUTES.iter().filter(|o| o.verb != Verb::Delete && !matches!(o.shape, Shape::Text))
}

#[test]
fn bad_values_are_refused_and_change_nothing() {
    let mut bench = Bench::new();
    for op in operations() {
        for param in op.tables().into_iter().flatten() {
            for value in bad_values(param.kind) {
                let code = match (param.required, value.is_empty()) {
                    (Some(missing), true) => missing,
                    _ => param.bad,
                };
                bench.refused(op, param, &with(op, param.name, &value), code, &format!("{value:.40?}"));
            }
        }
        bench.unchanged();
    }
    assert!(bench.tried > 1_000, "{}", bench.tried);
}

#[test]
fn missing_empty_and_repeated_parameters_are_refused_and_change_nothing() {
    let mut bench = Bench::new();
    for op in operations() {
        for param in op.tables().into_iter().flatten() {
            if let Some(code) = param.required {
                let mut fields = Targets::fields(op);
                fields.retain(|(n, _)| n != param.name);
                bench.refused(op, param, &fields, code, "missing");
                bench.refused(op, param, &with(op, param.name, ""), code, "empty");
            }
            let json = matches!(op.shape, Shape::Carrier(_));
            if !matches!(param.kind, Kind::Words(_) | Kind::Pairs | Kind::Cidrs) && !json {
                let mut fields = with(op, param.name, "1");
                fields.push((param.name.to_string(), "1".to_string()));
                bench.refused(op, param, &fields, param.bad, "repeated");
            }
        }
    }
    bench.unchanged();
}

#[test]
fn bad_utf8_is_refused_and_changes_nothing() {
    let mut bench = Bench::new();
    for op in operations().filter(|o| !matches!(o.shape, Shape::Carrier(_) | Shape::CarrierList(_))) {
        for param in op.tables().into_iter().flatten() {
            let (path, auth) = (bench.targets.path(op), bench.server.auth());
            let raw = format!("{}=%FF%C3%28", chorus::api::form::encode(param.name));
            let head =
                [("Authorization", auth.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
            let reply = match op.verb {
                Verb::Post => bench.server.send("POST", &path, &head, raw.as_bytes()),
                _ => bench.server.send("GET", &format!("{path}?{raw}"), &head, b""),
            };
            bench.hold(op, param, &reply, 20001, "bad UTF-8");
        }
    }
    let raw = [b"\xff=1".as_slice(), b"To=\xff\xfe", b"%FF=1"];
    for body in raw {
        bench.server.post_raw("/Calls.json", body).bad(400, 20001);
    }
    bench.unchanged();
}

#[test]
fn numbered_pairs_have_limits() {
    let bench = Bench::new();
    let path = format!("/Calls/{}/Streams.json", bench.targets.live.sid);
    let long = "x".repeat(PAIR_CHARS_MAX);
    let cases: &[&[(&str, &str)]] = &[
        &[("Parameter0.Name", "a")],
        &[("Parameter100.Name", "a")],
        &[("Parameter1.Value", "a")],
        &[("Parameter1.Other", "a")],
        &[("Parameter1.Name", "a"), ("Parameter1.Name", "b")],
        &[("Parameter1.Name", "a"), ("Parameter1.Value", &long)],
        &[("Parameter1.Name", "a\u{0}")],
    ];
    for case in cases {
        let fields = [&[("Url", "wss://example.com/s")], *case].concat();
        bench.server.post(&path, &fields).bad(400, 20001);
    }
    bench.unchanged();
}

#[test]
fn what_is_not_offered_yet_is_refused_by_name() {
    let mut bench = Bench::new();
    for row in NOT_OFFERED {
        let op = ROUTES.iter().find(|o| o.id == row.operation).unwrap_or_else(|| panic!("{}", row.operation));
        let param = op.params.iter().find(|p| p.name == row.name).unwrap_or_else(|| panic!("{}", row.name));
        let value = match param.kind {
            Kind::OneOf(words) => words.iter().find(|w| **w != row.harmless).unwrap().to_string(),
            Kind::Bool => "true".to_string(),
            Kind::Int(min, _) => min.to_string(),
            Kind::Sid(prefix) => format!("{prefix}{}", "0".repeat(32)),
            Kind::Url => "https://example.com/".to_string(),
            Kind::Method => "POST".to_string(),
            _ => "words".to_string(),
        };
        let reply = bench.targets.send(&bench.server, op, &with(op, row.name, &value), &bench.server.auth());
        let words = reply.bad(400, 20001);
        assert!(words.starts_with(&format!("{} is not offered yet", row.name)), "{words}");
        bench.tried += 1;
    }
    bench.unchanged();
    assert_eq!(bench.tried, 40, "the table may only shrink");
}

#[test]
fn unknown_parameters_are_passed_over() {
    let server = Server::start();
    server.post("/Applications.json", &[("Nonsense", "1"), ("FriendlyName", "a")]).good(201);
}
