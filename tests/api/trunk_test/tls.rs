//! Peers over TLS: who is believed, who wants to see a certificate of ours, where nobody is.

use super::peer::*;
use super::{mended, tested};
use crate::api::harness::Server;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

/// An authority with what it signs.
struct House {
    pem: String,
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    der: CertificateDer<'static>,
}

/// A certificate with its key.
struct Signed {
    der: CertificateDer<'static>,
    pem: String,
    key: rcgen::KeyPair,
}

impl House {
    fn new() -> House {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        let (pem, der) = (made.pem(), made.der().clone());
        House { pem, der, issuer: rcgen::Issuer::new(params, key) }
    }

    fn sign(&self, name: &str) -> Signed {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Signed { der: made.der().clone(), pem: made.pem(), key }
    }
}

/// A peer over TLS that shows this, and lets in whom `guests` signed, if it says so.
fn secure(script: Script, shown: &Signed, guests: Option<&House>) -> SocketAddr {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .unwrap();
    let config = match guests {
        None => config.with_no_client_auth(),
        Some(house) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(house.der.clone()).unwrap();
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::try_from(shown.key.serialize_der()).unwrap();
    let config = Arc::new(config.with_single_cert(vec![shown.der.clone()], key).unwrap());
    streams(here(), script, move |stream| {
        rustls::StreamOwned::new(rustls::ServerConnection::new(config.clone()).unwrap(), stream)
    })
}

fn here() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn over_tls(more: Value) -> Value {
    let mut all = json!({ "transport": "tls" });
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

#[test]
fn a_trunk_over_tls_is_tried_by_its_own_rules() {
    let server = Server::start();
    let house = House::new();
    let own = house.sign("pbx.example");
    let host = secure(calls(|_| busy()), &own, None).to_string();
    let stranger = tested(&server, &host, &over_tls(json!({})));
    stranger.says("no TLS connection", &json!({}));
    assert!(stranger.words().contains("an authority that is not known here"), "{}", stranger.words());
    assert!(!stranger.ok());
    let misnamed = tested(&server, &host, &over_tls(json!({ "tls_ca": house.pem })));
    misnamed.says("its certificate is not for this name but for pbx.example", &json!({}));
    assert!(!misnamed.ok());
    for rules in [
        json!({ "tls_ca": house.pem, "tls_peer_names": ["pbx.example"] }),
        json!({ "tls_peer_fingerprints": [chorus::trunk::tls::fingerprint(&own.der)] }),
    ] {
        let found = tested(&server, &host, &over_tls(rules));
        found.says("INVITE: 486 Busy Here: the call reaches", &json!({}));
        assert!(found.ok(), "{:#}", found.result);
    }
}

#[test]
fn a_certificate_that_the_peer_wants_of_us_is_named() {
    let server = Server::start();
    let house = House::new();
    let own = house.sign("pbx.example");
    let believed = json!({ "tls_ca": house.pem, "tls_peer_names": ["pbx.example"] });
    let host = secure(calls(|_| busy()), &own, Some(&house)).to_string();
    let found = tested(&server, &host, &over_tls(believed.clone()));
    let patch = json!({ "tls_certificate": "the certificate (PEM)", "tls_private_key": "its key (PEM)" });
    found.says("it wants a certificate of us (tls_certificate and tls_private_key of the trunk)", &patch);
    found.is_to_be_filled_in(&server);
    // Filled in, it is let in; with one of another authority it is not.
    for (authority, lets_in) in [(&house, true), (&House::new(), false)] {
        let ours = authority.sign("chorus.example");
        let mut shown = believed.clone();
        shown["tls_certificate"] = ours.pem.clone().into();
        shown["tls_private_key"] = ours.key.serialize_pem().into();
        let found = tested(&server, &host, &over_tls(shown));
        assert_eq!(found.ok(), lets_in, "{:#}", found.result);
        let refused = found.words().contains("it does not believe our certificate");
        assert_eq!(refused, !lets_in, "{:#}", found.result);
    }
}

/// Where nobody listens it is the port, not the certificate; where somebody speaks without TLS, that.
#[test]
fn a_closed_port_is_told_from_a_peer_that_is_not_believed() {
    let server = Server::start();
    // Where nobody else has a socket whose number happens to be the same.
    let closed = TcpListener::bind("127.0.0.2:0").unwrap().local_addr().unwrap();
    let found = tested(&server, &closed.to_string(), &over_tls(json!({})));
    found
        .says(&format!("nobody takes a connection at {closed} over tls: look at the port (5061"), &json!({}));
    assert!(!found.words().contains("tls_ca") && !found.ok(), "{}", found.words());
    let clear = streams(here(), Arc::new(|_| vec![say("400 Bad Request")]), |stream| stream);
    let found = tested(&server, &clear.to_string(), &over_tls(json!({})));
    found.says("no TLS connection", &json!({}));
    assert!(!found.ok());
}

/// A mistake of the number is mended over TLS as well.
#[test]
fn what_a_call_lacks_is_found_over_tls() {
    let server = Server::start();
    let house = House::new();
    let own = house.sign("pbx.example");
    let script = calls(|r| if r.starts_with("INVITE sip:+") { say("404 Not Found") } else { busy() });
    let host = secure(script, &own, None).to_string();
    let rules = over_tls(json!({ "tls_ca": house.pem, "tls_peer_names": ["pbx.example"] }));
    let patch = json!({ "outbound_plus_prefix": false });
    mended(&server, &host, &rules, "The + is the mistake", &patch);
}
