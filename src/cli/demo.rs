//! (s) `chorus demo`: the whole of it on one machine and with nothing else. A server, a sample webhook app and a sample
//! streaming agent in this process, and a phone that calls the server with real SIP and RTP on loopback.

mod agent;
mod app;
pub mod beat;
mod keep;
mod rest;
mod script;
mod summary;

use crate::config::Config;
use crate::server::{self, Server};
use crate::sid::CallSid;
use crate::store::rows::Line;
use crate::telemetry::{self, ladder::Layout};
use rest::Rest;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// The number that is made and called.
pub const NUMBER: &str = "+15005550100";
/// The caller's.
pub const CALLER: &str = "+15005550199";

/// Ways to spoil the call, each of which must be noticed.
#[derive(Copy, Clone, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Break {
    /// The agent sends nothing back.
    MuteAgent,
    /// The app refuses the last status callback.
    LostCallback,
    /// The app's document has a pause where it should speak.
    SilentSay,
    /// The app's Record ends after two seconds.
    ShortRecording,
    /// The agent sends no marks.
    LostMark,
    /// The agent does not clear.
    LostClear,
    /// The caller presses another key.
    WrongKeys,
    /// The phone loses every 20th packet.
    LostPackets,
    /// The phone stands still again and again.
    StalledPhone,
}

/// What it was started with.
pub struct Options {
    /// Leaves the server up afterwards.
    pub keep: bool,
    /// Spoils the call.
    pub broken: Option<Break>,
}

/// The process' exit code: 0 if everything was as it must be.
pub fn run(options: Options) -> i32 {
    telemetry::log::start("error");
    let Ok(runtime) = tokio::runtime::Runtime::new() else {
        eprintln!("chorus: no threads could be started");
        return 1;
    };
    match runtime.block_on(demo(options)) {
        Ok(true) => 0,
        Ok(false) => 1,
        Err(why) => {
            eprintln!("chorus: {why}");
            1
        }
    }
}

/// A line on the terminal; a reader that went away (`| head`) is no fault of ours.
fn say(words: &str) {
    let _ = writeln!(std::io::stdout(), "{words}");
}

fn config(dir: &Path) -> Result<Config, String> {
    let dir = dir.display().to_string();
    let set = |name: &str| match name {
        "CHORUS_HTTP_LISTEN" | "CHORUS_SIP_LISTEN" => Some("127.0.0.1:0".to_owned()),
        "CHORUS_DATA_DIR" => Some(dir.clone()),
        _ => None,
    };
    Config::load(&set, None)
}

fn data_dir() -> Result<PathBuf, String> {
    let dir = std::env::temp_dir().join(format!("chorus-demo-{}", crate::api::rng().hex(8)));
    std::fs::create_dir(&dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    Ok(dir)
}

async fn demo(options: Options) -> Result<bool, String> {
    let dir = data_dir()?;
    let (watcher, lines) = mpsc::unbounded_channel();
    let server = server::start(config(&dir)?, Some(watcher)).await?;
    say(&format!(
        "Chorus answers on {} (REST) and sip:{} (UDP, TCP). Its data is in {}.",
        server.public_url,
        server.sip,
        dir.display()
    ));
    let mut printer = Printer { lines, layout: Layout::live(), since: None };
    let passed = played(&server, &mut printer, &dir, &options).await;
    match (options.keep, &passed) {
        (true, Ok((_, call))) => printer.during(keep::wait(server, call)).await,
        _ => server.stop().await,
    }
    passed.map(|(passed, _)| passed)
}

/// Whether everything was as it must be, and the call's SID.
async fn played(
    server: &Server,
    printer: &mut Printer,
    dir: &Path,
    options: &Options,
) -> Result<(bool, String), String> {
    let token = &server.credentials.auth_token;
    let agent = agent::start(token, options.broken)?;
    let app = app::start(token, &agent.url, options.broken)?;
    let rest = Rest::new(server.public_url.clone(), server.credentials.clone())?;
    rest.make_trunk("The demo's phone", "127.0.0.1").await?;
    let (voice, status) = (format!("{}/voice", app.url), format!("{}/status", app.url));
    let number = [("PhoneNumber", NUMBER), ("VoiceUrl", &voice), ("StatusCallback", &status)];
    rest.post("/IncomingPhoneNumbers.json", &number).await?;
    say(&format!("The app answers on {}, the agent on {}. {CALLER} calls {NUMBER}.\n", app.url, agent.url));
    say(&printer.layout.head());
    let call = script::play(server, &app, &agent, &rest, dir, options.broken);
    let seen = printer.during(call).await?;
    say("");
    let checks = summary::checks(&seen);
    for c in &checks {
        say(&format!("{}  {:<12} {}", if c.ok { "  ok" } else { "FAIL" }, c.name, c.words));
    }
    let passed = checks.iter().all(|c| c.ok);
    say(if passed { "\nEverything was as it must be." } else { "\nSomething was not as it must be." });
    if !options.keep {
        app.stop().await;
    }
    Ok((passed, seen.call))
}

/// The ladder while it happens.
struct Printer {
    lines: mpsc::UnboundedReceiver<(CallSid, Line)>,
    layout: Layout,
    since: Option<i64>,
}

impl Printer {
    fn show(&mut self, line: &Line) {
        let since = *self.since.get_or_insert(line.at.0);
        say(&self.layout.line(line, since));
    }

    /// Prints what comes until the work is done, and what came by then.
    async fn during<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => {
                    while let Ok((_, line)) = self.lines.try_recv() {
                        self.show(&line);
                    }
                    return done;
                }
                Some((_, line)) = self.lines.recv() => self.show(&line),
            }
        }
    }
}
