//! The official SDKs against a running server, both as they are told where to go and as they are (docs/POINTING_APPS.md).
//! `scripts/sdk-install` installs them; where they are missing the tests say so, and fail in CI.

use crate::api::app::App;
use crate::api::harness::*;
use crate::api::pages;
use crate::security::layer;
use chorus::store::rows::CallStatus;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

fn installed(program: &Path) -> bool {
    let there = program.exists();
    assert!(
        there || std::env::var("CHORUS_CI").is_err(),
        "{} is missing: run scripts/sdk-install",
        program.display()
    );
    if !there {
        println!("not run: {} is missing (scripts/sdk-install)", program.display());
    }
    there
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A command with what the scripts want to know: the account, and things that are there already.
fn script(server: &Server, app: &App, program: &Path, file: &str) -> Command {
    let account = server.account.sid;
    app.on("/twiml", "<Pause length=\"600\"/>", "");
    let live = server.live_call();
    let callee = server.callee();
    let over = server.seed_call(account, CallStatus::Completed);
    let recording = server.seed_recording(&over, 1);
    server.seed_recording(&over, 2);
    let note = server.seed_notification(account, Some(over.sid), 11200);
    server.seed_notification(account, None, 12200);
    let mut command = Command::new(program);
    command
        .arg(root(file))
        .env("ACCOUNT_SID", account.to_string())
        .env("AUTH_TOKEN", &server.account.auth_token);
    command.env("LIVE_CALL", live.sid.to_string()).env("OVER_CALL", over.sid.to_string());
    command.env("CALLEE", callee.uri("answer")).env("AGENT", format!("ws://{}/", callee.agent));
    command.env("APP", app.origin());
    command.env("RECORDING", recording.sid.to_string()).env("NOTIFICATION", note.sid.to_string());
    for name in
        ["TWILIO_EDGE", "TWILIO_REGION", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "BASE"]
    {
        command.env_remove(name);
    }
    command
}

fn passes(mut command: Command) {
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stderr).lines().for_each(|l| layer::heard("stderr of a script", l));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("ok"), "{out}\n{err}");
}

#[test]
fn python_does_everything_at_a_base_url() {
    let python = root("target/sdk/venv/bin/python");
    if !installed(&python) {
        return;
    }
    let server = Server::start();
    let mut command = script(&server, &App::start(), &python, "tests/sdk/rest.py");
    command.env("BASE", server.base());
    passes(command);
}

#[test]
fn node_does_everything_at_a_base_url() {
    let modules = root("target/sdk/node/node_modules/twilio");
    if !installed(&modules) {
        return;
    }
    let server = Server::start();
    let mut command = script(&server, &App::start(), Path::new("node"), "tests/sdk/rest.mjs");
    command.env("BASE", server.base()).env("SDK", root("target/sdk/node"));
    passes(command);
}

/// What the pages say of an SDK: the block of the README, and the lines of docs/POINTING_APPS.md that begin so.
fn lines(server: &Server, starts: &[&str]) -> (String, String) {
    let pages = pages::pages();
    let page = |wanted: &str| &pages.iter().find(|(name, _)| name == wanted).unwrap().1;
    let (readme, apps) = (page("README.md"), page("POINTING_APPS.md"));
    let found =
        starts.iter().map(|s| pages::inline(apps, s).next().unwrap_or_else(|| panic!("no line begins {s}")));
    let here = |text: String| text.replace("http://127.0.0.1:3000", &server.base());
    let block = pages::blocks(readme, "python").concat();
    (here(found.collect::<Vec<_>>().join("\n")), here(block))
}

/// The lines of the pages, as they stand there.
#[test]
fn the_lines_of_the_pages_work() {
    let python = root("target/sdk/venv/bin/python");
    if installed(&python) {
        let server = Server::start();
        server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", "+15005550100")]).good(201);
        let (client, block) = lines(&server, &["client = Client(", "client.trunking.base_url"]);
        let known = format!(
            "from twilio.rest import Client\nAC = sid = '{}'\nTOKEN = token = '{}'\n",
            server.account.sid, server.account.auth_token
        );
        let client = client
            .replace("client.trunking.base_url", &format!("client.trunking.base_url = '{}'", server.base()));
        let asked = "assert client.api.v2010.accounts(sid).fetch().sid == sid\nassert client.trunking.v1.trunks.list() == []\n";
        let mut command = Command::new(python);
        command.arg("-c").arg(format!("{known}{client}\n{asked}{block}\nprint('ok')"));
        passes(command);
    }
    let modules = root("target/sdk/node/node_modules/twilio");
    if installed(&modules) {
        let server = Server::start();
        let (client, _) = lines(&server, &["const client = twilio(", "client.trunking.baseUrl"]);
        let client = client
            .replace("client.trunking.baseUrl", &format!("client.trunking.baseUrl = '{}'", server.base()));
        let known = format!(
            "const twilio = require({:?});\nconst sid = '{}', token = '{}';\n",
            modules.display().to_string(),
            server.account.sid,
            server.account.auth_token
        );
        let asked = "client.api.v2010.accounts(sid).fetch().then(() => client.trunking.v1.trunks.list()).then(() => console.log('ok'));";
        let mut command = Command::new("node");
        command.arg("-e").arg(format!("{known}{client};\n{asked}"));
        passes(command);
    }
}

/// A proxy that brings every CONNECT to one address: what a line in /etc/hosts does to api.twilio.com.
fn proxy(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            std::thread::spawn(move || tunnel(client, to));
        }
    });
    address
}

fn tunnel(mut client: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    lines.read_line(&mut first)?;
    let names = ["api.twilio.com", "trunking.twilio.com"];
    assert!(names.iter().any(|name| first.starts_with(&format!("CONNECT {name}:443 "))), "{first}");
    let mut line = String::new();
    while lines.read_line(&mut line)? > 2 {
        line.clear();
    }
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
    let server = TcpStream::connect(to)?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(std::net::Shutdown::Write);
    });
    let mut to_server = server;
    std::io::copy(&mut lines, &mut to_server)?;
    to_server.shutdown(std::net::Shutdown::Write)
}

#[test]
fn unmodified_python_is_brought_here_by_name_and_authority() {
    let python = root("target/sdk/venv/bin/python");
    if !installed(&python) {
        return;
    }
    let dir = std::env::temp_dir().join(format!("chorus-sdk-{}", chorus::api::rng().hex(12)));
    let files = chorus::cli::tls::init(&dir, now().wall).unwrap();
    let server = Server::with(Setup { tls: Some((files.cert, files.key)), ..Setup::default() });
    let mut command = script(&server, &App::start(), &python, "tests/sdk/rest.py");
    command.env("HTTPS_PROXY", format!("http://{}", proxy(server.address)));
    command.env("REQUESTS_CA_BUNDLE", &files.authority);
    passes(command);
    std::fs::remove_dir_all(dir).unwrap();
}
