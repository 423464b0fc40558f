//! The table that a run prints: a line a figure, with its goal and whether it was met.

use std::fmt::{Display, Formatter, Result};

/// What becomes of a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Printed only: nobody set a goal.
    Plain,
    /// The goal is met.
    Good,
    /// It is not.
    Missed,
    /// It does not count, and why.
    NoFigure(String),
}

impl Verdict {
    /// By whether the goal is met.
    pub fn of(good: bool) -> Verdict {
        if good { Verdict::Good } else { Verdict::Missed }
    }

    /// Whether a run with it ends well.
    pub fn is_good(&self) -> bool {
        matches!(self, Verdict::Plain | Verdict::Good)
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Verdict::Plain => f.write_str("-"),
            Verdict::Good => f.write_str("ok"),
            Verdict::Missed => f.write_str("MISSED"),
            Verdict::NoFigure(_) => f.write_str("NO FIGURE"),
        }
    }
}

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Of which case.
    pub case: &'static str,
    /// The figure as its reader wants it, with what it consists of.
    pub figure: String,
    /// Beside the floor, if there is one.
    pub ratio: Option<f64>,
    /// The largest that is good, with its unit; empty: none.
    pub goal: String,
    /// Whether it was met.
    pub verdict: Verdict,
}

impl Line {
    /// A figure without a floor.
    pub fn new(case: &'static str, figure: String, goal: &str, verdict: Verdict) -> Line {
        Line { case, figure, ratio: None, goal: goal.to_owned(), verdict }
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let ratio = self.ratio.map_or(String::new(), |r| format!("{r:.2}"));
        let verdict = self.verdict.to_string();
        write!(f, "{:<8} {ratio:>6} {:>8}  {verdict:<10} {}", self.case, self.goal, self.figure)?;
        if let Verdict::NoFigure(why) = &self.verdict {
            write!(f, "; {why}")?;
        }
        Ok(())
    }
}

/// All lines under a head.
pub fn text(lines: &[Line]) -> String {
    let mut out = String::from("case      ratio     goal  ok         figure\n");
    for line in lines {
        out.push_str(&format!("{line}\n"));
    }
    out
}
