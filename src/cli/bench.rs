//! (s) `chorus bench`: what a call costs beside a floor program that does only what must be done, measured in the same run.
//!
//! Three processes: the server (this binary as `serve`), the floor (`floor-*` beside this binary, from `benches/floor`), and
//! this one, which is the phones, the web application and the agents. docs/BENCH.md says how figures are made.

mod agent;
mod app;
mod calls;
pub mod figures;
mod machine;
pub mod mark;
mod others;
mod phones;
mod process;
mod recorded;
mod rounds;
mod server;
mod signalling;
mod sip;
pub mod table;

use figures::{Round, Row, median};
use rounds::Sound;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use table::{Line, Verdict};

/// What can be measured.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// INVITE to BYE with webhook and store.
    Calls,
    /// INVITE to BYE with inline TwiML and store; memory of calls without sound.
    Signalling,
    /// Play to the caller.
    Play,
    /// A bridged Dial.
    Bridge,
    /// Record.
    Record,
    /// A bidirectional Stream over ws.
    Stream,
    /// Memory of Stream calls.
    Memory,
    /// First answer after exec, and an idle server.
    Start,
    /// Commits of the store.
    Commits,
}

/// Microseconds of user time of a Stream, a second and call.
const USER_MAX: f64 = 300.0;

impl Case {
    fn word(self) -> &'static str {
        match self {
            Case::Calls => "calls",
            Case::Signalling => "signalling",
            Case::Play => "play",
            Case::Bridge => "bridge",
            Case::Record => "record",
            Case::Stream => "stream",
            Case::Memory => "memory",
            Case::Start => "start",
            Case::Commits => "commits",
        }
    }
}

const ALL: &[Case] = &[
    Case::Start,
    Case::Commits,
    Case::Calls,
    Case::Signalling,
    Case::Play,
    Case::Bridge,
    Case::Record,
    Case::Stream,
    Case::Memory,
];

/// Arguments of the command.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// What to measure; nothing: all.
    cases: Vec<Case>,
    /// Calls at once; 300, of `signalling` 2000, unless given.
    #[arg(long)]
    calls: Option<usize>,
    /// Calls a second; 100 of `calls`, 300 of `signalling`, unless given.
    #[arg(long)]
    rate: Option<u32>,
    /// Length of a measurement.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Measurements of the server; one more of the floor.
    #[arg(long, default_value_t = 2)]
    rounds: usize,
    /// Another binary to measure, to compare two versions.
    #[arg(long)]
    program: Option<PathBuf>,
}

/// What all cases share.
pub struct Rig {
    epoch: Instant,
    app: app::App,
    agent: SocketAddr,
    program: PathBuf,
    temp: PathBuf,
    calls: usize,
    /// Calls at once without sound.
    quiet: usize,
    rate: Option<u32>,
    time: Duration,
}

impl Rig {
    fn new(a: &Arguments) -> Result<Rig, String> {
        let epoch = Instant::now();
        let agent = agent::start()?;
        let own = std::env::current_exe().map_err(|e| e.to_string())?;
        let temp = std::env::temp_dir().join(format!("chorus-bench-{}", std::process::id()));
        Ok(Rig {
            epoch,
            app: app::App::start(agent, epoch)?,
            agent,
            program: a.program.clone().unwrap_or(own),
            temp,
            calls: a.calls.unwrap_or(300).max(1),
            quiet: a.calls.unwrap_or(2_000).max(1),
            rate: a.rate,
            time: Duration::from_secs(a.seconds.max(1)),
        })
    }

    /// Of what and where this run is.
    fn head(&self) -> String {
        let commit = machine::commit(&self.program);
        let (calls, seconds) = (self.calls, self.time.as_secs());
        format!(
            "{}\ncommit {commit}; {calls} calls, {seconds} s a round, floor and server by turns",
            machine::words()
        )
    }

    /// Microseconds since the epoch of this run.
    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    /// A fresh folder.
    fn folder(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.temp.join(format!("{name}-{}", self.now()));
        std::fs::create_dir_all(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(path)
    }

    /// A program that was built with this one.
    fn beside(&self, name: &str) -> PathBuf {
        std::env::current_exe().unwrap_or_default().with_file_name(name)
    }

    fn say(&self, words: &str) {
        eprintln!("{words}");
    }
}

/// Measures; the exit code: 0 if every figure is one and every goal is met.
pub fn run(a: &Arguments) -> i32 {
    if cfg!(any(feature = "invariants", feature = "mutants")) {
        eprintln!(
            "chorus: this build checks its invariants at every step; `cargo build --release` makes one to be measured"
        );
        return 1;
    }
    let rig = match Rig::new(a) {
        Ok(r) => r,
        Err(why) => {
            eprintln!("chorus: {why}");
            return 1;
        }
    };
    let cases = if a.cases.is_empty() { ALL } else { &a.cases };
    let began = Instant::now();
    let head = rig.head();
    eprintln!("{head}");
    let mut lines = Vec::new();
    for case in cases {
        eprintln!("{case:?}");
        match one(&rig, *case, a.rounds.max(1)) {
            Ok(more) => lines.extend(more),
            Err(why) => lines.push(Line::new(case.word(), String::new(), "", Verdict::NoFigure(why))),
        }
        eprint!("{}", table::text(&lines));
    }
    let minutes = began.elapsed().as_secs_f64() / 60.0;
    println!("{head}\n{}{minutes:.1} minutes, load at the end {}", table::text(&lines), machine::load());
    let _ = std::fs::remove_dir_all(&rig.temp);
    i32::from(!lines.iter().all(|l| l.verdict.is_good()))
}

fn one(rig: &Rig, case: Case, rounds: usize) -> Result<Vec<Line>, String> {
    let sound = match case {
        Case::Start => return others::start(rig),
        Case::Commits => return others::commits(rig),
        Case::Memory => return others::memory(rig),
        Case::Calls => return Ok(calls(rig, rounds, calls::WEBHOOK, None)?.lines()),
        Case::Signalling => {
            let mut lines = calls(rig, rounds, calls::INLINE, Some(2.5))?.lines();
            let fault = |why| vec![Line::new(case.word(), String::new(), "", Verdict::NoFigure(why))];
            lines.extend(signalling::memory(rig).unwrap_or_else(fault));
            return Ok(lines);
        }
        Case::Play => Sound::Play,
        Case::Bridge => Sound::Bridge,
        Case::Record => Sound::Record,
        Case::Stream => Sound::Stream,
    };
    let goal = if sound == Sound::Stream { 1.4 } else { 1.3 };
    let head = (sound.word(), "us a second and call", Some(goal), "round trip");
    let r = row(rig, rounds, head, || rounds::floor(rig, sound), || rounds::server(rig, sound))?;
    let mut lines = r.lines();
    if sound == Sound::Stream {
        lines.push(user(&r));
    }
    Ok(lines)
}

fn calls(rig: &Rig, rounds: usize, how: calls::How, goal: Option<f64>) -> Result<Row, String> {
    let head = (how.name, "us a call", goal, how.timed);
    row(rig, rounds, head, || calls::floor(rig, how), || calls::server(rig, how))
}

/// The design shows in the user time of a Stream. Its goal holds for the machine that the floors were composed on: the pair of a
/// send and a receive says how fast this one is.
fn user(r: &Row) -> Line {
    let here = median(r.server.iter().map(|r| r.user));
    let pair = median(r.floor.iter().filter_map(|r| r.pair));
    let there = if pair > 0.0 { here * rounds::PAIR / pair } else { here };
    let figure = format!(
        "user time of a Stream {there:.0} us a second and call, scaled from {here:.0} (pair {pair:.2} us here)"
    );
    Line::new("stream", figure, "300 us", Verdict::of(there <= USER_MAX))
}

fn row(
    rig: &Rig,
    rounds: usize,
    (name, unit, goal, timed): (&'static str, &'static str, Option<f64>, &'static str),
    floor: impl Fn() -> Result<Round, String>,
    server: impl Fn() -> Result<Round, String>,
) -> Result<Row, String> {
    let mut r = Row { name, unit, floor: vec![], server: vec![], goal, timed };
    let say = |who: &str, x: &Round| {
        let fault = x.fault.as_deref().unwrap_or("");
        rig.say(&format!("  {who} {:.1}, user {:.1}: {} {fault}", x.all, x.user, x.note));
    };
    for i in 0..=rounds {
        let f = floor()?;
        say("floor ", &f);
        r.floor.push(f);
        if i < rounds {
            let s = server()?;
            say("server", &s);
            r.server.push(s);
        }
    }
    Ok(r)
}
