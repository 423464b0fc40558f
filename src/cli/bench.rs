//! (s) `chorus bench`: what a call costs beside a floor program that does only what must be done, measured in the same run.
//!
//! Three processes: the server (this binary as `serve`), the floor (`floor-*` beside this binary, from `benches/floor`), and
//! this one, which is the phones, the web application and the agents. docs/BENCH.md says how figures are made.

mod agent;
mod app;
mod calls;
pub mod figures;
pub mod mark;
mod others;
mod phones;
mod process;
mod recorded;
mod rounds;
mod server;
mod sip;

use figures::{Round, Row};
use rounds::Sound;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// What can be measured.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Case {
    /// INVITE to BYE with webhook and store.
    Calls,
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

const ALL: &[Case] = &[
    Case::Start,
    Case::Commits,
    Case::Calls,
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
    /// Calls at once.
    #[arg(long, default_value_t = 300)]
    calls: usize,
    /// Calls a second of the case `calls`.
    #[arg(long, default_value_t = 100)]
    rate: u32,
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
    rate: u32,
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
            calls: a.calls.max(1),
            rate: a.rate,
            time: Duration::from_secs(a.seconds.max(1)),
        })
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
    let mut table = String::from(
        "\ncase     unit           | floor: median, spread, user      | server: median, spread, user     | ratio\n",
    );
    for case in cases {
        eprintln!("{case:?}");
        match one(&rig, *case, a.rounds.max(1)) {
            Ok(text) => table.push_str(&text),
            Err(why) => table.push_str(&format!("{case:?}: NO FIGURE: {why}\n")),
        }
    }
    println!("{table}");
    let _ = std::fs::remove_dir_all(&rig.temp);
    i32::from(table.contains("NO FIGURE") || table.contains("MISSED"))
}

fn one(rig: &Rig, case: Case, rounds: usize) -> Result<String, String> {
    let sound = match case {
        Case::Start => return others::start(rig).map(|t| t + "\n"),
        Case::Commits => return others::commits(rig).map(|t| t + "\n"),
        Case::Memory => return others::memory(rig).map(|t| t + "\n"),
        Case::Calls => {
            let both = (|| calls::floor(rig), || calls::server(rig));
            return row(rig, rounds, ("calls", "us/call", None, None), both.0, both.1).map(|r| r.text());
        }
        Case::Play => Sound::Play,
        Case::Bridge => Sound::Bridge,
        Case::Record => Sound::Record,
        Case::Stream => Sound::Stream,
    };
    // Sends and receives a second and call, by the measured composition of a floor (pair 3.91 us there).
    let (goal, pairs) = match sound {
        Sound::Play => (1.3, 218.0 / 3.91),
        Sound::Bridge => (1.3, 430.0 / 3.91),
        // There is no such composition of a receive alone.
        Sound::Record => (1.3, 0.0),
        Sound::Stream => (1.4, 700.0 / 3.91),
    };
    let head = (sound.word(), "us/s and call", Some(goal), Some(pairs).filter(|p| *p > 0.0));
    row(rig, rounds, head, || rounds::floor(rig, sound), || rounds::server(rig, sound)).map(|r| r.text())
}

fn row(
    rig: &Rig,
    rounds: usize,
    (name, unit, goal, pairs): (&'static str, &'static str, Option<f64>, Option<f64>),
    floor: impl Fn() -> Result<Round, String>,
    server: impl Fn() -> Result<Round, String>,
) -> Result<Row, String> {
    let mut r = Row { name, unit, floor: vec![], server: vec![], goal, pairs };
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
