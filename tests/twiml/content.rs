//! What an answer is by its Content-Type and its octets.

use ::twiml::verb::{Hangup, Play, Say};
use ::twiml::{Content, Document, DocumentError, Verb};

const HELLO: &[u8] = b"<Response><Say>hello</Say></Response>";

fn kind(bytes: &[u8], content_type: Option<&str>) -> Result<&'static str, u32> {
    match Document::read(bytes, content_type) {
        Ok(Content::Document(_)) => Ok("document"),
        Ok(Content::Text(_)) => Ok("text"),
        Ok(Content::Audio) => Ok("audio"),
        Err(error) => Err(error.code),
    }
}

#[test]
fn the_content_type_says_what_an_answer_is() {
    type Row<'a> = (Option<&'a str>, &'a [u8], Result<&'a str, u32>);
    let table: &[Row<'_>] = &[
        (Some("text/xml"), HELLO, Ok("document")),
        (Some("application/xml"), HELLO, Ok("document")),
        (Some("text/html; charset=utf-8"), HELLO, Ok("document")),
        (Some("  TEXT/XML ;charset=\"UTF-8\""), HELLO, Ok("document")),
        (Some("text/plain"), HELLO, Ok("document")),
        (Some("text/plain"), b"Hello & good day", Ok("text")),
        (Some("text/plain"), b"<Response><Say>", Ok("text")),
        (Some("text/plain"), b" \n", Ok("document")),
        (Some("text/xml"), b"Hello", Err(12100)),
        (Some("text/xml"), b"", Err(12100)),
        (Some("text/xml"), b"  ", Err(12100)),
        (Some("audio/mpeg"), b"\xFF\xFB", Ok("audio")),
        (Some("audio/x-wav"), b"RIFF", Ok("audio")),
        (Some("audio/ogg"), b"OggS", Err(12300)),
        (Some("application/json"), HELLO, Err(12300)),
        (Some("text"), HELLO, Err(12300)),
        (Some(""), HELLO, Err(12300)),
        (None, HELLO, Err(12300)),
        (None, b"", Ok("document")),
    ];
    for (content_type, bytes, expected) in table {
        assert_eq!(kind(bytes, *content_type), *expected, "{content_type:?} {bytes:?}");
    }
}

#[test]
fn a_body_may_have_64_kib() {
    let padded = |n: usize| [HELLO, " ".repeat(n - HELLO.len()).as_bytes()].concat();
    assert_eq!(kind(&padded(65_536), Some("text/xml")), Ok("document"));
    assert_eq!(kind(&padded(65_537), Some("text/xml")), Err(11750));
    assert_eq!(kind(&padded(65_537), Some("text/plain")), Err(11750));
    assert_eq!(kind(&padded(65_537), Some("audio/wav")), Ok("audio"), "sound has its own limit");
}

fn said(bytes: &[u8], content_type: &str) -> Result<String, DocumentError> {
    match Document::read(bytes, Some(content_type))? {
        Content::Document(document) => match &document.verbs[..] {
            [Verb::Say(say)] => Ok(say.text.clone()),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn byte_order_mark_charset_and_declaration_in_that_order() {
    let text = "<Response><Say>h\u{e9}llo \u{20ac}</Say></Response>";
    let latin = b"<Response><Say>h\xE9llo \x80</Say></Response>";
    let declared = [b"<?xml version=\"1.0\" encoding='ISO-8859-1'?>".as_slice(), latin].concat();
    let table: Vec<(Vec<u8>, &str, &str)> = vec![
        (text.into(), "text/xml", "h\u{e9}llo \u{20ac}"),
        ([b"\xEF\xBB\xBF", text.as_bytes()].concat(), "text/xml; charset=iso-8859-1", "h\u{e9}llo \u{20ac}"),
        ([b"\xFF\xFE".to_vec(), utf16(text, u16::to_le_bytes)].concat(), "text/xml", "h\u{e9}llo \u{20ac}"),
        ([b"\xFE\xFF".to_vec(), utf16(text, u16::to_be_bytes)].concat(), "text/xml", "h\u{e9}llo \u{20ac}"),
        (utf16(text, u16::to_le_bytes), "text/xml; charset=utf-16le", "h\u{e9}llo \u{20ac}"),
        (latin.to_vec(), "text/xml; charset=ISO-8859-1", "h\u{e9}llo \u{80}"),
        (latin.to_vec(), "text/xml; charset=windows-1252", "h\u{e9}llo \u{20ac}"),
        (declared.clone(), "text/xml", "h\u{e9}llo \u{80}"),
        (declared, "text/xml; charset=windows-1252", "h\u{e9}llo \u{20ac}"),
    ];
    for (bytes, content_type, expected) in table {
        assert_eq!(said(&bytes, content_type).as_deref(), Ok(expected), "{content_type} {bytes:?}");
    }
}

#[test]
fn octets_that_are_no_text_are_refused_with_their_place() {
    let error = said(b"<Response>\n<Say>h\xE9</Say></Response>", "text/xml").unwrap_err();
    assert_eq!((error.code, error.line, error.column), (12100, 2, 7));
    assert_eq!(said(b"\xFF\xFE<", "text/xml").unwrap_err().code, 12100);
    assert_eq!(said(b"\xFF\xFE\x00\xD8", "text/xml").unwrap_err().code, 12100);
    assert_eq!(
        said(HELLO, "text/xml; charset=ebcdic").unwrap_err().words,
        "the charset ebcdic is not understood"
    );
}

#[test]
fn text_and_audio_are_documents_of_their_own() {
    let spoken = Content::Text("Hello\n there".into()).into_document("https://a.example/v");
    let say = Verb::Say(Say { text: "Hello there".into(), ..Say::default() });
    assert_eq!(spoken.verbs, [say, Verb::Hangup(Hangup::default())]);
    let played = Content::Audio.into_document("https://a.example/v");
    let play = Verb::Play(Play { url: "https://a.example/v".into(), ..Play::default() });
    assert_eq!(played.verbs, [play, Verb::Hangup(Hangup::default())]);
}

#[test]
fn an_empty_chunked_answer_has_its_code() {
    assert_eq!(DocumentError::empty_chunked().code, 11770);
}
