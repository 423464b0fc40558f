//! (s) `--keep`: the server stays, with lines to paste.

use super::{NUMBER, say};
use crate::server::Server;
use std::time::Duration;

/// How long calls may go on after Ctrl-C.
const GRACE: Duration = Duration::from_secs(5);

/// What can be pasted while the server is up.
pub fn lines(server: &Server) -> String {
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

  chorus call {NUMBER} --server {}
  chorus ladder CA... --url {base} --account {account} --token {token}
",
        server.sip
    )
}

/// Until Ctrl-C.
pub async fn wait(server: Server) {
    say("");
    say(&lines(&server));
    let _ = tokio::signal::ctrl_c().await;
    server.drain(GRACE).await;
}
