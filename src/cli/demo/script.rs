//! (s) The call of the demo, from the caller's side, and what was seen of it afterwards.

use super::agent::Agent;
use super::app::{self, App};
use super::beat::Beat;
use super::rest::Rest;
use super::summary::{Recording, Seen};
use super::{Break, CALLER, NUMBER};
use crate::cli::compare::samples;
use crate::cli::ear;
use crate::cli::phone::{Dial, Phone};
use crate::media::plan::Clip;
use crate::server::Server;
use crate::sid::{CallSid, RecordingSid};
use crate::speech::embedded::Embedded;
use crate::speech::{Provider, Speech};
use crate::store::{Scope, calls};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the caller says to the agent.
const TALK: &str = "I would like to hear my own voice. One, two, three, four, five.";
/// What the caller says to be recorded.
const DICTATION: &str = "Please call me back tomorrow morning, after nine o'clock.";
/// A pause in speech that means: your turn.
const TURN_MS: u64 = 900;
/// Milliseconds of a beep that was heard.
const BEEP_MS: u64 = 200;
/// The beep is over after this pause.
const BEEP_OVER_MS: u64 = 200;
/// Nothing of the script may take longer.
const STEP: Duration = Duration::from_secs(10);
/// Time for the last callbacks.
const CALLBACKS: Duration = Duration::from_secs(5);
/// A spoiled packet in so many.
const LOSE: u64 = 20;
/// A spoiled phone stands still for so long, once a second.
const STALL: Duration = Duration::from_millis(100);

async fn speak(voice: &Embedded, text: &str) -> Result<Clip, String> {
    let speech = Speech { text: text.to_owned(), voice: String::new(), language: String::new() };
    voice.speak(&speech).await.map_err(|e| e.words)
}

/// Calls, talks, and looks at everything.
///
/// # Errors
/// The phone has no sockets, or the voice is damaged; what goes wrong in the call is seen, not an error.
pub async fn play(
    server: &Server,
    app: &App,
    agent: &Agent,
    rest: &Rest,
    dir: &Path,
    broken: Option<Break>,
) -> Result<Seen, String> {
    let voice = Embedded::new(1)?;
    let say = speak(&voice, app::SAY).await?;
    let talk = Arc::new(ear::mark(&speak(&voice, TALK).await?, &mut crate::api::rng()));
    let dictation = Arc::new(speak(&voice, DICTATION).await?);
    let dial = Dial {
        bind: server.sip.ip(),
        server: server.sip,
        to: NUMBER.to_owned(),
        from: CALLER.to_owned(),
        watcher: None,
        lose: if broken == Some(Break::LostPackets) { LOSE } else { 0 },
        stall: if broken == Some(Break::StalledPhone) { STALL } else { Duration::ZERO },
    };
    let beat = Beat::start()?;
    let phone = Phone::dial(dial).await?;
    let tone_ms = converse(&phone, agent, &talk, &dictation, broken).await;
    let report = phone.finish(STEP).await;
    let beats = beat.stop();
    let settled = async {
        app.until(CALLBACKS, |asked| app::CALLBACKS.iter().all(|c| app::delivered(asked, c))).await;
        // What came of the last callback is written after the app has answered it.
        let mut counts = server.counts.clone();
        let _ = counts.wait_for(|c| c.calls == 0 && c.outbox == 0).await;
    };
    let _ = tokio::time::timeout(CALLBACKS, settled).await;
    let seen = Seen {
        call: String::new(),
        status: "unknown".to_owned(),
        duration: "0".to_owned(),
        asked: app.asked(),
        agent: agent.notes.borrow().clone(),
        report,
        beats,
        stats: Default::default(),
        say: samples(&say.ulaw),
        talk: samples(&talk.ulaw),
        dictation: samples(&dictation.ulaw),
        recording: None,
        tone_ms,
    };
    Ok(look(seen, server, rest, dir).await)
}

/// The caller's part; how long the agent's tone was heard.
async fn converse(
    phone: &Phone,
    agent: &Agent,
    talk: &Arc<Clip>,
    dictation: &Arc<Clip>,
    broken: Option<Break>,
) -> u64 {
    phone.until(STEP, |s| s.loud_ms > 1_000 && s.quiet_ms > TURN_MS).await;
    phone.press(if broken == Some(Break::WrongKeys) { "41" } else { app::KEYS });
    agent.until(STEP, |n| n.started).await;
    phone.say_marked(talk.clone());
    // The agent's answer: first the speech, which ends before the mark, then the tone.
    agent.until(STEP, |n| n.marks.contains(&"tone") || n.cleared || n.closed).await;
    let before = phone.state.borrow().loud_ms;
    agent.until(STEP, |n| n.closed).await;
    let heard = phone.state.borrow().loud_ms;
    // Record begins with a beep, which may follow the tone at once.
    phone.until(STEP, |s| s.loud_ms > heard + BEEP_MS && s.quiet_ms > BEEP_OVER_MS).await;
    phone.say(dictation.clone());
    heard.saturating_sub(before)
}

/// What Chorus knows of the call.
async fn look(mut seen: Seen, server: &Server, rest: &Rest, dir: &Path) -> Seen {
    let first = seen.asked.iter().find_map(|a| a.params.get("CallSid").cloned());
    let Some(call) = first else { return seen };
    if let Ok(row) = rest.json(&format!("/Calls/{call}.json")).await {
        let field = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or("?").to_owned();
        (seen.status, seen.duration) = (field("status"), field("duration"));
    }
    if let Some(sid) = CallSid::parse(&call)
        && let Ok(Some(row)) = server.store.read(move |r| calls::get(r, Scope::Operator, sid)).await
    {
        seen.stats = row.stats.unwrap_or_default();
    }
    seen.recording = recording(rest, dir, &call).await;
    seen.call = call;
    seen
}

async fn recording(rest: &Rest, dir: &Path, call: &str) -> Option<Recording> {
    let list = rest.json(&format!("/Calls/{call}/Recordings.json")).await.ok()?;
    let sid = list.pointer("/recordings/0/sid").and_then(Value::as_str)?.to_owned();
    let path = crate::media::disk::path_of(&dir.join("recordings"), RecordingSid::parse(&sid)?);
    let file = std::fs::read(&path).ok()?;
    let by_rest = rest.get(&format!("/Recordings/{sid}.wav")).await.ok()?;
    let samples =
        hound::WavReader::new(file.as_slice()).ok()?.into_samples::<i16>().filter_map(Result::ok).collect();
    Some(Recording { path, samples, same_by_rest: by_rest == file })
}
