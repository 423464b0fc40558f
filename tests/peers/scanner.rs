//! sipvicious at the door: what it looks for is not to be seen.

use super::installed;
use crate::fault::child::{Place, Server};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::process::Command;

/// The only address that users may come from.
const LISTED: &str = "127.0.0.2";
const UNLISTED: &str = "127.0.0.3";
const PASSWORD: &str = "thirtieth-of-the-list";
/// After so many wrong passwords a source is shut out (docs/SECURITY.md).
const FAILURES: usize = 10;

/// Stands between the scanner and the server, so that the scanner has the address that it is to have, and every answer is seen.
struct Relay {
    at: SocketAddr,
    answers: Arc<Mutex<Vec<String>>>,
}

impl Relay {
    async fn start(source: &str, server: SocketAddr, encouraging: bool) -> Relay {
        let outer = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let inner = UdpSocket::bind((source, 0)).await.unwrap();
        let at = outer.local_addr().unwrap();
        let answers = Arc::<Mutex<Vec<String>>>::default();
        let seen = answers.clone();
        tokio::spawn(async move {
            let (mut asked, mut answer) = (vec![0; 65_536], vec![0; 65_536]);
            let mut scanner = at;
            loop {
                tokio::select! {
                    Ok((n, from)) = outer.recv_from(&mut asked) => {
                        scanner = from;
                        let _ = inner.send_to(&asked[..n], server).await;
                    }
                    Ok((n, _)) = inner.recv_from(&mut answer) => {
                        let answer = String::from_utf8_lossy(&answer[..n]).into_owned();
                        let first = seen.lock().unwrap().is_empty();
                        let told = if first && encouraging { encourage(&answer) } else { answer.clone() };
                        seen.lock().unwrap().push(answer);
                        let _ = outer.send_to(told.as_bytes(), scanner).await;
                    }
                }
            }
        });
        Relay { at, answers }
    }

    /// Runs one of sipvicious' programs against it; what it prints.
    async fn scan(&self, place: &Place, program: &str, args: &[&str]) -> String {
        let mut command = Command::new(program);
        let port = self.at.port().to_string();
        command.args(args).args(["-p", &port, "127.0.0.1"]).current_dir(&place.dir).env("HOME", &place.dir);
        let out = command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
        format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
    }

    fn answers(&self) -> Vec<String> {
        self.answers.lock().unwrap().clone()
    }
}

/// svwar asks for a user that cannot exist first, and gives up where that looks like any other; this makes it go on.
fn encourage(answer: &str) -> String {
    let (_, rest) = answer.split_once("\r\n").unwrap();
    format!("SIP/2.0 404 Not Found\r\n{rest}")
}

/// A server with the users 100 to 199, all with the same password.
async fn server(name: &str) -> (Place, Server) {
    let place = Place::new(name);
    let server = place.start().await;
    for user in 100..200 {
        let user = user.to_string();
        let of = [("username", user.as_str()), ("password", PASSWORD), ("inbound_source_ips", LISTED)];
        server.sip_trunk("client_credentials", &of).await;
    }
    (place, server)
}

fn field<'a>(message: &'a str, name: &str) -> &'a str {
    message.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// The answer without what differs from request to request in any case: the transaction's own fields, the tag and the nonce.
fn masked(answer: &str) -> String {
    let own = ["Via", "From", "Call-ID", "CSeq"];
    let lines = answer.lines().filter(|l| !own.iter().any(|name| l.starts_with(&format!("{name}:"))));
    let lines = lines.map(|line| {
        let line = if line.starts_with("To:") { "To" } else { line };
        match line.split_once("nonce=\"") {
            Some((before, rest)) => format!("{before}{}", rest.split_once('"').unwrap().1),
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The extension that an answer belongs to.
fn user(answer: &str) -> Option<u32> {
    field(answer, "To").split_once("sip:")?.1.split_once('@')?.0.parse().ok()
}

#[tokio::test]
async fn an_unlisted_address_gets_no_packet() {
    if !installed("svmap") {
        return;
    }
    let (place, server) = server("scanner-unlisted").await;
    let relay = Relay::start(UNLISTED, server.sip, false).await;
    let map = relay.scan(&place, "svmap", &[]).await;
    relay.scan(&place, "svmap", &["-m", "INVITE"]).await;
    relay.scan(&place, "svwar", &["--force", "--maximumtime=2", "-e100-120"]).await;
    assert_eq!(relay.answers(), Vec::<String>::new(), "{map}");
    // The same scan is answered where it may come from: the silence above is not the scanner's.
    let relay = Relay::start(LISTED, server.sip, false).await;
    relay.scan(&place, "svmap", &[]).await;
    assert!(!relay.answers().is_empty());
    let _ = std::fs::remove_dir_all(&place.dir);
}

#[tokio::test]
async fn users_that_exist_look_like_users_that_do_not() {
    if !installed("svwar") {
        return;
    }
    let (place, server) = server("scanner-war").await;
    for method in ["REGISTER", "INVITE", "OPTIONS"] {
        let relay = Relay::start(LISTED, server.sip, true).await;
        let said =
            relay.scan(&place, "svwar", &["--force", "--maximumtime=3", "-e100-299", "-m", method]).await;
        let mut kinds: BTreeMap<bool, BTreeSet<String>> = BTreeMap::new();
        let mut users: BTreeMap<bool, BTreeSet<u32>> = BTreeMap::new();
        for answer in relay.answers() {
            let Some(user) = user(&answer).filter(|u| (100..300).contains(u)) else { continue };
            kinds.entry(user < 200).or_default().insert(masked(&answer));
            users.entry(user < 200).or_default().insert(user);
        }
        for exists in [true, false] {
            assert_eq!(users[&exists].len(), 100, "{method}: {said}");
        }
        assert_eq!(kinds[&true], kinds[&false], "{method}");
        println!("{method}: {:?}", kinds[&true]);
    }
    let _ = std::fs::remove_dir_all(&place.dir);
}

#[tokio::test]
async fn who_tries_passwords_is_cut() {
    if !installed("svcrack") {
        return;
    }
    let (place, server) = server("scanner-crack").await;
    let list: Vec<String> =
        (1..60).map(|n| if n == 30 { PASSWORD.into() } else { format!("guess-{n}") }).collect();
    std::fs::write(place.dir.join("passwords"), list.join("\n")).unwrap();
    let relay = Relay::start(LISTED, server.sip, false).await;
    let tries = ["--maximumtime=3", "-u", "100", "-d", "passwords"];
    let said = relay.scan(&place, "svcrack", &tries).await;
    assert!(!said.contains(PASSWORD), "{said}");
    let refused = relay.answers().iter().filter(|a| a.starts_with("SIP/2.0 403")).count();
    assert_eq!(refused, FAILURES, "{said}");
    assert!(relay.answers().iter().all(|a| !a.starts_with("SIP/2.0 200")), "{said}");
    let _ = std::fs::remove_dir_all(&place.dir);
}
