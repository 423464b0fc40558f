//! (s) What a first start makes: the key for secrets, the first account, the carrier's token. Nothing of it is logged.

use crate::cli::tls;
use crate::clock::Now;
use crate::config::Config;
use crate::rng::Rng;
use crate::sid::AccountSid;
use crate::store::account_rules::AccountRules;
use crate::store::crypt::Key;
use crate::store::rows::AccountRow;
use crate::store::tx::{Op, StoreError, Tx};
use crate::store::{Scope, Store, accounts, snapshot};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Who may do what, after the start.
#[derive(Clone)]
pub struct Credentials {
    /// The first account.
    pub account: AccountSid,
    /// Its token.
    pub auth_token: String,
    /// Bearer of /carrier/v1.
    pub carrier_token: String,
}

/// Reads a secret of one line, or makes one: 0600.
fn kept(path: &Path, make: impl FnOnce() -> String) -> Result<(String, bool), String> {
    let why = |e: std::io::Error| format!("{}: {e}", path.display());
    match std::fs::read_to_string(path) {
        Ok(text) => Ok((text.trim().to_owned(), false)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let text = make();
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)
                .map_err(why)?;
            writeln!(file, "{text}").map_err(why)?;
            file.sync_all().map_err(why)?;
            Ok((text, true))
        }
        Err(e) => Err(why(e)),
    }
}

/// Makes a directory that only its owner can look into: recordings are nobody else's business. One that is there stays as
/// it is.
///
/// # Errors
/// A sentence that names it.
pub fn private_dir(path: &Path) -> Result<(), String> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|e| format!("{}: {e}", path.display()))
}

/// Certificate and key of SIP over TLS: those of the settings, or those that were made at the first start with it, for every name of
/// this machine that is known. Its private authority is `ca.pem`: peers that check certificates have to be given it.
///
/// # Errors
/// A sentence that names the file.
pub fn sip_certificate(config: &Config, now: Now) -> Result<(PathBuf, PathBuf), String> {
    if let Some(files) = config.sip_tls.clone() {
        return Ok(files);
    }
    let dir = config.data_dir.join("sip-tls");
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    if !cert.exists() {
        private_dir(&dir)?;
        let files = tls::init_for(&dir, &names(config), now.wall)?;
        tracing::info!(
            "a certificate for SIP over TLS was made: peers must trust {}",
            files.authority.display()
        );
    }
    Ok((cert, key))
}

/// How peers may call this machine.
fn names(config: &Config) -> Vec<String> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let public = url::Url::parse(&config.public_url).ok();
    let public = public.as_ref().and_then(|u| u.host_str()).map(|h| h.trim_matches(['[', ']']).to_owned());
    let listen = config.sip_tls_listen.map(|a| a.ip()).filter(|ip| !ip.is_unspecified());
    let own = config.external_ip.into_iter().chain(listen).map(|ip| ip.to_string());
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut names: Vec<String> = own.chain(public).chain([host.trim().to_owned()]).chain(local).collect();
    names.retain(|name| rustls::pki_types::ServerName::try_from(name.as_str()).is_ok());
    let mut seen = std::collections::BTreeSet::new();
    names.retain(|name| seen.insert(name.clone()));
    names
}

/// The key for secrets at rest: CHORUS_SECRET_KEY, or `secret.key` in the data directory.
///
/// # Errors
/// A sentence that names the file or the variable.
pub fn secret_key(config: &Config, rng: &mut Rng) -> Result<Key, String> {
    let text = if config.secret_key.is_empty() {
        kept(&config.data_dir.join("secret.key"), || rng.hex(64))?.0
    } else {
        config.secret_key.clone()
    };
    Key::parse(&text).ok_or_else(|| "the secret key must be 64 hexadecimal digits".to_owned())
}

/// Makes sure that there is an account and a carrier token.
///
/// # Errors
/// A sentence for the operator.
pub async fn credentials(
    config: &Config,
    store: &Store,
    now: Now,
    rng: &mut Rng,
) -> Result<Credentials, String> {
    let (carrier_token, _) = if config.carrier_token.is_empty() {
        kept(&config.data_dir.join("carrier.token"), || rng.hex(48))?
    } else {
        (config.carrier_token.clone(), false)
    };
    let row = match first_account(config, store).await? {
        Some(row) => with_token(config, store, now, row).await?,
        None => make_account(config, store, now, rng, &carrier_token).await?,
    };
    // The file is for tools on this machine: what it says must be what opens the API.
    let path = config.data_dir.join("credentials");
    let line = format!("{} {}", row.sid, row.auth_token);
    if std::fs::read_to_string(&path).is_ok_and(|old| old.trim() != line) {
        std::fs::remove_file(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        kept(&path, || line)?;
    }
    Ok(Credentials { account: row.sid, auth_token: row.auth_token, carrier_token })
}

async fn first_account(config: &Config, store: &Store) -> Result<Option<AccountRow>, String> {
    let wanted = AccountSid::parse(&config.account_sid);
    if !config.account_sid.is_empty() && wanted.is_none() {
        return Err("CHORUS_ACCOUNT_SID must be AC and 32 hexadecimal digits".to_owned());
    }
    let row = store
        .read(move |r| match wanted {
            Some(sid) => accounts::get(r, Scope::Operator, sid),
            None => snapshot::snapshot(r).map(|s| s.accounts.into_iter().min_by_key(|a| (a.created, a.sid))),
        })
        .await
        .map_err(|e| format!("the accounts could not be read: {e}"))?;
    Ok(row)
}

/// CHORUS_AUTH_TOKEN is the account's token also where another one was stored.
async fn with_token(
    config: &Config,
    store: &Store,
    now: Now,
    mut row: AccountRow,
) -> Result<AccountRow, String> {
    if config.auth_token.is_empty() || config.auth_token == row.auth_token {
        return Ok(row);
    }
    row.auth_token.clone_from(&config.auth_token);
    row.touch(now.wall);
    store
        .commit(Tx::one(Op::PutAccount(Box::new(row.clone()))))
        .await
        .map_err(|e: StoreError| format!("the first account's new token could not be written: {e}"))?;
    Ok(row)
}

/// A token that was given is in the configuration: only one that is made here is kept for its owner. The file comes first, so that a
/// crash in between loses nothing: the next start takes what stands there.
async fn make_account(
    config: &Config,
    store: &Store,
    now: Now,
    rng: &mut Rng,
    carrier: &str,
) -> Result<AccountRow, String> {
    let sid = AccountSid::parse(&config.account_sid).unwrap_or_else(|| AccountSid::new(rng));
    let path = config.data_dir.join("credentials");
    let (sid, auth_token, fresh) = if config.auth_token.is_empty() {
        let (text, fresh) = kept(&path, || format!("{sid} {}", rng.hex(32)))?;
        let known =
            text.split_once(' ').and_then(|(sid, token)| Some((AccountSid::parse(sid)?, token.to_owned())));
        let (sid, token) =
            known.ok_or_else(|| format!("{}: AccountSid and AuthToken are expected", path.display()))?;
        (sid, token, fresh)
    } else {
        (sid, config.auth_token.clone(), false)
    };
    let row = AccountRow {
        sid,
        owner: sid,
        friendly_name: "First account".to_owned(),
        status: "active".to_owned(),
        held: false,
        auth_token,
        rules: AccountRules::default(),
        revision: 0,
        created: now.wall,
        updated: now.wall,
    };
    store
        .commit(Tx::one(Op::PutAccount(Box::new(row.clone()))))
        .await
        .map_err(|e: StoreError| format!("the first account could not be written: {e}"))?;
    match fresh {
        true => tell(&path, &row, carrier),
        false => tracing::info!("the first account is {}", row.sid),
    }
    Ok(row)
}

/// On a terminal they are shown once; without one only the file's name is logged (ruling 2.33).
fn tell(path: &Path, row: &AccountRow, carrier: &str) {
    let mut out = std::io::stdout();
    if out.is_terminal() {
        let _ = writeln!(
            out,
            "AccountSid     {}\nAuthToken      {}\ncarrier token  {carrier}",
            row.sid, row.auth_token
        );
    } else {
        tracing::info!("the first account's SID and token are in {}", path.display());
    }
}

/// Passwords are kept as hashes under the realm, so the realm stays once there are any (ruling 2.28).
///
/// # Errors
/// A sentence that says which realm it was.
pub async fn check_realm(config: &Config, store: &Store) -> Result<(), String> {
    let all =
        store.read(snapshot::snapshot).await.map_err(|e| format!("the tables could not be read: {e}"))?;
    let of_users = all.credentials.iter().map(|c| &c.ha1);
    let hashes = of_users.chain(all.trunks.iter().filter_map(|t| t.ha1.as_ref()));
    // Rows from before the realm was kept say nothing of it.
    let other: Vec<_> = hashes.filter(|h| !h.realm.is_empty() && h.realm != config.realm).collect();
    match other.first() {
        None => Ok(()),
        Some(first) => Err(format!(
            "CHORUS_REALM is {}, but {} passwords of SIP users were made under the realm {}: set CHORUS_REALM={}, \
             or delete these credentials first.",
            config.realm,
            other.len(),
            first.realm,
            first.realm,
        )),
    }
}
