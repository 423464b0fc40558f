//! Every attribute of every element, as the declarations have it: missing, bad, extreme.

use super::{NONE, read};
use ::twiml::{Attribute, AttributeKind as Kind, DECLARATIONS, Element};

/// A document in which the element `name` stands where it may, with `attributes`.
fn document(name: &str, attributes: &str) -> String {
    let url = if attributes.starts_with("url=") { "" } else { "url=\"wss://agent.example/a\"" };
    match name {
        "Say" => format!("<Say {attributes}>hello</Say>"),
        "Play" => format!("<Play {attributes}>https://files.example/a.wav</Play>"),
        "Dial" => format!("<Dial {attributes}>+15550100</Dial>"),
        "Connect" => format!("<Connect {attributes}><Stream {url}/></Connect>"),
        "Number" => format!("<Dial><Number {attributes}>+15550100</Number></Dial>"),
        "Sip" => format!("<Dial><Sip {attributes}>sip:bob@pbx.example</Sip></Dial>"),
        "Uri" => format!("<Dial><Sip><Uri {attributes}>sip:bob@pbx.example</Uri></Sip></Dial>"),
        "Refer" => format!("<Refer {attributes}><Sip>sip:bob@pbx.example</Sip></Refer>"),
        "Stream" => format!("<Start><Stream {url} {attributes}/></Start>"),
        "Recording" => format!("<Start><Recording {attributes}/></Start>"),
        "Pause" | "Gather" | "Record" | "Start" | "Stop" | "Redirect" | "Reject" | "Hangup" => {
            format!("<{name} {attributes}/>")
        }
        other => panic!("say where {other} may stand"),
    }
}

/// Elements whose attributes are all required and end up in their parent; `nesting.rs` has them.
const FOLDED: &[&str] = &["Header", "Parameter"];

fn find<'e>(elements: &'e [Element], name: &str) -> Option<&'e Element> {
    elements.iter().find_map(|e| if e.name == name { Some(e) } else { find(&e.children, name) })
}

/// The value that the element ends up with, and the codes of the warnings.
fn outcome(name: &str, attribute: &str, given: &str) -> (Option<String>, Vec<u32>) {
    let read = read(&document(name, given));
    let elements: Vec<Element> = read.verbs.iter().map(::twiml::Verb::element).collect();
    let element = find(&elements, name).unwrap_or_else(|| panic!("no {name} from {given}"));
    let value = element.attributes.iter().find(|a| a.name == attribute).map(|a| a.value.clone());
    (value, read.warnings.iter().map(|w| w.code).collect())
}

/// Values that `kind` refuses.
fn bad(kind: Kind) -> Vec<String> {
    let fixed: &[&str] = match kind {
        Kind::Text | Kind::Raw | Kind::Url => &[],
        Kind::Method => &["", "PUT", "GETPOST", "0"],
        Kind::Bool => &["", "yes", "1", "truefalse"],
        Kind::Number { .. } | Kind::Times => {
            &["", "x", "-1", "+1", "1.5", "5s", "4294967296", "99999999999999999999"]
        }
        Kind::Choice { .. } | Kind::Choices(_) => &["", "nonsense", "true,false"],
        Kind::Key => &["x", "##", "é", "12"],
        Kind::Keys => &["x", "12 3", "A"],
        Kind::Tones => &["x", "12-3", "1,2", "E"],
    };
    let mut values: Vec<String> = fixed.iter().map(ToString::to_string).collect();
    if let Kind::Number { min, max } = kind {
        values.push((u64::from(max) + 1).to_string());
        values.extend(min.checked_sub(1).map(|n| n.to_string()));
    }
    if kind == Kind::Tones {
        values.push("1".repeat(::twiml::limits::TONES_MAX + 1));
    }
    values
}

/// Values that `kind` accepts, each with its one spelling.
fn good(kind: Kind) -> Vec<(String, String)> {
    let same = |words: &[&str]| words.iter().map(|w| (w.to_string(), w.to_string())).collect();
    match kind {
        Kind::Text => vec![("  Alice B. ".into(), "Alice B.".into())],
        Kind::Raw => vec![("  as it is &amp; so on".into(), "  as it is & so on".into())],
        Kind::Url => {
            vec![(" /next?a=b&amp;c=d#rc=2\n".into(), "/next?a=b&c=d#rc=2".into()), ("".into(), "".into())]
        }
        Kind::Method => vec![("get".into(), "GET".into()), ("POST".into(), "POST".into())],
        Kind::Bool => vec![("True".into(), "true".into()), (" false".into(), "false".into())],
        Kind::Number { min, max } => same(&[&min.to_string(), &max.to_string()]),
        Kind::Times => vec![
            ("0".into(), "1000".into()),
            ("1".into(), "1".into()),
            ("7".into(), "7".into()),
            ("4294967295".into(), "1000".into()),
        ],
        Kind::Choice { words, aliases } => {
            let mut values: Vec<(String, String)> = same(words);
            values.extend(aliases.iter().map(|(a, w)| (a.to_string(), w.to_string())));
            values
        }
        Kind::Choices(words) => {
            let mut values: Vec<(String, String)> = same(words);
            values.push((words.join("  "), words.join(" ")));
            values
        }
        Kind::Key => same(&["0", "9", "#", "*", ""]),
        Kind::Keys => same(&["0123456789*#", "5", ""]),
        Kind::Tones => same(&["0123456789ABCD*#wW"]),
    }
}

fn each(mut case: impl FnMut(&'static str, &'static Attribute)) {
    let mut cases = 0;
    for declaration in DECLARATIONS.iter().filter(|d| !FOLDED.contains(&d.name)) {
        for attribute in declaration.attributes {
            case(declaration.name, attribute);
            cases += 1;
        }
    }
    assert!(cases > 100, "only {cases} attributes were tried");
}

#[test]
fn a_missing_attribute_has_its_default() {
    each(|name, attribute| {
        if attribute.name == "url" && name == "Stream" {
            return; // required: without it there is a warning, see verbs.rs
        }
        let (value, codes) = outcome(name, attribute.name, "");
        let expected = attribute.default.filter(|_| attribute.offered);
        assert_eq!(value.as_deref(), expected, "{name} {}", attribute.name);
        assert_eq!(codes, NONE, "{name} {}", attribute.name);
    });
}

#[test]
fn a_bad_attribute_is_warned_about_and_replaced() {
    const MORE_THAN_ONE_KEY: u32 = 13311;
    each(|name, attribute| {
        for value in bad(attribute.kind) {
            let what = format!("{}=\"{value}\"", attribute.name);
            let (used, codes) = outcome(name, attribute.name, &what);
            // An empty list of tones is none; every other bad value replaces.
            let expected = attribute.instead.or(attribute.default).filter(|_| attribute.offered);
            assert_eq!(used.as_deref(), expected, "{name} {what}");
            let two_keys = attribute.kind == Kind::Key && value.chars().count() > 1;
            let code = if two_keys { MORE_THAN_ONE_KEY } else { attribute.code };
            assert_eq!(codes, [code], "{name} {what}");
        }
    });
}

#[test]
fn an_extreme_attribute_is_taken_as_it_is() {
    each(|name, attribute| {
        for (value, spelt) in good(attribute.kind) {
            if name == "Stream" && attribute.name == "url" && value.is_empty() {
                continue;
            }
            let what = format!("{}=\"{value}\"", attribute.name);
            let (used, codes) = outcome(name, attribute.name, &what);
            if attribute.offered {
                assert_eq!(
                    (used.as_deref(), codes.as_slice()),
                    (Some(spelt.as_str()), [].as_slice()),
                    "{name} {what}"
                );
            } else {
                let expected =
                    if attribute.default == Some(spelt.as_str()) { vec![] } else { vec![attribute.code] };
                assert_eq!((used, codes), (None, expected), "{name} {what}");
            }
        }
    });
}

#[test]
fn an_unknown_attribute_is_a_warning_with_its_place() {
    for declaration in DECLARATIONS.iter().filter(|d| !FOLDED.contains(&d.name)) {
        let document = read(&document(declaration.name, "Loop=\"2\""));
        let [warning] = document.warnings.as_slice() else {
            panic!("{}: {:?}", declaration.name, document.warnings)
        };
        assert_eq!((warning.code, warning.line), (12200, 1));
        assert!(warning.column > 1);
        assert_eq!(warning.words, format!("{} has no attribute Loop; it is ignored", declaration.name));
    }
}

#[test]
fn every_offered_attribute_reaches_its_field() {
    // A table row without a field would be accepted and forgotten.
    each(|name, attribute| {
        if !attribute.offered {
            return;
        }
        let (value, spelt) = good(attribute.kind).remove(0);
        let (used, _) = outcome(name, attribute.name, &format!("{}=\"{value}\"", attribute.name));
        assert_eq!(used, Some(spelt), "{name} {}", attribute.name);
    });
}
