//! `chorus tls init`, HTTPS, and a new certificate without a restart.

use super::harness::*;
use chorus::api::tls::rustls_config;
use chorus::cli::tls::init;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn dir() -> PathBuf {
    std::env::temp_dir().join(format!("chorus-tls-{}", chorus::api::rng().hex(12)))
}

fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// A client that trusts this authority only, under this name.
pub fn connect(
    authority: &Path,
    name: &str,
    socket: TcpStream,
) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(authority).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_string()).unwrap();
    rustls::StreamOwned::new(rustls::ClientConnection::new(Arc::new(config), name).unwrap(), socket)
}

#[test]
fn https_serves_the_names_that_sdks_call() {
    let dir = dir();
    let files = init(&dir, now().wall).unwrap();
    assert_eq!(std::fs::metadata(&files.key).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(init(&dir, now().wall).unwrap_err().contains("exists"));
    let server =
        Server::with(Setup { tls: Some((files.cert.clone(), files.key.clone())), ..Setup::default() });
    for name in ["api.twilio.com", "trunking.twilio.com", "localhost", "127.0.0.1"] {
        let mut stream = connect(&files.authority, name, TcpStream::connect(server.address).unwrap());
        let auth = server.auth();
        stream
            .write_all(&request("GET", &server.path("/Calls.json"), &[("Authorization", &auth)], b""))
            .unwrap();
        let mut octets = Vec::new();
        let _ = stream.read_to_end(&mut octets);
        Reply::parse(&octets).good(200);
    }
    let mut stranger = connect(&files.authority, "example.com", TcpStream::connect(server.address).unwrap());
    assert!(stranger.write_all(b"x").and_then(|()| stranger.flush()).is_err());
    std::fs::remove_dir_all(dir).unwrap();
}

/// The certificate that the next connection is shown.
fn shown(config: &Arc<rustls::ServerConfig>, authority: &Path) -> Option<Vec<u8>> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = config.clone();
    let server = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = rustls::ServerConnection::new(config).unwrap();
        let _ = connection.complete_io(&mut socket);
    });
    let mut client = connect(authority, "localhost", TcpStream::connect(address).unwrap());
    let done = client.conn.complete_io(&mut client.sock);
    let leaf = client.conn.peer_certificates().and_then(|c| c.first()).map(|c| c.to_vec());
    drop(client);
    server.join().unwrap();
    done.ok().and(leaf)
}

#[test]
fn a_new_certificate_is_shown_after_a_reload_and_a_bad_one_never() {
    let (old, new) = (dir(), dir());
    let (first, second) = (init(&old, now().wall).unwrap(), init(&new, now().wall).unwrap());
    let (config, reloader) = rustls_config(&first.cert, &first.key).unwrap();
    let config = Arc::new(config);
    let before = shown(&config, &first.authority).expect("the first certificate");
    std::fs::write(&first.cert, "nonsense").unwrap();
    assert!(reloader.reload().unwrap_err().0.contains("cert.pem"));
    assert_eq!(shown(&config, &first.authority), Some(before.clone()));
    std::fs::copy(&second.cert, &first.cert).unwrap();
    assert!(reloader.reload().unwrap_err().0.contains("do not belong together"));
    std::fs::copy(&second.key, &first.key).unwrap();
    reloader.reload().unwrap();
    let after = shown(&config, &second.authority).expect("the second certificate");
    assert_ne!(before, after);
    for d in [old, new] {
        std::fs::remove_dir_all(d).unwrap();
    }
}

#[test]
fn the_server_shows_a_new_certificate_once_it_is_told_to() {
    let (old, new) = (dir(), dir());
    let (first, second) = (init(&old, now().wall).unwrap(), init(&new, now().wall).unwrap());
    let tls = Some((first.cert.clone(), first.key.clone()));
    let server = Server::with(Setup { tls, ..Setup::default() });
    let trusts = |authority: &Path| {
        let mut client = connect(authority, "localhost", TcpStream::connect(server.address).unwrap());
        client.conn.complete_io(&mut client.sock).is_ok()
    };
    assert!(trusts(&first.authority) && !trusts(&second.authority));
    std::fs::write(&first.cert, "nonsense").unwrap();
    server.reload_certificate();
    assert!(trusts(&first.authority), "a bad file changes nothing");
    std::fs::copy(&second.cert, &first.cert).unwrap();
    std::fs::copy(&second.key, &first.key).unwrap();
    server.reload_certificate();
    assert!(trusts(&second.authority) && !trusts(&first.authority));
    for d in [old, new] {
        std::fs::remove_dir_all(d).unwrap();
    }
}
