//! What becomes of numbers: percentiles, medians, spreads, and whether a figure is one.

use super::table::{Line, Verdict};

/// A spread beyond this is no figure.
pub const SPREAD_MAX: f64 = 0.10;
/// This share of the expected must have arrived.
pub const ARRIVED_MIN: f64 = 0.999;
/// A floor that needs more than this share beyond its unit costs was written badly.
pub const FLOOR_MAX: f64 = 0.15;
/// The 99th percentile of lateness must be below this, microseconds.
pub const LATE_MAX: u32 = 20_000;

/// Per second and call, or per call: microseconds of CPU.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// user + system.
    pub all: f64,
    /// user alone.
    pub user: f64,
    /// For the reader.
    pub note: String,
    /// Why it is no figure.
    pub fault: Option<String>,
    /// What a floor should need by its unit costs, the same unit.
    pub expected: Option<f64>,
    /// What a send and a receive cost at the start of a floor, microseconds.
    pub pair: Option<f64>,
    /// p50 and p99 of what the case times, microseconds.
    pub times: Option<(u32, u32)>,
    /// Share of the machine that others took meanwhile, per cent.
    pub others: f64,
}

/// The value below which `share` of 100 lie; 0 of nothing.
pub fn percentile(values: &mut [u32], share: usize) -> u32 {
    values.sort_unstable();
    let at = values.len().saturating_mul(share) / 100;
    values.get(at.min(values.len().saturating_sub(1))).copied().unwrap_or(0)
}

/// The middle one, or the mean of the two in the middle; 0 of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut v: Vec<f64> = values.collect();
    v.sort_unstable_by(f64::total_cmp);
    let half = v.len() / 2;
    match (v.get(half), v.len() % 2) {
        (Some(m), 1) => *m,
        (Some(m), _) => v.get(half.wrapping_sub(1)).map_or(*m, |l| (l + m) / 2.0),
        (None, _) => 0.0,
    }
}

/// (largest - smallest) / median.
pub fn spread(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let (low, high) = values.clone().fold((f64::MAX, f64::MIN), |(l, h), v| (l.min(v), h.max(v)));
    let middle = median(values);
    if middle > 0.0 { (high - low) / middle } else { 0.0 }
}

/// All rounds of a case: floor, server, floor, server, floor.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which case.
    pub name: &'static str,
    /// Of the figures.
    pub unit: &'static str,
    /// Of the floor.
    pub floor: Vec<Round>,
    /// Of the server.
    pub server: Vec<Round>,
    /// The largest ratio that is good.
    pub goal: Option<f64>,
    /// What its times are.
    pub timed: &'static str,
}

impl Row {
    /// server / floor, medians.
    pub fn ratio(&self) -> f64 {
        let floor = median(self.floor.iter().map(|r| r.all));
        if floor > 0.0 { median(self.server.iter().map(|r| r.all)) / floor } else { 0.0 }
    }

    /// What spoils the figure, if anything does.
    pub fn faults(&self) -> Vec<String> {
        let mut out: Vec<String> = Vec::new();
        for (who, rounds) in [("floor", &self.floor), ("server", &self.server)] {
            out.extend(rounds.iter().filter_map(|r| r.fault.as_ref().map(|f| format!("{who}: {f}"))));
            let spread = spread(rounds.iter().map(|r| r.all));
            if spread > SPREAD_MAX {
                out.push(format!("{who}: the spread is {:.0} %", spread * 100.0));
            }
        }
        out
    }

    /// How far the floor is from what its unit costs say: 0.1 is 10 % more.
    pub fn floor_off(&self) -> Option<f64> {
        let off = |r: &Round| Some(r.all / r.expected.filter(|e| *e > 0.0)? - 1.0);
        self.floor.iter().any(|r| off(r).is_some()).then(|| median(self.floor.iter().filter_map(off)))
    }

    /// Its lines of the table.
    pub fn lines(&self) -> Vec<Line> {
        let cell = |rounds: &[Round]| {
            let (all, user) = (median(rounds.iter().map(|r| r.all)), median(rounds.iter().map(|r| r.user)));
            format!("{all:.1} \u{b1}{:.1} % (user {user:.1})", spread(rounds.iter().map(|r| r.all)) * 50.0)
        };
        let faults = self.faults();
        let verdict = match (faults.is_empty(), self.goal) {
            (false, _) => Verdict::NoFigure(faults.join("; ")),
            (true, None) => Verdict::Plain,
            (true, Some(goal)) => Verdict::of(self.ratio() <= goal),
        };
        let others = self.floor.iter().chain(&self.server).map(|r| r.others).fold(0.0, f64::max);
        let (server, floor) = (cell(&self.server), cell(&self.floor));
        let figure = format!(
            "{}: server {server}, floor {floor}; others took up to {others:.0} % of the machine",
            self.unit
        );
        let mut out = vec![Line {
            case: self.name,
            figure,
            ratio: Some(self.ratio()),
            goal: self.goal.map_or(String::new(), |g| g.to_string()),
            verdict,
        }];
        out.extend(self.times());
        out.extend(self.floor_off().map(|off| {
            let figure = format!("the floor needs {:+.0} % beside what its unit costs say", off * 100.0);
            Line::new(self.name, figure, "15 %", Verdict::of(off <= FLOOR_MAX))
        }));
        out
    }

    /// The medians of the rounds' percentiles.
    fn times(&self) -> Option<Line> {
        let ms = |of: fn((u32, u32)) -> u32| {
            median(self.server.iter().filter_map(|r| r.times).map(|t| f64::from(of(t)))) / 1e3
        };
        self.server.iter().any(|r| r.times.is_some()).then(|| {
            let figure = format!("{}: p50 {:.2} p99 {:.2} ms", self.timed, ms(|t| t.0), ms(|t| t.1));
            Line::new(self.name, figure, "", Verdict::Plain)
        })
    }
}
