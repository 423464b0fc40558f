//! XML rules of a document.

use ::twiml::Document;

fn error(text: &str) -> (u32, u32, u32, String) {
    let error = Document::parse(text).expect_err(text);
    (error.code, error.line, error.column, error.words)
}

#[test]
fn malformed_documents_are_refused_with_their_place() {
    let table: &[(&str, u32, u32, u32, &str)] = &[
        ("<Response><Say>a</Response>", 12100, 1, 17, "</Say> was expected, </Response> found"),
        ("<Response>\n<Say>", 12100, 1, 1, "the root element is not closed"),
        (
            "<Response>\n <Play>/a?b&c</Play></Response>",
            12100,
            2,
            12,
            "an & must begin a reference, or be written &amp;",
        ),
        (
            " <?xml version=\"1.0\"?><Response/>",
            12100,
            1,
            2,
            "the XML declaration must stand at the very beginning",
        ),
        (
            "\n<?xml version=\"1.0\"?><Response/>",
            12100,
            2,
            1,
            "the XML declaration must stand at the very beginning",
        ),
        ("", 12100, 1, 1, "the document has no element"),
        ("<!-- nothing -->", 12100, 1, 1, "the document has no element"),
        ("<Responses/>", 12102, 1, 1, "the root element is Responses, not Response"),
        ("<?xml version=\"1.0\"?>\n<response/>", 12102, 2, 1, "the root element is response, not Response"),
        ("<Response version=\"new\"/>", 12101, 1, 11, "\"new\" is not a version of Response"),
        ("<Response version=\"\"/>", 12101, 1, 11, "\"\" is not a version of Response"),
    ];
    for (text, code, line, column, words) in table {
        assert_eq!(error(text), (*code, *line, *column, words.to_string()), "{text}");
    }
    for text in [
        "<Response a=b/>",
        "<Response/><Response/>",
        "<Response>&nbsp;</Response>",
        "<Response a=\"1\" a=\"2\"/>",
    ] {
        assert_eq!(error(text).0, 12100, "{text}");
    }
}

#[test]
fn well_formed_documents_are_read() {
    for text in [
        "<Response/>",
        "  <Response></Response>  ",
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- c --><Response version=\"1.0\"/><!-- d -->",
        "<Response version=\"2010-04-01\"><?php echo ?></Response>",
    ] {
        let document = Document::parse(text).expect(text);
        assert_eq!(document, Document::default(), "{text}");
    }
}

#[test]
fn attributes_of_the_root_are_warned_about() {
    let text = "<Response xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' xsi:type='x' foo='1'/>";
    let warnings = Document::parse(text).expect("a document").warnings;
    assert_eq!(warnings.iter().map(|w| w.code).collect::<Vec<_>>(), [12200, 12200]);
}

#[test]
fn warnings_are_bounded_and_the_rest_is_counted() {
    let document = super::read(&"<Foo/>".repeat(60));
    assert_eq!(document.warnings.len(), 51);
    assert_eq!(document.warnings[50].words, "10 further warnings are not listed");
    assert_eq!(super::read(&"<Foo/>".repeat(50)).warnings.len(), 50);
}

#[test]
fn what_is_written_reads_the_same_and_leaves_out_defaults() {
    let text = "<Response><Say loop=\"1\" voice=\"a&amp;&quot;&#10;b\">x &lt; y</Say><Dial timeout=\"30\"><Number>5550100</Number></Dial>\
        <Dial><Sip username=\" u \">sip:a@b?X-A=%0A&amp;X-B=1%202</Sip></Dial><Gather finishOnKey=\"\"/></Response>";
    let document = Document::parse(text).expect("a document");
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Say voice=\"a&amp;&quot; b\">x &lt; y</Say>\
        <Dial>5550100</Dial><Dial><Sip username=\" u \">sip:a@b?X-B=1%202</Sip></Dial><Gather finishOnKey=\"\"/></Response>";
    let written = document.write();
    assert_eq!(written.replace("&#10;", " "), expected);
    assert_eq!(Document::parse(&written).expect("a document").verbs, document.verbs);
}
