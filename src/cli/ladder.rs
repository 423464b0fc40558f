//! (s) `chorus ladder CA...`: the timeline of a call as a picture. A running server is asked over HTTP, also while the call
//! lives; without one the timeline is read from the database.

use super::account::open;
use crate::config::Config;
use crate::sid::CallSid;
use crate::store::rows::Line;
use crate::store::{Scope, timeline};
use crate::telemetry::ladder::{self, Layout};
use clap::Args;
use std::path::Path;
use std::time::Duration;

/// Pause between two looks at a live call.
const AGAIN: Duration = Duration::from_millis(300);

/// Arguments.
#[derive(Args)]
pub struct Options {
    /// The call's SID.
    call: String,
    /// The server; default: CHORUS_PUBLIC_URL or the listener of the settings.
    #[arg(long)]
    url: Option<String>,
    /// AccountSid; default: the first account, from the data directory.
    #[arg(long, requires = "token")]
    account: Option<String>,
    /// Its AuthToken (or of its parent).
    #[arg(long, requires = "account")]
    token: Option<String>,
    /// Goes on while the call lives.
    #[arg(long, short)]
    follow: bool,
}

/// The exit code.
pub fn run(options: Options, config: Option<&Path>) -> i32 {
    crate::telemetry::log::start("error");
    super::block_on(show(options, config))
}

/// What the server answers.
struct Timeline {
    live: bool,
    lines: Vec<Line>,
}

async fn show(options: Options, config: Option<&Path>) -> Result<(), String> {
    let sid = CallSid::parse(&options.call)
        .ok_or_else(|| format!("{} is no SID of a call: CA and 32 hexadecimal digits", options.call))?;
    let config = Config::from_process(config)?;
    let base = options.url.clone().unwrap_or_else(|| config.public_url.clone());
    let (account, token) = match (options.account.clone(), options.token.clone()) {
        (Some(a), Some(t)) => (a, t),
        _ => credentials(&config)?,
    };
    let asked = ask(&base, &account, &token, sid).await;
    let found = match asked {
        Err(Failed::NotReached(why)) if options.url.is_none() => {
            from_database(&config, sid).await.map_err(|e| format!("{why}; and from the database: {e}"))?
        }
        Err(Failed::NotReached(why) | Failed::Said(why)) => return Err(why),
        Ok(t) => t,
    };
    if !(options.follow && found.live) {
        print!("{}", ladder::render(&found.lines));
        if found.live {
            println!("(the call lives; --follow goes on)");
        }
        return Ok(());
    }
    follow(found, &base, &account, &token, sid).await
}

async fn follow(found: Timeline, base: &str, account: &str, token: &str, sid: CallSid) -> Result<(), String> {
    let layout = Layout::live();
    println!("{}", layout.head());
    let since = found.lines.first().map_or(0, |l| l.at.0);
    let (mut shown, mut now) = (0, found);
    loop {
        for line in now.lines.iter().skip(shown) {
            println!("{}", layout.line(line, since));
        }
        shown = now.lines.len();
        if !now.live {
            return Ok(());
        }
        tokio::time::sleep(AGAIN).await;
        now = ask(base, account, token, sid).await.map_err(|e| match e {
            Failed::NotReached(why) | Failed::Said(why) => why,
        })?;
    }
}

fn credentials(config: &Config) -> Result<(String, String), String> {
    if !config.account_sid.is_empty() && !config.auth_token.is_empty() {
        return Ok((config.account_sid.clone(), config.auth_token.clone()));
    }
    let path = config.data_dir.join("credentials");
    let text = std::fs::read_to_string(&path)
        .map_err(|e| format!("{}: {e}; give --account and --token, or CHORUS_DATA_DIR", path.display()))?;
    let (account, token) =
        text.trim().split_once(' ').ok_or_else(|| format!("{} cannot be read", path.display()))?;
    Ok((account.to_owned(), token.to_owned()))
}

enum Failed {
    NotReached(String),
    Said(String),
}

async fn ask(base: &str, account: &str, token: &str, sid: CallSid) -> Result<Timeline, Failed> {
    let said = |e: String| Failed::Said(e);
    let tls = crate::webhooks::tls::client_config(None).map_err(said)?;
    let http =
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().map_err(|e| said(e.to_string()))?;
    let url = format!("{base}/chorus/v1/calls/{sid}/timeline");
    let not_reached = |e: reqwest::Error| Failed::NotReached(format!("{base} could not be reached: {e}"));
    let response = http.get(&url).basic_auth(account, Some(token)).send().await.map_err(not_reached)?;
    let status = response.status();
    let body = response.bytes().await.map_err(not_reached)?;
    if !status.is_success() {
        return Err(said(format!("{url}: {status}: {}", String::from_utf8_lossy(&body))));
    }
    #[derive(serde::Deserialize)]
    struct Answer {
        live: bool,
        lines: Vec<Line>,
    }
    let answer: Answer = serde_json::from_slice(&body).map_err(|e| said(format!("{url}: {e}")))?;
    Ok(Timeline { live: answer.live, lines: answer.lines })
}

async fn from_database(config: &Config, sid: CallSid) -> Result<Timeline, String> {
    let store = open(config, false).await?;
    let lines =
        store.read(move |r| timeline::whole(r, Scope::Operator, sid)).await.map_err(|e| e.to_string());
    let closing = store.clone();
    let _ = tokio::task::spawn_blocking(move || closing.close()).await;
    let lines = lines?.ok_or_else(|| format!("there is no timeline of {sid}"))?;
    Ok(Timeline { live: false, lines })
}
