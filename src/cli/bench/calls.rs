//! (s) INVITE to BYE: calls come at a steady rate, each is answered after its commit and hung up at once: by the caller, after a webhook
//! was asked, or by the other side, whose document stands in the number's URL.

use super::Rig;
use super::figures::{ARRIVED_MIN, LATE_MAX, Round, percentile};
use super::machine::Meter;
use super::process::{Cpu, Process};
use super::server::Place;
use super::sip::{News, Sip};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Before the measurement.
const WARM: Duration = Duration::from_secs(2);
/// Calls that began may end for this long.
const TAIL: Duration = Duration::from_secs(3);

/// A case of calls without sound.
#[derive(Copy, Clone)]
pub struct How {
    /// Its name, and that of its floor.
    pub name: &'static str,
    /// What its times are.
    pub timed: &'static str,
    /// Calls a second unless asked otherwise.
    rate: u32,
    /// Where the document stands; None: it is asked of the application, and the caller hangs up.
    inline: Option<&'static str>,
}

/// With a webhook.
pub const WEBHOOK: How = How { name: "calls", timed: "webhook to 200", rate: 100, inline: None };
/// Without one.
pub const INLINE: How = How {
    name: "signalling",
    timed: "INVITE to 200",
    // What the default range of RTP ports bears for ever: a port rests after its call.
    rate: 300,
    inline: Some("data:text/xml,<Response><Hangup/></Response>"),
};

#[derive(Default)]
struct Seen {
    began: Vec<u64>,
    counted: Vec<bool>,
    ended: u64,
    failed: Vec<String>,
    trying: Vec<u32>,
    answered: Vec<u32>,
    /// From what this case is timed from.
    waited: Vec<u32>,
}

/// A round of the server.
///
/// # Errors
/// It could not be measured at all.
pub fn server(rig: &Rig, how: How) -> Result<Round, String> {
    let place = Place::new(&rig.program, rig.folder(how.name)?)?;
    let process = place.spawn()?;
    place.wait()?;
    let sip = Sip::new(place.sip)?;
    let url = how.inline.map_or_else(|| format!("http://{}/calls", rig.app.address), str::to_owned);
    place.provision(sip.address, &url)?;
    rig.say(&format!("  server {} is process {}", how.name, process.pid()));
    measure(rig, &process, sip, how)
}

/// A round of the floor.
///
/// # Errors
/// It could not be measured at all.
pub fn floor(rig: &Rig, how: How) -> Result<Round, String> {
    let arguments = match how.inline {
        Some(_) => vec![],
        None => vec![rig.app.address.to_string(), rig.folder("floor")?.join("log").display().to_string()],
    };
    let mut process = Process::floor(&rig.beside(&format!("floor-{}", how.name)), &arguments)?;
    let port: u16 = process.line("sip ")?.parse().map_err(|_| "a floor without a port")?;
    let sip = Sip::new(SocketAddr::from(([127, 0, 0, 1], port)))?;
    measure(rig, &process, sip, how)
}

fn measure(rig: &Rig, process: &Process, mut sip: Sip, how: How) -> Result<Round, String> {
    rig.app.forget();
    let mut seen = Seen::default();
    // Nobody listens there: these calls end before they sound.
    let rtp = SocketAddr::from(([127, 0, 0, 1], 9));
    let apart = Duration::from_secs(1) / rig.rate.unwrap_or(how.rate).max(1);
    let start = Instant::now();
    let (from, to) = (start + WARM, start + WARM + rig.time);
    let (mut next, mut before, mut used) = (start, None, None);
    let mut news = Vec::new();
    while Instant::now() < to + TAIL {
        let now = Instant::now();
        if before.is_none() && now >= from {
            before = Some(Meter::start(process)?);
        }
        if used.is_none() && now >= to {
            used = before.as_ref().map(Meter::read).transpose()?;
        }
        if now >= next && now < to {
            let index = seen.began.len();
            seen.began.push(rig.now());
            seen.counted.push(now >= from);
            sip.invite(index, rtp);
            next += apart;
            continue;
        }
        let until = if before.is_none() { next.min(from) } else { next };
        sip.pump(if now < to { until.min(to) } else { to + TAIL }, &mut news);
        for n in news.drain(..) {
            seen.take(rig, n, &mut sip, how);
        }
    }
    let (used, others) = used.unwrap_or_default();
    Ok(seen.judge(used, others, how))
}

impl Seen {
    fn take(&mut self, rig: &Rig, n: News, sip: &mut Sip, how: How) {
        let now = rig.now();
        let since =
            |at: Option<u64>| u32::try_from(now.saturating_sub(at.unwrap_or(now))).unwrap_or(u32::MAX);
        let counts = |i: usize, seen: &Seen| seen.counted.get(i).copied().unwrap_or(false);
        match n {
            News::Trying(i) if counts(i, self) => self.trying.push(since(self.began.get(i).copied())),
            News::Answered(i, _) => {
                if how.inline.is_none() {
                    sip.bye(i);
                }
                if counts(i, self) {
                    self.answered.push(since(self.began.get(i).copied()));
                    let asked = how.inline.is_none().then(|| rig.app.answered(i));
                    self.waited.push(since(asked.or(self.began.get(i).copied())));
                }
            }
            News::Ended(i) if counts(i, self) => self.ended += 1,
            News::Failed(_, why) => self.failed.push(why),
            _ => {}
        }
    }

    fn judge(mut self, used: Cpu, others: f64, how: How) -> Round {
        let began = self.counted.iter().filter(|c| **c).count();
        let arrived = self.ended as f64 / began.max(1) as f64;
        let late = percentile(&mut self.trying, 99);
        let fault = match self.failed.first() {
            Some(why) => Some(format!("{} calls failed, one with {why}", self.failed.len())),
            None if arrived < ARRIVED_MIN => {
                Some(format!("{} of {began} calls went to their end", self.ended))
            }
            None => {
                (late >= LATE_MAX).then(|| format!("p99 of INVITE to 100 is {:.1} ms", f64::from(late) / 1e3))
            }
        };
        let ms = |v: &mut Vec<u32>, share| f64::from(percentile(v, share)) / 1e3;
        let note = format!(
            "{began} calls, 100 after p99 {:.2} ms, 200 after p50 {:.2} p99 {:.2} ms, {} p50 {:.2} p99 {:.2} ms",
            f64::from(late) / 1e3,
            ms(&mut self.answered, 50),
            ms(&mut self.answered, 99),
            how.timed,
            ms(&mut self.waited, 50),
            ms(&mut self.waited, 99),
        );
        let times = Some((percentile(&mut self.waited, 50), percentile(&mut self.waited, 99)));
        let share = |us: u64| us as f64 / began.max(1) as f64;
        Round {
            all: share(used.all()),
            user: share(used.user),
            note,
            fault,
            expected: None,
            pair: None,
            times,
            others,
        }
    }
}
