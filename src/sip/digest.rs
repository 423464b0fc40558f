//! Digest (RFC 8760, 7616, 2617): here the client's half, answers to the challenges of a 401 or 407; in [`server`] the
//! other one.

pub mod nonces;
pub mod server;

use super::{
    event::Credentials,
    wire::{Message, Method, Params, quote, split_list},
};
use md5::Digest as _;
use std::collections::BTreeMap;

/// Most challenges of one response that are looked at.
pub const CHALLENGES_MAX: usize = 16;
/// Longest Authorization or challenge value in octets.
pub const HEADER_MAX: usize = 4_096;
/// How often one realm may call our answer stale before we give up.
pub const STALE_MAX: u8 = 2;
/// The field that answers a proxy.
const PROXY: &str = "Proxy-Authorization";

/// A proxy, and its realm: it and whoever is behind it may have the same one.
type Challenger = (bool, String);

/// How the hash is made.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Hash {
    /// MD5, the default.
    Md5,
    /// SHA-256.
    Sha256,
    /// SHA-512/256.
    Sha512_256,
}

/// What the hash protects.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Qop {
    /// Method and URI.
    Auth,
    /// The body too.
    AuthInt,
}

impl Qop {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Qop::Auth => "auth",
            Qop::AuthInt => "auth-int",
        }
    }
}

/// One `Digest` challenge. Those of other schemes and algorithms are passed over (RFC 4475 `regaut01`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Came in Proxy-Authenticate: the answer goes into Proxy-Authorization.
    pub proxy: bool,
    /// Realm, unquoted.
    pub realm: String,
    /// Nonce as between its quotes: echoed and hashed verbatim.
    pub nonce: String,
    /// Opaque as between its quotes.
    pub opaque: Option<String>,
    /// Hash.
    pub hash: Hash,
    /// `-sess` variant.
    pub session: bool,
    /// Algorithm as written, to be echoed; None if it was not.
    pub algorithm: Option<String>,
    /// Which of the offered qop values is taken: `auth`, or `auth-int` where that is all; None: none was offered.
    pub qop: Option<Qop>,
    /// The answer was right but its nonce too old.
    pub stale: bool,
}

impl Challenge {
    /// The field that its answer goes into.
    pub fn field(&self) -> &'static str {
        if self.proxy { PROXY } else { "Authorization" }
    }
}

/// Why no answer can be given.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum DigestError {
    /// There is no Digest challenge with a known algorithm and a known qop.
    NoChallenge,
    /// The realm refused what we answered: the password is wrong.
    Rejected,
}

/// The Digest challenges of a response, in order.
pub fn challenges(response: &Message) -> Vec<Challenge> {
    let fields = [(false, "WWW-Authenticate"), (true, "Proxy-Authenticate")];
    let mut out = Vec::new();
    for (proxy, name) in fields {
        for value in response.headers.all(name).filter(|v| v.len() <= HEADER_MAX) {
            out.extend(read_challenges(&String::from_utf8_lossy(value), proxy));
        }
    }
    out.truncate(CHALLENGES_MAX);
    out
}

/// The credentials that a request of ours shows: names and values of its fields.
pub fn shown(request: &Message) -> Vec<(String, String)> {
    let of = |name| request.headers.all(name).map(move |v| (name, String::from_utf8_lossy(v).into_owned()));
    ["Authorization", PROXY].into_iter().flat_map(of).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The realms that a request of ours shows credentials for.
pub fn realms(request: &Message) -> Vec<String> {
    shown(request).iter().filter_map(challenger).map(|(_, realm)| realm).collect()
}

/// Whom a field of ours answers.
fn challenger((name, value): &(String, String)) -> Option<Challenger> {
    let params = groups(value);
    let realm = params.iter().flatten().find(|(name, _)| name == "realm")?;
    Some((name.eq_ignore_ascii_case(PROXY), bare(&realm.1).to_owned()))
}

/// The Digest challenges of one field value; several may stand in it, divided by commas as their parameters are.
pub fn read_challenges(value: &str, proxy: bool) -> Vec<Challenge> {
    groups(value).iter().filter_map(|params| challenge(params, proxy)).collect()
}

/// The parameters of each `Digest` of one field value, names in lower case, quotes kept.
fn groups(value: &str) -> Vec<Vec<(String, String)>> {
    let unfolded = value.replace(['\r', '\n'], " ");
    let mut groups: Vec<(bool, Vec<(String, String)>)> = Vec::new();
    for item in split_list(&unfolded).filter(|i| !i.is_empty()) {
        let (name, value) = item.split_once('=').map_or((item, ""), |(n, v)| (n.trim(), v.trim()));
        // A new scheme is a word before the first parameter: `Digest realm`.
        let name = match name.rsplit_once([' ', '\t']) {
            Some((scheme, name)) => {
                groups.push((scheme.trim().eq_ignore_ascii_case("digest"), Vec::new()));
                name
            }
            None => name,
        };
        if let Some((_, params)) = groups.last_mut() {
            params.push((name.to_ascii_lowercase(), value.to_owned()));
        }
    }
    groups.into_iter().filter(|(digest, _)| *digest).take(CHALLENGES_MAX).map(|(_, params)| params).collect()
}

/// The text between quotes, escapes left alone; the text itself if there are none.
fn bare(value: &str) -> &str {
    value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value)
}

fn challenge(params: &[(String, String)], proxy: bool) -> Option<Challenge> {
    let get = |name: &str| params.iter().find(|(n, _)| n == name).map(|(_, v)| bare(v).to_owned());
    let algorithm = get("algorithm");
    let name = algorithm.clone().unwrap_or_default().to_ascii_uppercase();
    let (hash, session) = match name.as_str() {
        "" | "MD5" => (Hash::Md5, false),
        "MD5-SESS" => (Hash::Md5, true),
        "SHA-256" => (Hash::Sha256, false),
        "SHA-256-SESS" => (Hash::Sha256, true),
        "SHA-512-256" => (Hash::Sha512_256, false),
        "SHA-512-256-SESS" => (Hash::Sha512_256, true),
        _ => return None,
    };
    let offered = get("qop").filter(|q| !q.trim().is_empty());
    let has = |wanted: Qop| {
        let mut values = offered.iter().flat_map(|q| q.split([',', ' ']));
        values.any(|q| q.trim().eq_ignore_ascii_case(wanted.as_str()))
    };
    let qop = match offered {
        None => None,
        // An offer of nothing that is known cannot be answered.
        Some(_) => Some([Qop::Auth, Qop::AuthInt].into_iter().find(|q| has(*q))?),
    };
    Some(Challenge {
        proxy,
        realm: get("realm")?,
        nonce: get("nonce")?,
        opaque: get("opaque"),
        hash,
        session,
        algorithm,
        qop,
        stale: get("stale").is_some_and(|s| s.eq_ignore_ascii_case("true")),
    })
}

/// What one dialog remembers of those who challenged it.
#[derive(Clone, Debug, Default)]
pub struct Client {
    realms: BTreeMap<Challenger, Realm>,
}

#[derive(Clone, Debug)]
struct Realm {
    challenge: Challenge,
    /// How often its nonce was answered.
    count: u32,
    /// How often it was called stale since a request was last refused that did not answer it.
    stale: u8,
}

impl Client {
    /// The fields of the request once more, one for each realm that has challenged it (RFC 3261 section 22.3): those of `response`, and
    /// those that are answered in `shown`, the credentials that the request had. The first challenge of a realm that we can answer is
    /// taken (RFC 8760 section 2.4); a nonce that comes again, in a later request, is counted on (RFC 7616 section 3.4). `cnonce` is
    /// fresh chance, hexadecimal.
    ///
    /// # Errors
    /// Nothing in `response` can be answered, or a realm refused what was.
    pub fn answer(
        &mut self,
        response: &Message,
        request: &Protected<'_>,
        shown: &[(String, String)],
        credentials: &Credentials,
        cnonce: &str,
    ) -> Result<Vec<(String, String)>, DigestError> {
        let before: Vec<Challenger> = shown.iter().filter_map(challenger).collect();
        let mut all = before.clone();
        let mut done: Vec<Challenger> = Vec::new();
        for challenge in challenges(response) {
            let key = (challenge.proxy, challenge.realm.clone());
            if done.contains(&key) {
                continue;
            }
            if self.realms.len() >= CHALLENGES_MAX && !self.realms.contains_key(&key) {
                self.realms.retain(|known, _| all.contains(known));
            }
            self.take(key.clone(), challenge, before.contains(&key))?;
            if !before.contains(&key) {
                all.push(key.clone());
            }
            done.push(key);
        }
        match all.len() {
            _ if done.is_empty() => Err(DigestError::NoChallenge),
            // Whoever asks for ever under new names would be answered for ever.
            CHALLENGES_MAX.. => Err(DigestError::Rejected),
            _ => Ok(self.answers(&all, request, credentials, cnonce)),
        }
    }

    /// The fields of one more request for those that are answered in `shown`: each count of a nonce serves once.
    pub fn fields(
        &mut self,
        shown: &[(String, String)],
        request: &Protected<'_>,
        credentials: &Credentials,
        cnonce: &str,
    ) -> Vec<(String, String)> {
        let all: Vec<Challenger> = shown.iter().filter_map(challenger).collect();
        self.answers(&all, request, credentials, cnonce)
    }

    fn answers(
        &mut self,
        all: &[Challenger],
        request: &Protected<'_>,
        credentials: &Credentials,
        cnonce: &str,
    ) -> Vec<(String, String)> {
        let wanted = self.realms.iter_mut().filter(|(key, _)| all.contains(key));
        let answer = |(_, realm): (&Challenger, &mut Realm)| {
            realm.count = realm.count.saturating_add(1);
            authorization(&realm.challenge, request, credentials, cnonce, realm.count)
        };
        wanted.map(answer).collect()
    }

    /// Remembers a challenge, or it is the end: a realm that challenges what answered it, and does not call that stale, refused it.
    fn take(&mut self, key: Challenger, challenge: Challenge, answered: bool) -> Result<(), DigestError> {
        let known = self.realms.get(&key);
        let stale = known.map_or(0, |known| known.stale);
        if answered && (!challenge.stale || stale >= STALE_MAX) {
            return Err(DigestError::Rejected);
        }
        let count =
            known.filter(|known| known.challenge.nonce == challenge.nonce).map_or(0, |known| known.count);
        let stale = if answered { stale.saturating_add(1) } else { 0 };
        self.realms.insert(key, Realm { challenge, count, stale });
        Ok(())
    }
}

/// Name and value of the field that answers one challenge. `nc` is written in hexadecimal.
pub fn authorization(
    challenge: &Challenge,
    request: &Protected<'_>,
    credentials: &Credentials,
    cnonce: &str,
    count: u32,
) -> (String, String) {
    let nc = format!("{count:08x}");
    let uri = request.uri;
    let proof = Proof { challenge, request, cnonce, nc: &nc };
    let response = proof.response(&credentials.username, &credentials.password);
    let mut fields = vec![
        format!("username={}", quote(&credentials.username)),
        format!("realm=\"{}\"", challenge.realm),
        format!("nonce=\"{}\"", challenge.nonce),
        format!("uri=\"{uri}\""),
        format!("response=\"{response}\""),
    ];
    if let Some(algorithm) = &challenge.algorithm {
        fields.push(format!("algorithm={algorithm}"));
    }
    if let Some(qop) = challenge.qop {
        fields.push(format!("qop={}, nc={nc}, cnonce=\"{cnonce}\"", qop.as_str()));
    } else if challenge.session {
        fields.push(format!("cnonce=\"{cnonce}\""));
    }
    if let Some(opaque) = &challenge.opaque {
        fields.push(format!("opaque=\"{opaque}\""));
    }
    (challenge.field().to_owned(), format!("Digest {}", fields.join(", ")))
}

/// What of a request goes into the hash.
#[derive(Copy, Clone, Debug)]
pub struct Protected<'a> {
    /// Its method.
    pub method: &'a Method,
    /// The Request-URI as it will be written.
    pub uri: &'a str,
    /// The body; only `auth-int` looks at it.
    pub body: &'a [u8],
}

/// What goes into the hash beside the credentials.
struct Proof<'a> {
    challenge: &'a Challenge,
    request: &'a Protected<'a>,
    cnonce: &'a str,
    nc: &'a str,
}

impl Proof<'_> {
    /// RFC 7616 section 3.4.1.
    fn response(&self, username: &str, password: &str) -> String {
        let c = self.challenge;
        // The realm is hashed without its escapes.
        let realm = super::wire::unquote(&format!("\"{}\"", c.realm)).into_owned();
        let hash = |text: String| hex(c.hash, text.as_bytes());
        let mut ha1 = hash(format!("{username}:{realm}:{password}"));
        if c.session {
            ha1 = hash(format!("{ha1}:{}:{}", c.nonce, self.cnonce));
        }
        let Protected { method, uri, body } = self.request;
        let ha2 = match c.qop {
            Some(Qop::AuthInt) => hash(format!("{method}:{uri}:{}", hex(c.hash, body))),
            _ => hash(format!("{method}:{uri}")),
        };
        match c.qop.map(Qop::as_str) {
            Some(qop) => hash(format!("{ha1}:{}:{}:{}:{qop}:{ha2}", c.nonce, self.nc, self.cnonce)),
            None => hash(format!("{ha1}:{}:{ha2}", c.nonce)),
        }
    }
}

/// The hash in lower-case hexadecimal.
pub fn hex(hash: Hash, text: &[u8]) -> String {
    let octets: Vec<u8> = match hash {
        Hash::Md5 => md5::Md5::digest(text).to_vec(),
        Hash::Sha256 => ring::digest::digest(&ring::digest::SHA256, text).as_ref().to_vec(),
        Hash::Sha512_256 => ring::digest::digest(&ring::digest::SHA512_256, text).as_ref().to_vec(),
    };
    octets.iter().map(|b| format!("{b:02x}")).collect()
}

/// Fuzz target: reading, answering and reading the answer's parameters.
pub fn fuzz_digest_header(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let found = read_challenges(&text, false);
    let credentials = Credentials { username: "u\"\\".to_owned(), password: "p".to_owned() };
    let request = Protected { method: &Method::Invite, uri: "sip:a@b", body: data };
    for challenge in &found {
        let (_, value) = authorization(challenge, &request, &credentials, "c", 10);
        assert!(value.starts_with("Digest ") && !value.contains(['\r', '\n']), "an answer breaks its line");
    }
    let _ = Params::parse(&text);
    !found.is_empty()
}
