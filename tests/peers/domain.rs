//! A SIP domain of Twilio's API with baresip at it: a user of a credential list registers, calls and is called.

use super::baresip::{Baresip, Scene, scene_in};
use super::installed;
use crate::fault::child::{Place, free};
use crate::security::secrets;

pub(super) const PASSWORD: &str = "Correct8horse0battery";
const DOMAIN: &str = "acme.example";

/// The domain with its list, for calls and for registrations, and a phone that has registered there.
async fn office(name: &str) -> (Scene, Baresip) {
    office_with(name, false, "udp", "").await
}

/// A server that listens for TLS, too.
pub(super) async fn scene_with_tls(name: &str) -> Scene {
    let mut place = Place::new(name);
    place.extra.push(("CHORUS_SIP_TLS_LISTEN", free().to_string()));
    scene_in(place, false).await
}

/// Where it is spoken to by this transport, as baresip writes the proxy: the names here are in no DNS.
pub(super) fn proxy(s: &Scene, transport: &str) -> String {
    let at = if transport == "tls" { s.place.extra[0].1.clone() } else { s.server.sip.to_string() };
    format!("outbound=\"sip:{at};transport={transport}\"")
}

/// The same with `Secure` or without, and a phone that speaks so; `media`: its `mediaenc`.
pub(super) async fn office_with(name: &str, secure: bool, transport: &str, media: &str) -> (Scene, Baresip) {
    let s = scene_with_tls(name).await;
    let (voice, secure) = (s.app.url("/voice"), secure.to_string());
    let fields =
        [("DomainName", DOMAIN), ("VoiceUrl", &voice), ("SipRegistration", "true"), ("Secure", &secure)];
    let domain = made(&s, "Domains", &fields).await;
    let list = phones(&s).await;
    for purpose in ["Calls", "Registrations"] {
        let path = format!("Domains/{domain}/Auth/{purpose}/CredentialListMappings");
        made(&s, &path, &[("CredentialListSid", &list)]).await;
    }
    let media = if media.is_empty() { String::new() } else { format!(";mediaenc={media}") };
    let parameter = if transport == "udp" { String::new() } else { format!(";transport={transport}") };
    let account = format!(
        "<sip:bob@{DOMAIN}{parameter}>;auth_user=bob;auth_pass={PASSWORD};{};regint=60;answermode=auto;\
         audio_codecs=PCMU{media}\n",
        proxy(&s, transport)
    );
    let mut phone = Baresip::with(&s.place, s.peer, &account, &[]);
    phone.says("200 OK").await;
    (s, phone)
}

/// A list with `bob` in it.
pub(super) async fn phones(s: &Scene) -> String {
    secrets::plant(PASSWORD);
    let list = made(s, "CredentialLists", &[("FriendlyName", "phones")]).await;
    let user = [("Username", "bob"), ("Password", PASSWORD)];
    made(s, &format!("CredentialLists/{list}/Credentials"), &user).await;
    list
}

/// The SID of what was made.
async fn made(s: &Scene, path: &str, form: &[(&str, &str)]) -> String {
    s.made(&format!("/SIP/{path}.json"), form).await
}

#[tokio::test]
async fn a_user_of_a_credential_list_registers_at_a_domain_and_talks_to_the_bot() {
    if !installed("baresip") {
        return;
    }
    let (s, mut phone) = office("baresip-domain-caller").await;
    phone.press(&format!("/dial sip:bot@{DOMAIN}\n")).await;
    s.conversation(phone).await;
    let asked = s.app.seen().into_iter().find(|r| r.path == "/voice").unwrap();
    assert_eq!((asked.get("To"), asked.get("From")), ("sip:bot@acme.example", "sip:bob@acme.example"));
    assert_eq!((asked.get("SipDomain"), asked.get("Direction")), (DOMAIN, "inbound"));
}

#[tokio::test]
async fn a_user_that_registered_at_a_domain_is_called() {
    if !installed("baresip") {
        return;
    }
    let (s, phone) = office("baresip-domain-callee").await;
    s.calls("sip:bob@acme.example").await;
    s.conversation(phone).await;
}
