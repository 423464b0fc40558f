//! How we tell a peer that sent REFER what became of it, where not everybody takes our word.

use super::net::udp;
use super::peer::{Bench, OUT, PEER, Req, SDP, US};
use chorus::sip::event::{Credentials, SipCmd};

const CONTACT: &str = "Contact: <sip:callee@10.0.0.2:5060>\r\n";
/// A proxy on the way, and the peer behind it.
const PROXY: (u16, &str) =
    (407, "Proxy-Authenticate: Digest realm=\"proxy\", nonce=\"n1\", qop=\"auth\"\r\n");
const BEHIND: (u16, &str) = (401, "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n2\", qop=\"auth\"\r\n");

/// The counts that the last message shows the proxy and the peer.
fn shown(b: &Bench) -> [Option<String>; 2] {
    ["Proxy-Authorization", "Authorization"].map(|name| {
        let value = b.last().headers.text(name)?;
        Some(value.split_once("nc=")?.1.chars().take(8).collect())
    })
}

#[test]
fn a_notify_that_the_proxy_and_then_the_peer_challenges_has_both_answers() {
    let mut b = Bench::new();
    let ours = Credentials { username: "me".into(), password: "s3cret".into() };
    b.dial_with(&[udp(US, PEER)], Some(ours));
    for (code, challenge) in [PROXY, BEHIND] {
        b.respond("INVITE", code, challenge, "callee", "");
    }
    b.respond("INVITE", 200, CONTACT, "callee", SDP);
    let refer = Req::new("REFER").call_id("ours@10.0.0.1").them("callee").us("mine").cseq(5);
    b.get(&refer.with("Refer-To: <sip:anna@10.0.0.2>").text());
    b.take();
    b.tell(SipCmd::AcceptRefer { leg: OUT });
    b.expect(&["202 REFER", "NOTIFY"]);
    let (first, body) = (b.last().cseq().unwrap().number, b.last().body.clone());
    assert_eq!(shown(&b), [None, None]);
    b.respond("NOTIFY", PROXY.0, PROXY.1, "", "");
    assert_eq!(shown(&b), [Some("00000003".into()), None]);
    b.respond("NOTIFY", BEHIND.0, BEHIND.1, "", "");
    assert_eq!(shown(&b), [Some("00000004".into()), Some("00000002".into())]);
    assert_eq!((b.last().cseq().unwrap().number, &b.last().body), (first + 2, &body));
    assert_eq!(b.last().headers.text("Event").unwrap(), "refer");
    b.expect(&["NOTIFY", "NOTIFY"]);
    // Who does not believe it is not asked for ever.
    b.respond("NOTIFY", BEHIND.0, BEHIND.1, "", "");
    b.expect(&[]);
}
