//! A call of the real server in which every secret and everything personal is a canary; then everything that can be read is searched
//! for them (ruling 2.40).

use super::house::{CALLER, House, NUMBER, Phone, field, twiml};
use super::metrics::names_nobody;
use super::{layer, secrets};
use crate::webhooks::server::{Seen, Step, reply};
use chorus::sid::CallSid;
use chorus::store::query::Scope;
use chorus::store::timeline;

const USER: &str = "canary-user-x7q2";
const PASSWORD: &str = "canary-password-k9w4";
const QUERY: &str = "canary-query-m3z8";
const TRUNK_PASSWORD: &str = "canary-trunk-p5v1";
const SIP_PASSWORD: &str = "canary-sip-auth-t6r3";
const KEYS: &str = "8642097531";

/// Asks for the password first; then plays the whole call.
fn app(_: usize, seen: &Seen) -> Vec<Step> {
    if seen.header("authorization").is_none() {
        return reply(401, "WWW-Authenticate: Basic realm=\"app\"\r\n", "");
    }
    match seen.target.split('?').next().unwrap_or_default() {
        "/voice" => twiml(&format!(
            "<Gather numDigits=\"10\" action=\"/gathered?q={QUERY}\"><Say>Hello, hello, hello.</Say><Pause length=\"30\"/></Gather>"
        )),
        // The keys were in this request; its failure must not show them.
        "/gathered" => reply(500, "", "no"),
        "/fallback" => twiml("<Hangup/>"),
        // Never delivered, so that it stays in the outbox.
        _ => reply(404, "", "no"),
    }
}

fn secrets(house: &House, key_secret: &str) -> Vec<(&'static str, String)> {
    let list = [
        ("user of a URL", USER),
        ("password of a URL", PASSWORD),
        ("password of a trunk", TRUNK_PASSWORD),
        ("SIP password", SIP_PASSWORD),
        ("auth token", house.auth_token.as_str()),
        ("carrier token", house.carrier_token.as_str()),
        ("secret of an API key", key_secret),
        ("keys pressed", KEYS),
    ];
    list.map(|(name, value)| (name, value.to_owned())).to_vec()
}

pub fn clean(place: &str, text: &str, canaries: &[(&'static str, String)]) {
    for (name, canary) in canaries {
        assert!(!text.contains(canary.as_str()), "{place} shows the {name}: {text}");
    }
}

/// Everything below a folder, read as it lies there.
pub fn files(dir: &std::path::Path, out: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => files(&path, out),
            false => out.push((path.display().to_string(), std::fs::read(&path).unwrap())),
        }
    }
}

/// An outbound call whose callee asks for digest; it must get it, and nobody else may see the password.
async fn challenged(house: &House) -> String {
    let phone = Phone::new(house.server.sip).await;
    let to = format!("sip:bob@{}", phone.address());
    let form = [
        ("To", to.as_str()),
        ("From", NUMBER),
        ("Twiml", "<Response><Hangup/></Response>"),
        ("SipAuthUsername", "bob"),
        ("SipAuthPassword", SIP_PASSWORD),
    ];
    let answer = house.api("POST", "/Calls.json", &form).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    let invite = phone.expect("INVITE ").await;
    phone
        .reply(
            &invite,
            "401 Unauthorized",
            "WWW-Authenticate: Digest realm=\"pbx\", nonce=\"n1\", qop=\"auth\"\r\n",
        )
        .await;
    let again = loop {
        let invite = phone.expect("INVITE ").await;
        if !field(&invite, "Authorization").is_empty() {
            break invite;
        }
    };
    assert!(field(&again, "Authorization").contains("username=\"bob\""));
    phone.reply(&again, "486 Busy Here", "").await;
    let sid = answer.json()["sid"].as_str().unwrap().to_owned();
    house.until("busy", &format!("/Calls/{sid}.json"), |c| c["status"] == "busy").await;
    sid
}

pub async fn lines(house: &House, sid: &str) -> String {
    let call = CallSid::parse(sid).unwrap();
    let row = loop {
        let row = house.server.store.read(move |r| timeline::get(r, Scope::Operator, call)).await.unwrap();
        match row {
            Some(row) => break row,
            None => tokio::task::yield_now().await,
        }
    };
    row.lines.iter().map(|l| format!("{} {} {}\n", l.from, l.to, l.what)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_canary_is_seen_anywhere() {
    let house = House::start(app).await;
    for canary in [
        USER,
        PASSWORD,
        QUERY,
        TRUNK_PASSWORD,
        SIP_PASSWORD,
        KEYS,
        house.auth_token.as_str(),
        house.carrier_token.as_str(),
    ] {
        secrets::plant(canary);
    }
    let key = house.api("POST", "/Keys.json", &[("FriendlyName", "k")]).await;
    let key_secret = key.json()["secret"].as_str().unwrap().to_owned();
    secrets::plant(&key_secret);
    house.trunk(serde_json::json!({"username": "u", "password": TRUNK_PASSWORD})).await;
    let url = |path: &str| format!("http://{USER}:{PASSWORD}@{}{path}?q={QUERY}", house.app.address);
    let (voice, fallback, callback) = (url("/voice"), url("/fallback"), url("/callback"));
    house
        .number(&[("VoiceUrl", &voice), ("VoiceFallbackUrl", &fallback), ("StatusCallback", &callback)])
        .await;

    let mut phone = Phone::new(house.server.sip).await;
    let media = phone.dial().await;
    phone.hears().await;
    phone.press(media, KEYS).await;
    phone.ended().await;
    let calls = house
        .until("the call ends", "/Calls.json", |c| {
            c["calls"].as_array().unwrap().iter().any(|c| c["status"] == "completed")
        })
        .await;
    let sid = calls["calls"][0]["sid"].as_str().unwrap().to_owned();
    let gathered =
        house.app.seen().into_iter().any(|s| s.target.starts_with("/gathered") && s.body.contains(KEYS));
    assert!(gathered, "the application got the keys: {:?}", house.app.seen());
    let dialled = challenged(&house).await;

    let all = secrets(&house, &key_secret);
    let mut shown = all.clone();
    shown.push(("query value", QUERY.to_owned()));
    for sid in [&sid, &dialled] {
        let lines = lines(&house, sid).await;
        clean("the timeline", &lines, &shown);
        assert!(!lines.contains(CALLER) && !lines.contains(NUMBER), "{lines}");
        assert!(lines.contains("INVITE"), "{lines}");
    }
    let notes = house
        .until("notifications", "/Notifications.json", |n| n["notifications"].as_array().unwrap().len() >= 2)
        .await;
    for note in notes["notifications"].as_array().unwrap() {
        let one =
            house.api("GET", &format!("/Notifications/{}.json", note["sid"].as_str().unwrap()), &[]).await;
        assert_eq!(one.status, 200);
        clean("a notification", &one.body, &all);
    }
    clean("the list of notifications", &notes.to_string(), &all);
    let metrics = house.metrics_of_an_ended_call().await;
    clean("/metrics", &metrics, &shown);
    names_nobody(&metrics);
    clean("the list of calls", &house.api("GET", "/Calls.json", &[]).await.body, &shown);

    // Refusals quote nothing of what they refuse.
    let account = house.account();
    let stranger =
        house.ask("GET", &format!("/2010-04-01/Accounts/{account}.json"), USER, PASSWORD, &[]).await;
    assert_eq!(stranger.status, 401);
    clean("the refusal of a stranger", &stranger.body, &shown);
    let bad = format!("ftp://{USER}:{PASSWORD}@host/?q={QUERY}");
    let refused = house.api("POST", "/Calls.json", &[("To", CALLER), ("From", NUMBER), ("Url", &bad)]).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    clean("the refusal of a parameter", &refused.body, &shown);

    // At rest: everything that gives power over something is encrypted or hashed: database, WAL, waiting callbacks, recordings. The two
    // files of a first start are not here, because both tokens were given; the key for secrets has a file of its own.
    house.server.store.read(|_| Ok(())).await.unwrap();
    let mut at_rest = Vec::new();
    files(&house.dir, &mut at_rest);
    let names: Vec<&str> = at_rest.iter().map(|(name, _)| name.rsplit('/').next().unwrap()).collect();
    for wanted in ["chorus.db", "chorus.db-wal", "secret.key"] {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
    assert!(!names.contains(&"credentials") && !names.contains(&"carrier.token"), "{names:?}");
    let waiting = house.server.store.read(|r| chorus::store::outbox::live(r, Scope::Operator)).await.unwrap();
    assert!(waiting.iter().any(|row| row.hook.url.contains(PASSWORD)), "a callback waits in the outbox");
    for (name, bytes) in &at_rest {
        let text = String::from_utf8_lossy(bytes);
        for (what, canary) in &shown {
            assert!(!text.contains(canary.as_str()), "{name} holds the {what} in clear");
        }
    }
    assert!(layer::seen() > 0, "nothing was logged");
    house.end().await;
}

/// Tokens that nobody gave are made; they and the key lie in three files of their owner's (0600, ruling 2.33), and nowhere else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_first_start_keeps_its_secrets_for_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let dir = std::env::temp_dir().join(format!("chorus-first-{}", chorus::api::rng().hex(12)));
    let env = |name: &str| match name {
        "CHORUS_HTTP_LISTEN" | "CHORUS_SIP_LISTEN" => Some("127.0.0.1:0".to_owned()),
        "CHORUS_DATA_DIR" => Some(dir.display().to_string()),
        "CHORUS_MEDIA_WORKERS" => Some("1".to_owned()),
        _ => None,
    };
    let start = async || {
        let config = chorus::config::Config::load(&env, None).unwrap();
        chorus::server::start(config, None).await.unwrap()
    };
    let server = start().await;
    let made = server.credentials.clone();
    let key = std::fs::read_to_string(dir.join("secret.key")).unwrap().trim().to_owned();
    let known =
        [("auth token", made.auth_token.as_str()), ("carrier token", &made.carrier_token), ("key", &key)];
    known.iter().for_each(|(_, secret)| secrets::plant(secret));
    let mut at_rest = Vec::new();
    files(&dir, &mut at_rest);
    let mut owners = Vec::new();
    for (name, bytes) in &at_rest {
        let (text, short) = (String::from_utf8_lossy(bytes), name.rsplit('/').next().unwrap());
        let held: Vec<&str> = known.iter().filter(|(_, s)| text.contains(s)).map(|(what, _)| *what).collect();
        if held.is_empty() {
            continue;
        }
        let mode = std::fs::metadata(name).unwrap().permissions().mode() & 0o777;
        owners.push(format!("{short} {mode:o}: {}", held.join(", ")));
    }
    owners.sort();
    assert_eq!(
        owners,
        ["carrier.token 600: carrier token", "credentials 600: auth token", "secret.key 600: key"]
    );
    server.stop().await;
    // A crash between the file and the row: the next start takes what stands in the file.
    for name in ["chorus.db", "chorus.db-wal", "chorus.db-shm"] {
        let _ = std::fs::remove_file(dir.join(name));
    }
    let again = start().await;
    assert_eq!((again.credentials.account, &again.credentials.auth_token), (made.account, &made.auth_token));
    again.stop().await;
    std::fs::remove_dir_all(&dir).unwrap();
}
