//! (s) Who asks: AccountSid and AuthToken, an API key, or the operator's bearer token.

use super::auth_cache::{Cache, Print};
use super::refusal::Refusal;
use super::{Api, operation};
use crate::clock::Mono;
use crate::sid::{AccountSid, KeySid};
use crate::store::query::Scope;
use crate::store::rows::{AccountRow, KeyRow, Standing};
use crate::store::{accounts, keys};
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use ring::hmac;
use std::{cell::RefCell, net::IpAddr, time::Duration};
use subtle::ConstantTimeEq;

/// Waiting for a turn at argon2.
const TURN: Duration = Duration::from_secs(5);
/// Octets of a secret that is worth hashing.
const SECRET_MAX: usize = 256;
/// A hash that nothing matches, so that an unknown key costs what a known one costs (argon2id, m=19456, t=2, p=1).
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Who was recognised.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account the credential belongs to.
    pub account: AccountRow,
    /// With which API key; None: with the AuthToken.
    pub key: Option<KeySid>,
}

/// The memory of one worker: never borrowed across an await.
pub struct Guard {
    cache: RefCell<Cache>,
    secret: hmac::Key,
}

impl Default for Guard {
    fn default() -> Guard {
        let mut key = [0; 32];
        super::rng().fill(&mut key);
        Guard { cache: RefCell::default(), secret: hmac::Key::new(hmac::HMAC_SHA256, &key) }
    }
}

fn stranger() -> Refusal {
    Refusal::plain(20003)
}

/// User and password of a Basic header.
pub fn basic(header: Option<&str>) -> Result<(String, String), Refusal> {
    let encoded = header
        .and_then(|h| h.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
        .ok_or_else(stranger)?
        .1;
    let octets = base64_simd::STANDARD.decode_to_vec(encoded.trim()).map_err(|_| stranger())?;
    let text = String::from_utf8(octets).map_err(|_| stranger())?;
    let (user, password) = text.split_once(':').ok_or_else(stranger)?;
    Ok((user.to_string(), password.to_string()))
}

/// Is this the operator?
pub fn bearer(header: Option<&str>, token: &str) -> Result<(), Refusal> {
    let given = header.and_then(|h| h.split_once(' ')).filter(|(s, _)| s.eq_ignore_ascii_case("bearer"));
    let same = given.is_some_and(|(_, t)| bool::from(t.trim().as_bytes().ct_eq(token.as_bytes())));
    // An empty token in the configuration must not open the door.
    if same && !token.is_empty() { Ok(()) } else { Err(stranger()) }
}

/// Recognises a caller or refuses with 20003, without telling what was wrong.
pub async fn recognise(
    api: &Api,
    guard: &Guard,
    header: Option<&str>,
    source: IpAddr,
) -> Result<Caller, Refusal> {
    let (user, password) = basic(header)?;
    if let Some(sid) = AccountSid::parse(&user) {
        let account = account(api, sid).await?;
        let token = account.as_ref().map_or("", |(a, _)| a.auth_token.as_str());
        let same = bool::from(password.as_bytes().ct_eq(token.as_bytes()));
        return match account {
            Some((account, standing)) if same && !token.is_empty() => {
                alive(standing).map(|()| Caller { account, key: None })
            }
            _ => Err(stranger()),
        };
    }
    let sid = KeySid::parse(&user).ok_or_else(stranger)?;
    let row = api.store.read(move |r| keys::get(r, Scope::Operator, sid)).await;
    let row = row.map_err(|e| operation::unavailable(&e))?;
    check_secret(api, guard, sid, row.as_ref(), password, source).await?;
    let owner = row.map(|k| k.account).ok_or_else(stranger)?;
    let (account, standing) = account(api, owner).await?.ok_or_else(stranger)?;
    alive(standing).map(|()| Caller { account, key: Some(sid) })
}

async fn account(api: &Api, sid: AccountSid) -> Result<Option<(AccountRow, Standing)>, Refusal> {
    let found = api.store.read(move |r| accounts::with_owner(r, Scope::Operator, sid)).await;
    let found = found.map_err(|e| operation::unavailable(&e))?;
    Ok(found.map(|(row, owner)| {
        let standing = row.standing(owner.as_ref());
        (row, standing)
    }))
}

/// May it do anything?
pub fn alive(standing: Standing) -> Result<(), Refusal> {
    match standing {
        Standing::Active => Ok(()),
        Standing::Suspended => Err(Refusal::plain(20005)),
        Standing::Closed => Err(stranger()),
    }
}

async fn check_secret(
    api: &Api,
    guard: &Guard,
    sid: KeySid,
    row: Option<&KeyRow>,
    secret: String,
    source: IpAddr,
) -> Result<(), Refusal> {
    let stored = row.map_or(NOBODY, |k| k.secret_hash.as_str()).to_string();
    let now = (api.clock)().mono;
    let print = print(guard, sid, &stored, &secret);
    if row.is_some() && guard.cache.borrow().knows(now, &print) {
        return Ok(());
    }
    if !guard.cache.borrow().may_guess(now, source) {
        return Err(Refusal::new(20429, "Too many wrong credentials from this address. Wait a minute."));
    }
    let right = slow_check(api, stored, secret).await? && row.is_some();
    let mut cache = guard.cache.borrow_mut();
    note(&mut cache, now, right, print, source);
    if right { Ok(()) } else { Err(stranger()) }
}

fn note(cache: &mut Cache, now: Mono, right: bool, print: Print, source: IpAddr) {
    match right {
        true => cache.remember(now, print),
        false => cache.wrong(now, source),
    }
}

fn print(guard: &Guard, sid: KeySid, stored: &str, secret: &str) -> Print {
    let mut mac = hmac::Context::with_key(&guard.secret);
    for part in [sid.to_string().as_bytes(), stored.as_bytes(), secret.as_bytes()] {
        // Lengths first, so that no two triples run together.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.sign().as_ref().try_into().unwrap_or_default()
}

/// argon2 on the blocking pool, as many at once as there are cores.
async fn slow_check(api: &Api, stored: String, secret: String) -> Result<bool, Refusal> {
    if secret.len() > SECRET_MAX {
        return Ok(false);
    }
    let turn = tokio::time::timeout(TURN, api.hashing.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(Refusal::plain(20429)) };
    let checked = api.runtime.spawn_blocking(move || {
        let _turn = turn;
        PasswordHash::new(&stored)
            .is_ok_and(|h| argon2::Argon2::default().verify_password(secret.as_bytes(), &h).is_ok())
    });
    Ok(checked.await.unwrap_or(false))
}

/// The hash of a new secret in PHC form (argon2id, OWASP's least: 19 MiB, two passes).
pub async fn hash(api: &Api, secret: String) -> Result<String, Refusal> {
    let turn = tokio::time::timeout(TURN, api.hashing.clone().acquire_owned()).await;
    let Ok(Ok(turn)) = turn else { return Err(Refusal::plain(20429)) };
    let hashed = api.runtime.spawn_blocking(move || {
        let _turn = turn;
        let mut salt = [0; 16];
        super::rng().fill(&mut salt);
        argon2::Argon2::default().hash_password_with_salt(secret.as_bytes(), &salt).map(|h| h.to_string())
    });
    match hashed.await {
        Ok(Ok(phc)) => Ok(phc),
        _ => Err(Refusal::plain(20500)),
    }
}
