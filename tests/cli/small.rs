//! The small commands.

use super::{Folder, chorus, output};
use crate::security::secrets;
use chorus::store::handle::Options;
use chorus::store::{Key, Scope, Store, accounts};

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

fn secret(text: &'static str) -> &'static str {
    secrets::plant(text);
    text
}

/// Whoever mistypes a setting shows the message to somebody.
#[test]
fn a_start_that_fails_does_not_show_what_it_was_given() {
    let folder = Folder::new("refused");
    let file = folder.0.join("chorus.toml");
    std::fs::write(&file, format!("realm = \"x\"\nauth_token = \"{}\nlog = 5", secret("token-in-a-file")))
        .unwrap();
    let password = secret("password%zzof-a-database");
    let key = secret("key-that-is-not-hexadecimal");
    let cases: &[(&str, &str, &str)] = &[
        (
            "CHORUS_DATABASE_URL",
            &format!("postgres://u:{password}@127.0.0.1:9/x"),
            "PostgreSQL did not let Chorus in",
        ),
        (
            "CHORUS_DATABASE_URL",
            &format!("postgres://u:{password}@[::1/x"),
            "PostgreSQL did not let Chorus in",
        ),
        ("CHORUS_DATABASE_URL", &format!("host=h password={password}"), "CHORUS_DATABASE_URL begins with"),
        ("CHORUS_DATABASE_URL", &format!("{password}:x"), "CHORUS_DATABASE_URL begins with"),
        ("CHORUS_SECRET_KEY", key, "64 hexadecimal digits"),
        ("CHORUS_AUTH_TOKEN", key, "chorus.toml, line 2"),
    ];
    for (name, value, why) in cases {
        let mut command = chorus();
        command.arg("serve").env("CHORUS_DATA_DIR", &folder.0).env("CHORUS_HTTP_LISTEN", "127.0.0.1:0");
        command.env("CHORUS_SIP_LISTEN", "127.0.0.1:0").env("CHORUS_LOG", "trace").env(name, value);
        if why.contains("toml") {
            command.arg("--config").arg(&file);
        }
        let refused = output(&mut command);
        assert!(!refused.status.success());
        let said = text(refused.stderr);
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn account_create_prints_what_works() {
    let folder = Folder::new("account");
    let create =
        || output(chorus().args(["account", "create", "--name", "Second"]).env("CHORUS_DATA_DIR", &folder.0));
    let made = create();
    assert!(made.status.success(), "{}", text(made.stderr));
    let said = text(made.stdout);
    let value = |name: &str| {
        let line =
            said.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("no {name} in {said}"));
        line.trim().to_owned()
    };
    let (sid, token) = (value("AccountSid"), value("AuthToken"));
    let key = Key::parse(std::fs::read_to_string(folder.0.join("secret.key")).unwrap().trim()).unwrap();
    let url = format!("sqlite:{}", folder.0.join("chorus.db").display());
    let (store, _) = Store::open(&url, &key, &Options { readers: 1 }).unwrap();
    let wanted = chorus::sid::AccountSid::parse(&sid).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let row =
        runtime.block_on(store.read(move |r| accounts::get(r, Scope::Operator, wanted))).unwrap().unwrap();
    assert_eq!((row.auth_token, row.friendly_name.as_str()), (token, "Second"));

    let refused = create();
    assert!(!refused.status.success());
    let why = text(refused.stderr);
    assert!(why.contains("another Chorus serves") && why.trim().lines().count() == 1, "{why}");
    store.close();
}

#[test]
fn a_ladder_of_nothing_says_so() {
    let folder = Folder::new("ladder");
    let run = |call: &str| {
        let out = output(
            chorus()
                .args(["ladder", call])
                .env("CHORUS_DATA_DIR", &folder.0)
                .env("CHORUS_HTTP_LISTEN", "127.0.0.1:9")
                .env("CHORUS_ACCOUNT_SID", "AC00000000000000000000000000000001")
                .env("CHORUS_AUTH_TOKEN", secret("token-of-a-ladder")),
        );
        assert!(!out.status.success());
        text(out.stderr)
    };
    assert!(run("CA1").contains("no SID of a call"));
    let why = run("CA00000000000000000000000000000001");
    assert!(why.contains("could not be reached") && why.contains("there is no database"), "{why}");
}

#[test]
fn tls_init_writes_three_files_once() {
    let folder = Folder::new("tls");
    let dir = folder.0.join("tls");
    let init = || output(chorus().args(["tls", "init"]).arg(&dir));
    let made = init();
    assert!(made.status.success(), "{}", text(made.stderr));
    assert!(text(made.stdout).contains("CHORUS_TLS_CERT="));
    for name in ["ca.pem", "cert.pem", "key.pem"] {
        assert!(std::fs::read_to_string(dir.join(name)).unwrap().starts_with("-----BEGIN"), "{name}");
    }
    let again = init();
    assert!(!again.status.success());
    assert!(text(again.stderr).contains("exists"));
}

#[test]
fn a_call_to_nobody_says_why() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let closed = socket.local_addr().unwrap();
    drop(socket);
    let out = output(chorus().args(["call", "+15005550100", "--server", &closed.to_string()]));
    assert!(!out.status.success());
    let why = text(out.stderr);
    assert!(why.contains("not answered: nobody listens"), "a port that nobody listens on: {why}");
    let out = output(chorus().args(["call", "+15005550100", "--keys", "12x"]));
    assert!(text(out.stderr).contains("'x' is no key"));
}

/// A socket that was never looked at counts as full: the first INVITE went out only with its first retransmission.
#[tokio::test]
async fn the_first_datagram_of_a_fresh_socket_leaves() {
    use chorus::sip::event::{Flow, Transport as Kind};
    use chorus::sip::transport::{Config, Transport};
    let peer = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let remote = peer.local_addr().unwrap();
    for seed in 0..50 {
        let (inbox, _kept) = tokio::sync::mpsc::channel(1);
        let config = Config::new("127.0.0.1:0".parse().unwrap());
        let transport = Transport::start(config, chorus::rng::Rng::from_number(seed), inbox).await.unwrap();
        let flow = Flow { transport: Kind::Udp, remote, local: transport.local_addr(), conn: 0 };
        transport.send(flow, bytes::Bytes::from_static(b"first"));
        let mut buffer = [0; 16];
        let came = tokio::time::timeout(std::time::Duration::from_secs(5), peer.recv(&mut buffer)).await;
        assert_eq!(came.expect("nothing came").unwrap(), 5);
    }
}
