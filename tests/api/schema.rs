//! Every answer against its declaration, and every declaration against Twilio's own document: the key sets are equal,
//! the types are Twilio's, and what is declared never null never is.

use super::harness::Server;
use super::targets::Targets;
use chorus::api::operation::{Operation, Shape, Verb};
use chorus::api::router::ROUTES;
use chorus::api::schema::{Schema, Type};
use serde_json::Value;
use std::collections::BTreeSet;

/// Twilio's document of v2010, or None where it is not there (a failure in CI).
pub fn twilio() -> Option<Value> {
    document("twilio_api_v2010.json")
}

/// That of Elastic SIP Trunking.
pub fn trunking() -> Option<Value> {
    document("twilio_trunking_v1.json")
}

fn document(name: &str) -> Option<Value> {
    let shared = std::env::var("CHORUS_SHARED").unwrap_or_else(|_| "../shared".to_string());
    match std::fs::read(format!("{shared}/twilio-oai/{name}")) {
        Ok(text) => Some(serde_json::from_slice(&text).unwrap()),
        Err(e) if std::env::var("CHORUS_CI").is_ok_and(|v| v == "1") => panic!("{shared}: {e}"),
        Err(_) => {
            println!("not run: no Twilio documents under {shared}");
            None
        }
    }
}

fn fits(kind: Type, value: &Value) -> bool {
    match kind {
        Type::Text => value.is_string(),
        Type::Sid(prefix) => value.as_str().is_some_and(|s| {
            s.len() == 34 && s.starts_with(prefix) && s[2..].bytes().all(|b| b.is_ascii_hexdigit())
        }),
        Type::Int => value.is_i64() || value.is_u64(),
        Type::Number => value.is_number(),
        Type::Bool => value.is_boolean(),
        Type::Date => value.as_str().is_some_and(rfc2822),
        Type::Instant => value.as_str().is_some_and(iso8601),
        Type::Url => value.as_str().is_some_and(|s| url::Url::parse(s).is_ok()),
        Type::OneOf(words) => value.as_str().is_some_and(|s| words.contains(&s)),
        Type::Map => value.is_object(),
        Type::Texts => value.as_array().is_some_and(|a| a.iter().all(Value::is_string)),
        Type::Records(schema) => value.as_array().is_some_and(|all| {
            all.iter().for_each(|record| check(schema, record));
            true
        }),
        Type::Any => true,
    }
}

/// `2015-07-30T20:00:00Z`.
fn iso8601(text: &str) -> bool {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    shape == "9999-99-99T99:99:99Z"
}

/// `Thu, 30 Jul 2015 20:00:00 +0000`.
fn rfc2822(text: &str) -> bool {
    let shape: String = text
        .chars()
        .map(|c| {
            if c.is_ascii_digit() {
                '9'
            } else if c.is_alphabetic() {
                'a'
            } else {
                c
            }
        })
        .collect();
    shape == "aaa, 99 aaa 9999 99:99:99 +9999" && text.ends_with("+0000")
}

#[track_caller]
pub fn check(schema: &Schema, record: &Value) {
    let object = record.as_object().unwrap_or_else(|| panic!("{}: {record}", schema.name));
    let have: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    let want: BTreeSet<&str> = schema.props.iter().map(|p| p.name).collect();
    assert_eq!(have, want, "{}", schema.name);
    for prop in schema.props {
        let value = &object[prop.name];
        let good = if value.is_null() { prop.nullable } else { fits(prop.kind, value) };
        assert!(good, "{}.{} is {value}", schema.name, prop.name);
    }
}

#[test]
fn every_operation_answers_what_it_declares() {
    let server = Server::start();
    let targets = Targets::new(&server);
    // Deletions last, so that the others find their targets.
    let (last, first): (Vec<&Operation>, Vec<&Operation>) =
        ROUTES.iter().partition(|o| o.verb == Verb::Delete || o.id == "UpdateCall");
    let mut listed = 0;
    for op in first.into_iter().chain(last.into_iter().rev()) {
        let fields = match op.shape {
            // A list with every filter set would be empty.
            Shape::List(..) | Shape::MetaList(..) => Vec::new(),
            _ => Targets::fields(op),
        };
        let reply = targets.send(&server, op, &fields, &Targets::auth(&server, op));
        assert_eq!(reply.status, op.status, "{}: {}", op.id, reply.text_or_length());
        listed += answer(op, &reply);
        if op.id == "FetchTimeline" {
            let timeline = reply.json();
            assert_eq!(timeline["live"], true);
            assert!(
                timeline["lines"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|l| l["what"].as_str().unwrap().starts_with("INVITE")),
                "{timeline}"
            );
        }
    }
    assert!(listed >= 10, "{listed} lists held a record");
}

/// Checks an answer by its shape; 1 if it is a list that holds something.
fn answer(op: &Operation, reply: &super::harness::Reply) -> usize {
    match op.shape {
        Shape::Record(schema) | Shape::Json(schema) => check(schema, &reply.json()),
        Shape::Carrier(schema) => check(schema, &reply.json()["data"]["attributes"]),
        Shape::CarrierList(schema) => check(schema, &reply.json()["data"][0]["attributes"]),
        Shape::List(key, schema) => {
            let body = reply.json();
            let want: BTreeSet<&str> = [
                key,
                "end",
                "first_page_uri",
                "next_page_uri",
                "page",
                "page_size",
                "previous_page_uri",
                "start",
                "uri",
            ]
            .into();
            assert_eq!(body.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>(), want);
            let records = body[key].as_array().unwrap();
            records.iter().for_each(|r| check(schema, r));
            return usize::from(!records.is_empty());
        }
        Shape::MetaList(key, schema) => {
            let body = reply.json();
            let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<BTreeSet<_>>();
            assert_eq!(keys(&body), [key.to_string(), "meta".to_string()].into(), "{}", op.id);
            let want =
                ["first_page_url", "key", "next_page_url", "page", "page_size", "previous_page_url", "url"];
            assert_eq!(keys(&body["meta"]), want.map(str::to_string).into());
            assert_eq!(body["meta"]["key"], key);
            assert!(fits(Type::Url, &body["meta"]["url"]), "{body}");
            let records = body[key].as_array().unwrap();
            records.iter().for_each(|r| check(schema, r));
            return usize::from(!records.is_empty());
        }
        Shape::Empty => assert!(reply.body.is_empty(), "{}", op.id),
        Shape::Media => assert_eq!(&reply.body[..4], b"RIFF"),
        Shape::Text => assert!(!reply.body.is_empty(), "{}", op.id),
    }
    0
}

fn word(kind: Type) -> &'static str {
    match kind {
        Type::Text | Type::Sid(_) | Type::Date | Type::Instant | Type::Url | Type::OneOf(_) => "string",
        Type::Int => "integer",
        Type::Number => "number",
        Type::Bool => "boolean",
        Type::Map => "object",
        Type::Texts | Type::Records(_) => "array",
        Type::Any => "any",
    }
}

#[test]
fn declared_properties_are_twilios() {
    let (Some(v2010), Some(v1)) = (twilio(), trunking()) else { return };
    let mut seen = BTreeSet::new();
    for op in ROUTES.iter().filter(|o| o.path.starts_with("/2010") || o.path.starts_with("/v1/")) {
        let (Shape::Record(schema) | Shape::List(_, schema) | Shape::MetaList(_, schema)) = op.shape else {
            continue;
        };
        let twilio = if op.path.starts_with("/v1/") { &v1 } else { &v2010 };
        if schema.name.starts_with("chorus.") {
            continue;
        }
        seen.insert(schema.name);
        let theirs = twilio["components"]["schemas"][schema.name]["properties"]
            .as_object()
            .unwrap_or_else(|| panic!("Twilio has no schema {}", schema.name));
        let have: BTreeSet<&str> = schema.props.iter().map(|p| p.name).collect();
        assert_eq!(have, theirs.keys().map(String::as_str).collect(), "{}", schema.name);
        for prop in schema.props {
            let their = &theirs[prop.name];
            let reference = their["$ref"].as_str().and_then(|r| r.rsplit('/').next());
            let their = reference.map_or(their, |name| &twilio["components"]["schemas"][name]);
            let kind = their["type"].as_str().unwrap_or("any");
            assert_eq!(word(prop.kind), kind, "{}.{}", schema.name, prop.name);
            if let (Type::OneOf(ours), Some(theirs)) = (prop.kind, their["enum"].as_array()) {
                assert!(
                    ours.iter().all(|w| theirs.contains(&Value::from(*w))),
                    "{}.{}",
                    schema.name,
                    prop.name
                );
            }
        }
    }
    assert_eq!(seen.len(), 32, "{seen:?}");
}
