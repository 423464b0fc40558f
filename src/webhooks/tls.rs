//! (s) How we trust others over TLS: the system's roots and those of CHORUS_CA_FILE. Webhooks, Play and streams share one
//! configuration, so that a root that counts for one counts for all.

use rustls::pki_types::{CertificateDer, pem::PemObject};
use rustls::{ClientConfig, RootCertStore};
use std::path::Path;
use std::sync::Arc;

/// Reads the roots and makes a client configuration (TLS 1.2 and 1.3, ring). ALPN is left to the user of it.
///
/// # Errors
/// A sentence for the operator: the file that could not be read, or holds no certificate.
pub fn client_config(ca_file: Option<&Path>) -> Result<ClientConfig, String> {
    client_of(roots(ca_file)?)
}

/// The roots themselves, which trunks share.
///
/// # Errors
/// As [`client_config`].
pub fn roots(ca_file: Option<&Path>) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    for error in &native.errors {
        tracing::warn!("a system root was not read: {error}");
    }
    roots.add_parsable_certificates(native.certs);
    if let Some(path) = ca_file {
        add_file(&mut roots, path)?;
    }
    if roots.is_empty() {
        tracing::warn!("no root certificate is known: every https and wss connection will be refused");
    }
    Ok(roots)
}

/// A client configuration with these roots.
///
/// # Errors
/// The library has no TLS.
pub fn client_of(roots: RootCertStore) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| format!("TLS cannot be set up: {e}"))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let name = path.display();
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|e| format!("CHORUS_CA_FILE {name}: {e}"))?;
    if certificates.is_empty() {
        return Err(format!("CHORUS_CA_FILE {name} holds no certificate in PEM form"));
    }
    for certificate in certificates {
        roots.add(certificate).map_err(|e| format!("CHORUS_CA_FILE {name}: {e}"))?;
    }
    Ok(())
}
