//! A SIP domain of Twilio's API with baresip at it: a user of a credential list registers, calls and is called.

use super::baresip::{Baresip, Scene, scene_in};
use super::installed;
use crate::fault::child::Place;
use crate::security::secrets;

const PASSWORD: &str = "Correct8horse0battery";
const DOMAIN: &str = "acme.example";

/// The domain with its list, for calls and for registrations, and a phone that has registered there.
async fn office(name: &str) -> (Scene, Baresip) {
    secrets::plant(PASSWORD);
    let s = scene_in(Place::new(name), false).await;
    let voice = s.app.url("/voice");
    let fields = [("DomainName", DOMAIN), ("VoiceUrl", &voice), ("SipRegistration", "true")];
    let domain = made(&s, "Domains", &fields).await;
    let list = made(&s, "CredentialLists", &[("FriendlyName", "phones")]).await;
    let user = [("Username", "bob"), ("Password", PASSWORD)];
    made(&s, &format!("CredentialLists/{list}/Credentials"), &user).await;
    for purpose in ["Calls", "Registrations"] {
        let path = format!("Domains/{domain}/Auth/{purpose}/CredentialListMappings");
        made(&s, &path, &[("CredentialListSid", &list)]).await;
    }
    // The name is in no DNS: the way there is an outbound proxy.
    let account = format!(
        "<sip:bob@{DOMAIN}>;auth_user=bob;auth_pass={PASSWORD};outbound=\"sip:{}\";regint=60;answermode=auto;\
         audio_codecs=PCMU\n",
        s.server.sip
    );
    let mut phone = Baresip::with(&s.place, s.peer, &account, &[]);
    phone.says("200 OK").await;
    (s, phone)
}

/// The SID of what was made.
async fn made(s: &Scene, path: &str, form: &[(&str, &str)]) -> String {
    let made = s.server.post(&format!("/SIP/{path}.json"), form).await.unwrap();
    assert_eq!(made.status, 201, "{path}: {}", made.text());
    made.json()["sid"].as_str().unwrap().to_owned()
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
