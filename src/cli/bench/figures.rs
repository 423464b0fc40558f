//! What becomes of numbers: percentiles, medians, spreads, and whether a figure is one.

/// A spread beyond this is no figure.
pub const SPREAD_MAX: f64 = 0.10;
/// This share of the expected must have arrived.
pub const ARRIVED_MIN: f64 = 0.999;
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
    /// What a send and a receive cost at the start of a floor, microseconds.
    pub pair: Option<f64>,
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
    /// The floor by the measured unit costs, in sends and receives of one call and second.
    pub pairs: Option<f64>,
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

    /// How far the floor is from what the pair costs say: 0.1 is 10 % more.
    pub fn floor_off(&self) -> Option<f64> {
        let pair = median(self.floor.iter().filter_map(|r| r.pair));
        let expected = self.pairs? * pair;
        (expected > 0.0).then(|| median(self.floor.iter().map(|r| r.all)) / expected - 1.0)
    }

    /// Lines of the table.
    pub fn text(&self) -> String {
        let cell = |rounds: &[Round]| {
            let (all, user) = (median(rounds.iter().map(|r| r.all)), median(rounds.iter().map(|r| r.user)));
            format!("{all:>9.1} ±{:>4.1}% user {user:>7.1}", spread(rounds.iter().map(|r| r.all)) * 50.0)
        };
        let faults = self.faults();
        let verdict = match (faults.is_empty(), self.goal) {
            (false, _) => "NO FIGURE".to_owned(),
            (true, None) => String::new(),
            (true, Some(goal)) if self.ratio() <= goal => format!("good, goal {goal}"),
            (true, Some(goal)) => format!("MISSED, goal {goal}"),
        };
        let (floor, server) = (cell(&self.floor), cell(&self.server));
        let mut out = format!(
            "{:<8} {:<14} | {floor} | {server} | {:>5.2} {verdict}\n",
            self.name,
            self.unit,
            self.ratio()
        );
        if let Some(off) = self.floor_off() {
            out.push_str(&format!(
                "         the floor is {:+.0} % from the unit costs (15 % is allowed)\n",
                off * 100.0
            ));
        }
        for f in faults {
            out.push_str(&format!("         {f}\n"));
        }
        out
    }
}
