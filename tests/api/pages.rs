//! The lines to paste: every `curl` of the README and of docs/ is run as it stands, one page after the other from its top, against a
//! server that holds what the page says is there.

use super::harness::*;
use std::process::Command;

/// Where the pages say that the server is.
const HERE: &str = "http://127.0.0.1:3000";

/// The README and docs/, by name.
pub fn pages() -> Vec<(String, String)> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).unwrap().map(|f| f.unwrap().path());
    let mut files: Vec<_> = docs.filter(|f| f.extension().is_some_and(|e| e == "md")).collect();
    files.push(root.join("README.md"));
    files.sort();
    let name = |f: &std::path::Path| f.file_name().unwrap().to_string_lossy().into_owned();
    files.iter().map(|f| (name(f), std::fs::read_to_string(f).unwrap())).collect()
}

/// The fenced blocks of a language.
pub fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fences = page.split("\n```").skip(1).step_by(2);
    fences.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n')).collect()
}

/// The code within a line that begins so, between backticks.
pub fn inline<'a>(page: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    page.split('`').skip(1).step_by(2).filter(move |code| code.starts_with(start) && !code.contains('\n'))
}

/// The commands to paste, each on a line of its own; one within a sentence has `AC...` and `token` for what is to be filled in.
fn commands(page: &str) -> Vec<String> {
    let blocks = blocks(page, "sh").join("\n").replace("\\\n", " ");
    let own = blocks.lines().filter(|line| line.starts_with("curl ")).map(str::to_owned);
    let within =
        inline(page, "curl -u").map(|c| c.replace("AC...", "$ACCOUNT_SID").replace(":token", ":$AUTH_TOKEN"));
    own.chain(within).collect()
}

/// What the pages presuppose: a trunk, a number, lists, a domain and a trunk of the account, by the names of their variables.
fn stage(server: &Server) -> Vec<(&'static str, String)> {
    let trunk = r#"{"authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.1"], "outbound_host": "127.0.0.1:9"}"#;
    let trunk = server.carrier("POST", "/carrier/v1/sip_trunks", trunk).good(201);
    let sid = |made: serde_json::Value| made["sid"].as_str().unwrap().to_owned();
    let made = |path: &str, fields: &[(&str, &str)]| sid(server.post(path, fields).good(201));
    let number = [("PhoneNumber", "+15005550031"), ("VoiceUrl", "https://example.com/voice")];
    let named = [("FriendlyName", "office")];
    let domain = [("DomainName", "domain.of.these.tests.example.com")];
    vec![
        ("TRUNK", trunk["data"]["id"].as_str().unwrap().to_owned()),
        ("NUMBER_SID", made("/IncomingPhoneNumbers.json", &number)),
        ("CREDENTIAL_LIST_SID", made("/SIP/CredentialLists.json", &named)),
        ("IP_ACCESS_CONTROL_LIST_SID", made("/SIP/IpAccessControlLists.json", &named)),
        ("DOMAIN_SID", made("/SIP/Domains.json", &domain)),
        ("TRUNK_SID", sid(server.v1("POST", "/v1/Trunks", &[]).good(201))),
        ("ACCOUNT_SID", server.account.sid.to_string()),
        ("AC", server.account.sid.to_string()),
        ("AUTH_TOKEN", server.account.auth_token.clone()),
        ("TOKEN", server.account.auth_token.clone()),
        ("CARRIER", CARRIER_TOKEN.to_owned()),
        ("CARRIER_TOKEN", CARRIER_TOKEN.to_owned()),
        ("CHORUS_CARRIER_TOKEN", CARRIER_TOKEN.to_owned()),
        ("BASE", server.base()),
    ]
}

/// The code that the server answered with, and what it said.
fn run(server: &Server, known: &[(&'static str, String)], command: &str) -> (u16, String) {
    let line = command.replacen("curl ", "curl -s -S -w '\\n%{http_code}' ", 1).replace(HERE, &server.base());
    let mut shell = Command::new("sh");
    // `-u`: a variable that the page does not explain is a mistake of the page.
    shell.arg("-uc").arg(line).current_dir(&server.dir).envs(known.iter().map(|(name, value)| (name, value)));
    let output = shell.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    let (body, code) = text.rsplit_once('\n').unwrap_or_else(|| panic!("{command}: {text}"));
    (code.parse().unwrap(), body.to_owned())
}

#[test]
fn every_curl_line_of_the_pages_works() {
    if Command::new("curl").arg("--version").output().is_err() {
        assert!(std::env::var("CHORUS_CI").is_err(), "curl is missing");
        println!("not run: no curl");
        return;
    }
    let mut ran = Vec::new();
    for (name, page) in pages() {
        let commands = commands(&page);
        let written = page.lines().filter(|line| line.trim_start().starts_with("curl ")).count();
        assert!(written <= commands.len(), "{name} has a curl line outside of a block of sh");
        if commands.is_empty() {
            continue;
        }
        let server = Server::start();
        let known = stage(&server);
        for command in &commands {
            let (code, body) = run(&server, &known, command);
            assert!((200..=204).contains(&code), "{name}: {command}\n{code} {body}");
        }
        ran.push((name, commands.len()));
    }
    println!("{ran:?}");
    let pages: Vec<&str> = ran.iter().map(|(name, _)| name.as_str()).collect();
    for wanted in ["CARRIER.md", "POINTING_APPS.md", "README.md", "SIP.md", "SOFTPHONE.md", "TRUNKS.md"] {
        assert!(pages.contains(&wanted), "{wanted} has no line to paste");
    }
}

/// The reports of an external switch, as docs/CARRIER.md has them, make a call that is over.
#[test]
fn the_reports_of_the_page_make_a_whole_call() {
    if Command::new("curl").arg("--version").output().is_err() {
        return;
    }
    let (server, page) =
        (Server::start(), pages().into_iter().find(|(name, _)| name == "CARRIER.md").unwrap().1);
    let known = stage(&server);
    let mut call = serde_json::Value::Null;
    for command in commands(&page) {
        let (_, body) = run(&server, &known, &command);
        if call.is_null() {
            call = serde_json::from_str::<serde_json::Value>(&body).unwrap()["call_sid"].clone();
        }
    }
    let shown = server.get(&format!("/Calls/{}.json", call.as_str().unwrap())).good(200);
    assert_eq!((&shown["status"], &shown["duration"]), (&"completed".into(), &"185".into()));
}
