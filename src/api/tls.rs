//! (s) HTTPS: certificate and key from PEM files, read again when told to (SIGHUP), without dropping a connection.

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::sync::watch;

/// Why TLS is not possible: one sentence that names the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsError(pub String);

impl std::fmt::Display for TlsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// Owns the certificate that new connections are shown.
pub struct Reloader {
    cert: PathBuf,
    key: PathBuf,
    current: watch::Sender<Arc<CertifiedKey>>,
}

impl Reloader {
    /// Reads both files again; if they are bad, the old certificate stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.send_replace(Arc::new(read(&self.cert, &self.key)?));
        Ok(())
    }
}

#[derive(Debug)]
struct Current(watch::Receiver<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.borrow()))
    }
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let of = |path: &Path, what: &str, e: &dyn std::fmt::Display| {
        TlsError(format!("{} is not {what} in PEM form: {e}", path.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|e| of(cert, "a certificate", &e))?;
    if chain.is_empty() {
        return Err(TlsError(format!("{} holds no certificate", cert.display())));
    }
    let secret = PrivateKeyDer::from_pem_file(key).map_err(|e| of(key, "a private key", &e))?;
    let provider = rustls::crypto::ring::default_provider();
    let signer = provider.key_provider.load_private_key(secret).map_err(|e| of(key, "a usable key", &e))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(e) => {
            Err(TlsError(format!("{} and {} do not belong together: {e}", cert.display(), key.display())))
        }
    }
}

/// The configuration for actix' `bind_rustls_0_23`, and what reloads it.
pub fn rustls_config(cert: &Path, key: &Path) -> Result<(ServerConfig, Reloader), TlsError> {
    let (current, shown) = watch::channel(Arc::new(read(cert, key)?));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError(e.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Current(shown)));
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((config, Reloader { cert: cert.to_path_buf(), key: key.to_path_buf(), current }))
}
