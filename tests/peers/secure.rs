//! `Secure` with a real peer: baresip over TLS with keys in the SDP (RFC 4568) at a SIP domain and as the PBX of a trunk; and that it
//! is let in by nothing less.

use super::baresip::{Baresip, NUMBER, SAID, SAME, Scene, scene_in};
use super::domain::{PASSWORD, office_with, phones, proxy, scene_with_tls};
use super::installed;
use super::kamailio::certify;
use super::scene::written;
use super::sipp::Sipp;
use crate::fault::child::{Place, free};
use crate::media::audio;
use std::time::Duration;
use tokio::time::{interval, timeout};

const LIMIT: Duration = Duration::from_secs(20);
const KEYS: &str = "SRTP is Enabled (cryptosuite=AES_CM_128_HMAC_SHA1_80)";
/// Whom the PBX calls in the telephone network.
const FAR: &str = "+12125550001";
const TRUNK: &str = "pbx.example.com";

#[tokio::test]
async fn a_user_of_a_secure_domain_calls_over_tls_with_srtp() {
    if !installed("baresip") {
        return;
    }
    let (s, mut phone) = office_with("baresip-secure-caller", true, "tls", "srtp-mand").await;
    phone.press("/dial sip:bot@acme.example\n").await;
    phone.says(KEYS).await;
    s.conversation(phone).await;
}

#[tokio::test]
async fn a_user_of_a_secure_domain_is_called_over_tls_with_srtp() {
    if !installed("baresip") {
        return;
    }
    let (s, mut phone) = office_with("baresip-secure-callee", true, "tls", "srtp-mand").await;
    s.calls("sip:bob@acme.example").await;
    phone.says(KEYS).await;
    s.conversation(phone).await;
}

/// A refusal as baresip tells it, and what the account is told.
async fn refused(s: &Scene, phone: &mut Baresip, to: &str, code: &str, error: &str) {
    phone.press(&format!("/dial {to}\n")).await;
    phone.says(&format!("session closed: {code}")).await;
    let told = async {
        let mut looks = interval(Duration::from_millis(20));
        loop {
            looks.tick().await;
            let all = s.server.get("/Notifications.json").await.json();
            if let Some(first) = all["notifications"].get(0) {
                return first["error_code"].as_str().unwrap().to_owned();
            }
        }
    };
    // It is written behind the answer.
    assert_eq!(timeout(LIMIT, told).await.as_deref(), Ok(error));
    assert!(s.app.seen().iter().all(|r| r.path != "/voice"), "{:?}", s.app.seen());
}

#[tokio::test]
async fn at_a_secure_domain_nothing_less_is_taken() {
    if !installed("baresip") {
        return;
    }
    for (transport, media, code, error) in [("tls", "", "488", "32208"), ("udp", "srtp-mand", "403", "32209")]
    {
        let (s, mut phone) = office_with("baresip-secure-refused", true, transport, media).await;
        refused(&s, &mut phone, "sip:bot@acme.example", code, error).await;
    }
}

/// A Secure trunk of the account that `bob` may dial out through.
async fn trunk(s: &Scene) -> String {
    let sid = s.made("/v1/Trunks", &[("DomainName", TRUNK), ("Secure", "true")]).await;
    let list = phones(s).await;
    s.made(&format!("/v1/Trunks/{sid}/CredentialLists"), &[("CredentialListSid", &list)]).await;
    sid
}

/// The PBX, which dials as a number of the account.
fn pbx(s: &Scene, transport: &str, media: &str) -> Baresip {
    let account = format!(
        "<sip:{NUMBER}@{TRUNK};transport={transport}>;auth_user=bob;auth_pass={PASSWORD};{};regint=0;answermode=auto;\
         audio_codecs=PCMU{media}\n",
        proxy(s, transport)
    );
    Baresip::with(&s.place, s.peer, &account, &[])
}

/// It hears itself: what it said went to the far end, and came back.
async fn heard_itself(phone: Baresip) {
    let heard = phone.heard().await;
    let said = audio::speech(7, SAID);
    // Two seconds from where both ways are open for certain.
    let (lag, value) = audio::correlate_within(&heard[8_000..24_000], &said, said.len() as i64);
    println!("it hears itself: {value:.3}, {lag} samples in");
    assert!(value >= SAME, "it hears itself: {value:.3}");
}

#[tokio::test]
async fn a_pbx_dials_out_through_a_secure_trunk() {
    if !installed("baresip") || !installed("sipp") {
        return;
    }
    let s = scene_with_tls("baresip-secure-pbx-out").await;
    trunk(&s).await;
    let carrier = free();
    s.server.trunk(carrier, &[]).await;
    let file = written(&s.place.dir, "uas_echo", |text| text);
    let far = Sipp::callee_with(&s.place.dir, "uas_echo", &file, carrier, &["-rtp_echo"]).await;
    let mut phone = pbx(&s, "tls", ";mediaenc=srtp-mand");
    phone.says("baresip is ready").await;
    phone.press(&format!("/dial sip:{FAR}@{TRUNK}\n")).await;
    phone.says(KEYS).await;
    far.passes().await;
    phone.says("terminated").await;
    heard_itself(phone).await;
}

#[tokio::test]
async fn through_a_secure_trunk_nothing_less_is_taken() {
    if !installed("baresip") {
        return;
    }
    for (transport, media, code, error) in
        [("tls", "", "488", "32208"), ("udp", ";mediaenc=srtp-mand", "403", "32209")]
    {
        let s = scene_with_tls("baresip-secure-pbx-refused").await;
        trunk(&s).await;
        let mut phone = pbx(&s, transport, media);
        phone.says("baresip is ready").await;
        refused(&s, &mut phone, &format!("sip:{FAR}@{TRUNK}"), code, error).await;
    }
}

/// The PBX shows a certificate of an authority that the server is told of.
#[tokio::test]
async fn a_number_of_a_secure_trunk_rings_at_the_pbx() {
    if !installed("baresip") || !installed("sipp") {
        return;
    }
    let mut place = Place::new("baresip-secure-pbx-in");
    let dir = place.dir.clone();
    std::fs::write(dir.join("authority.pem"), certify(&dir)).unwrap();
    place.extra.push(("CHORUS_SIP_TLS_LISTEN", free().to_string()));
    place.extra.push(("CHORUS_CA_FILE", dir.join("authority.pem").display().to_string()));
    let s = scene_in(place, true).await;
    let sid = trunk(&s).await;
    let both = ["pbx-cert.pem", "pbx-key.pem"].map(|f| std::fs::read_to_string(dir.join(f)).unwrap());
    std::fs::write(dir.join("both.pem"), both.concat()).unwrap();
    let at = format!("sip:127.0.0.1:{}", s.peer.port() + 1);
    let url =
        [("FriendlyName", "pbx"), ("SipUrl", &at), ("Priority", "1"), ("Weight", "1"), ("Enabled", "true")];
    s.made(&format!("/v1/Trunks/{sid}/OriginationUrls"), &url).await;
    s.server.number("+15550000077", &[("TrunkSid", &sid)]).await;
    let account = format!(
        "<sip:+15550000077@{};transport=tls>;regint=0;answermode=auto;audio_codecs=PCMU;mediaenc=srtp-mand\n",
        s.peer
    );
    let certificate = format!("sip_certificate {}\n", dir.join("both.pem").display());
    let mut phone = Baresip::with_more(&s.place, s.peer, &account, &[], &certificate);
    phone.says("baresip is ready").await;
    let file = written(&dir, "echo", |text| text);
    let far = Sipp::calls(&dir, "echo", &file, s.server.sip, "+15550000077", &["-rtp_echo"]);
    phone.says(KEYS).await;
    far.passes().await;
    phone.says("terminated").await;
    heard_itself(phone).await;
}
