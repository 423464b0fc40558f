//! (s) Figures without a floor: memory of a Stream call, how soon a start answers, what an idle server holds, commits.

use super::Rig;
use super::figures::median;
use super::process::Process;
use super::rounds::{Sound, Up};
use super::server::Place;
use super::sip::{News, Sip};
use super::table::{Line, Verdict};
use crate::rng::Rng;
use crate::store::Store;
use crate::store::crypt::Key;
use crate::store::handle::Options;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// KB a Stream call may hold.
const CALL_MAX: f64 = 64.0;
/// A second wave may add this share of the first.
const SECOND_MAX: f64 = 0.05;
/// From exec to the first 100.
const TRYING_MAX: f64 = 200.0;
/// KB of an idle server.
const IDLE_MAX: f64 = 40.0 * 1024.0;
/// Starts of which the median counts.
const STARTS: usize = 5;
/// Between two waves: SIP keeps its answers for 32 s (RFC 3261 timers D, H, J; RFC 6026 timer L), and they are no leak.
const REST: Duration = Duration::from_secs(36);
/// How long calls talk before memory is read.
const TALK: Duration = Duration::from_secs(4);

/// (RSS with the calls - RSS after a warm-up call) / calls, and a second wave.
///
/// # Errors
/// A call failed.
pub fn memory(rig: &Rig) -> Result<Vec<Line>, String> {
    let place = Place::new(&rig.program, rig.folder("memory")?)?;
    let process = place.spawn()?;
    place.wait()?;
    let mut sip = Some(Sip::new(place.sip)?);
    let generator = sip.as_ref().map_or(place.sip, |s| s.address);
    place.provision(generator, &format!("http://{}/stream", rig.app.address))?;
    waves(&process, ("memory", "Stream call", CALL_MAX), rig.calls, |calls| {
        let mut up = Up::place(rig, sip.take().ok_or("no generator")?, Sound::Stream, calls)?;
        up.wait(TALK)?;
        let rss = process.rss_kb()?;
        sip = Some(up.hang_up_and_keep());
        Ok(rss)
    })
}

/// Three waves of calls; `wave` holds so many and says the RSS with them. `most` is KB a call.
///
/// # Errors
/// A call failed.
pub fn waves(
    process: &Process,
    (case, what, most): (&'static str, &str, f64),
    calls: usize,
    mut wave: impl FnMut(usize) -> Result<u64, String>,
) -> Result<Vec<Line>, String> {
    wave(1)?;
    std::thread::sleep(Duration::from_secs(1));
    let warm = process.rss_kb()?;
    let first = wave(calls)?;
    std::thread::sleep(REST);
    let between = process.rss_kb()?;
    let second = wave(calls)?;
    std::thread::sleep(REST);
    let third = wave(calls)?;
    let call = first.saturating_sub(warm) as f64 / calls as f64;
    let share = |more: u64| more as f64 / first.saturating_sub(warm).max(1) as f64;
    let more = share(second.saturating_sub(first));
    let first_words = format!(
        "{call:.1} KB a {what} (RSS after a warm-up call {warm} KB, with {calls} calls {first} KB, after them {between} KB)"
    );
    // A third one tells a leak from caches that have still to fill.
    let second_words = format!(
        "{:+.1} % by a second wave of {calls} calls ({second} KB), {:+.1} % by a third ({third} KB)",
        more * 100.0,
        share(third.saturating_sub(second)) * 100.0
    );
    Ok(vec![
        Line::new(case, first_words, &format!("{most} KB"), Verdict::of(call <= most)),
        Line::new(case, second_words, "5 %", Verdict::of(more <= SECOND_MAX)),
    ])
}

/// From exec to the first 100, and an idle server's memory.
///
/// # Errors
/// It did not start.
pub fn start(rig: &Rig) -> Result<Vec<Line>, String> {
    let place = Place::new(&rig.program, rig.folder("start")?)?;
    let first = place.spawn()?;
    place.wait()?;
    let generator = Sip::new(place.sip)?;
    place.provision(generator.address, &format!("http://{}/calls", rig.app.address))?;
    drop(first);
    let (mut times, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let mut sip = Sip::new(place.sip)?;
        let began = Instant::now();
        let process = place.spawn()?;
        times.push(first_trying(&mut sip, began)?);
        drop(process);
        let process = place.spawn()?;
        place.wait()?;
        std::thread::sleep(Duration::from_secs(1));
        idle.push(process.rss_kb()? as f64);
    }
    let (ms, kb) = (median(times.iter().copied()), median(idle.iter().copied()));
    let (trying, idle) =
        (format!("first 100 Trying {ms:.0} ms after exec"), format!("idle server {:.1} MB", kb / 1024.0));
    Ok(vec![
        Line::new("start", trying, "200 ms", Verdict::of(ms <= TRYING_MAX)),
        Line::new("start", idle, "40 MB", Verdict::of(kb <= IDLE_MAX)),
    ])
}

fn first_trying(sip: &mut Sip, began: Instant) -> Result<f64, String> {
    let (nowhere, mut news) = (SocketAddr::from(([127, 0, 0, 1], 9)), Vec::new());
    for index in 0..10_000 {
        sip.invite(index, nowhere);
        sip.pump(Instant::now() + Duration::from_millis(2), &mut news);
        if news.drain(..).any(|n| matches!(n, News::Trying(_))) {
            return Ok(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    Err("no 100 after 20 s".to_owned())
}

/// Commits a second of the store alone, in this process, on the disk of the bench's folder.
///
/// # Errors
/// No database.
pub fn commits(rig: &Rig) -> Result<Vec<Line>, String> {
    let mut rng = crate::api::rng();
    let mut key = [0; 32];
    rng.fill(&mut key);
    let url = format!("sqlite:{}", rig.folder("store")?.join("bench.db").display());
    let (store, _) = Store::open(&url, &Key::new(&key), &Options::default()).map_err(|e| e.0)?;
    let mut out = Vec::new();
    for in_flight in [1, 16, 256] {
        out.push(Line::new("commits", measure(&store, &mut rng, in_flight)?, "", Verdict::Plain));
    }
    store.close();
    Ok(out)
}

fn measure(store: &Store, rng: &mut Rng, in_flight: usize) -> Result<String, String> {
    let n = if in_flight == 1 { 2_000 } else { 20_000 };
    let f = crate::store::bench::measure(store, rng, n, in_flight).map_err(|e| format!("{e:?}"))?;
    let ms = |d: Duration| d.as_secs_f64() * 1e3;
    Ok(format!(
        "{:.0}/s with {in_flight} in flight, p50 {:.2} p99 {:.2} ms",
        f.per_second,
        ms(f.p50),
        ms(f.p99)
    ))
}
