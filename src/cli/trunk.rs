//! (s) `chorus trunk test TK...`: asks the running server to try a trunk, and prints what was sent and answered, what is wrong, and
//! what to PATCH.

use crate::config::Config;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::path::Path;

/// Commands.
#[derive(Subcommand)]
pub enum Command {
    /// Tries a trunk: OPTIONS, REGISTER where it registers, and a call to a number that is taken back when it rings. Whose peer
    /// registers here is asked where it has registered.
    Test(Options),
}

/// Arguments.
#[derive(Args)]
pub struct Options {
    /// The trunk's SID.
    trunk: String,
    /// Calls this number.
    #[arg(long)]
    number: Option<String>,
    /// As this caller.
    #[arg(long)]
    from: Option<String>,
    /// The server; default: CHORUS_PUBLIC_URL or the listener of the settings.
    #[arg(long)]
    url: Option<String>,
    /// The operator's bearer token; default: from the settings or the data directory.
    #[arg(long)]
    token: Option<String>,
}

/// The exit code: 0 if nothing is wrong.
pub fn run(command: Command, config: Option<&Path>) -> i32 {
    crate::telemetry::log::start("error");
    let Command::Test(options) = command;
    super::block_on(test(options, config))
}

async fn test(options: Options, config: Option<&Path>) -> Result<(), String> {
    let config = Config::from_process(config)?;
    let base = options.url.clone().unwrap_or_else(|| config.public_url.clone());
    let token = match options.token.clone() {
        Some(token) => token,
        None => token_of(&config)?,
    };
    let tls = crate::webhooks::tls::client_config(None)?;
    let http =
        reqwest::Client::builder().tls_backend_preconfigured(tls).build().map_err(|e| e.to_string())?;
    let trunk = format!("{base}/carrier/v1/sip_trunks/{}", options.trunk);
    if let Some(number) = &options.number {
        let mut url = url::Url::parse(&format!("{trunk}/explain")).map_err(|e| format!("{trunk}: {e}"))?;
        url.query_pairs_mut()
            .append_pair("number", number)
            .extend_pairs(options.from.iter().map(|f| ("from", f)));
        let said = answer(http.get(url).bearer_auth(&token)).await?;
        print!("{}", explained(&said));
    }
    let body = json!({ "number": options.number, "from": options.from });
    let body = serde_json::to_vec(&body).map_err(|e| e.to_string())?;
    let asked = http.post(format!("{trunk}/test")).bearer_auth(&token);
    let said = answer(asked.header("Content-Type", "application/json").body(body)).await?;
    print!("{}", report(&said, &options.trunk));
    match said.get("ok").and_then(Value::as_bool) {
        Some(true) => Ok(()),
        _ => Err("the trunk needs a change".to_owned()),
    }
}

fn token_of(config: &Config) -> Result<String, String> {
    if !config.carrier_token.is_empty() {
        return Ok(config.carrier_token.clone());
    }
    let path = config.data_dir.join("carrier.token");
    let text = std::fs::read_to_string(&path)
        .map_err(|e| format!("{}: {e}; give --token, or CHORUS_DATA_DIR", path.display()))?;
    Ok(text.trim().to_owned())
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Value, String> {
    let response = request.send().await.map_err(|e| format!("the server could not be reached: {e}"))?;
    let status = response.status();
    let body = response.bytes().await.map_err(|e| e.to_string())?;
    let value: Value = serde_json::from_slice(&body).map_err(|_| format!("{status}"))?;
    match value.pointer("/data/attributes") {
        Some(attributes) if status.is_success() => Ok(attributes.clone()),
        _ => Err(format!("{status}: {}", String::from_utf8_lossy(&body))),
    }
}

fn steps(said: &Value, of: &str) -> String {
    let list = said.get(of).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let line = |step: &Value| {
        let ok = step.get("ok").and_then(Value::as_bool).unwrap_or(false);
        let words = step.get("words").and_then(Value::as_str).unwrap_or_default();
        format!("  {} {words}\n", if ok { "ok " } else { "NO " })
    };
    list.iter().map(line).collect()
}

/// What `explain` says of both directions.
pub fn explained(said: &Value) -> String {
    format!(
        "A call that comes in:\n{}\nA call that goes out:\n{}\n",
        steps(said, "inbound"),
        steps(said, "outbound")
    )
}

/// What the test says, and what to change.
pub fn report(said: &Value, trunk: &str) -> String {
    let ladder = said.get("ladder").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let lines: String = ladder.iter().filter_map(Value::as_str).map(|l| format!("{l}\n")).collect();
    let mut out = format!("Sent (->) and answered (<-):\n{lines}\nFound:\n{}", steps(said, "findings"));
    let patch = said.get("patch").filter(|p| p.as_object().is_some_and(|o| !o.is_empty()));
    if let Some(patch) = patch {
        out.push_str(&format!("\nChange it: PATCH /carrier/v1/sip_trunks/{trunk}\n{patch}\n"));
        // Only the operator knows a user or a password; no attribute takes the words that stand for it.
        let mut values = patch.as_object().into_iter().flat_map(|o| o.values());
        if values.any(|v| v.as_str().is_some_and(|text| text.contains(' '))) {
            out.push_str("Put what you know in the place of the words.\n");
        }
    }
    out
}
