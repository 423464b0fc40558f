//! The fuzzer's body over the corpus and over what proptest makes.

use ::twiml::limits::BODY_MAX;
use ::twiml::{Content, Document, fuzz_twiml};
use proptest::prelude::*;
use std::path::PathBuf;
use std::sync::LazyLock;

static CORPUS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(corpus);

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/twiml");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("the corpus").map(|e| e.unwrap().path()).collect();
    files.sort();
    files.iter().map(|f| (f.display().to_string(), std::fs::read(f).unwrap())).collect()
}

/// Every verb, and every noun that says something of its own: each must occur in the corpus as what it is.
const WORDS: &[&str] = &[
    "Say(",
    "Play(",
    "Pause(",
    "Gather(",
    "Record(",
    "Dial(",
    "Number(Number",
    "Sip(Sip",
    "SipUri {",
    "Connect(",
    "Start(",
    "Stop(",
    "Stream {",
    "parameters: [(",
    "Redirect(",
    "Reject(",
    "Hangup(",
];

#[test]
fn the_corpus_is_read_run_and_written() {
    let corpus = &*CORPUS;
    let (mut accepted, mut verbs, mut seen) = (0, 0, String::new());
    for (name, bytes) in corpus {
        within_100_ms(name, || accepted += usize::from(fuzz_twiml(bytes)));
        if let Ok(Content::Document(document)) = Document::read(bytes, Some("text/xml")) {
            verbs += usize::from(!document.verbs.is_empty());
            seen += &format!("{:?}", document.verbs);
        }
    }
    assert_eq!(accepted, verbs, "accepted is what does something when it comes as XML");
    assert!(verbs >= 50 && verbs * 3 >= corpus.len(), "{verbs} of {} do something", corpus.len());
    let missing: Vec<&&str> = WORDS.iter().filter(|w| !seen.contains(**w)).collect();
    assert!(missing.is_empty(), "nothing in the corpus is {missing:?}");
}

/// CPU time of this thread in nanoseconds; other tests beside it do not count.
fn cpu() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").expect("a Linux with schedstat");
    stat.split(' ').next().and_then(|n| n.parse().ok()).expect("nanoseconds")
}

fn within_100_ms(name: &str, body: impl FnOnce()) {
    let begin = cpu();
    body();
    let ms = (cpu() - begin) / 1_000_000;
    if std::env::var_os("CHORUS_PRINT").is_some() {
        eprintln!("{ms} ms {name}");
    }
    assert!(ms < 100, "{ms} ms of CPU for {name}");
}

/// The most laborious that fits into 64 KiB.
#[test]
fn nothing_within_the_limits_costs_100_ms_of_cpu() {
    let fill = |unit: &str| format!("<Response>{}</Response>", unit.repeat((BODY_MAX - 30) / unit.len()));
    let worst = [
        fill("<a/>"),
        fill("<Say loop='x'/>"),
        fill("<Dial>x</Dial>"),
        fill("&amp;"),
        fill("<a b='"),
        fill("<a ===='"),
        fill("<!--"),
        fill("<![CDATA[<]]>"),
        fill("<a xmlns='u'/>"),
        format!("<Response><Dial><Sip>sip:a@b?{}</Sip></Dial></Response>", "x-a=1&amp;".repeat(6_000)),
        format!("<Response><Gather>{}</Gather></Response>", "<Pause/>".repeat(7_000)),
        format!("<Response>{}<x/></Response>", " ".repeat(60_000)),
        format!("<Response><Record recordingStatusCallbackEvent='{}'/></Response>", "a ".repeat(30_000)),
    ];
    for text in worst {
        let head: String = text.chars().take(50).collect();
        within_100_ms(&head, || {
            let _ = fuzz_twiml(text.as_bytes());
        });
    }
}

/// Pieces from which documents that mean something are likely to be put together.
const PIECES: &[&str] = &[
    "<Response>",
    "</Response>",
    "<Say>",
    "</Say>",
    "<Say loop=\"0\" voice=\"alice\">",
    "<break/>",
    "<sub alias=\"b\">c</sub>",
    "<Gather numDigits=\"3\" finishOnKey=\"\">",
    "</Gather>",
    "<Play digits=\"1w\"/>",
    "<Play>",
    "</Play>",
    "/a.wav",
    "<Dial>",
    "</Dial>",
    "<Dial action=\"\" record=\"true\">",
    "<Number sendDigits=\"1\">",
    "<Number>",
    "</Number>",
    "+1555 0100",
    "<Sip>",
    "<Sip username=\"u\">",
    "</Sip>",
    "<Uri weight=\"1\">",
    "</Uri>",
    "sip:a@b?X-A=%20&amp;x-b=%zz",
    "sip:c",
    "?",
    "<Headers><Header name=\"X-C\" value=\"&#9;d\"/></Headers>",
    "<Client>e</Client>",
    "<Conference>",
    "</Conference>",
    "<Connect>",
    "</Connect>",
    "<Start>",
    "</Start>",
    "<Stream url=\"wss://f\" track=\"both_tracks\">",
    "</Stream>",
    "<Parameter name=\"g\" value=\"&#13;h&quot;\"/>",
    "<Recording/>",
    "<Stop>",
    "</Stop>",
    "<Stream name=\" i \"/>",
    "<Record recordingStatusCallbackEvent=\"absent absent\"/>",
    "<Redirect>",
    "</Redirect>",
    "<Reject reason=\"busy\"/>",
    "<Hangup/>",
    "<Pause length=\"2\"/>",
    "<Enqueue>",
    "</Enqueue>",
    "<!-- j -->",
    "<![CDATA[<k>]]>",
    "&#233;",
    "&#8195;",
    " ",
    "\n",
    "\u{85}",
    "x",
];

/// A document whose elements are balanced, so that most are accepted.
fn document() -> impl Strategy<Value = String> {
    let attribute = (
        "[a-z]{1,4}|loop|timeout|action|method|url|name|record|trim|digits|finishOnKey",
        "[0-9a-zA-Z#* \t\n/&;é-]{0,6}",
    );
    let names = "Say|Play|Pause|Gather|Record|Dial|Number|Sip|Uri|Headers|Header|Client|Connect|Start|Stop|Stream|Recording|Parameter|Redirect|Reject|Hangup|p|sub|Foo";
    let leaf = prop::sample::select(PIECES)
        .prop_map(|p| if p.contains('<') { "y".to_string() } else { p.to_string() });
    let tree = leaf.prop_recursive(5, 40, 6, move |inner| {
        (
            names,
            prop::collection::btree_map(attribute.0, attribute.1, 0..4),
            prop::collection::vec(inner, 0..6),
        )
            .prop_map(|(name, attributes, children)| {
                let mut text = format!("<{name}");
                for (key, value) in attributes {
                    let value = value.replace('&', "&amp;").replace('\n', "&#10;");
                    text.push_str(&format!(" {key}=\"{value}\""));
                }
                format!("{text}>{}</{name}>", children.concat())
            })
    });
    prop::collection::vec(tree, 0..5).prop_map(|trees| format!("<Response>{}</Response>", trees.concat()))
}

fn cases(quick: u32) -> ProptestConfig {
    let factor = if std::env::var_os("CHORUS_LONG").is_some() { 200 } else { 1 };
    ProptestConfig { cases: quick * factor, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(1000))]

    #[test]
    fn any_octets(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_twiml(&bytes);
    }

    #[test]
    fn any_order_of_pieces(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..20)) {
        fuzz_twiml(format!("<Response>{}</Response>", pieces.concat()).as_bytes());
    }

    #[test]
    fn any_tree(text in document()) {
        fuzz_twiml(text.as_bytes());
    }

    #[test]
    fn a_changed_octet_of_the_corpus(pick in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), octet in any::<u8>()) {
        let (_, mut bytes) = CORPUS[pick.index(CORPUS.len())].clone();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = octet;
        }
        fuzz_twiml(&bytes);
    }
}
