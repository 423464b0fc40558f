//! (s) `chorus tls init`: a private authority and a certificate for the names by which SDKs call Twilio, so that software
//! that hard-codes `api.twilio.com` can be pointed here (docs/POINTING_APPS.md).

use crate::clock::Wall;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Names in the certificate.
pub const NAMES: [&str; 5] = ["api.twilio.com", "trunking.twilio.com", "localhost", "127.0.0.1", "::1"];
/// Life of the authority, years. Long, because trusting it is done by hand on each client.
const AUTHORITY_YEARS: i32 = 10;
/// Life of the certificate, years: some clients take none that is longer than 825 days.
const CERTIFICATE_YEARS: i32 = 2;

/// What to do.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Makes a private authority and a certificate for Twilio's names and this machine.
    Init {
        /// Where the three files go.
        #[arg(default_value = "./tls")]
        dir: PathBuf,
    },
}

/// The exit code.
pub fn run(command: Command) -> i32 {
    let Command::Init { dir } = command;
    match init(&dir, crate::server::now().wall) {
        Ok(files) => {
            println!(
                "Clients must trust {}. The server gets\n  CHORUS_TLS_CERT={}\n  CHORUS_TLS_KEY={}",
                files.authority.display(),
                files.cert.display(),
                files.key.display()
            );
            0
        }
        Err(why) => super::fail(1, &why),
    }
}

/// The files that were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// Certificate of the authority: what clients must trust.
    pub authority: PathBuf,
    /// CHORUS_TLS_CERT: the certificate and the authority behind it.
    pub cert: PathBuf,
    /// CHORUS_TLS_KEY, readable by its owner alone.
    pub key: PathBuf,
}

/// Writes `ca.pem`, `cert.pem`, `key.pem` into a directory, which is made if need be. The authority's own key is not
/// kept: nobody can make another certificate that its clients trust. Files that exist are not overwritten.
pub fn init(dir: &Path, now: Wall) -> Result<Files, String> {
    init_for(dir, &NAMES.map(str::to_owned), now)
}

/// The same for other names.
///
/// # Errors
/// A sentence.
pub fn init_for(dir: &Path, names: &[String], now: Wall) -> Result<Files, String> {
    let files = Files { authority: dir.join("ca.pem"), cert: dir.join("cert.pem"), key: dir.join("key.pem") };
    for path in [&files.authority, &files.cert, &files.key] {
        if path.exists() {
            return Err(format!("{} exists. Move it away first, or use it as it is.", path.display()));
        }
    }
    let (authority, cert, key) =
        make(names, now).map_err(|e| format!("the certificate could not be made: {e}"))?;
    let written = |path: &Path, e: std::io::Error| format!("{} could not be written: {e}", path.display());
    fs::create_dir_all(dir).map_err(|e| written(dir, e))?;
    for (path, text, mode) in [
        (&files.key, key, 0o600),
        (&files.authority, authority.clone(), 0o644),
        (&files.cert, cert + &authority, 0o644),
    ] {
        let mut options = fs::OpenOptions::new();
        let mut file =
            options.write(true).create_new(true).mode(mode).open(path).map_err(|e| written(path, e))?;
        file.write_all(text.as_bytes()).map_err(|e| written(path, e))?;
    }
    Ok(files)
}

/// Authority, certificate and key in PEM form.
fn make(names: &[String], now: Wall) -> Result<(String, String, String), rcgen::Error> {
    let year: i32 = now.date().get(..4).and_then(|y| y.parse().ok()).unwrap_or(2026);
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    ca.distinguished_name.push(DnType::CommonName, "Chorus private authority");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.not_before = rcgen::date_time_ymd(year, 1, 1);
    ca.not_after = rcgen::date_time_ymd(year.saturating_add(AUTHORITY_YEARS), 1, 1);
    let ca_cert = ca.self_signed(&ca_key)?;

    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(names)?;
    leaf.distinguished_name.push(DnType::CommonName, "Chorus");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    leaf.not_before = rcgen::date_time_ymd(year, 1, 1);
    leaf.not_after = rcgen::date_time_ymd(year.saturating_add(CERTIFICATE_YEARS), 1, 1);
    let cert = leaf.signed_by(&key, &Issuer::new(ca, ca_key))?;
    Ok((ca_cert.pem(), cert.pem(), key.serialize_pem()))
}
