//! (s) Memory of calls that are up and have no sound: what a dialog, a call and its ports hold.

use super::Rig;
use super::others;
use super::server::Place;
use super::sip::{News, Sip};
use super::table::Line;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// KB that one may hold.
const CALL_MAX: f64 = 40.0;
/// Calls begin so far apart.
const APART: Duration = Duration::from_millis(4);
/// The last must be up, or ended, so long after it was asked for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long calls stand before memory is read.
const STAND: Duration = Duration::from_secs(2);
/// What they do meanwhile.
const WAIT: &str = "data:text/xml,<Response><Gather timeout=\"3600\"/></Response>";

/// (RSS with the calls - RSS after a warm-up call) / calls, and further waves.
///
/// # Errors
/// A call failed.
pub fn memory(rig: &Rig) -> Result<Vec<Line>, String> {
    let place = Place::new(&rig.program, rig.folder("quiet")?)?;
    let process = place.spawn()?;
    place.wait()?;
    let mut sip = Sip::new(place.sip)?;
    sip.hush();
    place.provision(sip.address, WAIT)?;
    others::waves(&process, ("signalling", "call without sound", CALL_MAX), rig.quiet, |calls| {
        up(&mut sip, calls)?;
        stand(&mut sip)?;
        let rss = process.rss_kb()?;
        down(&mut sip, calls)?;
        Ok(rss)
    })
}

fn up(sip: &mut Sip, calls: usize) -> Result<(), String> {
    // Nobody listens there.
    let rtp = SocketAddr::from(([127, 0, 0, 1], 9));
    let (mut begun, mut answered, mut news) = (0, 0, Vec::new());
    let mut next = Instant::now();
    let end = next + APART * u32::try_from(calls).unwrap_or(u32::MAX) + PATIENCE;
    while answered < calls {
        let now = Instant::now();
        if now > end {
            return Err(format!("{answered} of {calls} calls are up after {PATIENCE:?}"));
        }
        if begun < calls && now >= next {
            sip.invite(begun, rtp);
            (begun, next) = (begun + 1, next + APART);
        }
        let until = if begun < calls { next } else { now + Duration::from_millis(20) };
        sip.pump(until, &mut news);
        for n in news.drain(..) {
            match n {
                News::Answered(..) => answered += 1,
                News::Failed(i, why) => return Err(format!("call {i} failed: {why}")),
                News::Ended(i) => return Err(format!("call {i} was hung up")),
                News::Trying(_) | News::Called(..) => {}
            }
        }
    }
    Ok(())
}

/// Lets time pass; nobody may hang up.
fn stand(sip: &mut Sip) -> Result<(), String> {
    let (until, mut news) = (Instant::now() + STAND, Vec::new());
    while Instant::now() < until {
        sip.pump(until, &mut news);
        if let Some(n) = news.first() {
            return Err(format!("while nothing should happen: {n:?}"));
        }
    }
    Ok(())
}

fn down(sip: &mut Sip, calls: usize) -> Result<(), String> {
    let (mut ended, mut news) = (0, Vec::new());
    for i in 0..calls {
        sip.bye(i);
        sip.pump(Instant::now() + Duration::from_millis(1), &mut news);
        ended += news.drain(..).filter(|n| matches!(n, News::Ended(_))).count();
    }
    let end = Instant::now() + PATIENCE;
    while ended < calls && Instant::now() < end {
        sip.pump(end, &mut news);
        ended += news.drain(..).filter(|n| matches!(n, News::Ended(_))).count();
    }
    if ended == calls { Ok(()) } else { Err(format!("{ended} of {calls} calls ended")) }
}
