//! Codec and SRTP: named, and mended by what is printed.

use super::peer::*;
use super::{mended, tested};
use crate::api::harness::Server;
use serde_json::json;

const REFUSED: &str = "488 Not Acceptable Here";

/// The formats of the first audio line of an offer.
fn offered(request: &str) -> Vec<&str> {
    let line = request.lines().find(|l| l.starts_with("m=audio")).unwrap_or_default();
    line.split(' ').skip(3).collect()
}

#[test]
fn a_codec_that_the_peer_does_not_take_is_named_and_mended() {
    let server = Server::start();
    let only = json!({ "codecs": ["PCMU"] });
    let patch = json!({ "codecs": ["PCMA", "PCMU"] });
    let words = "The codec is the mistake";
    // It says in SDP of its own what it would have taken, says nothing, or looks at the first codec alone.
    let a_law = |r: &str| offered(r).contains(&"8");
    let shows = calls(move |r| match a_law(r) {
        true => busy(),
        false => say(REFUSED).audio("127.0.0.1", "RTP/AVP 8 18 101"),
    });
    mended(&server, &peer(shows), &only, words, &patch);
    let silent = calls(move |r| if a_law(r) { busy() } else { say(REFUSED) });
    mended(&server, &peer(silent), &only, words, &patch);
    let first = calls(|r| if offered(r).first() == Some(&"8") { busy() } else { say(REFUSED) });
    mended(&server, &peer(first), &json!({}), words, &patch);
    // It takes the call, and answers with what was not offered.
    let stubborn = calls(|_| say("183 Session Progress").audio("127.0.0.1", "RTP/AVP 8"));
    mended(&server, &peer(stubborn), &only, words, &patch);
}

#[test]
fn what_the_peer_takes_instead_of_our_codecs_is_told() {
    let server = Server::start();
    let other = calls(|_| say(REFUSED).audio("127.0.0.1", "RTP/AVP 18 3 101"));
    let found = tested(&server, &peer(other), &json!({}));
    found.says("the peer takes G729, GSM, the trunk offers PCMU and PCMA", &json!({}));
    let warned = calls(|_| say(REFUSED).with("Warning: 305 c \"G.729 only\""));
    let found = tested(&server, &peer(warned), &json!({}));
    found.says("G.729 only", &json!({}));
    assert!(found.words().contains("takes none of our codecs (PCMU and PCMA)"), "{}", found.words());
}

#[test]
fn a_packet_time_that_the_peer_does_not_take_is_mended() {
    let server = Server::start();
    let script = calls(|r| if r.contains("a=ptime:60") { say(REFUSED) } else { busy() });
    let patch = json!({ "ptime": null });
    mended(&server, &peer(script), &json!({ "ptime": 60 }), "The packet time is the mistake", &patch);
}

#[test]
fn keys_that_the_peer_wants_or_does_not_want_are_named_and_mended() {
    let server = Server::start();
    let words = "SRTP is the mistake";
    let (off, optional, required) =
        (json!({ "srtp": "off" }), json!({ "srtp": "optional" }), json!({ "srtp": "required" }));
    // RTP/SAVP or nothing: keys beside RTP/AVP are no offer of them.
    let savp = || calls(|r| if r.contains("RTP/SAVP") { busy() } else { say(REFUSED) });
    mended(&server, &peer(savp()), &json!({}), words, &required);
    mended(&server, &peer(savp()), &optional, words, &required);
    // No RTP/SAVP, and no call where there is a key at all.
    let avp = || calls(|r| if r.contains("RTP/SAVP") { say(REFUSED) } else { busy() });
    mended(&server, &peer(avp()), &required, words, &optional);
    let bare = || calls(|r| if r.contains("a=crypto") { say(REFUSED) } else { busy() });
    mended(&server, &peer(bare()), &required, words, &off);
    mended(&server, &peer(bare()), &optional, words, &off);
    // It takes the call and answers without a key.
    let clear = calls(|_| say("183 Session Progress").audio("127.0.0.1", "RTP/AVP 0"));
    mended(&server, &peer(clear), &required, words, &optional);
}

#[test]
fn a_peer_that_wants_keys_and_takes_none_of_ours_is_believed() {
    let server = Server::start();
    let script = calls(|_| say(REFUSED).with("Warning: 399 c \"SRTP required\""));
    let found = tested(&server, &peer(script), &json!({}));
    found.says("the peer wants encrypted audio (SRTP)", &json!({}));
    assert!(!found.ok());
}
