//! (s) Certificates that we show, of HTTPS and of SIP: read from PEM, shown to whoever connects, read again when told to (SIGHUP)
//! without dropping a connection.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::Arc;
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

/// What new connections are shown.
#[derive(Debug)]
pub struct Current(watch::Receiver<Arc<CertifiedKey>>);

impl Reloader {
    /// Reads both files.
    ///
    /// # Errors
    /// As [`pair`], with the names of the files.
    pub fn new(cert: &Path, key: &Path) -> Result<(Reloader, Arc<Current>), TlsError> {
        let (current, shown) = watch::channel(Arc::new(read(cert, key)?));
        let reloader = Reloader { cert: cert.to_path_buf(), key: key.to_path_buf(), current };
        Ok((reloader, Arc::new(Current(shown))))
    }

    /// Reads both files again; if they are bad, the old certificate stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.current.send_replace(Arc::new(read(&self.cert, &self.key)?));
        Ok(())
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0.borrow()))
    }
}

fn read(cert: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let text = |path: &Path| {
        std::fs::read(path).map_err(|e| TlsError(format!("{} cannot be read: {e}", path.display())))
    };
    let names = (&*cert.display().to_string(), &*key.display().to_string());
    pair(&text(cert)?, &text(key)?, names).map_err(TlsError)
}

/// Every certificate of a PEM text.
///
/// # Errors
/// A sentence that begins with `name`.
pub fn chain(text: &[u8], name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
    match found {
        Ok(chain) if chain.is_empty() => Err(format!("{name} holds no certificate in PEM form")),
        Ok(chain) => Ok(chain),
        Err(e) => Err(format!("{name} is not a certificate in PEM form: {e}")),
    }
}

/// A certificate with its key, each in PEM, called by these names.
///
/// # Errors
/// A sentence with the name of what is wrong.
pub fn pair(cert: &[u8], key: &[u8], names: (&str, &str)) -> Result<CertifiedKey, String> {
    let chain = chain(cert, names.0)?;
    let of = |what: &str, e: &dyn std::fmt::Display| format!("{} is not {what}: {e}", names.1);
    let secret = PrivateKeyDer::from_pem_slice(key).map_err(|e| of("a private key in PEM form", &e))?;
    let provider = rustls::crypto::ring::default_provider();
    let signer = provider.key_provider.load_private_key(secret).map_err(|e| of("a usable key", &e))?;
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        Ok(()) => Ok(pair),
        Err(e) => Err(format!("{} and {} do not belong together: {e}", names.0, names.1)),
    }
}
