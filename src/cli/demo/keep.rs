//! (s) `--keep`: the server stays, with lines to paste.

use super::{NUMBER, say};
use crate::server::Server;
use std::time::Duration;

/// How long calls may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

/// What can be pasted while the server is up; `call` is the demo's.
fn lines(server: &Server, call: &str) -> String {
    let chorus =
        std::env::current_exe().map_or_else(|_| "chorus".to_owned(), |p| quoted(&p.to_string_lossy()));
    let c = &server.credentials;
    let (base, account, token) = (&server.public_url, c.account, &c.auth_token);
    format!(
        "The server stays up until Ctrl-C. Paste:

  curl -s -u {account}:{token} {base}/2010-04-01/Accounts/{account}/Calls.json
  curl -s -u {account}:{token} {base}/2010-04-01/Accounts/{account}/Recordings.json
  curl -s -u {account}:{token} {base}/2010-04-01/Accounts/{account}/Calls.json -d To=sip:somebody@127.0.0.1:5090 \\
       -d From={NUMBER} -d 'Twiml=<Response><Say>Hello</Say></Response>'

  python3 -c 'from twilio.rest import Client; c = Client(\"{account}\", \"{token}\"); c.api.base_url = \"{base}\"; \\
print([(x.sid, x.status, x.duration) for x in c.calls.list()])'

  {chorus} call {NUMBER} --server {}
  {chorus} ladder {call} --url {base} --account {account} --token {token}
",
        server.sip
    )
}

/// As a shell takes it for one word.
fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+".contains(c);
    if path.chars().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// Until Ctrl-C.
pub async fn wait(server: Server, call: &str) {
    say("");
    say(&lines(&server, call));
    let _ = tokio::signal::ctrl_c().await;
    server.drain(GRACE).await;
}
