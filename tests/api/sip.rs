//! Twilio's SIP API: lists of users and of addresses.

use super::harness::*;
use chorus::sip::digest::server::ha1;
use serde_json::Value;

fn sid(v: &Value) -> String {
    v["sid"].as_str().unwrap().to_string()
}

fn list(server: &Server, kind: &str) -> String {
    sid(&server.post(&format!("/SIP/{kind}.json"), &[("FriendlyName", "a")]).good(201))
}

#[test]
fn of_a_password_only_hashes_under_the_realm_are_kept() {
    let server = Server::start();
    let below = format!("/SIP/CredentialLists/{}/Credentials", list(&server, "CredentialLists"));
    let add = |user: &str, password: &str| {
        server.post(&format!("{below}.json"), &[("Username", user), ("Password", password)])
    };
    let made = add("alice", "Old1Password").good(201);
    let kept = |of: &str| {
        let all = server.wait(server.store.read(chorus::store::snapshot::snapshot)).unwrap();
        all.credentials.into_iter().find(|c| c.username == of).unwrap().ha1
    };
    assert_eq!(kept("alice"), ha1("alice", "chorus", "Old1Password"));
    assert!(!made.to_string().contains("Old1"), "{made}");
    let path = format!("{below}/{}.json", sid(&made));
    server.post(&path, &[("Password", "New1Password")]).good(200);
    assert_eq!(kept("alice"), ha1("alice", "chorus", "New1Password"));
    // A user stands once in a list, in another one again.
    assert!(add("alice", "New1Password").bad(400, 21243).contains("alice"));
    let other = format!("/SIP/CredentialLists/{}/Credentials.json", list(&server, "CredentialLists"));
    server.post(&other, &[("Username", "alice"), ("Password", "New1Password")]).good(201);
    for user in ["a:b", "a\"b", "a@b", "a/b"] {
        add(user, "New1Password").bad(400, 21243);
    }
    assert!(add("bob", "").bad(400, 21243).starts_with("Password"), "it names what is missing");
}

#[test]
fn a_password_is_found_in_its_list_alone() {
    let server = Server::start();
    let (mine, other) = (list(&server, "CredentialLists"), list(&server, "CredentialLists"));
    let credential = [("Username", "alice"), ("Password", "Old1Password")];
    let made = server.post(&format!("/SIP/CredentialLists/{mine}/Credentials.json"), &credential).good(201);
    server.get(&format!("/SIP/CredentialLists/{other}/Credentials/{}.json", sid(&made))).bad(404, 20404);
    let nobody = "CL00000000000000000000000000000000";
    server.get(&format!("/SIP/CredentialLists/{nobody}/Credentials.json")).bad(404, 20404);
    server.post(&format!("/SIP/CredentialLists/{nobody}/Credentials.json"), &credential).bad(404, 20404);
    // With the list goes what is in it.
    assert_eq!(server.delete(&format!("/SIP/CredentialLists/{mine}.json")).status, 204);
    let all = server.wait(server.store.read(chorus::store::snapshot::snapshot)).unwrap();
    assert!(all.credentials.is_empty());
}

#[test]
fn an_address_has_as_many_bits_as_it_can() {
    let server = Server::start();
    let below = format!("/SIP/IpAccessControlLists/{}/IpAddresses", list(&server, "IpAccessControlLists"));
    let add = |address: &str, prefix: Option<&str>| {
        let mut fields = vec![("FriendlyName", "office"), ("IpAddress", address)];
        fields.extend(prefix.map(|p| ("CidrPrefixLength", p)));
        server.post(&format!("{below}.json"), &fields)
    };
    assert_eq!(add("192.0.2.7", None).good(201)["cidr_prefix_length"], 32);
    assert_eq!(add("2001:db8::7", None).good(201)["cidr_prefix_length"], 128);
    let made = add("192.0.2.8", Some("29")).good(201);
    assert_eq!(made["cidr_prefix_length"], 29);
    assert!(add("192.0.2.7", Some("33")).bad(400, 21238).contains("32 bits"));
    let path = format!("{below}/{}.json", sid(&made));
    let changed = server.post(&path, &[("IpAddress", "192.0.2.16")]).good(200);
    assert_eq!((&changed["ip_address"], &changed["cidr_prefix_length"]), (&"192.0.2.16".into(), &29.into()));
    let changed = server.post(&path, &[("IpAddress", "2001:db8::8")]).good(200);
    assert_eq!(changed["cidr_prefix_length"], 128, "the length was one of IPv4");
}

#[test]
fn a_list_holds_no_more_than_it_may() {
    let server = Server::start();
    let below =
        format!("/SIP/IpAccessControlLists/{}/IpAddresses.json", list(&server, "IpAccessControlLists"));
    for n in 0..100 {
        let address = format!("192.0.2.{n}");
        server.post(&below, &[("FriendlyName", "n"), ("IpAddress", &address)]).good(201);
    }
    server.post(&below, &[("FriendlyName", "n"), ("IpAddress", "192.0.2.200")]).bad(400, 21237);
}

#[test]
fn nobody_sees_the_lists_of_another_account() {
    let server = Server::start();
    let mine = list(&server, "CredentialLists");
    let other = server.another(false);
    let auth = basic(&other.sid.to_string(), &other.auth_token);
    let path = format!("/2010-04-01/Accounts/{}/SIP/CredentialLists/{mine}.json", other.sid);
    server.send("GET", &path, &[("Authorization", &auth)], b"").bad(404, 20404);
}

#[test]
fn a_server_whose_realm_was_changed_says_so_and_does_not_start() {
    let server = Server::start();
    let with = |realm: &str| {
        let env = |name: &str| (name == "CHORUS_REALM").then(|| realm.to_owned());
        let config = chorus::config::Config::load(&env, None).unwrap();
        server.wait(chorus::first_start::check_realm(&config, &server.store))
    };
    assert_eq!(with("elsewhere.example"), Ok(()), "there are no passwords yet");
    let below = format!("/SIP/CredentialLists/{}/Credentials.json", list(&server, "CredentialLists"));
    server.post(&below, &[("Username", "alice"), ("Password", "Old1Password")]).good(201);
    assert_eq!(with("chorus"), Ok(()));
    let words = with("elsewhere.example").unwrap_err();
    assert!(words.contains("CHORUS_REALM=chorus") && words.contains("1 passwords"), "{words}");
}
