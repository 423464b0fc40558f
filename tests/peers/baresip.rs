//! baresip calls the server and is called; what each side hears is compared with what the other said.

use super::installed;
use crate::fault::app::{App, Reply, Request, twiml};
use crate::fault::child::{CARRIER, Place, Server, free};
use crate::fault::wave;
use crate::media::audio;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

const LIMIT: Duration = Duration::from_secs(40);
pub(super) const NUMBER: &str = "+15550000001";
/// Played by the server, said by baresip: milliseconds.
const PLAYED: usize = 3_000;
pub(super) const SAID: usize = 20_000;
const RECORDED: &str = "4";
/// The least correlation that counts (rulings, "What counts as shown").
pub(super) const SAME: f64 = 0.9;

/// A baresip with a folder of its own.
pub(super) struct Baresip {
    process: Child,
    out: BufReader<ChildStdout>,
    text: String,
    dir: PathBuf,
}

impl Baresip {
    /// Known by its address, without a password.
    pub(super) fn start(place: &Place, at: SocketAddr, command: &[&str]) -> Baresip {
        let account = format!("<sip:+12125550001@{at}>;regint=0;answermode=auto;audio_codecs=PCMU\n");
        Baresip::with(place, at, &account, command)
    }

    pub(super) fn with(place: &Place, at: SocketAddr, account: &str, command: &[&str]) -> Baresip {
        Baresip::with_more(place, at, account, command, "")
    }

    /// The same with more lines in its configuration. It takes TLS on the port behind that of `at`, with `sip_certificate`.
    pub(super) fn with_more(
        place: &Place,
        at: SocketAddr,
        account: &str,
        command: &[&str],
        more: &str,
    ) -> Baresip {
        let dir = place.dir.join("baresip");
        std::fs::create_dir_all(dir.join("heard")).unwrap();
        std::fs::write(dir.join("said.wav"), wave::write(&audio::speech(7, SAID))).unwrap();
        let d = dir.display();
        let authority = place.dir.join("sip-tls/ca.pem");
        let trust =
            if authority.exists() { format!("sip_cafile {}\n", authority.display()) } else { String::new() };
        // Otherwise it may call from one address and offer another.
        let (family, bound) =
            if at.is_ipv6() { ("-6", format!("net_interface {}\n", at.ip())) } else { ("-4", String::new()) };
        let config = format!(
            "poll_method epoll\nsip_listen {at}\n{more}{bound}{trust}audio_source aufile,{d}/said.wav\naudio_player aubridge,ear\n\
             audio_alert aubridge,ear\naudio_srate 8000\naudio_channels 1\nrtp_ports 40000-48000\nsnd_path {d}/heard\n\
             module_path {}\nmodule stdio.so\nmodule g711.so\nmodule aufile.so\nmodule aubridge.so\nmodule sndfile.so\nmodule srtp.so\n\
             module_tmp account.so\nmodule_app menu.so\n",
            modules()
        );
        std::fs::write(dir.join("config"), config).unwrap();
        std::fs::write(dir.join("accounts"), account).unwrap();
        std::fs::write(dir.join("contacts"), "").unwrap();
        let mut process = Command::new("baresip")
            .args([family, "-t", "60", "-f"])
            .arg(&dir)
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        Baresip { process, out, text: String::new(), dir }
    }

    /// Reads what it prints until these words.
    pub(super) async fn says(&mut self, words: &str) {
        let reading = async {
            let mut piece = [0; 1_024];
            while !self.text.contains(words) {
                let n = self.out.read(&mut piece).await.unwrap();
                assert!(n > 0, "baresip ended without '{words}':\n{}", self.text);
                self.text.push_str(&String::from_utf8_lossy(&piece[..n]));
            }
        };
        let done = tokio::time::timeout(LIMIT, reading).await.is_ok();
        assert!(done, "baresip did not say '{words}':\n{}", self.text);
    }

    pub(super) async fn press(&mut self, keys: &str) {
        self.process.stdin.as_mut().unwrap().write_all(keys.as_bytes()).await.unwrap();
    }

    /// Ends it and reads what it heard.
    pub(super) async fn heard(mut self) -> Vec<i16> {
        let pid = self.process.id().unwrap() as i32;
        // SAFETY: kill has no preconditions; the process is ours and was not waited for.
        unsafe { libc::kill(pid, libc::SIGTERM) };
        let mut line = String::new();
        while self.out.read_line(&mut line).await.is_ok_and(|n| n > 0) {}
        let _ = self.process.wait().await;
        let files = wave::files(&self.dir.join("heard"));
        let file =
            files.iter().find(|f| f.to_string_lossy().ends_with("-dec.wav")).expect("it heard something");
        samples(&std::fs::read(file).unwrap())
    }
}

/// Debian puts them beside the architecture's libraries or not, as the version goes.
fn modules() -> String {
    let places = [
        "/usr/lib/baresip/modules",
        "/usr/lib/x86_64-linux-gnu/baresip/modules",
        "/usr/lib/aarch64-linux-gnu/baresip/modules",
    ];
    let found = places.into_iter().find(|d| std::path::Path::new(d).join("aufile.so").is_file());
    found.expect("baresip's modules").to_owned()
}

/// The samples of a mono WAV.
fn samples(bytes: &[u8]) -> Vec<i16> {
    hound::WavReader::new(bytes).unwrap().samples::<i16>().map(Result::unwrap).collect()
}

fn answer(r: &Request) -> Reply {
    match r.path.as_str() {
        "/said.wav" => (Duration::ZERO, "audio/wav", wave::write(&audio::speech(3, PLAYED))),
        "/voice" => twiml(format!(
            "<Play>/said.wav</Play><Record maxLength=\"{RECORDED}\" timeout=\"0\" playBeep=\"false\" trim=\"do-not-trim\" \
             action=\"/keys\" recordingStatusCallback=\"/recording\"/>"
        )),
        "/keys" => twiml("<Gather numDigits=\"2\" timeout=\"20\" action=\"/end\"/>"),
        "/end" => twiml("<Hangup/>"),
        _ => (Duration::ZERO, "text/plain", vec![]),
    }
}

pub(super) struct Scene {
    pub place: Place,
    pub server: Server,
    pub app: Arc<App>,
    pub peer: SocketAddr,
}

async fn scene(name: &str) -> Scene {
    scene_with(name, true).await
}

pub(super) async fn scene_with(name: &str, by_address: bool) -> Scene {
    scene_in(Place::new(name), by_address).await
}

pub(super) async fn scene_in(place: Place, by_address: bool) -> Scene {
    let app = App::start(answer).await;
    let server = place.start().await;
    let peer = free();
    if by_address {
        server.trunk(peer, &[]).await;
    }
    let (url, status) = (app.url("/voice"), app.url("/status"));
    server.number(NUMBER, &[("VoiceUrl", &url), ("StatusCallback", &status)]).await;
    Scene { place, server, app, peer }
}

/// A softphone: it registers with a name and a password. Over TLS it trusts the authority of the server's own certificate.
pub(super) async fn softphone(name: &str, transport: &str) -> (Scene, Baresip) {
    let mut place = Place::new(name);
    let tls = free();
    place.extra.push(("CHORUS_SIP_TLS_LISTEN", tls.to_string()));
    let s = scene_in(place, false).await;
    let at = if transport == "tls" { tls } else { s.server.sip };
    let user = [("username", "alice"), ("password", "correct-horse-battery")];
    s.server.sip_trunk("client_credentials", &user).await;
    let account = format!(
        "<sip:alice@{};transport={transport}>;auth_user=alice;auth_pass=correct-horse-battery;regint=60;\
         answermode=auto;audio_codecs=PCMU\n",
        at
    );
    let mut phone = Baresip::with(&s.place, s.peer, &account, &[]);
    phone.says("200 OK").await;
    (s, phone)
}

impl Scene {
    /// `chorus trunk test` asks the telephone over its flow.
    async fn trunk_of_alice_is_well(&self) {
        let all = self.server.carrier("/carrier/v1/sip_trunks").await;
        let of_alice = |t: &&serde_json::Value| t["attributes"]["username"] == "alice";
        let trunk = all["data"].as_array().unwrap().iter().find(of_alice).unwrap()["id"].as_str().unwrap();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_chorus"));
        command.args(["trunk", "test", trunk, "--token", CARRIER, "--url"]);
        let said = command.arg(format!("http://{}", self.server.http)).output().await.unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(said.status.success() && text.contains("OPTIONS: 200 OK"), "{text}");
    }

    /// The SID of what was made.
    pub(super) async fn made(&self, path: &str, form: &[(&str, &str)]) -> String {
        let made = self.server.post(path, form).await.unwrap();
        assert_eq!(made.status, 201, "{path}: {}", made.text());
        made.json()["sid"].as_str().unwrap().to_owned()
    }

    async fn asked(&self, path: &str) -> Request {
        let so = |seen: &[Request]| seen.iter().any(|r| r.path == path);
        let was = self.app.until(LIMIT, so).await;
        assert!(was, "{path} was asked for: {:?}\n{}", self.app.seen(), self.place.log_text());
        self.app.seen().into_iter().find(|r| r.path == path).unwrap()
    }

    /// The server calls, and runs the document.
    pub(super) async fn calls(&self, to: &str) {
        let url = self.app.url("/voice");
        let made = self.server.post("/Calls.json", &[("To", to), ("From", NUMBER), ("Url", &url)]).await;
        let made = made.unwrap();
        assert_eq!(made.status, 201, "{}", made.text());
    }

    /// Play is heard, speech is recorded, keys arrive.
    pub(super) async fn conversation(&self, mut phone: Baresip) {
        phone.says("Call established").await;
        let recorded = self.asked("/recording").await;
        self.asked("/keys").await;
        phone.press("4").await;
        phone.press("2").await;
        let end = self.asked("/end").await;
        assert_eq!(end.get("Digits"), "42");
        phone.says("terminated").await;
        let heard = phone.heard().await;
        // In one piece: a frame left out or put in would part what comes after it from what was played.
        let (lag, value) = audio::correlate(&audio::speech(3, PLAYED), &heard);
        println!("baresip heard what was played: {value:.3}, {lag} samples in");
        assert!(value >= SAME, "baresip heard what was played: {value:.3}");
        let sid = recorded.get("RecordingSid");
        let media = self.server.get(&format!("/Recordings/{sid}.wav")).await;
        assert_eq!(media.status, 200, "{}", media.text());
        let kept = samples(&media.body);
        assert!(kept.len() >= 8 * 3_900, "{} samples of 4 s", kept.len());
        let said = audio::speech(7, SAID);
        let (lag, value) = audio::correlate_within(&kept[..24_000], &said, said.len() as i64);
        println!("the recording holds what baresip said: {value:.3}, {lag} samples in");
        assert!(value >= SAME, "the recording holds what baresip said: {value:.3}");
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.place.dir);
    }
}

#[tokio::test]
async fn baresip_calls_and_both_hear_each_other() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-caller").await;
    let dial = format!("/dial sip:{NUMBER}@{}", s.server.sip);
    let phone = Baresip::start(&s.place, s.peer, &["-e", &dial]);
    s.conversation(phone).await;
}

#[tokio::test]
async fn baresip_is_called_and_both_hear_each_other() {
    if !installed("baresip") {
        return;
    }
    let s = scene("baresip-callee").await;
    let mut phone = Baresip::start(&s.place, s.peer, &[]);
    phone.says("baresip is ready").await;
    s.calls("+12125550001").await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_softphone_registers_over_udp_and_talks_to_the_bot() {
    if !installed("baresip") {
        return;
    }
    let (s, mut phone) = softphone("softphone-udp", "udp").await;
    let dial = format!("/dial sip:{NUMBER}@{}\n", s.server.sip);
    phone.press(&dial).await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_softphone_registers_over_tcp_and_talks_to_the_bot() {
    if !installed("baresip") {
        return;
    }
    let (s, mut phone) = softphone("softphone-tcp", "tcp").await;
    phone.press(&format!("/dial sip:{NUMBER}@{};transport=tcp\n", s.server.sip)).await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_softphone_registers_over_tls_and_talks_to_the_bot() {
    if !installed("baresip") {
        return;
    }
    let (s, mut phone) = softphone("softphone-tls", "tls").await;
    let tls = s.place.extra[0].1.clone();
    phone.press(&format!("/dial sip:{NUMBER}@{tls};transport=tls\n")).await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_softphone_registers_over_tcp_and_is_called() {
    is_called("softphone-tcp-called", "tcp").await;
}

#[tokio::test]
async fn a_softphone_registers_over_tls_and_is_called_on_its_connection() {
    is_called("softphone-tls-called", "tls").await;
}

async fn is_called(name: &str, transport: &str) {
    if !installed("baresip") {
        return;
    }
    let (s, phone) = softphone(name, transport).await;
    s.trunk_of_alice_is_well().await;
    s.calls("sip:alice@chorus").await;
    s.conversation(phone).await;
}
