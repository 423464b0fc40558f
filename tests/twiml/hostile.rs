//! Documents that are meant to hurt: each is refused, or read, in little work.

use ::twiml::limits::{ATTRIBUTES_MAX, BODY_MAX, DEPTH_MAX, NODES_MAX};
use ::twiml::{Content, Document, Verb};

fn code(bytes: &[u8]) -> Option<u32> {
    Document::read(bytes, Some("text/xml")).err().map(|e| e.code)
}

#[test]
fn no_document_type_declaration_is_read() {
    let laughs: String =
        (1..10).map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10))).collect();
    let table = [
        format!("<!DOCTYPE r [<!ENTITY l0 \"lol\">{laughs}]><Response><Say>&l9;</Say></Response>"),
        format!(
            "<!DOCTYPE r [<!ENTITY a \"{}\">]><Response><Say>{}</Say></Response>",
            "x".repeat(30_000),
            "&a;".repeat(9_000)
        ),
        "<!DOCTYPE r [<!ENTITY % p \"<!ENTITY &#37; q 'x'>\">%p;%q;]><Response/>".to_string(),
        "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Response><Say>&x;</Say></Response>"
            .to_string(),
        "<!DOCTYPE r SYSTEM \"http://127.0.0.1/x.dtd\"><Response/>".to_string(),
        "<!DOCTYPE html><Response/>".to_string(),
        "<!DOCTYPE r []><Response/>".to_string(),
        "<?xml version=\"1.0\"?><!-- c --><!doctype r><Response/>".to_string(),
    ];
    for text in table {
        assert_eq!(code(text.as_bytes()), Some(12100), "{}", &text[..60.min(text.len())]);
    }
    let words = Document::parse("\n<!DOCTYPE html><Response/>").unwrap_err();
    assert_eq!((words.line, words.words.as_str()), (2, "a document type declaration is not accepted"));
    assert_eq!(code(b"<Response><Say><!-- <!DOCTYPE x> --><![CDATA[<!DOCTYPE y>]]></Say></Response>"), None);
}

#[test]
fn depth_is_bounded() {
    let nested = |n: usize| format!("<Response>{}{}</Response>", "<p>".repeat(n), "</p>".repeat(n));
    let allowed = usize::try_from(DEPTH_MAX).unwrap() - 1;
    assert_eq!(code(nested(allowed).as_bytes()), None);
    assert_eq!(code(nested(allowed + 1).as_bytes()), Some(12100));
    assert_eq!(code(nested(9_000).as_bytes()), Some(12100));
    assert_eq!(code(&b"<a>".repeat(21_000)), Some(12100));
    let empty = |n: usize| format!("<Response>{}<q/>{}</Response>", "<p>".repeat(n), "</p>".repeat(n));
    assert_eq!(code(empty(allowed - 1).as_bytes()), None);
    assert_eq!(code(empty(allowed).as_bytes()), Some(12100));
    let spoken = format!(
        "<Response><Say>{}deep{}</Say></Response>",
        "<p>".repeat(allowed - 1),
        "</p>".repeat(allowed - 1)
    );
    assert_eq!(code(spoken.as_bytes()), None);
}

#[test]
fn attributes_and_nodes_are_bounded() {
    let attributes = |n: u32| {
        let list: String = (0..n).map(|i| format!(" a{i}='='")).collect();
        format!("<Response><Hangup{list}/></Response>")
    };
    assert_eq!(code(attributes(ATTRIBUTES_MAX).as_bytes()), None);
    assert_eq!(code(attributes(ATTRIBUTES_MAX + 1).as_bytes()), Some(12100));
    assert_eq!(code(attributes(6_000).as_bytes()), Some(12100));
    let elements = |n: u32| format!("<Response>{}</Response>", "<a/>".repeat(n as usize));
    assert_eq!(code(elements(NODES_MAX - 2).as_bytes()), None);
    assert_eq!(code(elements(NODES_MAX).as_bytes()), Some(12100));
    let namespaces: String = (0..17).map(|i| format!(" xmlns:n{i}='u'")).collect();
    assert_eq!(code(format!("<Response{namespaces}/>").as_bytes()), Some(12100));
}

#[test]
fn a_megabyte_is_not_looked_at() {
    let attribute = format!("<Response><Say voice=\"{}\">a</Say></Response>", "x".repeat(1 << 20));
    assert_eq!(code(attribute.as_bytes()), Some(11750));
    let within = format!("<Response><Say voice=\"{}\">a</Say></Response>", "x".repeat(BODY_MAX - 60));
    let Ok(Content::Document(document)) = Document::read(within.as_bytes(), Some("text/xml")) else {
        panic!()
    };
    assert!(
        matches!(&document.verbs[0], Verb::Say(say) if say.voice.as_ref().map(String::len) == Some(BODY_MAX - 60))
    );
}

#[test]
fn other_encodings_do_not_get_around_the_guard() {
    let text = "<!DOCTYPE r [<!ENTITY x \"y\">]><Response/>";
    let utf16: Vec<u8> =
        [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(code(&utf16), Some(12100));
    let utf32: Vec<u8> =
        [0xFF, 0xFE, 0, 0].into_iter().chain(text.chars().flat_map(|c| (c as u32).to_le_bytes())).collect();
    assert_eq!(code(&utf32), Some(12100));
    let mixed = [b"<?xml version=\"1.0\" encoding=\"UTF-16\"?>".as_slice(), b"<Response/>"].concat();
    assert_eq!(code(&mixed), Some(12100), "declared as what it is not");
    assert_eq!(code(b"<Response>\0</Response>"), Some(12100));
    assert_eq!(code(b"<Response>\xC0\xBC!DOCTYPE></Response>"), Some(12100), "an overlong <");
    assert_eq!(code(b"<Response><Say>&#0;</Say></Response>"), Some(12100));
}

#[test]
fn unfinished_documents_are_refused() {
    let whole =
        b"<?xml version=\"1.0\"?><Response><!-- c --><Say voice=\"a\"><![CDATA[b]]>&amp;</Say></Response>";
    for end in 0..whole.len() {
        assert_eq!(code(&whole[..end]), Some(12100), "{}", String::from_utf8_lossy(&whole[..end]));
    }
    assert_eq!(code(whole), None);
}
