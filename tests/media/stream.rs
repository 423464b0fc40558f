//! A leg and its streams, through real sessions: what the agent hears, what it says, keys, marks, ends.

use super::audio::{correlate, speech};
use super::rig::{Network, Rig, START_US, through_ulaw};
use chorus::media::codec::g711::pcm_from_ulaw;
use chorus::media::engine::StreamInput;
use chorus::media::event::{AgentEvent, EngineCommand, MediaEvent, StreamStart};
use chorus::media::plan::{Codec, Source, SourceId, Tap, TapId, Track};
use chorus::sid::{AccountSid, CallSid, StreamSid};
use chorus::sip::event::LegId;

const SID: StreamSid = StreamSid(5);

pub fn open(rig: &mut Rig, leg: LegId, track: Track, bidirectional: bool) {
    let start = StreamStart {
        stream: SID,
        leg,
        account: AccountSid(1),
        call: CallSid(2),
        track,
        bidirectional,
        parameters: vec![("a".into(), "b".into())],
    };
    rig.tell(leg, EngineCommand::OpenStream(Box::new(start)));
    rig.plan(leg, |p| _ = p.taps.insert(TapId(7), Tap::Stream { stream: SID, track }));
    if bidirectional {
        rig.plan(leg, |p| p.source = Some((SourceId(7), Source::Agent(SID))));
    }
    input(rig, leg, StreamInput::Opened);
}

fn input(rig: &mut Rig, leg: LegId, i: StreamInput<'_>) {
    let (now, e) = (rig.now(), rig.home[&leg]);
    rig.engines[e].on_stream(now, SID, i, &mut rig.out);
    rig.perform(e);
}

/// The agent sends a text message.
fn say(rig: &mut Rig, leg: LegId, json: &str) {
    let n = json.len();
    let mut f = vec![0x81];
    if n < 126 {
        f.push(n as u8);
    } else {
        f.push(127);
        f.extend((n as u64).to_be_bytes());
    }
    f.extend_from_slice(json.as_bytes());
    input(rig, leg, StreamInput::Bytes(&mut f));
}

fn media(rig: &mut Rig, leg: LegId, ulaw: &[u8]) {
    let payload = base64_simd::STANDARD.encode_to_string(ulaw);
    say(
        rig,
        leg,
        &format!("{{\"event\":\"media\",\"streamSid\":\"{SID}\",\"media\":{{\"payload\":\"{payload}\"}}}}"),
    );
}

/// Frames of ours as the agent reads them: JSON of text frames, unmasked.
fn messages(rig: &Rig) -> Vec<serde_json::Value> {
    let mut rest = &rig.streams[&SID][..];
    let mut all = Vec::new();
    while rest.len() > 2 {
        assert_eq!(rest[1] & 0x80, 0x80, "a client masks");
        let (n, at) = match rest[1] & 0x7F {
            126 => (usize::from(u16::from_be_bytes([rest[2], rest[3]])), 4),
            127 => (u64::from_be_bytes(rest[2..10].try_into().unwrap()) as usize, 10),
            n => (usize::from(n), 2),
        };
        let key = &rest[at..at + 4];
        let body: Vec<u8> =
            rest[at + 4..at + 4 + n].iter().enumerate().map(|(i, b)| b ^ key[i % 4]).collect();
        if rest[0] & 0x0F == 1 {
            all.push(serde_json::from_slice(&body).unwrap());
        }
        rest = &rest[at + 4 + n..];
    }
    all
}

pub fn heard(rig: &Rig, track: &str) -> Vec<i16> {
    let all = messages(rig);
    let payloads = all.iter().filter(|m| m["event"] == "media" && m["media"]["track"] == track);
    payloads
        .flat_map(|m| base64_simd::STANDARD.decode_to_vec(m["media"]["payload"].as_str().unwrap()).unwrap())
        .map(pcm_from_ulaw)
        .collect()
}

fn agent_events(rig: &Rig) -> Vec<AgentEvent> {
    let all = rig.events.iter().filter_map(|(_, e)| match e {
        MediaEvent::Agent(_, s, e) if *s == SID => Some(e.clone()),
        _ => None,
    });
    all.filter(|e| !matches!(e, AgentEvent::Message { .. })).collect()
}

#[test]
fn packets_that_go_on_to_somebody_are_waited_for_and_no_others() {
    let mut rig = Rig::new(1);
    let legs = [0; 4].map(|e| rig.leg(e, Codec::Pcmu));
    let [a, b, spoken, heard] = legs;
    rig.record(spoken, 1, |_| {});
    rig.bridge(a, b, 1);
    open(&mut rig, heard, Track::Inbound, false);
    let waited = |rig: &Rig| legs.map(|leg| rig.engines[0].forwards(leg));
    assert_eq!(waited(&rig), [true, true, false, true]);
    rig.plan(a, |p| p.source = None);
    rig.plan(heard, |p| p.taps.clear());
    assert_eq!(waited(&rig), [true, false, false, false]);
    let turns: Vec<LegId> = (0..4).flat_map(|phase| rig.engines[0].legs_of(phase)).collect();
    assert!(turns.len() == 4 && legs.iter().all(|leg| turns.contains(leg)), "each has its turn: {turns:?}");
}

#[test]
fn the_agent_hears_the_caller_on_arrival_in_frames_of_20_ms() {
    for (codec, ptime) in [(Codec::Pcmu, 20), (Codec::Pcma, 30), (Codec::Pcmu, 10), (Codec::Pcma, 60)] {
        let mut rig = Rig::new(1);
        let leg = rig.leg(0, codec);
        rig.phone(leg).ptime = ptime;
        let voice = speech(1, 3_000);
        rig.says(leg, &voice);
        open(&mut rig, leg, Track::Inbound, true);
        rig.run(3_000);
        let got = heard(&rig, "inbound");
        assert!((149 * 160..=151 * 160).contains(&got.len()), "{ptime}: {}", got.len());
        let (lag, r) = correlate(&voice, &got);
        assert!(r > 0.98 && lag.abs() <= 640, "{ptime}: {lag} {r}");
        let all = messages(&rig);
        assert_eq!((all[0]["event"].as_str(), all[1]["event"].as_str()), (Some("connected"), Some("start")));
        assert!(all[2..].iter().all(|m| m["event"] == "media"));
    }
}

#[test]
fn a_bad_network_costs_what_was_lost_and_frames_go_on_counting_time() {
    for loss in [0, 5, 10, 20] {
        for (jitter_ms, reorder) in [(0, 0), (0, 20), (60, 0), (120, 5), (300, 0)] {
            let mut rig = Rig::new(1);
            let leg = rig.leg(0, Codec::Pcmu);
            rig.phone(leg).network = Network { loss, jitter_ms, reorder, duplicate: 1 };
            let voice = speech(2, 10_000);
            rig.says(leg, &voice);
            open(&mut rig, leg, Track::Inbound, true);
            rig.run(10_500);
            let frames = heard(&rig, "inbound").len() / 160;
            assert!(
                (515..=545).contains(&frames),
                "loss {loss} jitter {jitter_ms} reorder {reorder}: {frames}"
            );
            if jitter_ms == 0 {
                let (lag, r) = rig.alike_where_it_arrived(leg, &voice, &heard(&rig, "inbound"));
                // Losses and exchanges at once may exchange more than the one packet that is held.
                let least = if loss == 20 && reorder > 0 { 0.8 } else { 0.97 };
                assert!(r > least && lag.abs() <= 640, "loss {loss} reorder {reorder}: {lag} {r}");
            }
        }
    }
}

#[test]
fn when_nothing_comes_comfort_silence_goes_on() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    open(&mut rig, leg, Track::Both, false);
    rig.run(2_000);
    rig.says(leg, &speech(3, 1_000));
    rig.run(1_000);
    rig.phone(leg).sending = false;
    rig.run(2_000);
    for track in ["inbound", "outbound"] {
        let frames = heard(&rig, track).len() / 160;
        assert!((244..=252).contains(&frames), "{track}: {frames}");
    }
    assert!(heard(&rig, "outbound").iter().all(|s| *s == 0));
    assert!(correlate(&speech(3, 1_000), &heard(&rig, "inbound")[16_000..]).1 > 0.98);
}

#[test]
fn what_the_leg_hears_is_the_outbound_track() {
    let mut rig = Rig::new(1);
    let (a, b) = (rig.leg(0, Codec::Pcmu), rig.leg(0, Codec::Pcma));
    rig.bridge(a, b, 1);
    open(&mut rig, a, Track::Both, false);
    let (one, two) = (speech(1, 2_000), speech(2, 2_000));
    rig.says(a, &one);
    rig.says(b, &two);
    rig.run(1_500);
    rig.play(a, 2, vec![chorus::media::plan::Item::Clip { clip: super::rig::clip(&one), times: 1 }], true);
    rig.run(1_000);
    let out = heard(&rig, "outbound");
    assert!(correlate(&one[..11_000], &heard(&rig, "inbound")).1 > 0.98);
    assert!(correlate(&two[..11_000], &out[..12_000]).1 > 0.98);
    assert!(correlate(&one[..7_000], &out[11_800..]).1 > 0.98);
}

#[test]
fn the_caller_hears_the_agent_and_a_mark_never_comes_before_its_audio() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    open(&mut rig, leg, Track::Inbound, true);
    rig.run(200);
    let voice = speech(4, 1_030);
    let ulaw: Vec<u8> = super::rig::clip(&voice).ulaw.clone();
    for part in ulaw.chunks(777) {
        media(&mut rig, leg, part);
    }
    say(
        &mut rig,
        leg,
        &format!("{{\"event\":\"mark\",\"streamSid\":\"{SID}\",\"mark\":{{\"name\":\"end\"}}}}"),
    );
    let mark_at = |rig: &Rig| messages(rig).iter().position(|m| m["event"] == "mark");
    while mark_at(&rig).is_none() {
        rig.step();
        assert!(rig.ms() < 3_000, "the mark comes");
    }
    let now = rig.now_us;
    let spoken = rig.phones[&leg].got.iter().filter(|g| g.payload.iter().any(|o| *o != 0xFF));
    let last = spoken.map(|g| g.at_us).max().unwrap();
    assert!(now >= last && now - last <= 40_000, "{now} {last}");
    let (lag, r) = correlate(&through_ulaw(&voice), &rig.phones[&leg].pcm());
    assert!(r > 0.99, "{lag} {r}");
    rig.run(1_000);
    super::play::assert_one_stream(&rig, leg);
    let gap = rig.phones[&leg].got.windows(2).map(|w| w[1].at_us - w[0].at_us).max();
    assert_eq!(gap, Some(20_000), "silence when the agent says nothing");
}

#[test]
fn clear_silences_within_a_frame() {
    let mut rig = Rig::new(1);
    let leg = rig.leg(0, Codec::Pcmu);
    open(&mut rig, leg, Track::Inbound, true);
    media(&mut rig, leg, &vec![0x21; 80_000]);
    rig.run(1_000);
    say(&mut rig, leg, &format!("{{\"event\":\"clear\",\"streamSid\":\"{SID}\"}}"));
    let at = rig.now_us;
    rig.run(1_000);
    let loud = rig.phones[&leg].got.iter().filter(|g| g.payload[0] == 0x21).map(|g| g.at_us).max().unwrap();
    assert!(loud <= at + 20_000);
}

#[test]
fn keys_reach_a_bidirectional_agent_only() {
    for bidirectional in [true, false] {
        let mut rig = Rig::new(1);
        let leg = rig.leg(0, Codec::Pcmu);
        open(&mut rig, leg, Track::Inbound, bidirectional);
        rig.press(leg, 11, 100, true);
        rig.run(500);
        let keys: Vec<_> = messages(&rig).into_iter().filter(|m| m["event"] == "dtmf").collect();
        assert_eq!(keys.len(), usize::from(bidirectional));
        if let Some(k) = keys.first() {
            assert_eq!(k["dtmf"]["digit"], "#");
        }
    }
}

#[test]
fn every_end_is_told_and_leaves_nothing() {
    // We close, the agent breaks off, it never opened, the leg ends.
    for how in 0..4 {
        let mut rig = Rig::new(1);
        let leg = rig.leg(0, Codec::Pcmu);
        open(&mut rig, leg, Track::Inbound, true);
        rig.run(300);
        match how {
            0 => rig.tell(leg, EngineCommand::CloseStream(SID)),
            1 => input(&mut rig, leg, StreamInput::Eof),
            2 => input(&mut rig, leg, StreamInput::Failed { code: 31_902, words: "refused".into() }),
            _ => rig.close(leg),
        }
        assert_eq!(rig.engines[0].counts().streams, 0, "{how}");
        let stopped = messages(&rig).last().is_some_and(|m| m["event"] == "stop");
        assert_eq!(stopped, how == 0 || how == 3, "{how}");
        let events = agent_events(&rig);
        assert_eq!(events[0], AgentEvent::Opened);
        match how {
            1 => assert!(matches!(events[1], AgentEvent::Closed { code: Some(_), .. })),
            2 => assert!(matches!(events[1], AgentEvent::Failed { code: 31_902, .. })),
            _ => assert_eq!(events.len(), 1),
        }
        assert_eq!(rig.ended_streams.len(), usize::from(how != 2));
        rig.run(100);
        rig.close(leg);
        rig.assert_empty();
    }
}

#[test]
fn a_stream_moves_with_its_leg() {
    let mut rig = Rig::new(2);
    let leg = rig.leg(0, Codec::Pcmu);
    open(&mut rig, leg, Track::Inbound, true);
    let voice = speech(6, 3_000);
    rig.says(leg, &voice);
    media(&mut rig, leg, &super::rig::clip(&voice).ulaw);
    for i in 0..6 {
        rig.run(500);
        rig.carry(leg, (i + 1) % 2);
    }
    let (lag, r) = correlate(&voice, &heard(&rig, "inbound"));
    assert!(r > 0.98 && lag.abs() <= 640, "{lag} {r}");
    let (lag, r) = correlate(&voice, &rig.phones[&leg].pcm());
    assert!(r > 0.98 && lag.abs() <= 640, "{lag} {r}");
    assert!(rig.phones[&leg].got[0].at_us >= START_US);
    rig.close(leg);
    rig.assert_empty();
}
