//! (s) HTTPS: the certificate of [`crate::certificate`] as actix wants it.

use crate::certificate::{Reloader, TlsError};
use rustls::ServerConfig;
use std::path::Path;
use std::sync::Arc;

/// The configuration for actix' `bind_rustls_0_23`, and what reloads it.
pub fn rustls_config(cert: &Path, key: &Path) -> Result<(ServerConfig, Reloader), TlsError> {
    let (reloader, current) = Reloader::new(cert, key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| TlsError(e.to_string()))?
        .with_no_client_auth()
        .with_cert_resolver(current);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok((config, reloader))
}
