//! Rows that are written into the store, and the audio of a recording.

use super::harness::{FROM, now};
use chorus::sid::*;
use chorus::store::rows::*;

pub fn account(sid: AccountSid, owner: Option<AccountSid>) -> AccountRow {
    AccountRow {
        sid,
        owner: owner.unwrap_or(sid),
        friendly_name: "Main".to_string(),
        status: "active".to_string(),
        held: false,
        auth_token: chorus::api::rng().hex(32),
        rules: Default::default(),
        revision: 0,
        created: now().wall,
        updated: now().wall,
    }
}

pub fn call(account: AccountSid, status: CallStatus) -> CallRow {
    CallRow {
        sid: CallSid::new(&mut chorus::api::rng()),
        to: "+15005550006".to_string(),
        from: FROM.to_string(),
        direction: Direction::Inbound,
        started: Some(now().wall),
        answered: Some(now().wall),
        ended: status.is_final().then(|| now().wall),
        ..CallRow::empty(account, now().wall, "tests", status)
    }
}

pub fn recording(call: &CallRow, sid: RecordingSid, channels: u8, status: &str) -> RecordingRow {
    RecordingRow {
        sid,
        account: call.account,
        call: call.sid,
        status: status.to_string(),
        source: "RecordVerb".to_string(),
        channels,
        track: "both".to_string(),
        ms: Some(1_000),
        file: format!("{sid}.wav"),
        error: None,
        callback: None,
        events: "completed".to_string(),
        started: now().wall,
        created: now().wall,
        updated: now().wall,
    }
}

/// One second: the first channel is 1000 throughout, the second 200.
pub fn wav(channels: u8) -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: channels.into(),
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut out = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut out, spec).unwrap();
    for _ in 0..8_000 {
        writer.write_sample(1_000i16).unwrap();
        if channels == 2 {
            writer.write_sample(200i16).unwrap();
        }
    }
    writer.finalize().unwrap();
    out.into_inner()
}
