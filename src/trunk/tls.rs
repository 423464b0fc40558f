//! Whom a trunk believes over TLS: the certificate of the host that we connect to, and the one that its peer shows us. Judges what it
//! is given; the handshake itself is the transport's.
//!
//! | the trunk says | whose certificate is believed |
//! | --- | --- |
//! | nothing | one of an authority of this machine (and of CHORUS_CA_FILE) for the host that we connect to (RFC 5922) |
//! | `tls_ca` | one of these authorities |
//! | `tls_peer_names` | one for one of these names, instead of the host |
//! | `tls_peer_fingerprints` | exactly these, whatever else they say: of a PBX that made its own |

use crate::certificate;
use crate::sip::digest::{Hash, hex};
use crate::store::rows::TrunkRow;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    WantsClientCert, WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, ConfigBuilder, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use std::sync::Arc;

/// What a trunk wants of TLS, ready for use.
#[derive(Debug)]
pub struct Rules {
    /// For connections of ours.
    pub client: Arc<ClientConfig>,
    /// Its peer must show a certificate on connections of its own.
    guest: Option<Arc<Believed>>,
}

/// What is believed.
#[derive(Debug)]
struct Believed {
    roots: Arc<RootCertStore>,
    names: Vec<ServerName<'static>>,
    fingerprints: Vec<String>,
    /// None: there is no authority at all.
    chains: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl Rules {
    /// Of a trunk; `usual`: the authorities that count where it names none.
    ///
    /// # Errors
    /// The attribute that cannot be used, and a sentence.
    pub fn of(row: &TrunkRow, usual: &Arc<RootCertStore>) -> Result<Rules, (&'static str, String)> {
        let mut roots = usual.clone();
        if let Some(text) = &row.tls.ca {
            let mut own = RootCertStore::empty();
            for certificate in certificate::chain(text.as_bytes(), "tls_ca").map_err(|e| ("tls_ca", e))? {
                own.add(certificate).map_err(|e| ("tls_ca", format!("tls_ca is of no use: {e}")))?;
            }
            roots = Arc::new(own);
        }
        let mut names = Vec::new();
        for name in &row.tls.names {
            let read = ServerName::try_from(name.clone());
            names.push(read.map_err(|_| ("tls_peer_names", format!("'{name}' is not a name or address")))?);
        }
        let believed = Arc::new(Believed::new(roots, names, row.tls.fingerprints.clone()));
        let builder = believed.builder().map_err(|e| ("tls_ca", e))?;
        let client = match (&row.tls.certificate, &row.tls_key) {
            (Some(cert), Some(key)) => {
                let names = ("tls_certificate", "tls_private_key");
                let pair = certificate::pair(cert.as_bytes(), key.as_bytes(), names);
                let pair = pair.map_err(|e| ("tls_certificate", e))?;
                let shown = rustls::sign::SingleCertAndKey::from(pair);
                builder.with_client_cert_resolver(Arc::new(shown))
            }
            _ => builder.with_no_client_auth(),
        };
        let guest = row.tls.client_auth.then_some(believed);
        Ok(Rules { client: Arc::new(client), guest })
    }

    /// For hosts of no trunk.
    ///
    /// # Errors
    /// The library has no TLS.
    pub fn usual(roots: &Arc<RootCertStore>) -> Result<Rules, String> {
        let believed = Arc::new(Believed::new(roots.clone(), Vec::new(), Vec::new()));
        let client = believed.builder()?.with_no_client_auth();
        Ok(Rules { client: Arc::new(client), guest: None })
    }

    /// Does this trunk ask for a certificate?
    pub fn asks(&self) -> bool {
        self.guest.is_some()
    }

    /// Is this certificate, with what its peer sent along, that of the trunk's peer? The handshake has shown that the key is its.
    pub fn knows(&self, shown: &[CertificateDer<'static>], now: UnixTime) -> bool {
        let Some((end, between)) = shown.split_first() else { return false };
        self.guest.as_ref().is_some_and(|guest| guest.knows(end, between, now))
    }
}

impl Believed {
    fn new(
        roots: Arc<RootCertStore>,
        names: Vec<ServerName<'static>>,
        fingerprints: Vec<String>,
    ) -> Believed {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let chains =
            WebPkiServerVerifier::builder_with_provider(roots.clone(), provider.clone()).build().ok();
        Believed { roots, names, fingerprints, chains, provider }
    }

    fn builder(self: &Arc<Self>) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, String> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(|e| e.to_string())?;
        Ok(builder.dangerous().with_custom_certificate_verifier(self.clone()))
    }

    fn is_pinned(&self, end: &CertificateDer<'_>) -> bool {
        self.fingerprints.contains(&fingerprint(end))
    }

    /// A certificate that a client showed. Carriers show the one of their server: both usages will do.
    fn knows(&self, end: &CertificateDer<'_>, between: &[CertificateDer<'_>], now: UnixTime) -> bool {
        if !self.fingerprints.is_empty() {
            return self.is_pinned(end);
        }
        let Ok(parsed) = ParsedCertificate::try_from(end) else { return false };
        let clients = WebPkiClientVerifier::builder_with_provider(self.roots.clone(), self.provider.clone());
        let algorithms = self.provider.signature_verification_algorithms.all;
        let chained = clients.build().is_ok_and(|v| v.verify_client_cert(end, between, now).is_ok())
            || verify_server_cert_signed_by_trust_anchor(&parsed, &self.roots, between, now, algorithms)
                .is_ok();
        let named = || self.names.iter().any(|name| verify_server_name(&parsed, name).is_ok());
        chained && (self.names.is_empty() || named())
    }
}

/// SHA-256 of a certificate, lower-case hexadecimal.
pub fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    hex(Hash::Sha256, certificate)
}

impl ServerCertVerifier for Believed {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        host: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if !self.fingerprints.is_empty() {
            let pinned = self.is_pinned(end).then(ServerCertVerified::assertion);
            return pinned.ok_or(CertificateError::ApplicationVerificationFailure.into());
        }
        let Some(chains) = &self.chains else { return Err(CertificateError::UnknownIssuer.into()) };
        let mut verdict = Err(CertificateError::NotValidForName.into());
        for name in self.names.iter().chain(self.names.is_empty().then_some(host)) {
            verdict = chains.verify_server_cert(end, between, name, ocsp, now);
            if verdict.is_ok() {
                break;
            }
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
