//! What may stand inside what.

use super::{NONE, codes, read};
use ::twiml::{DECLARATIONS, Verb};

/// The codes for `child` inside the element `parent`, without those about other things.
fn inside(parent: &str, child: &str) -> Vec<u32> {
    let document = match parent {
        "Number" | "Sip" => format!("<Dial><{parent}>{child}</{parent}></Dial>"),
        "Uri" => format!("<Dial><Sip><Uri>sip:a@b{child}</Uri></Sip></Dial>"),
        "Header" => {
            format!("<Dial><Sip>sip:a@b<Headers><Header name='X-A'>{child}</Header></Headers></Sip></Dial>")
        }
        "Stream" => format!("<Start><Stream url='wss://a'>{child}</Stream></Start>"),
        "Recording" => format!("<Start><Recording>{child}</Recording></Start>"),
        "Parameter" => format!("<Hangup><Parameter name='a'>{child}</Parameter></Hangup>"),
        _ => format!("<{parent}>{child}</{parent}>"),
    };
    let words = ["is not allowed in", "holds no text"];
    let told = read(&document).warnings.into_iter();
    told.filter(|w| words.iter().any(|x| w.words.contains(x))).map(|w| w.code).collect()
}

#[test]
fn a_strange_element_is_warned_about_in_every_element() {
    for declaration in DECLARATIONS {
        assert_eq!(
            inside(declaration.name, "<Strange/>"),
            [declaration.nesting.code],
            "{}",
            declaration.name
        );
    }
}

#[test]
fn text_is_warned_about_where_it_means_nothing() {
    for declaration in DECLARATIONS {
        let expected: &[u32] = if declaration.nesting.text { &[] } else { &[12200] };
        assert_eq!(inside(declaration.name, " word "), expected, "{}", declaration.name);
        assert_eq!(inside(declaration.name, " \n\t"), NONE, "{}", declaration.name);
    }
}

#[test]
fn gather_takes_three_verbs_and_warns_of_the_others() {
    let prompts = |inside: &str| match &read(inside).verbs[..] {
        [Verb::Gather(gather)] => gather.prompts.len(),
        other => panic!("{other:?}"),
    };
    for verb in
        ["Dial", "Record", "Gather", "Redirect", "Hangup", "Reject", "Connect", "Start", "Stop", "Enqueue"]
    {
        let inside = format!("<Gather><Say>a</Say><{verb}/><Play>b</Play></Gather>");
        assert_eq!((codes(&inside), prompts(&inside)), (vec![13320], 2), "{verb}");
    }
    assert_eq!(codes("<Gather><Play digits='1'/></Gather>"), [13320]);
    assert_eq!(prompts("<Gather><Play digits='1'/></Gather>"), 0);
    assert_eq!(prompts("<Gather><Play digits='1'>/a.wav</Play></Gather>"), 1);
    assert_eq!(codes("<Gather><Say/></Gather>"), [13520]);
}

#[test]
fn unknown_verbs_are_passed_over() {
    let document =
        read("\n <Foo>\n<Say>hidden</Say></Foo>\n  <Enqueue>q</Enqueue><say>no</say>words<Hangup/>");
    let names: Vec<&str> = document.verbs.iter().map(Verb::name).collect();
    assert_eq!(names, ["Hangup"]);
    let told: Vec<_> =
        document.warnings.iter().map(|w| (w.code, w.line, w.column, w.words.as_str())).collect();
    let expected = [
        (12200, 2, 2, "Foo is not a verb; it is passed over"),
        (12200, 4, 3, "Enqueue is not offered yet; it is passed over"),
        (12200, 4, 23, "say is not a verb; it is passed over"),
        (12200, 4, 36, "Response holds no text; it is ignored"),
    ];
    assert_eq!(told, expected);
}
