//! Why a handshake came to nothing, in words that say what to change.

use rustls::{AlertDescription, CertificateError, Error};
use std::io;

fn tls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Of a handshake that we began.
pub(super) fn of(error: &io::Error) -> String {
    match tls(error) {
        Some(Error::InvalidCertificate(why)) => certificate(why),
        Some(Error::AlertReceived(alert)) => refusal(*alert),
        Some(Error::InvalidMessage(_)) => "what answers there does not speak TLS".to_owned(),
        Some(Error::PeerIncompatible(_)) => {
            "it has no TLS version or cipher that we have (1.2 and 1.3)".to_owned()
        }
        Some(other) => other.to_string(),
        None => error.to_string(),
    }
}

/// What the peer said when it closed, if it refused us.
pub(super) fn alert(error: &io::Error) -> Option<String> {
    match tls(error) {
        Some(Error::AlertReceived(alert)) => Some(refusal(*alert)),
        _ => None,
    }
}

fn certificate(why: &CertificateError) -> String {
    match why {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its certificate is of an authority that is not known here (tls_ca of the trunk, CHORUS_CA_FILE)"
                .to_owned()
        }
        CertificateError::BadSignature => {
            "its certificate was not signed by the authority of that name that is known here".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<&str> = presented.iter().map(|name| bare(name)).collect();
            let names = names.join(", ");
            format!("its certificate is not for this name but for {names} (tls_peer_names of the trunk)")
        }
        CertificateError::NotValidForName => {
            "its certificate is for none of these names (tls_peer_names of the trunk)".to_owned()
        }
        CertificateError::ApplicationVerificationFailure => {
            "its certificate is none of tls_peer_fingerprints".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        // The error's own type is webpki's, which rustls does not hand on. As `openssl req -x509` makes them.
        other if other.to_string().contains("CaUsedAsEndEntity") => {
            "it signed its certificate itself, as an authority (tls_peer_fingerprints of the trunk)"
                .to_owned()
        }
        other => format!("its certificate is not believed: {other}"),
    }
}

/// `pbx.example` of `DnsName("pbx.example")`, as rustls lists them.
fn bare(name: &str) -> &str {
    name.split('"').nth(1).unwrap_or(name)
}

fn refusal(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "it wants a certificate of us (tls_certificate and tls_private_key of the trunk)".to_owned()
        }
        AlertDescription::UnknownCA
        | AlertDescription::BadCertificate
        | AlertDescription::CertificateUnknown
        // Signed by another key under the name of an authority that it believes.
        | AlertDescription::DecryptError => {
            format!("it does not believe our certificate ({alert:?})")
        }
        other => format!("it refused the handshake ({other:?})"),
    }
}
