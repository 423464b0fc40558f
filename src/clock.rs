//! Time as data. Pure code never reads a clock: it is handed a [`Now`], plain integers that a test can write down.

use std::{fmt, ops::Add, time::Duration};

/// A monotonic instant in microseconds since an arbitrary start. Timers use it; it never goes backwards.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mono(pub u64);

/// Wall-clock time in milliseconds since 1970 UTC. What users and rows see; it may jump.
#[derive(
    Copy, Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Wall(pub i64);

/// Both clocks, read once per input.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// For timers.
    pub mono: Mono,
    /// For people.
    pub wall: Wall,
}

impl Mono {
    /// The time from `earlier` to `self`; zero if `earlier` is later.
    pub fn since(self, earlier: Mono) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Now {
    /// The same, so much earlier on the monotonic clock.
    #[must_use]
    pub fn earlier(self, by: Duration) -> Now {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        Now { mono: Mono(self.mono.0.saturating_sub(by)), ..self }
    }
}

impl Add<Duration> for Mono {
    type Output = Mono;
    fn add(self, d: Duration) -> Mono {
        Mono(self.0.saturating_add(u64::try_from(d.as_micros()).unwrap_or(u64::MAX)))
    }
}

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month (1-12), day, and day of the week counted from Thursday, for days since 1970
/// (proleptic Gregorian; the civil-from-days algorithm over 400-year eras).
fn civil(days: i64) -> (i64, u32, u32, usize) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month as u32, day as u32, days.rem_euclid(7) as usize)
}

impl Wall {
    /// The time from `earlier` to `self` in whole seconds, rounded up (ruling 2.44); zero if it would be negative.
    pub fn seconds_since(self, earlier: Wall) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0).div_ceil(1_000)
    }

    /// `self` plus `d`.
    pub fn plus(self, d: Duration) -> Wall {
        Wall(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    fn parts(self) -> (i64, u32, u32, usize, i64, i64, i64) {
        let secs = self.0.div_euclid(1_000);
        let (y, mo, d, wd) = civil(secs.div_euclid(86_400));
        let s = secs.rem_euclid(86_400);
        (y, mo, d, wd, s / 3_600, s / 60 % 60, s % 60)
    }

    /// `Thu, 30 Jul 2015 20:00:00 +0000`: the form of v2010 resources and callbacks (RFC 2822, always UTC).
    pub fn rfc2822(self) -> String {
        let (y, mo, d, wd, h, mi, s) = self.parts();
        let day = DAYS.get(wd).unwrap_or(&"Thu");
        let month = MONTHS.get(mo as usize - 1).unwrap_or(&"Jan");
        format!("{day}, {d:02} {month} {y:04} {h:02}:{mi:02}:{s:02} +0000")
    }

    /// `2015-07-30T20:00:00.123Z` (ISO 8601), the form of stream callbacks and the timeline.
    pub fn iso8601(self) -> String {
        let (y, mo, d, _, h, mi, s) = self.parts();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}.{:03}Z", self.0.rem_euclid(1_000))
    }

    /// `2015-07-30T20:00:00Z`: the form of Twilio's v1 resources. Its SDKs read no fraction.
    pub fn iso8601_seconds(self) -> String {
        let (y, mo, d, _, h, mi, s) = self.parts();
        format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}Z")
    }

    /// `2015-07-30`, the day in UTC.
    pub fn date(self) -> String {
        let (y, mo, d, ..) = self.parts();
        format!("{y:04}-{mo:02}-{d:02}")
    }
}

impl fmt::Display for Mono {
    /// Seconds with three digits, as ladders print them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1_000_000, self.0 / 1_000 % 1_000)
    }
}
