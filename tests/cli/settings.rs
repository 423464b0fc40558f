//! What settings are refused, what has no effect, and what the first account is.

use super::Folder;
use chorus::config::{Config, KEYS, strangers};
use chorus::server;
use chorus::store::{Scope, accounts};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

fn load(settings: &[(&str, &str)]) -> Result<Config, String> {
    let env = |name: &str| settings.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
    Config::load(&env, None)
}

#[test]
fn a_setting_that_cannot_be_is_refused_by_name() {
    for (name, value) in [
        ("CHORUS_HTTP_LISTEN", "nowhere"),
        ("CHORUS_PUBLIC_URL", "voice.example.com"),
        ("CHORUS_PUBLIC_URL", "ftp://voice.example.com"),
        ("CHORUS_PUBLIC_URL", "https://voice.example.com/?a=b"),
        ("CHORUS_RTP_PORTS", "40000-20000"),
        ("CHORUS_EXTERNAL_IP", "here"),
        ("CHORUS_NUMBERS", "closed"),
        ("CHORUS_ALLOW_NETWORKS", "10.1.2.3/8"),
        ("CHORUS_TLS_CERT", "cert.pem"),
        ("CHORUS_DRAIN_S", "soon"),
    ] {
        let words = load(&[(name, value)]).unwrap_err();
        assert!(words.contains(name), "{name}={value}: {words}");
    }
    let config = load(&[("CHORUS_PUBLIC_URL", "https://voice.example.com/base/")]).unwrap();
    assert_eq!(config.public_url, "https://voice.example.com/base");
}

#[test]
fn variables_that_are_no_settings_are_named() {
    let names = ["PATH", "CHORUS_LOG", "CHORUS_SEED", "CHORUS_PUBLIC_URLS", "CHORUS_A"].map(str::to_owned);
    assert_eq!(strangers(names.into_iter()), ["CHORUS_A", "CHORUS_PUBLIC_URLS"]);
    assert!(strangers(KEYS.iter().map(|k| k.env.to_owned())).is_empty());
}

async fn start(dir: &Path, token: &str) -> server::Server {
    let settings = [
        ("CHORUS_HTTP_LISTEN", "127.0.0.1:0"),
        ("CHORUS_SIP_LISTEN", "127.0.0.1:0"),
        ("CHORUS_MEDIA_WORKERS", "1"),
        ("CHORUS_DATA_DIR", dir.to_str().unwrap()),
        ("CHORUS_AUTH_TOKEN", token),
    ];
    server::start(load(&settings).unwrap(), None).await.unwrap()
}

/// The variable counts at every start, for the API and for the file that tools on this machine read, if there is one.
#[tokio::test(flavor = "multi_thread")]
async fn another_token_is_the_first_accounts_token() {
    let folder = Folder::new("settings");
    let dir = folder.0.join("made").join("here");
    let mut account = None;
    for token in ["".to_owned(), "b2".repeat(16), "c3".repeat(16), "".to_owned()] {
        let server = start(&dir, &token).await;
        let sid = server.credentials.account;
        let token = if token.is_empty() { server.credentials.auth_token.clone() } else { token };
        assert_eq!(*account.get_or_insert(sid), sid, "the account stays");
        let row = server.store.read(move |r| accounts::get(r, Scope::Operator, sid)).await.unwrap().unwrap();
        assert_eq!(row.auth_token, token);
        let kept = std::fs::read_to_string(dir.join("credentials")).unwrap();
        assert_eq!(kept.trim(), format!("{sid} {token}"));
        server.stop().await;
    }
    for private in [dir.clone(), dir.join("recordings")] {
        let mode = std::fs::metadata(&private).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", private.display());
    }
}
