//! (s) `chorus call TO`: a phone in the terminal. It dials a server over SIP, says a WAV or presses keys, keeps what it
//! hears, and prints its side of the ladder.

use super::phone::{self, Dial, Phase, Phone};
use crate::media::decode::{Container, decode};
use crate::media::plan::Clip;
use crate::telemetry::{self, ladder::Layout};
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Longest wait for an answer.
const RING: Duration = Duration::from_secs(180);
/// Longest call.
const TALK: Duration = Duration::from_secs(3_600);
/// The BYE may take so long to be answered.
const BYE: Duration = Duration::from_secs(5);
/// How long to ask why a call could not be sent.
const EXPLAIN: Duration = Duration::from_millis(500);

/// Arguments.
#[derive(Args)]
pub struct Options {
    /// A number at the server, or a whole sip: URI.
    to: String,
    /// Where the server's SIP is: HOST or HOST:PORT.
    #[arg(long, default_value = "127.0.0.1:5060")]
    server: String,
    /// The number it calls from.
    #[arg(long, default_value = "+15005550199")]
    from: String,
    /// Says this WAV or MP3 file once the call is answered.
    #[arg(long)]
    wav: Option<PathBuf>,
    /// Presses these keys once the call is answered, after the WAV: 0-9 * # A-D, w waits half a second, W a second.
    #[arg(long)]
    keys: Option<String>,
    /// Writes what it hears to this WAV file.
    #[arg(long)]
    save: Option<PathBuf>,
    /// Hangs up so many seconds after the answer; without it when the other side does, or at Ctrl-C.
    #[arg(long)]
    seconds: Option<u64>,
}

/// The exit code: 0 if the call was answered.
pub fn run(options: Options) -> i32 {
    telemetry::log::start("error");
    super::block_on(call(options))
}

fn clip(path: &Path) -> Result<Clip, String> {
    let bytes = std::fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let mp3 = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("mp3"));
    let container = if mp3 { Container::Mp3 } else { Container::Riff };
    decode(bytes.into(), container).map_err(|e| format!("{}: {}", path.display(), e.0))
}

fn save(path: &Path, samples: &[i16]) -> Result<(), String> {
    let failed = |e: hound::Error| format!("{}: {e}", path.display());
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = hound::WavWriter::create(path, spec).map_err(failed)?;
    samples.iter().try_for_each(|s| file.write_sample(*s)).map_err(failed)?;
    file.finalize().map_err(failed)
}

/// The machine says so when it is asked.
async fn nobody_listens(server: SocketAddr) -> bool {
    tokio::time::timeout(EXPLAIN, phone::refused(server)).await.is_ok()
}

async fn call(options: Options) -> Result<(), String> {
    let said = options.wav.as_deref().map(clip).transpose()?;
    if let Some(bad) =
        options.keys.iter().flat_map(|k| k.chars()).find(|c| !"0123456789*#ABCDwW".contains(*c))
    {
        return Err(format!("--keys: '{bad}' is no key; there are 0-9 * # A-D, and w and W to wait"));
    }
    let server = phone::resolve(&options.server).await?;
    let (watcher, lines) = mpsc::unbounded_channel();
    let printer = tokio::spawn(print(lines));
    let dial = Dial {
        bind: phone::near(server)?,
        server,
        to: options.to.clone(),
        from: options.from.clone(),
        watcher: Some(watcher),
        lose: 0,
        stall: Duration::ZERO,
    };
    let phone = Phone::dial(dial).await?;
    tokio::select! {
        () = talk(&phone, &options, said) => {}
        _ = tokio::signal::ctrl_c() => phone.hang_up(),
    }
    let mut state = phone.state.clone();
    let report = phone.finish(BYE).await;
    let _ = printer.await;
    if let Some(path) = &options.save {
        save(path, &report.ear.samples)?;
        println!("{:.1} s heard, written to {}", report.ear.samples.len() as f64 / 8_000.0, path.display());
    }
    let (sent, heard, lost, late) = (report.sent, report.ear.received, report.ear.lost(), report.ear.late);
    println!("packets: {sent} sent; {heard} heard, {lost} lost, {late} late");
    let phase = state.borrow_and_update().phase.clone();
    match (report.answered_ms, phase) {
        (None, Phase::Over(_, cause)) => Err(match cause.code {
            503 if nobody_listens(server).await => format!("not answered: nobody listens on {server} (UDP)"),
            code => format!("not answered: {code} {}", cause.words),
        }),
        (None, _) => Err("not answered".to_owned()),
        (Some(_), _) => Ok(()),
    }
}

async fn talk(phone: &Phone, options: &Options, said: Option<Clip>) {
    if !phone.until(RING, |s| s.phase == Phase::Talking).await {
        return phone.hang_up();
    }
    let speech = async {
        if let Some(clip) = said {
            phone.say(Arc::new(clip));
            phone.until(TALK, |s| s.busy).await;
            phone.until(TALK, |s| !s.busy).await;
        }
        if let Some(keys) = &options.keys {
            phone.press(keys);
        }
        phone.until(TALK, |s| matches!(s.phase, Phase::Over(..))).await;
    };
    let limit = options.seconds.map_or(TALK, Duration::from_secs);
    if tokio::time::timeout(limit, speech).await.is_err() {
        phone.hang_up();
    }
}

async fn print(mut lines: mpsc::UnboundedReceiver<crate::store::rows::Line>) {
    let layout = Layout::phone();
    println!("{}", layout.head());
    let mut since = None;
    while let Some(line) = lines.recv().await {
        println!("{}", layout.line(&line, *since.get_or_insert(line.at.0)));
    }
}
