//! Twilio's SIP domains and the lists that are mapped to them.

use super::harness::*;
use serde_json::Value;

fn sid(v: &Value) -> String {
    v["sid"].as_str().unwrap().to_string()
}

fn made(server: &Server, path: &str, fields: &[(&str, &str)]) -> Value {
    server.post(&format!("/SIP/{path}.json"), fields).good(201)
}

#[test]
fn a_domain_is_made_changed_and_deleted() {
    let server = Server::start();
    let fields = [
        ("DomainName", "Acme.Example"),
        ("VoiceUrl", "https://example.com/v"),
        ("VoiceMethod", "GET"),
        ("VoiceStatusCallbackUrl", "https://example.com/s"),
        ("SipRegistration", "true"),
    ];
    let domain = made(&server, "Domains", &fields);
    for (name, value) in [
        ("domain_name", "acme.example"),
        ("friendly_name", "acme.example"),
        ("auth_type", ""),
        ("voice_method", "GET"),
        ("voice_status_callback_url", "https://example.com/s"),
    ] {
        assert_eq!(domain[name], value, "{name}");
    }
    assert_eq!((&domain["sip_registration"], &domain["secure"]), (&true.into(), &false.into()));
    server.post("/SIP/Domains.json", &[("DomainName", "acme.EXAMPLE")]).bad(400, 21232);
    let path = format!("/SIP/Domains/{}.json", sid(&domain));
    let changed = server.post(&path, &[("DomainName", "b.example"), ("Secure", "true")]).good(200);
    assert_eq!((&changed["domain_name"], &changed["secure"]), (&"b.example".into(), &true.into()));
    assert_eq!(changed["voice_url"], "https://example.com/v", "what was not given stays");
    server.post(&path, &[("VoiceUrl", ""), ("VoiceFallbackUrl", "https://example.com/f")]).bad(400, 21405);
    assert_eq!(server.delete(&path).status, 204);
    server.get(&path).bad(404, 20404);
    made(&server, "Domains", &[("DomainName", "b.example")]);
}

#[test]
fn a_domain_is_a_host_name_and_no_name_of_the_server_itself() {
    let server = Server::start();
    for name in ["192.0.2.1", "acme.example:5060", "chorus", "CHORUS.local", "[2001:db8::1]"] {
        server.post("/SIP/Domains.json", &[("DomainName", name)]).bad(400, 21231);
    }
    let other = server.another(false);
    made(&server, "Domains", &[("DomainName", "acme.example")]);
    let path = format!("/2010-04-01/Accounts/{}/SIP/Domains.json", other.sid);
    let auth = basic(&other.sid.to_string(), &other.auth_token);
    server.send("POST", &path, &[("Authorization", &auth)], b"DomainName=acme.example").bad(400, 21232);
}

#[test]
fn a_list_that_a_domain_uses_cannot_be_deleted() {
    let server = Server::start();
    let domain = sid(&made(&server, "Domains", &[("DomainName", "acme.example")]));
    let users = sid(&made(&server, "CredentialLists", &[("FriendlyName", "phones")]));
    let addresses = sid(&made(&server, "IpAccessControlLists", &[("FriendlyName", "office")]));
    let below = format!("Domains/{domain}");
    let by_users = [("CredentialListSid", users.as_str())];
    let by_addresses = [("IpAccessControlListSid", addresses.as_str())];
    let mapped = made(&server, &format!("{below}/Auth/Calls/CredentialListMappings"), &by_users);
    assert_eq!((sid(&mapped), &mapped["friendly_name"]), (users.clone(), &"phones".into()));
    made(&server, &format!("{below}/IpAccessControlListMappings"), &by_addresses);
    let shown = || server.get(&format!("/SIP/{below}.json")).good(200);
    assert_eq!(shown()["auth_type"], "IP_ACL,CREDENTIAL_LIST");
    server.delete(&format!("/SIP/CredentialLists/{users}.json")).bad(400, 21241);
    server.delete(&format!("/SIP/IpAccessControlLists/{addresses}.json")).bad(400, 21236);
    // The older paths and those of Auth/Calls are the same mappings; those of registrations are others.
    let old = server.get(&format!("/SIP/{below}/CredentialListMappings/{users}.json")).good(200);
    assert_eq!(old["domain_sid"], domain);
    server
        .get(&format!("/SIP/{below}/Auth/Registrations/CredentialListMappings/{users}.json"))
        .bad(404, 20404);
    made(&server, &format!("{below}/Auth/Registrations/CredentialListMappings"), &by_users);
    let unmap = |path: &str| assert_eq!(server.delete(&format!("/SIP/{below}/{path}.json")).status, 204);
    unmap(&format!("CredentialListMappings/{users}"));
    assert_eq!(shown()["auth_type"], "IP_ACL");
    server.delete(&format!("/SIP/CredentialLists/{users}.json")).bad(400, 21241);
    unmap(&format!("Auth/Registrations/CredentialListMappings/{users}"));
    assert_eq!(server.delete(&format!("/SIP/CredentialLists/{users}.json")).status, 204);
    // With the domain go its mappings, and then the list may go as well.
    assert_eq!(server.delete(&format!("/SIP/{below}.json")).status, 204);
    assert_eq!(server.delete(&format!("/SIP/IpAccessControlLists/{addresses}.json")).status, 204);
}

#[test]
fn a_list_of_another_account_cannot_be_mapped() {
    let server = Server::start();
    let domain = sid(&made(&server, "Domains", &[("DomainName", "acme.example")]));
    let nobody = "CL00000000000000000000000000000000";
    let below = format!("/SIP/Domains/{domain}/Auth/Calls/CredentialListMappings.json");
    server.post(&below, &[("CredentialListSid", nobody)]).bad(400, 21240);
    assert!(server.get(&below).good(200)["contents"].as_array().unwrap().is_empty());
}

#[test]
fn mappings_are_listed_page_by_page() {
    let server = Server::start();
    let domain = sid(&made(&server, "Domains", &[("DomainName", "acme.example")]));
    let below = format!("Domains/{domain}/Auth/Calls/CredentialListMappings");
    let mut all: Vec<String> = Vec::new();
    for name in ["a", "b", "c"] {
        let list = sid(&made(&server, "CredentialLists", &[("FriendlyName", name)]));
        made(&server, &below, &[("CredentialListSid", list.as_str())]);
        // Mapped twice is mapped once.
        made(&server, &below, &[("CredentialListSid", list.as_str())]);
        all.push(list);
    }
    let (mut next, mut seen) = (format!("/SIP/{below}.json?PageSize=1"), Vec::new());
    loop {
        let page = server.get(&next).good(200);
        seen.extend(page["contents"].as_array().unwrap().iter().map(sid));
        let Some(uri) = page["next_page_uri"].as_str() else { break };
        next = uri.strip_prefix(&server.path("")).unwrap().to_owned();
    }
    all.reverse();
    assert_eq!(seen, all);
    // Back, and on from a mapping that is gone: nothing is lost and nothing comes twice.
    let at = |uri: &Value| {
        let rest = uri.as_str().unwrap().strip_prefix(&server.path("")).unwrap().to_owned();
        server.get(&rest).good(200)
    };
    let shown = |page: &Value| page["contents"].as_array().unwrap().iter().map(sid).collect::<Vec<_>>();
    let first = server.get(&format!("/SIP/{below}.json?PageSize=1")).good(200);
    assert!(first["previous_page_uri"].is_null());
    let second = at(&first["next_page_uri"]);
    assert_eq!(shown(&at(&second["previous_page_uri"])), all[..1]);
    assert_eq!(server.delete(&format!("/SIP/{below}/{}.json", all[0])).status, 204);
    assert_eq!(shown(&at(&first["next_page_uri"])), all[1..2]);
    assert_eq!(server.delete(&format!("/SIP/{below}/{}.json", all[1])).status, 204);
    assert_eq!(shown(&at(&second["next_page_uri"])), all[2..]);
}

/// Lists of the other kind, of the other purpose and of another domain stand in none of its pages.
#[test]
fn mappings_of_another_kind_purpose_or_door_are_not_among_them() {
    let server = Server::start();
    let domain = sid(&made(&server, "Domains", &[("DomainName", "acme.example")]));
    let other = sid(&made(&server, "Domains", &[("DomainName", "b.example")]));
    let users = sid(&made(&server, "CredentialLists", &[("FriendlyName", "a")]));
    let addresses = sid(&made(&server, "IpAccessControlLists", &[("FriendlyName", "b")]));
    let by_users = [("CredentialListSid", users.as_str())];
    made(&server, &format!("Domains/{domain}/Auth/Calls/CredentialListMappings"), &by_users);
    let by_addresses = [("IpAccessControlListSid", addresses.as_str())];
    made(&server, &format!("Domains/{other}/Auth/Calls/IpAccessControlListMappings"), &by_addresses);
    let listed = |of: &str, rest: &str| {
        let page = server.get(&format!("/SIP/Domains/{of}/Auth/{rest}Mappings.json")).good(200);
        page["contents"].as_array().unwrap().len()
    };
    assert_eq!(
        (listed(&domain, "Calls/CredentialList"), listed(&domain, "Calls/IpAccessControlList")),
        (1, 0)
    );
    assert_eq!((listed(&other, "Calls/CredentialList"), listed(&other, "Calls/IpAccessControlList")), (0, 1));
    assert_eq!(listed(&domain, "Registrations/CredentialList"), 0);
    let domains = server.get("/SIP/Domains.json").good(200)["domains"].clone();
    let auth: Vec<&Value> = domains.as_array().unwrap().iter().map(|d| &d["auth_type"]).collect();
    assert_eq!(auth, ["IP_ACL", "CREDENTIAL_LIST"]);
}

/// The host of a request names one door.
#[test]
fn a_name_belongs_to_a_domain_or_to_a_trunk() {
    let server = Server::start();
    made(&server, "Domains", &[("DomainName", "one.example.com")]);
    server.v1("POST", "/v1/Trunks", &[("DomainName", "One.example.com")]).bad(400, 21248);
    let trunk = server.v1("POST", "/v1/Trunks", &[("DomainName", "two.example.com")]).good(201);
    server.post("/SIP/Domains.json", &[("DomainName", "TWO.example.com")]).bad(400, 21232);
    let path = format!("/v1/Trunks/{}", sid(&trunk));
    server.v1("POST", &path, &[("DomainName", "one.example.com")]).bad(400, 21248);
    server.v1("POST", &path, &[("DomainName", "three.example.com"), ("FriendlyName", "x")]).good(200);
    server.v1("POST", &path, &[("FriendlyName", "y")]).good(200);
    let freed = made(&server, "Domains", &[("DomainName", "two.example.com")]);
    server
        .post(&format!("/SIP/Domains/{}.json", sid(&freed)), &[("DomainName", "three.example.com")])
        .bad(400, 21232);
}
