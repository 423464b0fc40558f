//! Digest, the server's half (RFC 3261 section 22, RFC 7616, RFC 8760): challenges are stateless, a wrong answer tells nothing
//! about which users exist.

use super::nonces::{Fresh, Nonces};
use super::{HEADER_MAX, Hash, bare, groups, hex};
use crate::clock::Mono;
use crate::rng::Rng;
use crate::sip::wire::{Message, unquote};
use crate::store::rows::Ha1;
use std::net::IpAddr;
use subtle::ConstantTimeEq;

/// User-Agents that give up when they see another algorithm, instead of passing it over (RFC 8760 section 2.4).
const MD5_ALONE: &[&str] = &["baresip v0.", "baresip v1."];

/// What a request says about who sent it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing that we could judge: to be challenged.
    Missing,
    /// An answer to a nonce that is none of ours (any more), right or wrong, or a right one that was given before: to be challenged
    /// with `stale=true`.
    Stale,
    /// No such user, or not its password; who it claimed to be.
    Wrong(String),
    /// This user.
    Right(String),
}

/// The answer of a client, unquoted but for what is hashed verbatim.
struct Answer {
    user: String,
    nonce: String,
    uri: String,
    response: String,
    hash: Hash,
    /// `nc` and `cnonce`; None: without `qop` (RFC 2069).
    qop: Option<(String, String)>,
}

/// Gives challenges and judges answers.
pub struct Guard {
    realm: String,
    nonces: Nonces,
    /// What answers of users that do not exist are compared with, so that they take as long.
    nobody: Ha1,
}

impl Guard {
    /// Of one realm.
    pub fn new(rng: &mut Rng, realm: &str) -> Guard {
        let nobody = Ha1 { md5: rng.hex(32), sha256: rng.hex(64), realm: realm.to_owned() };
        Guard { realm: realm.to_owned(), nonces: Nonces::new(rng, realm), nobody }
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// A challenge for each algorithm that `request`'s sender can bear. MD5 stands first although SHA-256 is better: of two, many
    /// phones read only the first, and those that know both look for the one they like.
    pub fn challenge(
        &self,
        rng: &mut Rng,
        now: Mono,
        source: IpAddr,
        request: &Message,
        stale: bool,
    ) -> Vec<String> {
        let nonce = self.nonces.issue(rng, now, source);
        let stale = if stale { ", stale=true" } else { "" };
        let agent = request.headers.text("User-Agent").unwrap_or_default();
        let algorithms: &[&str] =
            if MD5_ALONE.iter().any(|a| agent.starts_with(a)) { &["MD5"] } else { &["MD5", "SHA-256"] };
        let challenges = algorithms.iter().map(|algorithm| {
            let realm = &self.realm;
            format!("Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={algorithm}, qop=\"auth\"{stale}")
        });
        challenges.collect()
    }

    /// Who sent `request`? `find` knows the users. A right answer uses up its nonce, or its count.
    pub fn judge<'a>(
        &mut self,
        now: Mono,
        source: IpAddr,
        request: &Message,
        find: impl Fn(&str) -> Option<&'a Ha1>,
    ) -> Verdict {
        let Some(answer) = self.answer(request) else { return Verdict::Missing };
        // Before the password: a guess that does not count would otherwise be told from the right one (RFC 7616 section 3.3 asks
        // for no more). It does not count because only a nonce of ours shows that packets reach whoever sends, and a spoofed guess
        // must shut nobody out.
        if !self.nonces.is_ours(now, source, &answer.nonce) {
            return Verdict::Stale;
        }
        let known = find(&answer.user);
        let ha1 = known.unwrap_or(&self.nobody);
        let ha1 = if answer.hash == Hash::Md5 { &ha1.md5 } else { &ha1.sha256 };
        let method = request.method().map(ToString::to_string).unwrap_or_default();
        let right = expected(&answer, ha1, &method).as_bytes().ct_eq(answer.response.as_bytes());
        if !bool::from(right) || known.is_none() {
            return Verdict::Wrong(answer.user);
        }
        let count = answer.qop.as_ref().and_then(|(nc, _)| u32::from_str_radix(nc, 16).ok());
        if answer.qop.is_some() && count.is_none() {
            return Verdict::Wrong(answer.user);
        }
        match self.nonces.take(now, source, &answer.nonce, count) {
            Fresh::Yes => Verdict::Right(answer.user),
            Fresh::No => Verdict::Stale,
        }
    }

    /// The user that a request claims to be, whatever its password.
    pub fn user(&self, request: &Message) -> Option<String> {
        self.answer(request).map(|answer| answer.user)
    }

    /// Does a request show an answer to us at all?
    pub fn is_asked(&self, request: &Message) -> bool {
        self.answer(request).is_some()
    }

    /// The first Authorization or Proxy-Authorization for our realm that can be read: which of the two we asked for says nothing
    /// about who answers.
    fn answer(&self, request: &Message) -> Option<Answer> {
        let fields =
            ["Authorization", "Proxy-Authorization"].into_iter().flat_map(|n| request.headers.all(n));
        fields
            .filter(|v| v.len() <= HEADER_MAX)
            .flat_map(|v| groups(&String::from_utf8_lossy(v)))
            .find_map(|params| read(&params).filter(|(realm, _)| *realm == self.realm))
            .map(|(_, answer)| answer)
    }
}

/// Realm and answer.
fn read(params: &[(String, String)]) -> Option<(String, Answer)> {
    let raw = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let plain = |name: &str| raw(name).map(|v| unquote(v).into_owned());
    let verbatim = |name: &str| raw(name).map(|v| bare(v).to_owned());
    let algorithm = plain("algorithm").unwrap_or_default().to_ascii_uppercase();
    let hash = match algorithm.as_str() {
        "" | "MD5" => Hash::Md5,
        "SHA-256" => Hash::Sha256,
        _ => return None,
    };
    let qop = match plain("qop").filter(|q| !q.is_empty()) {
        None => None,
        Some(q) if q.eq_ignore_ascii_case("auth") => Some((plain("nc")?, verbatim("cnonce")?)),
        Some(_) => return None,
    };
    let answer = Answer {
        user: plain("username")?,
        nonce: verbatim("nonce")?,
        uri: verbatim("uri")?,
        response: plain("response")?.to_ascii_lowercase(),
        hash,
        qop,
    };
    Some((plain("realm")?, answer))
}

/// RFC 7616 section 3.4.1, from the hash of user, realm and password on. The URI is hashed as the header has it: proxies on
/// the way may have changed the Request-URI.
fn expected(answer: &Answer, ha1: &str, method: &str) -> String {
    let Answer { nonce, uri, hash, .. } = answer;
    let ha2 = hex(*hash, format!("{method}:{uri}").as_bytes());
    let text = match &answer.qop {
        Some((nc, cnonce)) => format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"),
        None => format!("{ha1}:{nonce}:{ha2}"),
    };
    hex(*hash, text.as_bytes())
}

/// What is stored of a password.
pub fn ha1(user: &str, realm: &str, password: &str) -> Ha1 {
    let text = format!("{user}:{realm}:{password}");
    let (md5, sha256) = (hex(Hash::Md5, text.as_bytes()), hex(Hash::Sha256, text.as_bytes()));
    Ha1 { md5, sha256, realm: realm.to_owned() }
}
