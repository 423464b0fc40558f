//! (s) The order in which a peer is asked: each probe at each of its addresses until one answers, then variations of the trunk until
//! one comes further, and so on with that one, so that several mistakes are found at once.

use super::line::Line;
use crate::store::rows::TrunkRow;
use crate::trunk::doctor::{self, Change, Finding, Outcome, Probe, Stage, address, vary};
use std::net::IpAddr;

/// Most mistakes that are mended for one probe: user, number, caller and audio.
const MISTAKES_MAX: usize = 4;
/// Most addresses of a peer that are asked.
const ADDRESSES_MAX: usize = 4;

/// What was found.
pub struct Report {
    /// Nothing needs a change.
    pub ok: bool,
    /// In the order in which it was found; what concerns addresses last.
    pub findings: Vec<Finding>,
    /// What was sent and what came back.
    pub ladder: Vec<String>,
    /// What to PATCH.
    pub patch: Vec<Change>,
}

/// One examination.
pub struct Prober {
    line: Line,
    listen: IpAddr,
    /// With what was mended so far.
    trunk: TrunkRow,
    /// Where it can be asked, the best first.
    ways: Vec<crate::sip::event::Flow>,
    findings: Vec<Finding>,
    beside: Vec<Finding>,
    patch: Vec<Change>,
    /// The last probe went well.
    well: bool,
    /// The registrar does not take us: then nobody calls us, whatever becomes of our calls.
    unregistered: bool,
}

impl Prober {
    /// Of a trunk; `listen`: the address that we send from.
    pub fn new(line: Line, trunk: TrunkRow, listen: IpAddr) -> Prober {
        Prober {
            line,
            listen,
            trunk,
            ways: Vec::new(),
            findings: Vec::new(),
            beside: Vec::new(),
            patch: Vec::new(),
            well: false,
            unregistered: false,
        }
    }

    /// All that is asked, in the order in which it makes sense.
    pub async fn examine(mut self, number: Option<String>, from: String) -> Report {
        self.ways = self.line.find(&self.trunk).await;
        self.ways.truncate(ADDRESSES_MAX);
        if self.ways.is_empty() {
            self.findings.push(doctor::nowhere(&self.trunk, self.listen));
        }
        let register = doctor::registers(&self.trunk).then_some(Probe::Register);
        let invite = number.map(|number| Probe::Invite { number, from });
        for probe in [Some(Probe::Options), register, invite].into_iter().flatten() {
            self.probe(&probe).await;
            self.unregistered |= probe == Probe::Register && !self.well;
        }
        let ok = self.well && !self.unregistered && self.patch.is_empty() && self.beside.iter().all(|f| f.ok);
        self.findings.extend(self.beside);
        Report { ok, findings: self.findings, ladder: self.line.into_ladder(), patch: self.patch }
    }

    /// One probe, and what else is tried with its answer.
    async fn probe(&mut self, probe: &Probe) {
        let Some(mut outcome) = self.ask_around(probe).await else { return };
        for _ in 0..MISTAKES_MAX {
            let found = doctor::judge(probe, &self.trunk, &outcome);
            self.well = found.ok;
            let fallback = found.patch.clone();
            self.findings.push(found);
            match self.vary(probe, &outcome).await {
                Some(better) => outcome = better,
                None => return self.patch.extend(fallback),
            }
            if doctor::stage(probe, &outcome) == Stage::Through {
                self.well = true;
                return;
            }
        }
    }

    /// The answer to the first variation that comes further, which the trunk is from now on.
    async fn vary(&mut self, probe: &Probe, outcome: &Outcome) -> Option<Outcome> {
        let flow = *self.ways.first()?;
        for variation in vary::variations(probe, &self.trunk, outcome) {
            let now = self.line.ask(probe, &variation.row, flow).await;
            let Some(found) = vary::mended(probe, &variation, outcome, &now) else { continue };
            self.learn(probe, &now);
            self.findings.push(found);
            self.patch.extend(variation.patch);
            self.trunk = variation.row;
            return Some(now);
        }
        None
    }

    /// Asks at one address after the other, as calls do, until one answers; those that do not are asked last or not at all from then
    /// on. None: there is nobody left.
    async fn ask_around(&mut self, probe: &Probe) -> Option<Outcome> {
        let mut passed = Vec::new();
        let mut last = None;
        while let Some(flow) = self.ways.first().copied() {
            let outcome = self.line.ask(probe, &self.trunk, flow).await;
            self.learn(probe, &outcome);
            if outcome.is_passed_over() {
                self.ways.remove(0);
                passed.extend((!outcome.is_dead()).then_some(flow));
            }
            let done = !outcome.is_passed_over() || self.ways.is_empty();
            if done {
                last = Some(outcome);
                break;
            }
            let mut words = doctor::judge(probe, &self.trunk, &outcome).words;
            words.push_str(" Calls go on to the peer's next address.");
            self.findings.push(Finding::bad(words));
        }
        self.ways.extend(passed);
        last
    }

    /// What an answer says of addresses, each once.
    fn learn(&mut self, probe: &Probe, outcome: &Outcome) {
        let Outcome::Answered(answer) = outcome else { return };
        for found in address::beside(probe, answer) {
            if !self.beside.contains(&found) {
                self.beside.push(found);
            }
        }
    }
}
