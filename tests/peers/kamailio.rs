//! Kamailio as the PBX that the server registers at, and as the proxy in front of it. The phone behind it is baresip.

use super::baresip::{Baresip, NUMBER, Scene, scene_in, scene_with};
use super::{installed, scenario};
use crate::fault::child::{Place, free};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);
const PASSWORD: &str = "correct-horse-battery";
/// What the PBX makes a call to the phone of.
const PHONE: &str = "+12125550001";

struct Kamailio {
    process: Child,
    at: SocketAddr,
    /// Over TLS, with TLS.
    secure: SocketAddr,
}

impl Kamailio {
    async fn start(s: &Scene, algorithm: &str, defines: &[&str]) -> Kamailio {
        Kamailio::in_front_of(s, &s.server.sip.to_string(), algorithm, defines).await
    }

    /// `chorus`: where it sends calls for the bot, with PROXY.
    async fn in_front_of(s: &Scene, chorus: &str, algorithm: &str, defines: &[&str]) -> Kamailio {
        let (at, secure) = (free(), free());
        let text = std::fs::read_to_string(scenario("kamailio").with_extension("cfg")).unwrap();
        let text = text
            .replace("AT", &at.to_string())
            .replace("SECURE", &secure.to_string())
            .replace("FOLDER", &s.place.dir.display().to_string())
            .replace("CHORUS", chorus)
            .replace("PHONE", &s.peer.to_string())
            .replace("ALGORITHM", algorithm);
        let file = s.place.dir.join("kamailio.cfg");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new("kamailio");
        // Its main process stays ours, so that it ends its children when it is told to end.
        command
            .args(["-DD", "-E", "-m", "32", "-M", "4", "-Y"])
            .arg(&s.place.dir)
            .arg("-w")
            .arg(&s.place.dir);
        command.args(defines.iter().flat_map(|d| ["-A", d])).arg("-f").arg(&file);
        let log = std::fs::File::create(s.place.dir.join("kamailio.log")).unwrap();
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let kamailio = Kamailio { process, at, secure };
        kamailio.answers(&s.place.dir).await;
        kamailio
    }

    /// Asked until it answers: it tells nobody that it is ready.
    async fn answers(&self, dir: &Path) {
        let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let from = socket.local_addr().unwrap();
        let options = format!(
            "OPTIONS sip:{0} SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKready;rport\r\nMax-Forwards: 5\r\n\
             From: <sip:t@{from}>;tag=1\r\nTo: <sip:{0}>\r\nCall-ID: ready\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n",
            self.at
        );
        let asking = async {
            let mut looks = tokio::time::interval(Duration::from_millis(50));
            let mut answer = [0; 2_048];
            loop {
                looks.tick().await;
                let _ = socket.send_to(options.as_bytes(), self.at).await;
                if socket.try_recv(&mut answer).is_ok_and(|n| answer[..n].starts_with(b"SIP/2.0 200")) {
                    return;
                }
            }
        };
        let log = || std::fs::read_to_string(dir.join("kamailio.log")).unwrap_or_default();
        assert!(tokio::time::timeout(LIMIT, asking).await.is_ok(), "Kamailio does not answer:\n{}", log());
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // SAFETY: kill has no preconditions; the process is ours and was not waited for.
        unsafe { libc::kill(self.process.id() as i32, libc::SIGTERM) };
        let _ = self.process.wait();
    }
}

impl Scene {
    /// The server registers at the PBX.
    async fn registers(&self, pbx: &Kamailio) {
        self.registers_at(pbx.at, &[]).await;
    }

    async fn registers_at(&self, pbx: SocketAddr, more: &[(&str, &str)]) {
        let at = pbx.to_string();
        let trunk = [("username", "chorus"), ("password", PASSWORD), ("outbound_host", at.as_str())];
        let id = self.server.sip_trunk("outbound_registration", &[&trunk[..], more].concat()).await;
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        let mut last = serde_json::Value::Null;
        let so = async {
            loop {
                looks.tick().await;
                last = self.server.carrier(&format!("/carrier/v1/sip_trunks/{id}")).await;
                if last.to_string().contains("\"state\":\"registered\"") {
                    return;
                }
            }
        };
        let done = tokio::time::timeout(LIMIT, so).await.is_ok();
        assert!(done, "registered: {last}\n{}", self.place.log_text());
    }

    /// The phone registers at the PBX.
    async fn phone_at(&self, pbx: &Kamailio) -> Baresip {
        let account = format!(
            "<sip:alice@{}>;auth_user=alice;auth_pass={PASSWORD};regint=60;answermode=auto;audio_codecs=PCMU\n",
            pbx.at
        );
        let mut phone = Baresip::with(&self.place, self.peer, &account, &[]);
        phone.says("200 OK").await;
        phone
    }
}

fn both_installed() -> bool {
    installed("baresip") && installed_as_admin("kamailio")
}

/// Debian keeps it where only root looks.
fn installed_as_admin(program: &str) -> bool {
    Path::new("/usr/sbin").join(program).is_file() || installed(program)
}

#[tokio::test]
async fn a_phone_of_the_pbx_calls_the_bot_at_the_registered_contact() {
    if !both_installed() {
        return;
    }
    let s = scene_with("kamailio-in", false).await;
    let pbx = Kamailio::start(&s, "MD5", &[]).await;
    s.registers(&pbx).await;
    let mut phone = s.phone_at(&pbx).await;
    phone.press(&format!("/dial sip:{NUMBER}@{}\n", pbx.at)).await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn the_bot_calls_a_phone_of_the_pbx_that_challenges() {
    if !both_installed() {
        return;
    }
    let s = scene_with("kamailio-out", false).await;
    let pbx = Kamailio::start(&s, "MD5", &[]).await;
    s.registers(&pbx).await;
    let phone = s.phone_at(&pbx).await;
    s.calls(PHONE).await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_pbx_that_knows_only_sha_256_takes_the_registration() {
    if !both_installed() {
        return;
    }
    let s = scene_with("kamailio-sha", false).await;
    let pbx = Kamailio::start(&s, "SHA-256", &[]).await;
    s.registers(&pbx).await;
}

#[tokio::test]
async fn calls_come_and_go_through_a_proxy_in_front() {
    if !both_installed() {
        return;
    }
    let s = scene_with("kamailio-proxy", false).await;
    let proxy = Kamailio::start(&s, "MD5", &["PROXY"]).await;
    s.server.trunk(proxy.at, &[]).await;
    let dial = format!("/dial sip:{NUMBER}@{}", proxy.at);
    let phone = Baresip::start(&s.place, s.peer, &["-e", &dial]);
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_phone_behind_the_proxy_is_called() {
    if !both_installed() {
        return;
    }
    let s = scene_with("kamailio-behind", false).await;
    let proxy = Kamailio::start(&s, "MD5", &["PROXY"]).await;
    s.server.trunk(proxy.at, &[]).await;
    let mut phone = Baresip::start(&s.place, s.peer, &[]);
    phone.says("baresip is ready").await;
    s.calls(PHONE).await;
    s.conversation(phone).await;
}

/// Its calls come back by the Path that the proxy wrote into its REGISTER; the proxy lets nothing else through.
#[tokio::test]
async fn a_phone_that_registers_through_a_proxy_is_called_through_it() {
    if !both_installed() {
        return;
    }
    let s = scene_with("kamailio-path", false).await;
    let proxy = Kamailio::start(&s, "MD5", &["EDGE"]).await;
    s.server.sip_trunk("client_credentials", &[("username", "alice"), ("password", PASSWORD)]).await;
    let account = format!(
        "<sip:alice@{}>;outbound=\"sip:{};lr\";auth_user=alice;auth_pass={PASSWORD};regint=60;answermode=auto;\
         audio_codecs=PCMU\n",
        s.server.sip, proxy.at
    );
    let mut phone = Baresip::with(&s.place, s.peer, &account, &[]);
    phone.says("200 OK").await;
    let trunks = s.server.carrier("/carrier/v1/sip_trunks").await.to_string();
    assert!(trunks.contains(&format!("\"source\":\"{}\"", proxy.at)), "{trunks}");
    s.calls("sip:alice@chorus").await;
    s.conversation(phone).await;
}

/// A certificate of an authority that nobody else knows, in the PBX's folder; the authority.
pub(super) fn certify(dir: &Path) -> String {
    certify_each(dir, &["pbx"])
}

/// One for each name, all of one authority.
fn certify_each(dir: &Path, names: &[&str]) -> String {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let authority = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    for name in names {
        let own = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        // Of the name of its authority it would count as its own.
        params.distinguished_name.push(DnType::CommonName, *name);
        std::fs::write(dir.join(format!("{name}-cert.pem")), params.signed_by(&own, &issuer).unwrap().pem())
            .unwrap();
        std::fs::write(dir.join(format!("{name}-key.pem")), own.serialize_pem()).unwrap();
    }
    authority
}

fn knows_tls() -> bool {
    let places = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"];
    let found = places.iter().any(|p| Path::new(p).join("kamailio/modules/tls.so").is_file());
    assert!(found || std::env::var_os("CHORUS_CI").is_none(), "Kamailio's TLS module is not installed");
    found
}

/// The server registers over TLS, is called by the PBX over it, and calls over it.
#[tokio::test]
async fn a_registration_over_tls_carries_calls_both_ways() {
    if !both_installed() || !knows_tls() {
        return;
    }
    for out in [false, true] {
        let mut place = Place::new("kamailio-tls");
        let listens = free();
        place.extra.push(("CHORUS_SIP_TLS_LISTEN", listens.to_string()));
        let s = scene_in(place, false).await;
        let authority = certify(&s.place.dir);
        let pbx = Kamailio::start(&s, "MD5", &["TLS"]).await;
        s.registers_at(pbx.secure, &[("transport", "tls"), ("tls_ca", &authority)]).await;
        let mut phone = s.phone_at(&pbx).await;
        match out {
            true => s.calls(PHONE).await,
            false => phone.press(&format!("/dial sip:{NUMBER}@{}\n", pbx.at)).await,
        }
        s.conversation(phone).await;
    }
}

/// A proxy that shows a certificate of its own and believes nobody without one, in front of a server that is shown it by a trunk and
/// has no other way to know the proxy.
async fn mutual(name: &str, more: impl Fn(&Path) -> Vec<(&'static str, String)>) -> (Scene, Kamailio) {
    let mut place = Place::new(name);
    let listens = free();
    place.extra.push(("CHORUS_SIP_TLS_LISTEN", listens.to_string()));
    let s = scene_in(place, false).await;
    let dir = &s.place.dir;
    let authority = certify_each(dir, &["pbx", "chorus"]);
    let ours = std::fs::read_to_string(dir.join("sip-tls/ca.pem")).unwrap();
    std::fs::write(dir.join("authorities.pem"), format!("{authority}{ours}")).unwrap();
    let chorus = format!("{listens};transport=tls");
    let proxy = Kamailio::in_front_of(&s, &chorus, "MD5", &["TLS", "MUTUAL", "PROXY"]).await;
    let at = proxy.secure.to_string();
    let more = more(dir);
    let more = more.iter().map(|(name, value)| (*name, value.as_str()));
    let trunk = [("outbound_host", at.as_str()), ("transport", "tls"), ("tls_ca", &authority)];
    s.server.sip_trunk("ip_address", &trunk.into_iter().chain(more).collect::<Vec<_>>()).await;
    (s, proxy)
}

/// What the server shows.
fn shown(dir: &Path) -> Vec<(&'static str, String)> {
    let read = |file: &str| std::fs::read_to_string(dir.join(file)).unwrap();
    vec![("tls_certificate", read("chorus-cert.pem")), ("tls_private_key", read("chorus-key.pem"))]
}

#[tokio::test]
async fn a_proxy_that_shows_its_certificate_is_let_in_by_nothing_else() {
    if !both_installed() || !knows_tls() {
        return;
    }
    let (s, proxy) = mutual("kamailio-mutual-in", |_| vec![("tls_client_auth", "true".to_owned())]).await;
    let dial = format!("/dial sip:{NUMBER}@{}", proxy.at);
    let phone = Baresip::start(&s.place, s.peer, &["-e", &dial]);
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_proxy_that_wants_a_certificate_of_us_gets_it() {
    if !both_installed() || !knows_tls() {
        return;
    }
    let (s, _proxy) = mutual("kamailio-mutual-out", shown).await;
    let mut phone = Baresip::start(&s.place, s.peer, &[]);
    phone.says("baresip is ready").await;
    s.calls(PHONE).await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_proxy_that_gets_no_certificate_of_us_takes_no_call() {
    if !both_installed() || !knows_tls() {
        return;
    }
    let (s, _proxy) = mutual("kamailio-mutual-none", |_| vec![]).await;
    s.calls(PHONE).await;
    let wants = "it wants a certificate of us (tls_certificate and tls_private_key of the trunk)";
    let mut looks = tokio::time::interval(Duration::from_millis(50));
    let said = async {
        while !s.place.log_text().contains(wants) {
            looks.tick().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, said).await.is_ok(), "{}", s.place.log_text());
}
