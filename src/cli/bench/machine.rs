//! (s) Where and of what a run is: a figure without its machine and its commit means nothing.

use super::process::{self, Cpu, Process};
use std::path::Path;
use std::process::Command;

/// Ticks of a second in /proc, as in `process`.
const TICK_US: u64 = 10_000;

/// Processor, kernel, load.
pub fn words() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpus = read("/proc/cpuinfo");
    let model = cpus
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .unwrap_or("")
        .trim_start_matches(['\t', ':', ' ']);
    let cores = cpus.lines().filter(|l| l.starts_with("processor")).count();
    format!("{cores} x {model}, Linux {}, load {}", read("/proc/sys/kernel/osrelease").trim(), load())
}

/// Of 1, 5 and 15 minutes.
pub fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// What is checked out where the program lies; a build elsewhere has none.
pub fn commit(program: &Path) -> String {
    let folder = program.parent().unwrap_or(Path::new("."));
    let git = |arguments: &[&str]| {
        let out = Command::new("git").arg("-C").arg(folder).args(arguments).output().ok()?;
        out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
    };
    match git(&["rev-parse", "--short=12", "HEAD"]) {
        Some(head)
            if git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|s| !s.is_empty()) =>
        {
            format!("{head} with changes")
        }
        Some(head) => head,
        None => "unknown".to_owned(),
    }
}

/// CPU of everybody and time that passed on all cores, microseconds.
struct Busy {
    used: u64,
    passed: u64,
}

impl Busy {
    /// Since the machine started.
    fn now() -> Busy {
        let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        let line = text.lines().next().unwrap_or_default();
        // user nice system idle iowait irq softirq steal
        let ticks: Vec<u64> = line.split_ascii_whitespace().skip(1).take(8).flat_map(str::parse).collect();
        let passed: u64 = ticks.iter().sum();
        let idle: u64 = ticks.iter().skip(3).take(2).sum();
        Busy {
            used: passed.saturating_sub(idle).saturating_mul(TICK_US),
            passed: passed.saturating_mul(TICK_US),
        }
    }
}

/// What a process and everybody else use from now on.
pub struct Meter<'p> {
    process: &'p Process,
    measured: Cpu,
    own: Cpu,
    all: Busy,
}

impl<'p> Meter<'p> {
    /// Begins.
    ///
    /// # Errors
    /// The process is gone.
    pub fn start(process: &'p Process) -> Result<Meter<'p>, String> {
        Ok(Meter { process, measured: process.cpu()?, own: process::own()?, all: Busy::now() })
    }

    /// What the process used since then, and the share of the machine that went neither to it nor to this program, per cent.
    ///
    /// # Errors
    /// The process is gone.
    pub fn read(&self) -> Result<(Cpu, f64), String> {
        let (measured, own) = (self.process.cpu()?.since(self.measured), process::own()?.since(self.own));
        let now = Busy::now();
        let used = now.used.saturating_sub(self.all.used);
        let others = used.saturating_sub(measured.all()).saturating_sub(own.all());
        Ok((measured, others as f64 * 100.0 / now.passed.saturating_sub(self.all.passed).max(1) as f64))
    }
}
