//! (s) One round of a case with sound: phones talk for a while with a server or with a floor, and the CPU of the other side
//! is read before and after.

use super::Rig;
use super::figures::{ARRIVED_MIN, LATE_MAX, Round, percentile};
use super::machine::Meter;
use super::phones::{Hears, Phones, Sent, Tally, Window};
use super::process::Process;
use super::recorded;
use super::server::Place;
use super::sip::{News, Sip};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Calls begin so far apart.
const APART: Duration = Duration::from_millis(8);
/// All calls must be up this long after the last one began.
const UP_MAX: Duration = Duration::from_secs(20);
/// Between the last answer and the measurement.
const SETTLE: Duration = Duration::from_millis(2_500);
/// A send and a receive on the machine that the composition of floors was measured on, microseconds.
pub const PAIR: f64 = 3.91;
/// There: to hand 6.4 KB and a header of 44 octets to the page cache.
const WRITE: f64 = 4.6;
/// Frames of the window may arrive for this long.
const TAIL: Duration = Duration::from_millis(400);

/// A case with sound.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Sound {
    /// A file to the caller.
    Play,
    /// Two legs.
    Bridge,
    /// The caller into a file.
    Record,
    /// An agent that sends everything back.
    Stream,
}

impl Sound {
    /// As the path of the webhook and the name of the floor.
    pub fn word(self) -> &'static str {
        match self {
            Sound::Play => "play",
            Sound::Bridge => "bridge",
            Sound::Record => "record",
            Sound::Stream => "stream",
        }
    }

    /// What each phone hears; the callees of a bridge come behind the callers.
    fn hears(self, calls: usize) -> Vec<Hears> {
        match self {
            Sound::Play => vec![Hears::File; calls],
            Sound::Record => vec![Hears::Nothing; calls],
            Sound::Stream => (0..calls).map(Hears::Phone).collect(),
            Sound::Bridge => (calls..2 * calls).chain(0..calls).map(Hears::Phone).collect(),
        }
    }
}

/// Calls that are up.
pub struct Up {
    sip: Sip,
    phones: Phones,
    window: Arc<Window>,
    calls: usize,
}

impl Up {
    /// Places the calls and waits until all are answered and talk.
    ///
    /// # Errors
    /// A call that failed, or that is not up in time.
    pub fn place(rig: &Rig, sip: Sip, sound: Sound, calls: usize) -> Result<Up, String> {
        let window = Arc::new(Window::new());
        let phones = Phones::start(&sound.hears(calls), rig.epoch, window.clone())?;
        let mut up = Up { sip, phones, window, calls };
        let legs = up.phones.ports.len();
        for i in calls..legs {
            let rtp = up.port(i)?;
            up.sip.callee(i - calls, rtp);
        }
        let (mut begun, mut talking, mut news) = (0, 0, Vec::new());
        let mut next = Instant::now();
        let end = next + APART * u32::try_from(calls).unwrap_or(u32::MAX) + UP_MAX;
        while talking < legs {
            if Instant::now() > end {
                return Err(format!("{talking} of {legs} legs are up after {UP_MAX:?}"));
            }
            if begun < calls && Instant::now() >= next {
                let rtp = up.port(begun)?;
                up.sip.invite(begun, rtp);
                (begun, next) = (begun + 1, next + APART);
            }
            let until = if begun < calls { next } else { Instant::now() + Duration::from_millis(20) };
            up.sip.pump(until, &mut news);
            for n in news.drain(..) {
                match n {
                    News::Answered(i, to) => up.phones.talk(i, to),
                    News::Called(i, to) => up.phones.talk(i + calls, to),
                    News::Failed(i, why) => return Err(format!("call {i} failed: {why}")),
                    News::Ended(i) => return Err(format!("call {i} was hung up")),
                    News::Trying(_) => continue,
                }
                talking += 1;
            }
        }
        Ok(up)
    }

    fn port(&self, i: usize) -> Result<SocketAddr, String> {
        self.phones.ports.get(i).copied().ok_or_else(|| format!("there is no phone {i}"))
    }

    /// Lets time pass; nobody may hang up.
    ///
    /// # Errors
    /// Somebody did.
    pub fn wait(&mut self, time: Duration) -> Result<(), String> {
        let (until, mut news) = (Instant::now() + time, Vec::new());
        while Instant::now() < until {
            self.sip.pump(until, &mut news);
            if let Some(n) = news.iter().find(|n| !matches!(n, News::Trying(_))) {
                return Err(format!("during the measurement: {n:?}"));
            }
            news.clear();
        }
        Ok(())
    }

    /// Hangs up and waits until the server agrees.
    pub fn hang_up(self) -> (Tally, Sent) {
        let (_, phones) = self.end();
        phones.stop()
    }

    /// The same; the SIP side goes on with further calls.
    pub fn hang_up_and_keep(self) -> Sip {
        let (sip, phones) = self.end();
        phones.stop();
        sip
    }

    fn end(mut self) -> (Sip, Phones) {
        let mut news = Vec::new();
        let (until, mut ended) = (Instant::now() + Duration::from_secs(10), 0);
        for i in 0..self.calls {
            self.sip.bye(i);
            self.sip.pump(Instant::now() + Duration::from_millis(1), &mut news);
            ended += news.drain(..).filter(|n| matches!(n, News::Ended(_))).count();
        }
        while ended < self.calls && Instant::now() < until {
            self.sip.pump(until, &mut news);
            ended += news.drain(..).filter(|n| matches!(n, News::Ended(_))).count();
        }
        // A bridge's other legs are hung up by the server: their BYE is answered here.
        self.sip.pump(Instant::now() + Duration::from_millis(300), &mut news);
        (self.sip, self.phones)
    }
}

/// CPU of a process while the window is open.
fn window(
    rig: &Rig,
    process: &Process,
    window: &Window,
    mut pass: impl FnMut(Duration) -> Result<(), String>,
) -> Result<Cost, String> {
    pass(SETTLE)?;
    let (began, meter) = (Instant::now(), Meter::start(process)?);
    window.open(rig.now());
    pass(rig.time)?;
    let (used, others) = meter.read()?;
    let seconds = began.elapsed().as_secs_f64();
    window.close(rig.now());
    pass(TAIL)?;
    let share = |us: u64| us as f64 / seconds / rig.calls as f64;
    Ok(Cost { all: share(used.all()), user: share(used.user), others })
}

struct Cost {
    all: f64,
    user: f64,
    others: f64,
}

/// What a floor measured at its start, microseconds.
struct Units {
    send: f64,
    receive: f64,
    /// To sleep until a packet comes, beyond receiving it.
    wake: f64,
}

impl Units {
    fn parse(words: &str) -> Result<Units, String> {
        let mut numbers = words.split(' ').map(str::parse::<f64>);
        let mut next = || numbers.next()?.ok();
        match (next(), next(), next()) {
            (Some(send), Some(receive), Some(wake)) => Ok(Units { send, receive, wake }),
            _ => Err(format!("'{words}' are no unit costs")),
        }
    }

    /// Microseconds a second and call: the composition of floors that was measured with shared wake-ups, where the pair cost
    /// [`PAIR`], and what this one spends on waking up.
    fn expected(&self, sound: Sound, wakes: f64) -> f64 {
        let scale = (self.send + self.receive) / PAIR;
        let packets = match sound {
            Sound::Play => 218.0 * scale,
            Sound::Bridge => 430.0 * scale,
            Sound::Stream => 700.0 * scale,
            Sound::Record => (218.0 + 2.5 * WRITE) * scale,
        };
        packets + wakes * self.wake
    }
}

/// A round of the server.
///
/// # Errors
/// It could not be measured at all.
pub fn server(rig: &Rig, sound: Sound) -> Result<Round, String> {
    let place = Place::new(&rig.program, rig.folder(sound.word())?)?;
    let process = place.spawn()?;
    place.wait()?;
    let sip = Sip::new(place.sip)?;
    place.provision(sip.address, &format!("http://{}/{}", rig.app.address, sound.word()))?;
    rig.say(&format!("  server {} is process {}", sound.word(), process.pid()));
    let mut up = Up::place(rig, sip, sound, rig.calls)?;
    let w = up.window.clone();
    let cost = window(rig, &process, &w, |t| up.wait(t))?;
    let (tally, sent) = up.hang_up();
    let tally =
        if sound == Sound::Record { files(&place.data.join("recordings"), &sent, &w)? } else { tally };
    Ok(judge(cost, tally, None))
}

/// A round of the floor.
///
/// # Errors
/// It could not be measured at all.
pub fn floor(rig: &Rig, sound: Sound) -> Result<Round, String> {
    let folder = rig.folder("floor")?;
    let mut arguments = vec![rig.calls.to_string()];
    match sound {
        Sound::Play => {
            let file = folder.join("file.ulaw");
            std::fs::write(&file, super::app::ulaw()).map_err(|e| e.to_string())?;
            arguments.push(file.display().to_string());
        }
        Sound::Record => arguments.push(folder.display().to_string()),
        Sound::Stream => arguments.push(rig.agent.to_string()),
        Sound::Bridge => {}
    }
    let mut process = Process::floor(&rig.beside(&format!("floor-{}", sound.word())), &arguments)?;
    let units = Units::parse(&process.line("unit_us ")?)?;
    let ports = process.line("ports ")?;
    let w = Arc::new(Window::new());
    let phones = Phones::start(&sound.hears(rig.calls), rig.epoch, w.clone())?;
    for (i, port) in ports.split(' ').enumerate() {
        let port: u16 = port.parse().map_err(|_| format!("'{port}' is no port"))?;
        phones.talk(i, SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let cost = window(rig, &process, &w, |t| {
        std::thread::sleep(t);
        Ok(())
    })?;
    let (tally, sent) = phones.stop();
    let words = process.finish();
    let tally = if sound == Sound::Record { files(&folder, &sent, &w)? } else { tally };
    let wakes = words.split(' ').nth(1).and_then(|w| w.parse::<f64>().ok()).unwrap_or(0.0);
    let mut round = judge(cost, tally, Some(units.expected(sound, wakes / rig.calls as f64)));
    let Units { send, receive, wake } = units;
    round.pair = Some(send + receive);
    round.note.push_str(&format!(", {words}, send {send:.2} receive {receive:.2} wake {wake:.2} us"));
    Ok(round)
}

/// What the recordings hold of the frames that were sent in the window. What was sent in its last second may still lie in
/// a buffer of the floor, which ends without a word.
fn files(folder: &Path, sent: &Sent, window: &Window) -> Result<Tally, String> {
    let found = recorded::marks(folder)?;
    let counts = |s: &u64| window.holds(*s) && window.holds(s.saturating_add(1_000_000));
    let mut tally = Tally::default();
    for (voice, frames) in sent.iter().enumerate() {
        for (number, _) in frames.iter().enumerate().filter(|(_, s)| counts(s)) {
            let mark = (u32::try_from(voice).unwrap_or(0), u32::try_from(number).unwrap_or(0));
            tally.expected += 1;
            tally.right += u64::from(found.contains(&mark));
        }
    }
    Ok(tally)
}

fn judge(cost: Cost, mut tally: Tally, expected: Option<f64>) -> Round {
    let arrived = tally.right as f64 / tally.expected.max(1) as f64;
    let late = percentile(&mut tally.late, 99);
    let fault = if arrived < ARRIVED_MIN || tally.expected == 0 {
        Some(format!("{} of {} arrived right ({:.2} %)", tally.right, tally.expected, arrived * 100.0))
    } else {
        (late >= LATE_MAX).then(|| format!("p99 of lateness is {:.1} ms", f64::from(late) / 1e3))
    };
    let ms = |us: u32| f64::from(us) / 1e3;
    let (p50, p99) = (percentile(&mut tally.delays, 50), percentile(&mut tally.delays, 99));
    let mut note = format!(
        "arrived {}/{}, other {}, late p99 {:.1} ms",
        tally.right,
        tally.expected,
        tally.other,
        ms(late)
    );
    if !tally.delays.is_empty() {
        note.push_str(&format!(", delay p50 {:.1} p99 {:.1} ms", ms(p50), ms(p99)));
    }
    let times = (!tally.delays.is_empty()).then_some((p50, p99));
    Round { all: cost.all, user: cost.user, note, fault, expected, pair: None, times, others: cost.others }
}
