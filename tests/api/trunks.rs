//! `/carrier/v1/sip_trunks`.

use super::harness::*;
use serde_json::json;

const PATH: &str = "/carrier/v1/sip_trunks";

#[test]
fn a_trunk_is_made_from_either_body_and_deleted() {
    let server = Server::start();
    let attributes = json!({
        "name": "Main", "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.7", "2001:db8::/32"],
        "outbound_host": "pbx.example.com:5060", "transport": "tcp", "username": "u", "password": "s3cret",
        "inbound_country": "DE", "account_sid": server.account.sid,
    });
    let flat = server.carrier("POST", PATH, &attributes.to_string());
    let wrapped = json!({ "data": { "type": "sip_trunk", "attributes": attributes } });
    let api = server.carrier("POST", PATH, &wrapped.to_string());
    for reply in [&flat, &api] {
        let body = reply.good(201);
        assert_eq!(reply.headers["content-type"], "application/vnd.api+json");
        assert_eq!(body["data"]["type"], "sip_trunk");
        assert_eq!(
            body["data"]["attributes"]["inbound_source_ips"],
            json!(["192.0.2.7/32", "2001:db8::/32"])
        );
        assert!(!reply.text().contains("s3cret"), "the password is never shown");
    }
    let list = server.carrier("GET", &format!("{PATH}?PageSize=1"), "").good(200);
    assert_eq!(list["data"].as_array().unwrap().len(), 1);
    let next = server.carrier("GET", list["links"]["next"].as_str().unwrap(), "").good(200);
    assert!(next["links"]["next"].is_null() && next["data"][0]["id"] != list["data"][0]["id"]);
    let one = format!("{PATH}/{}", flat.json()["data"]["id"].as_str().unwrap());
    server.carrier("GET", &one, "").good(200);
    assert_eq!(server.carrier("DELETE", &one, "").status, 204);
    assert_eq!(server.carrier("GET", &one, "").status, 404);
    assert_eq!(server.carrier("DELETE", &one, "").status, 404);
}

#[test]
fn a_bad_field_is_pointed_at() {
    let server = Server::start();
    let base = || json!({ "authentication_mode": "ip_address", "inbound_source_ips": ["192.0.2.7"] });
    let cases = [
        ("authentication_mode", json!("client_credentials")),
        ("authentication_mode", json!("outbound_registration")),
        ("authentication_mode", json!(null)),
        ("inbound_source_ips", json!([])),
        ("inbound_source_ips", json!(["x"])),
        ("inbound_source_ips", json!([1])),
        ("outbound_host", json!("a b")),
        ("username", json!("u")),
        ("name", json!(5)),
        ("name", json!({"a": 1})),
        ("transport", json!("tls")),
        ("account_sid", json!("AC00000000000000000000000000000000")),
    ];
    let before = server.dump();
    for (field, value) in cases {
        let mut body = base();
        body[field] = value.clone();
        let reply = server.carrier("POST", PATH, &body.to_string());
        assert_eq!(reply.status, 422, "{field} {value}: {}", reply.text());
        let error = &reply.json()["errors"][0];
        assert_eq!(error["source"]["pointer"], format!("/data/attributes/{field}"), "{error}");
    }
    let words = server.carrier("POST", PATH, r#"{"authentication_mode":"client_credentials"}"#).text();
    assert!(words.contains("not offered yet") && words.contains("ip_address"), "{words}");
    for body in
        ["", "[]", "{", "{\"data\":1}", "{\"data\":{\"type\":\"x\",\"attributes\":{}}}", "{\"nonsense\":1}"]
    {
        assert_eq!(server.carrier("POST", PATH, body).status, 422, "{body}");
    }
    assert_eq!(server.dump(), before);
}
