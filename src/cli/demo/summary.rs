//! The summary of the demo: each line is right or wrong, and the demo is right if all are.

use super::agent::{Notes, TONE_MS};
use super::app::{self, Asked};
use super::beat::Beats;
use crate::cli::compare::{correlation, percentile, trimmed};
use crate::cli::phone::Report;
use crate::media::event::Stats;
use std::path::PathBuf;

/// Correlation from which audio counts as the same.
pub const SAME: f64 = 0.9;
/// Share of packets that may be late (p99 of lateness under 20 ms).
const LATE_SHARE: f64 = 0.01;
/// Threads that must wake up for a packet: the one that sends it and the one that receives it. Each may be as late as the machine
/// lets a thread come that has nothing else to do.
const WAKES: f64 = 2.0;
/// Share of late beats from which the machine is too busy to tell whose fault anything is.
const BUSY_SHARE: f64 = 0.1;
/// Packets that may be under way when the call is hung up.
const UNDER_WAY: u64 = 10;
/// Share of the marked packets that must come back.
const TRIPS_SHARE: f64 = 0.9;
/// Slowest median that still is a conversation, microseconds.
const TRIP_MAX_US: u64 = 400_000;

/// Everything that was seen.
pub struct Seen {
    /// The call's SID; empty if the app was never asked.
    pub call: String,
    /// Its status and duration by the REST API.
    pub status: String,
    /// Seconds.
    pub duration: String,
    /// What the app was asked.
    pub asked: Vec<Asked>,
    /// What the agent did.
    pub agent: Notes,
    /// The phone's side.
    pub report: Report,
    /// How late the machine was meanwhile.
    pub beats: Beats,
    /// Chorus' figures of the leg.
    pub stats: Stats,
    /// What Say says.
    pub say: Vec<i16>,
    /// What the caller said to the agent.
    pub talk: Vec<i16>,
    /// What the caller said to be recorded.
    pub dictation: Vec<i16>,
    /// The file, and what the REST API gave for it.
    pub recording: Option<Recording>,
    /// Milliseconds of loud audio between the agent's tone and its end.
    pub tone_ms: u64,
}

/// A recording.
pub struct Recording {
    /// On disk.
    pub path: PathBuf,
    /// Audio from the disk.
    pub samples: Vec<i16>,
    /// GET .../Recordings/RE.wav had the same octets.
    pub same_by_rest: bool,
}

/// One line.
pub struct Check {
    /// What.
    pub name: &'static str,
    /// Right?
    pub ok: bool,
    /// In words.
    pub words: String,
}

fn check(name: &'static str, ok: bool, words: String) -> Check {
    Check { name, ok, words }
}

/// All lines.
pub fn checks(s: &Seen) -> Vec<Check> {
    vec![call(s), say(s), keys(s), stream(s), echo(s), marks(s), recording(s), callbacks(s), packets(s)]
}

fn call(s: &Seen) -> Check {
    let unsigned = s.asked.iter().filter(|a| !a.signed).count();
    let words = format!(
        "{} {}, {} s; answered after {} ms; {} webhooks, {unsigned} with a wrong signature",
        if s.call.is_empty() { "no call reached the app" } else { &s.call },
        s.status,
        s.duration,
        s.report.answered_ms.unwrap_or(0),
        s.asked.len(),
    );
    check("call", s.status == "completed" && unsigned == 0, words)
}

fn say(s: &Seen) -> Check {
    let value = correlation(&s.say, &s.report.ear.samples);
    check("Say", value >= SAME, format!("{:?} as the caller heard it: correlation {value:.2}", app::SAY))
}

fn keys(s: &Seen) -> Check {
    let words =
        format!("{:?} was asked for, {:?} came by way of Gather to the agent", app::KEYS, s.agent.keys);
    check("Gather", s.agent.keys == app::KEYS, words)
}

fn stream(s: &Seen) -> Check {
    let mut trips = s.report.ear.trips.clone();
    trips.sort_unstable();
    let marked = s.talk.len().div_ceil(160);
    let (p50, p99) = (percentile(&trips, 0.5).unwrap_or(0), percentile(&trips, 0.99).unwrap_or(0));
    let enough = trips.len() as f64 >= marked as f64 * TRIPS_SHARE;
    let words = format!(
        "round trip p50 {:.1} ms, p99 {:.1} ms over {} of {marked} marked packets",
        p50 as f64 / 1_000.0,
        p99 as f64 / 1_000.0,
        trips.len(),
    );
    check("stream", enough && p50 > 0 && p50 <= TRIP_MAX_US && s.agent.signed && s.agent.closed, words)
}

fn echo(s: &Seen) -> Check {
    let value = correlation(&s.talk, &s.report.ear.samples);
    check("echo", value >= SAME, format!("the caller's own speech as it came back: correlation {value:.2}"))
}

fn marks(s: &Seen) -> Check {
    let all = s.agent.marks == ["echoed", "tone"] && s.agent.marks_back == ["echoed", "tone"];
    let words = format!(
        "sent {:?}, back {:?}; after clear {} ms of {TONE_MS} ms of tone were heard",
        s.agent.marks, s.agent.marks_back, s.tone_ms
    );
    check("mark, clear", all && s.agent.cleared && s.tone_ms < TONE_MS / 2, words)
}

fn recording(s: &Seen) -> Check {
    let Some(r) = &s.recording else {
        return check("recording", false, "there is none".to_owned());
    };
    let value = correlation(&s.dictation, &r.samples);
    let (long, said) = (r.samples.len() as f64 / 8_000.0, trimmed(&s.dictation).len() as f64 / 8_000.0);
    let words = format!(
        "{} {long:.1} s, correlation {value:.2} with the {said:.1} s that were said",
        r.path.display()
    );
    check("recording", value >= SAME && long + 0.1 >= said && r.same_by_rest, words)
}

fn callbacks(s: &Seen) -> Check {
    let (there, missing): (Vec<_>, Vec<_>) = app::CALLBACKS.iter().partition(|c| app::delivered(&s.asked, c));
    let names = |list: &[&(&str, &str, &str, &str)]| list.iter().map(|c| c.0).collect::<Vec<_>>().join(", ");
    let mut words = format!("{} of {} delivered: {}", there.len(), app::CALLBACKS.len(), names(&there));
    if !missing.is_empty() {
        words.push_str(&format!("; missing: {}", names(&missing)));
    }
    check("callbacks", missing.is_empty(), words)
}

fn packets(s: &Seen) -> Check {
    let (r, ear) = (&s.report, &s.report.ear);
    let machine = s.beats.share();
    let late = |n: u64, of: u64| n as f64 <= of as f64 * (LATE_SHARE + WAKES * machine);
    let there = s.stats.lost == 0 && r.sent.saturating_sub(s.stats.received) <= UNDER_WAY;
    let back = ear.lost() == 0 && s.stats.sent.saturating_sub(ear.received) <= UNDER_WAY;
    let mut words = format!(
        "to Chorus {} sent, {} lost, {} late; to the phone {} sent, {} lost, {} late",
        r.sent,
        s.stats.lost,
        r.stats.late,
        s.stats.sent,
        ear.lost(),
        ear.late,
    );
    if s.beats.late > 0 {
        words.push_str(&format!(
            "; the machine let {:.1} % of an idle thread's beats come late",
            machine * 100.0
        ));
    }
    if machine > BUSY_SHARE {
        words.push_str(": it is too busy for this");
    }
    let any = s.stats.received > 0 && ear.received > 0;
    let in_time = machine <= BUSY_SHARE && late(r.stats.late, r.sent) && late(ear.late, ear.received);
    check("packets", any && there && back && in_time, words)
}
