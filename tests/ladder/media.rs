//! What the trunks say of media: encryption, codecs, packet time, keys.

use super::scene::*;
use crate::kit::phone::OnCall;
use crate::kit::world::spoken;
use crate::kit::{Reply, World, ladder, rows};
use crate::media::audio;
use chorus::media::codec::g711;
use chorus::media::plan::{Codec, Dtmf};
use chorus::media::srtp::OwnKeys;
use chorus::rng::Rng;
use chorus::sdp::{Direction, Srtp, Terms};
use chorus::store::rows::{CallRow, TrunkRow};
use chorus::trunk::media::SrtpPolicy;

pub(super) const WORDS: &str = "hello, this is an encrypted call";

fn keys(n: u64) -> Box<OwnKeys> {
    Box::new(OwnKeys::new(Rng::from_number(n)))
}

pub(super) fn required(n: u64) -> Terms {
    Terms { srtp: Srtp::Required(keys(n)), ..Terms::default() }
}

fn optional(n: u64) -> Terms {
    Terms { srtp: Srtp::Optional(keys(n)), ..Terms::default() }
}

fn pcm(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()
}

/// The phone heard these words: the very samples, whatever stood on the wire.
pub(super) fn heard(w: &World, phone: usize, words: &str) {
    let said: Vec<i16> = spoken(words).ulaw.iter().map(|o| g711::pcm_from_ulaw(*o)).collect();
    let (_, value) = audio::correlate(&said, &pcm(&w.phones[phone].heard));
    assert!(value > 0.95, "{value} of {words:?} in {} octets", w.phones[phone].heard.len());
}

/// A caller that wants what `terms` say, to a trunk with this policy.
fn secure(seed: u64, policy: SrtpPolicy, terms: Terms, document: &str) -> World {
    let mut w = caller(seed, document);
    w.trunk(|t| t.media.srtp = policy);
    w.phones[0].terms = terms;
    w.dial(0, "+15550001");
    w
}

pub(super) fn is_encrypted(w: &World, phone: usize) -> bool {
    w.phones[phone].peer.as_ref().is_some_and(|p| p.crypto.is_some())
}

fn refused(w: &mut World, words: &str) {
    over(w);
    assert_eq!(w.phones[0].ended[0].code, 488);
    let notes = w.store.all::<chorus::store::rows::NotificationRow>().map(|n| n.words.clone());
    let notes: Vec<String> = notes.collect();
    assert!(notes.iter().any(|n| n.contains(words)), "{notes:?}");
}

#[test]
fn srtp_inbound() {
    let document = format!("<Say>{WORDS}</Say><Gather numDigits=\"1\" action=\"/digits\"/>");
    let mut w = secure(700, SrtpPolicy::Required, required(1), &document);
    w.app.on("/digits", Reply::twiml("<Hangup/>"));
    answered(&mut w, 0);
    assert!(is_encrypted(&w, 0));
    w.run_ms(6_000);
    w.press(0, "5");
    over(&mut w);
    heard(&w, 0, WORDS);
    assert_eq!(w.app.of("/digits")[0].params["Digits"], "5", "keys are protected like speech");
    ladder::check(
        w,
        "srtp_inbound",
        "SDES-SRTP required: RTP/SAVP with keys both ways, speech and keys in it.",
    );
}

#[test]
fn srtp_required_but_not_offered() {
    let mut w = secure(701, SrtpPolicy::Required, Terms::default(), "<Say>hello</Say>");
    refused(&mut w, "SRTP is required here");
    let words = "SRTP required: an offer in clear gets 488 with a Warning.";
    ladder::check(w, "srtp_required_but_not_offered", words);
}

#[test]
fn srtp_offered_but_off() {
    let mut w = secure(702, SrtpPolicy::Off, required(1), "<Say>hello</Say>");
    refused(&mut w, "SRTP is off here");
    let words = "SRTP off: an offer of RTP/SAVP gets 488 with a Warning.";
    ladder::check(w, "srtp_offered_but_off", words);
}

/// A call of ours to a callee with these terms.
fn called(seed: u64, policy: SrtpPolicy, terms: Terms) -> World {
    let mut w = caller(seed, &format!("<Say>{WORDS}</Say>"));
    w.trunk(|t| t.media.srtp = policy);
    let phone = callee(&mut w, OnCall::Answer(500));
    w.phones[phone].terms = terms;
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[1].ended.is_empty());
    heard(&w, phone, WORDS);
    w
}

#[test]
fn srtp_optional_to_a_peer_with_it() {
    let w = called(703, SrtpPolicy::Optional, optional(2));
    let offer = &w.phones[1].documents[0];
    assert!(offer.contains("RTP/AVP ") && offer.matches("a=crypto:").count() == 3, "{offer}");
    let words = "SRTP optional: RTP/AVP with keys is offered, a peer that knows them encrypts.";
    ladder::check(w, "srtp_optional_to_a_peer_with_it", words);
}

#[test]
fn srtp_optional_to_a_peer_without_it() {
    let w = called(704, SrtpPolicy::Optional, Terms::default());
    let words = "SRTP optional: a peer that passes over the keys speaks in clear.";
    ladder::check(w, "srtp_optional_to_a_peer_without_it", words);
}

#[test]
fn srtp_outbound() {
    let w = called(705, SrtpPolicy::Required, required(3));
    assert!(w.phones[1].documents[0].contains("RTP/SAVP "));
    ladder::check(w, "srtp_outbound", "SRTP required: our INVITE offers RTP/SAVP and nothing else.");
}

#[test]
fn srtp_required_and_answered_in_clear() {
    let mut w = caller(706, "<Say>hello</Say>");
    w.trunk(|t| t.media.srtp = SrtpPolicy::Required);
    let phone = callee(&mut w, OnCall::Answer(500));
    w.phones[phone].answer_with = Some(
        "v=0\r\no=- 1 1 IN IP4 10.0.1.2\r\ns=-\r\nc=IN IP4 10.0.1.2\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"
            .into(),
    );
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.phones[1].rtp_loud, 0);
    let words = "SRTP required: an answer in clear ends the call before a packet leaves.";
    ladder::check(w, "srtp_required_and_answered_in_clear", words);
}

/// The peer changes its key in mid-call (a transfer behind a PBX does that), then says the same again.
#[test]
fn srtp_rekeyed() {
    let document = format!("<Say>{WORDS}</Say><Record maxLength=\"30\" timeout=\"0\" playBeep=\"false\"/>");
    let mut w = secure(707, SrtpPolicy::Required, required(4), &document);
    answered(&mut w, 0);
    w.run_ms(500);
    let before = w.phones[0].peer.clone();
    w.phones[0].terms.srtp.renew();
    w.reoffer(0, "INVITE", Direction::SendRecv);
    w.run_ms(12);
    let now = w.now;
    w.phones[0].take_answer(now);
    let after = w.phones[0].peer.clone();
    let ours =
        |p: &Option<chorus::media::plan::Peer>| p.as_ref().and_then(|p| p.crypto.as_ref().map(|c| c.theirs));
    assert!(
        ours(&before).is_some() && ours(&after).is_some() && ours(&before) != ours(&after),
        "a new key of ours"
    );
    w.talk(0, Some(spoken("what is said under the new key")));
    w.run_ms(6_000);
    w.reoffer(0, "INVITE", Direction::SendRecv);
    w.run_ms(12);
    let now = w.now;
    w.phones[0].take_answer(now);
    assert_eq!(ours(&after), ours(&w.phones[0].peer), "the same key: the same answer");
    w.hang_up(0);
    over(&mut w);
    heard(&w, 0, WORDS);
    w.run_ms(1_000);
    let stats = w.store.all::<CallRow>().next().unwrap().stats.unwrap();
    assert!(
        stats.received > 200 && stats.dropped == 0,
        "what was on its way under the old key is heard: {stats:?}"
    );
    let text = |n: usize| w.phones[0].documents[n].clone();
    assert!(text(1) != text(0) && text(2) == text(1), "unchanged, so is its version");
    ladder::check(
        w,
        "srtp_rekeyed",
        "Keys in re-INVITEs: a new one is answered with a new one, the same with the same.",
    );
}

#[test]
fn srtp_of_the_trunk_that_is_taken() {
    let mut w = caller(708, &format!("<Say>{WORDS}</Say>"));
    w.trunk(|t| t.media.srtp = SrtpPolicy::Required);
    w.another_trunk(TrunkRow {
        name: "second".to_owned(),
        outbound_host: Some("10.0.1.3:5060".to_owned()),
        ..rows::trunk(0x72, &[])
    });
    callee(&mut w, OnCall::Refuse(503));
    let second = w.phone("second", 3);
    w.phones[second].on_call = OnCall::Answer(500);
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[second].ended.is_empty());
    heard(&w, second, WORDS);
    assert!(!w.phones[second].documents[0].contains("crypto"));
    let words = "The next trunk is offered what it takes: RTP/AVP after a trunk that requires SRTP.";
    ladder::check(w, "srtp_of_the_trunk_that_is_taken", words);
}

#[test]
fn codecs_in_the_order_of_the_trunk() {
    let mut w = caller(710, "<Say>hello</Say>");
    w.trunk(|t| {
        t.media.codecs = vec![Codec::Pcma, Codec::Pcmu];
        t.media.ptime = Some(30);
    });
    w.dial(0, "+15550001");
    over(&mut w);
    let answer = w.phones[0].documents[0].clone();
    assert!(answer.contains("RTP/AVP 8 ") && answer.contains("a=ptime:30"), "{answer}");
    callee(&mut w, OnCall::Answer(500));
    api(&mut w, |_| {});
    w.until("it is over", |w| !w.phones[1].ended.is_empty());
    let offer = w.phones[1].documents[0].clone();
    assert!(offer.contains("RTP/AVP 8 0 ") && offer.contains("a=ptime:30"), "{offer}");
    heard(&w, 1, "hello");
    let words = "codecs and ptime of a trunk: offered in that order, preferred in answers.";
    ladder::check(w, "codecs_in_the_order_of_the_trunk", words);
}

#[test]
fn codecs_of_the_trunk_do_not_fit() {
    let mut w = caller(711, "<Say>hello</Say>");
    w.trunk(|t| t.media.codecs = vec![Codec::Pcma]);
    w.phones[0].terms.codecs = vec![Codec::Pcmu];
    w.dial(0, "+15550001");
    refused(&mut w, "no common codec: the peer offered PCMU/8000, CN/8000; PCMA is spoken here");
    let words = "None of the trunk's codecs is offered: 488 with a Warning that names both.";
    ladder::check(w, "codecs_of_the_trunk_do_not_fit", words);
}

fn sdp(connection: &str, port: u16, version: u32) -> bytes::Bytes {
    format!(
        "v=0\r\no=- 1 {version} IN IP4 10.0.1.10\r\ns=-\r\nc=IN IP4 {connection}\r\nt=0 0\r\nm=audio {port} RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    .into()
}

#[test]
fn hold_by_an_address_of_zeros() {
    let mut w = talking(712, &format!("<Say>{}</Say>", "a".repeat(200)));
    w.run_ms(500);
    w.raw(0, "INVITE", Some(("application/sdp", sdp("0.0.0.0", 4_000, 8))));
    w.run_ms(100);
    let before = w.phones[0].rtp_loud;
    w.run_ms(2_000);
    assert!(before > 0);
    assert_eq!(w.phones[0].rtp_loud, before, "nothing is sent to nowhere");
    w.reoffer(0, "INVITE", Direction::SendRecv);
    w.run_ms(1_000);
    assert!(w.phones[0].rtp_loud > before);
    w.hang_up(0);
    over(&mut w);
    ladder::check(
        w,
        "hold_by_an_address_of_zeros",
        "c=0.0.0.0 holds the call: nothing is sent until the next offer.",
    );
}

#[test]
fn audio_is_taken_away() {
    let mut w = talking(713, "<Say>hi</Say><Pause length=\"10\"/>");
    w.raw(0, "INVITE", Some(("application/sdp", sdp("10.0.1.10", 0, 8))));
    w.run_ms(1_000);
    w.hang_up(0);
    over(&mut w);
    ladder::check(
        w,
        "audio_is_taken_away",
        "Port 0 for the only audio in mid-call: 488, and the call goes on.",
    );
}

#[test]
fn the_trunk_of_a_call_is_what_its_terms_were_taken_from() {
    let mut w = secure(714, SrtpPolicy::Optional, optional(5), "<Say>hello</Say>");
    answered(&mut w, 0);
    assert!(is_encrypted(&w, 0), "RTP/AVP with keys, as baresip and Asterisk offer it");
    over(&mut w);
    assert_eq!(w.store.all::<CallRow>().count(), 1);
    // Nothing that was written holds a key.
    let written: String = w.store.all::<CallRow>().map(|r| serde_json::to_string(r).unwrap()).collect();
    assert!(!written.contains("inline:"), "{written}");
}

#[test]
fn keys_by_info_both_ways() {
    let mut w = caller(720, "<Play digits=\"1w5#\"/><Gather numDigits=\"1\" action=\"/digits\"/>");
    w.trunk(|t| t.media.dtmf = Dtmf::Info);
    callee(&mut w, OnCall::Answer(500));
    api(&mut w, |_| {});
    w.app.on("/digits", Reply::twiml("<Hangup/>"));
    w.until("answered", |w| w.phones[1].answered);
    w.run_ms(3_000);
    let offer = &w.phones[1].documents[0];
    assert!(!offer.contains("telephone-event"), "{offer}");
    assert_eq!(w.phones[1].keys, "15#", "each once, in order");
    w.raw(1, "INFO", Some(("application/dtmf", "9".into())));
    w.until("it is over", |w| !w.phones[1].ended.is_empty());
    assert_eq!(w.app.of("/digits")[0].params["Digits"], "9");
    ladder::check(
        w,
        "keys_by_info_both_ways",
        "dtmf info: Play digits leaves as SIP INFO, INFO is a key that Gather hears.",
    );
}

/// A phone that says tones.
fn toned(seed: u64, dtmf: Dtmf) -> World {
    let mut w = caller(
        seed,
        "<Gather numDigits=\"3\" action=\"/digits\"><Say>press three keys, please</Say></Gather>",
    );
    w.app.on("/digits", Reply::twiml("<Hangup/>"));
    w.trunk(|t| t.media.dtmf = dtmf);
    w.phones[0].terms = Terms { dtmf: Dtmf::Inband, ..Terms::default() };
    w.dial(0, "+15550001");
    answered(&mut w, 0);
    w.run_ms(500);
    w.press(0, "4*2");
    w
}

#[test]
fn keys_as_tones() {
    let mut w = toned(721, Dtmf::Inband);
    over(&mut w);
    assert_eq!(w.app.of("/digits")[0].params["Digits"], "4*2");
    ladder::check(
        w,
        "keys_as_tones",
        "dtmf inband: tones in what is heard are keys, and interrupt what is said.",
    );
}

#[test]
fn keys_of_a_peer_without_events_are_looked_for_where_the_trunk_says_auto() {
    let mut w = toned(722, Dtmf::Auto);
    over(&mut w);
    assert_eq!(w.app.of("/digits")[0].params["Digits"], "4*2");
}

#[test]
fn tones_are_speech_where_keys_come_as_events() {
    let mut w = toned(723, Dtmf::Events);
    w.run_ms(2_000);
    assert!(w.app.of("/digits").is_empty());
    w.hang_up(0);
    over(&mut w);
}
