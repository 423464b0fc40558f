//! What SIP does to a call beside answering and hanging up, with peers that the test plays by hand.

use super::scene::*;
use crate::kit::hand::{Half, field, method, response, sdp};
use crate::kit::{World, ladder};
use chorus::sip::wire::Message;

const CONTACT: &str = "Contact: <sip:a@10.0.1.2:5060>\r\n";

/// Phone 0 is whom +15550002 reaches, and answers each message so.
fn callee_by_hand(
    seed: u64,
    document: &str,
    hand: impl FnMut(&Message) -> Vec<(u64, String)> + Send + 'static,
) -> World {
    let mut w = World::new(seed);
    w.phone("callee", 2);
    w.phones[0].by_hand = Some(Box::new(hand));
    w.app.on("/voice", crate::kit::Reply::twiml(document));
    w
}

/// The same, called by POST Calls.
fn called(
    seed: u64,
    document: &str,
    hand: impl FnMut(&Message) -> Vec<(u64, String)> + Send + 'static,
) -> World {
    let mut w = callee_by_hand(seed, document, hand);
    api(&mut w, |_| {});
    w
}

/// Phone 0 calls +15550001 and answers each message so.
fn caller_by_hand(
    seed: u64,
    document: &str,
    hand: impl FnMut(&Message) -> Vec<(u64, String)> + Send + 'static,
) -> World {
    let mut w = caller(seed, document);
    w.phones[0].by_hand = Some(Box::new(hand));
    w
}

fn now(text: String) -> Vec<(u64, String)> {
    vec![(0, text)]
}

fn ok(m: &Message) -> Vec<(u64, String)> {
    now(response(m, 200, "", "a", ""))
}

fn answer(m: &Message, extra: &str) -> Vec<(u64, String)> {
    now(response(m, 200, &format!("{CONTACT}{extra}"), "a", &sdp("10.0.1.2", 4_000)))
}

fn is(m: &Message, code: u16, name: &str) -> bool {
    m.code() == Some(code) && m.cseq().unwrap().method.as_str() == name
}

fn calls_over(w: &mut World) {
    w.until("the call is over", |w| w.switch.calls().count() == 0);
}

#[test]
fn sip_422_out() {
    let mut w = called(620, "<Say>hello</Say>", |m| match method(m) {
        "INVITE" if field(m, "Session-Expires") == "1800" => {
            now(response(m, 422, "Min-SE: 3600\r\n", "a", ""))
        }
        "INVITE" => {
            assert_eq!(
                (field(m, "Session-Expires"), field(m, "Min-SE")),
                ("3600".to_owned(), "3600".to_owned())
            );
            answer(m, "Require: timer\r\nSession-Expires: 3600;refresher=uac\r\n")
        }
        "BYE" => ok(m),
        _ => vec![],
    });
    calls_over(&mut w);
    ladder::check(w, "sip_422_out", "422 of the peer: the call comes again with its Min-SE.");
}

#[test]
fn sip_422_in() {
    let half = Half::caller("+15550001");
    let of = move |cseq: u32, seconds: u32| {
        let extra = format!("Supported: timer\r\nSession-Expires: {seconds}\r\n");
        half.request("INVITE", cseq, &format!("i{cseq}"), &extra, &sdp("10.0.1.10", 4_000))
    };
    let (first, half) = (of(1, 60), Half::caller("+15550001"));
    let mut w = caller_by_hand(621, "<Say>hello</Say>", move |m| match () {
        () if is(m, 422, "INVITE") => {
            assert_eq!(field(m, "Min-SE"), "90");
            vec![(0, half.within(m).request("ACK", 1, "i1", "", "")), (0, of(2, 90))]
        }
        () if is(m, 200, "INVITE") => {
            assert_eq!(field(m, "Session-Expires"), "90;refresher=uac");
            now(half.within(m).request("ACK", 2, "a2", "", ""))
        }
        () if method(m) == "BYE" => ok(m),
        () => vec![],
    });
    w.send_text(0, first);
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    ladder::check(
        w,
        "sip_422_in",
        "422 to a session timer under 90 s, with our Min-SE; the caller asks for more.",
    );
}

#[test]
fn sip_glare() {
    // Ours refreshes by re-INVITE, since nothing says that the peer knows UPDATE; theirs holds.
    let (mut half, mut ours, mut rounds) = (None, None, 0);
    let mut w = called(622, "<Pause length=\"60\"/>", move |m| match method(m) {
        "INVITE" if m.to_tag().is_none() => {
            half = Some(Half::callee(m));
            answer(m, "Require: timer\r\nSession-Expires: 90;refresher=uac\r\n")
        }
        "INVITE" if rounds == 0 => {
            rounds = 1;
            ours = Some(m.clone());
            now(half.as_ref().unwrap().request("INVITE", 1, "theirs", "", &sdp("10.0.1.2", 4_000)))
        }
        "INVITE" => answer(m, "Session-Expires: 90;refresher=uac\r\n"),
        "BYE" => ok(m),
        "" if is(m, 491, "INVITE") => {
            let half = half.as_ref().unwrap();
            let ack = half.request("ACK", 1, "theirs", "", "");
            let refusal = response(ours.as_ref().unwrap(), 491, "", "a", "");
            vec![(0, ack), (0, refusal)]
        }
        _ => vec![],
    });
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    let sentence = "Glare: re-INVITEs that cross get 491 both ways; ours comes again after 2.1 to 4 s, since the Call-ID is ours.";
    ladder::check(w, "sip_glare", sentence);
}

#[test]
fn sip_timer_c() {
    let mut w = callee_by_hand(623, "", |m| match method(m) {
        "INVITE" => now(response(m, 180, CONTACT, "a", "")),
        "CANCEL" => {
            let refused = response(m, 487, "", "a", "").replace(" CANCEL\r\n", " INVITE\r\n");
            vec![(0, response(m, 200, "", "a", "")), (0, refused)]
        }
        _ => vec![],
    });
    // More than the API takes: by the call's own Timeout it would end before.
    api(&mut w, |d| d.timeout_s = 700);
    w.run_ms(665_000);
    assert_eq!(w.switch.calls().count(), 0);
    ladder::check(w, "sip_timer_c", "Timer C: an INVITE that only rings is taken back after 11 minutes.");
}

#[test]
fn sip_forked() {
    let mut w = called(624, "<Say>hello</Say>", |m| match method(m) {
        "INVITE" => vec![
            (0, response(m, 180, CONTACT, "a", "")),
            (200, response(m, 183, "Contact: <sip:b@10.0.1.2:5060>\r\n", "b", &sdp("10.0.1.2", 4_000))),
            (900, response(m, 200, "Contact: <sip:b@10.0.1.2:5060>\r\n", "b", &sdp("10.0.1.2", 4_000))),
            (950, response(m, 200, "Contact: <sip:c@10.0.1.2:5060>\r\n", "c", &sdp("10.0.1.2", 4_002))),
        ],
        "BYE" => ok(m),
        _ => vec![],
    });
    calls_over(&mut w);
    let all = w.lines.iter().filter(|l| l.what == "BYE").count();
    assert_eq!(all, 2, "the one that was too late, and the call");
    let sentence = "Several early dialogs: the first 2xx is the call, whichever it rang with; a further one gets ACK and BYE.";
    ladder::check(w, "sip_forked", sentence);
}

/// A challenge of a proxy, or of the callee.
fn challenge(proxy: bool, realm: &str, more: &str) -> String {
    let name = if proxy { "Proxy-Authenticate" } else { "WWW-Authenticate" };
    format!("{name}: Digest realm=\"{realm}\", nonce=\"n{more}\", algorithm=MD5, qop=\"auth\"{more}\r\n")
}

/// Over a trunk with a password.
fn with_password(mut w: World) -> World {
    w.trunk(|t| {
        t.username = Some("chorus".to_owned());
        t.password = Some("open-sesame-4711".to_owned());
    });
    crate::security::secrets::plant("open-sesame-4711");
    api(&mut w, |_| {});
    calls_over(&mut w);
    w
}

#[test]
fn sip_two_challenges() {
    let w = with_password(callee_by_hand(625, "<Say>hello</Say>", |m| {
        let (proxys, callees) = (m.headers.has("Proxy-Authorization"), m.headers.has("Authorization"));
        match method(m) {
            "INVITE" if !proxys => now(response(m, 407, &challenge(true, "proxy", ""), "p", "")),
            "INVITE" if !callees => now(response(m, 401, &challenge(false, "pbx", ""), "a", "")),
            "INVITE" => answer(m, ""),
            "BYE" => ok(m),
            _ => vec![],
        }
    }));
    let sentence = "401 and 407 together: the proxy's challenge, then the callee's behind it; the last INVITE answers both.";
    ladder::check(w, "sip_two_challenges", sentence);
}

#[test]
fn sip_stale_nonce() {
    let mut tries = 0;
    let w = with_password(callee_by_hand(626, "<Say>hello</Say>", move |m| {
        tries += u32::from(method(m) == "INVITE");
        match method(m) {
            "INVITE" if tries == 1 => now(response(m, 401, &challenge(false, "pbx", ""), "a", "")),
            "INVITE" if tries == 2 => {
                now(response(m, 401, &challenge(false, "pbx", ", stale=true"), "a", ""))
            }
            "INVITE" => answer(m, ""),
            "BYE" => ok(m),
            _ => vec![],
        }
    }));
    ladder::check(
        w,
        "sip_stale_nonce",
        "Stale nonces: the password was right, and is shown again for the new one.",
    );
}

#[test]
fn sip_offerless_reinvite() {
    let mut half = None;
    let mut w = called(627, "<Pause length=\"3\"/>", move |m| match method(m) {
        "INVITE" => {
            let own = half.insert(Half::callee(m)).request("INVITE", 1, "empty", "", "");
            let mut says = answer(m, "");
            says.push((1_000, own));
            says
        }
        "" if is(m, 200, "INVITE") => {
            assert!(m.sdp().is_some(), "our offer");
            now(half.as_ref().unwrap().request("ACK", 1, "acked", "", &sdp("10.0.1.2", 4_010)))
        }
        "BYE" => ok(m),
        _ => vec![],
    });
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    ladder::check(
        w,
        "sip_offerless_reinvite",
        "Delayed offer: a re-INVITE without one gets ours, its ACK answers.",
    );
}

#[test]
fn sip_redirected_elsewhere() {
    let mut w = called(629, "", |m| match method(m) {
        "INVITE" => now(response(m, 302, "Contact: <sip:+15550002@203.0.113.9>\r\n", "a", "")),
        _ => vec![],
    });
    calls_over(&mut w);
    ladder::check(w, "sip_redirected_elsewhere", "3xx out of the trunk is not followed: the call fails.");
}

#[test]
fn sip_peer_stops_refreshing() {
    let half = Half::caller("+15550001");
    let extra = "Supported: timer\r\nSession-Expires: 90;refresher=uac\r\n";
    let invite = half.request("INVITE", 1, "i1", extra, &sdp("10.0.1.10", 4_000));
    let mut w =
        caller_by_hand(630, "<Pause length=\"1\"/><Say>hi</Say><Pause length=\"120\"/>", move |m| match () {
            () if is(m, 200, "INVITE") => now(half.within(m).request("ACK", 1, "a1", "", "")),
            () if method(m) == "BYE" => ok(m),
            () => vec![],
        });
    w.send_text(0, invite);
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    assert!(w.lines.iter().any(|l| l.what == "BYE"));
    ladder::check(
        w,
        "sip_peer_stops_refreshing",
        "Session timers: a caller that should refresh every 90 s and does not is hung up on before they are over.",
    );
}

#[test]
fn sip_no_ack() {
    let invite = Half::caller("+15550001").request("INVITE", 1, "i1", "", &sdp("10.0.1.10", 4_000));
    let mut w = caller_by_hand(631, "<Say>hi</Say><Pause length=\"50\"/>", |m| match method(m) {
        "BYE" => ok(m),
        _ => vec![],
    });
    w.send_text(0, invite);
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    ladder::check(w, "sip_no_ack", "No ACK for our 200: it comes again for 32 s, then BYE.");
}

#[test]
fn sip_crossing_bye() {
    let half = Half::caller("+15550001");
    let invite = half.request("INVITE", 1, "i1", "", &sdp("10.0.1.10", 4_000));
    let mut within = half.clone();
    let mut w = caller_by_hand(632, "<Say>hi</Say>", move |m| match () {
        () if is(m, 200, "INVITE") => {
            within = half.within(m);
            now(within.request("ACK", 1, "a1", "", ""))
        }
        () if method(m) == "BYE" => {
            vec![(0, within.request("BYE", 2, "b2", "", "")), (0, response(m, 200, "", "", ""))]
        }
        () => vec![],
    });
    w.send_text(0, invite);
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    ladder::check(w, "sip_crossing_bye", "BYE crosses BYE: both are answered, the call ends once.");
}

#[test]
fn sip_late_cancel() {
    let half = Half::caller("+15550001");
    let invite = half.request("INVITE", 1, "i1", "", &sdp("10.0.1.10", 4_000));
    let mut w = caller_by_hand(633, "<Say>hi</Say><Pause length=\"5\"/>", move |m| match () {
        () if is(m, 200, "INVITE") => {
            let ack = half.within(m).request("ACK", 1, "a1", "", "");
            vec![(0, half.request("CANCEL", 1, "i1", "", "")), (1, ack)]
        }
        () if method(m) == "BYE" => ok(m),
        () => vec![],
    });
    w.send_text(0, invite);
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    ladder::check(w, "sip_late_cancel", "CANCEL crosses our 200: it is answered and changes nothing.");
}

#[test]
fn sip_behind_a_nat() {
    let half = Half { at: "192.168.7.7:5060".to_owned(), ..Half::caller("+15550001") };
    let invite = half.request("INVITE", 1, "i1", "", &sdp("192.168.7.7", 4_000));
    let mut w = caller_by_hand(634, "<Say>hi</Say>", move |m| match () {
        () if is(m, 200, "INVITE") => now(half.within(m).request("ACK", 1, "a1", "", "")),
        () if method(m) == "BYE" => {
            assert_eq!(m.uri_text(), "sip:192.168.7.7:5060");
            ok(m)
        }
        () => vec![],
    });
    w.send_text(0, invite);
    w.until("it is there", |w| w.switch.calls().count() == 1);
    calls_over(&mut w);
    let sentence = "Private Contact behind NAT: answers and BYE go to where the INVITE came from.";
    ladder::check(w, "sip_behind_a_nat", sentence);
}
