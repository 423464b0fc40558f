//! TLS: which failure has which code, who is trusted, and whose name is sent.

use super::fetching::request;
use super::server::*;
use chorus::webhooks::request::*;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::PathBuf;
use std::sync::Arc;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    Authority { issuer: Issuer::new(params, key), pem }
}

fn config(authority: &Authority, name: &str, expired: bool) -> rustls::ServerConfig {
    let mut params = CertificateParams::new(vec![name.to_string()]).unwrap();
    if expired {
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2020, 2, 1);
    }
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap()
}

/// A CA file that is removed at the end of the test.
struct CaFile(PathBuf);

impl CaFile {
    fn new(name: &str, pem: &str) -> CaFile {
        let path = std::env::temp_dir().join(format!("chorus-{}-{name}.pem", std::process::id()));
        std::fs::write(&path, pem).unwrap();
        CaFile(path)
    }
}

impl Drop for CaFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn fetch(server: &Server, host: &str, tail: &str, ca: Option<&CaFile>) -> Result<Fetched, FetchError> {
    let url = format!("https://{host}:{}/{tail}", server.address.port());
    fetcher(ca.map(|f| f.0.as_path())).fetch(request(Purpose::Document, Method::Post, &url)).await
}

#[tokio::test]
async fn a_root_of_the_ca_file_is_trusted_and_the_name_is_sent() {
    let authority = authority();
    let ca = CaFile::new("trusted", &authority.pem);
    let server = Server::start_tls(config(&authority, "app.test", false), |_, _| ok("<Response/>")).await;
    assert_eq!(fetch(&server, "app.test", "x", Some(&ca)).await.unwrap().status, 200);
    assert_eq!(fetch(&server, "app.test", "x#sni=n", Some(&ca)).await.unwrap().status, 200);
    let names: Vec<Option<String>> = server.seen().into_iter().map(|s| s.server_name).collect();
    assert_eq!(names, [Some("app.test".to_string()), None]);
}

#[tokio::test]
async fn untrusted_wrong_name_and_expired_have_their_codes() {
    let authority = authority();
    let ca = CaFile::new("codes", &authority.pem);
    let good = Server::start_tls(config(&authority, "app.test", false), |_, _| ok("<Response/>")).await;
    let old = Server::start_tls(config(&authority, "app.test", true), |_, _| ok("<Response/>")).await;
    let code = |r: Result<Fetched, FetchError>| r.unwrap_err().code;
    assert_eq!(code(fetch(&good, "app.test", "", None).await), 11237);
    assert_eq!(code(fetch(&good, "other.test", "", Some(&ca)).await), 11235);
    assert_eq!(code(fetch(&old, "app.test", "", Some(&ca)).await), 11236);
    assert_eq!(good.connections() + old.connections(), 3, "a certificate is not asked for twice");
    assert!(good.seen().is_empty() && old.seen().is_empty(), "nothing was said to them");
}

#[tokio::test]
async fn http_and_tls_that_meet_the_wrong_port() {
    let authority = authority();
    let tls = Server::start_tls(config(&authority, "app.test", false), |_, _| ok("<Response/>")).await;
    let url = format!("http://app.test:{}/", tls.address.port());
    let error = fetcher(None).fetch(request(Purpose::Document, Method::Post, &url)).await.unwrap_err();
    assert!([11200, 11206].contains(&error.code), "{error}");
    let plain = Server::start(|_, _| raw("HTTP/1.1 400 Bad\r\n\r\n")).await;
    let (address, _held) = (plain.address, ());
    let url = format!("https://app.test:{}/#ct=300", address.port());
    let error = fetcher(None).fetch(request(Purpose::Document, Method::Post, &url)).await.unwrap_err();
    assert!([11201, 11220].contains(&error.code), "{error}");
}

#[test]
fn a_bad_ca_file_is_named() {
    let file = CaFile::new("bad", "no certificate\n");
    let error = chorus::webhooks::tls::client_config(Some(&file.0)).unwrap_err();
    assert!(error.contains("CHORUS_CA_FILE") && error.contains("bad.pem"), "{error}");
    assert!(chorus::webhooks::tls::client_config(Some(std::path::Path::new("/nowhere.pem"))).is_err());
}
