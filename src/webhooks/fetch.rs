//! (s) Performs a [`FetchRequest`]: redirects by hand, each hop vetted and signed; user info only after a 401; cookies in and out;
//! retries as the policy says; a body never read beyond its limit; all of it within the total time.

use super::address::Vetted;
use super::answer::{self, read};
pub use super::answer::{BODY_MAX, PLAY_BODY_MAX, Validators};
use super::client::{Clients, send};
use super::guard::Guard;
use super::params::{form, with_query};
use super::policy::{self, REDIRECTS_MAX};
use super::request::{Cookie, FetchError, FetchRequest, Fetched, Login, Method, Purpose};
use super::{cookies, digest, sign};
use crate::clock::Wall;
use bytes::Bytes;
use reqwest::header::{self, HeaderMap, HeaderValue};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::{Instant, timeout, timeout_at};

/// Everything together, for a speech provider: long texts take their time.
const JSON_TOTAL: Duration = Duration::from_secs(30);

/// Makes requests. One for the process.
pub struct Fetcher {
    guard: Guard,
    clients: Clients,
}

struct Hop {
    url: String,
    method: Method,
    params: bool,
}

struct Exchange<'a> {
    request: &'a FetchRequest,
    jar: Vec<Cookie>,
    login: Option<Login>,
    retries: u8,
    deadline: Instant,
    known: Option<&'a Validators>,
}

impl Fetcher {
    /// Trusts as `tls` says (see [`super::tls`]), dials what `guard` lets through.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn new(guard: Guard, tls: &rustls::ClientConfig) -> Result<Arc<Fetcher>, String> {
        let clients = Clients::new(&guard, tls)?;
        Ok(Arc::new(Fetcher { guard, clients }))
    }

    /// The guard, for streams.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// The whole exchange.
    ///
    /// # Errors
    /// The code of what went wrong; every answer from 400 is 11200 with its status.
    pub async fn fetch(&self, request: FetchRequest) -> Result<Fetched, FetchError> {
        self.fetch_if(request, None).await.map(|(fetched, _)| fetched)
    }

    /// As [`Fetcher::fetch`], conditional on what is known: a 304 comes back as such, without a body.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`].
    pub async fn fetch_if(
        &self,
        request: FetchRequest,
        known: Option<&Validators>,
    ) -> Result<(Fetched, Validators), FetchError> {
        let start = Instant::now();
        let total = policy::total(&request.policy, request.purpose);
        let deadline = start + total;
        let exchange = Exchange {
            request: &request,
            jar: request.cookies.clone(),
            login: request.login.clone(),
            retries: request.policy.retries,
            deadline,
            known,
        };
        let result = match timeout_at(deadline, self.run(exchange)).await {
            Ok(result) => result,
            Err(_) => {
                Err(FetchError::early(11203, format!("not finished within {} ms in all", total.as_millis())))
            }
        };
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        count(request.purpose, &result, start.elapsed());
        match result {
            Ok((mut fetched, validators)) => {
                fetched.ms = ms;
                Ok((fetched, validators))
            }
            Err(error) => Err(FetchError { ms, ..error }),
        }
    }

    /// A JSON request to a service the operator configured (speech): no redirects, no retries.
    ///
    /// # Errors
    /// As [`Fetcher::fetch`].
    pub async fn post_json(
        &self,
        url: &str,
        bearer: &str,
        body: String,
        max: usize,
    ) -> Result<(Option<String>, Bytes), FetchError> {
        let policy = super::request::Policy::default();
        let work = async {
            let vetted = self.guard.vet_url(url)?;
            let builder = self.clients.request(policy.sni, reqwest::Method::POST, vetted.url);
            let mut builder = builder.header(header::CONTENT_TYPE, "application/json").body(body);
            if !bearer.is_empty() {
                builder = builder.bearer_auth(bearer);
            }
            let mut answer = send(builder, &policy).await?;
            let status = answer.status().as_u16();
            if !(200..300).contains(&status) {
                let words = format!("it answered {status}");
                return Err(FetchError { code: 11200, words, status: Some(status), ms: 0 });
            }
            let content_type = answer.headers().get(header::CONTENT_TYPE);
            let content_type = content_type.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
            Ok((content_type, read(&mut answer, max, policy.read).await?))
        };
        let late = || FetchError::early(11203, format!("not finished within {} ms", JSON_TOTAL.as_millis()));
        timeout(JSON_TOTAL, work).await.unwrap_or_else(|_| Err(late()))
    }

    async fn run(&self, mut exchange: Exchange<'_>) -> Result<(Fetched, Validators), FetchError> {
        let request = exchange.request;
        let mut hop = Hop { url: request.url.clone(), method: request.method, params: true };
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.with_retries(&mut exchange, &hop).await?;
            match next_hop(&hop, &answer)? {
                Some(next) => hop = next,
                None => {
                    return answer::finish(
                        exchange.request,
                        exchange.deadline,
                        (exchange.jar, exchange.login),
                        hop.url,
                        answer,
                    )
                    .await;
                }
            }
        }
        Err(FetchError::early(11215, format!("more than {REDIRECTS_MAX} redirects")))
    }

    async fn with_retries(
        &self,
        exchange: &mut Exchange<'_>,
        hop: &Hop,
    ) -> Result<reqwest::Response, FetchError> {
        loop {
            match self.authorised(exchange, hop).await {
                Err(e) if exchange.retries > 0 && policy::retries(&exchange.request.policy, &e) => {
                    exchange.retries -= 1;
                }
                result => return result,
            }
        }
    }

    /// One request; a second with credentials if the first was answered with a challenge. A call that was challenged before logs in
    /// with the first.
    async fn authorised(
        &self,
        exchange: &mut Exchange<'_>,
        hop: &Hop,
    ) -> Result<reqwest::Response, FetchError> {
        let vetted = self.guard.vet_url(&hop.url)?;
        let origin = vetted.url.origin().ascii_serialization();
        if exchange.login.as_ref().is_some_and(|login| login.origin != origin) {
            exchange.login = None;
        }
        let first = log_in(exchange, hop, &vetted)?;
        let mut answer = self.once(exchange, hop, &vetted, first).await?;
        if answer.status().as_u16() == 401 {
            let challenges = answer.headers().get_all(header::WWW_AUTHENTICATE).iter();
            let challenges = challenges.map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned()).collect();
            exchange.login = Some(Login { origin, challenges, uses: 0 });
            match log_in(exchange, hop, &vetted)? {
                Some(value) => answer = self.once(exchange, hop, &vetted, Some(value)).await?,
                None => exchange.login = None,
            }
        }
        match answer.status().as_u16() {
            status @ 400.. => {
                let words = format!("the application answered {status}");
                Err(FetchError { code: 11200, words, status: Some(status), ms: 0 })
            }
            _ => Ok(answer),
        }
    }

    async fn once(
        &self,
        exchange: &mut Exchange<'_>,
        hop: &Hop,
        vetted: &Vetted,
        authorization: Option<String>,
    ) -> Result<reqwest::Response, FetchError> {
        let request = exchange.request;
        if !matches!(vetted.scheme.as_str(), "http" | "https") {
            return Err(FetchError::early(11100, "a URL must be http or https"));
        }
        let headers = headers(exchange, hop, vetted, authorization)?;
        let url = request_url(request, hop, vetted)?;
        let (method, body) = match hop.method {
            Method::Get => (reqwest::Method::GET, None),
            Method::Post => (reqwest::Method::POST, Some(body(request, hop))),
        };
        let mut builder = self.clients.request(request.policy.sni, method, url).headers(headers);
        if let Some(body) = body {
            builder = builder.body(body);
        }
        let answer = send(builder, &request.policy).await?;
        let now = wall();
        for value in answer.headers().get_all(header::SET_COOKIE) {
            cookies::store(&mut exchange.jar, &vetted.url, &String::from_utf8_lossy(value.as_bytes()), now);
        }
        Ok(answer)
    }
}

/// What a POST carries.
fn body(request: &FetchRequest, hop: &Hop) -> String {
    match &request.json {
        _ if !hop.params => String::new(),
        Some(json) => json.text.clone(),
        None => form(&request.params),
    }
}

/// The operator's token, where the operator is: a redirect does not take it elsewhere.
fn bearer(request: &FetchRequest, vetted: &Vetted) -> Option<String> {
    let token = request.json.as_ref()?.bearer.as_ref()?;
    let origin = url::Url::parse(&request.url).ok()?.origin();
    (origin == vetted.url.origin()).then(|| format!("Bearer {token}"))
}

/// A request by what it was for and how it ended, for metrics.
fn count(purpose: Purpose, result: &Result<(Fetched, Validators), FetchError>, took: Duration) {
    let purpose = match purpose {
        Purpose::Document => "document",
        Purpose::Callback => "callback",
        Purpose::Media => "media",
    };
    let outcome = match result {
        Ok((fetched, _)) => format!("{}xx", fetched.status / 100),
        Err(e) => e.code.to_string(),
    };
    metrics::counter!("chorus_webhooks_total", "purpose" => purpose, "outcome" => outcome).increment(1);
    metrics::histogram!("chorus_webhook_seconds", "purpose" => purpose).record(took);
}

/// The answer to the challenge of the call's login with the URL's user info; None: one of the two is missing.
fn log_in(exchange: &mut Exchange<'_>, hop: &Hop, vetted: &Vetted) -> Result<Option<String>, FetchError> {
    let (_, info) = policy::split_user_info(&vetted.url);
    let path = target_of(exchange.request, hop, vetted)?;
    let (Some(login), Some((user, password))) = (&mut exchange.login, info) else { return Ok(None) };
    login.uses = login.uses.saturating_add(1);
    let cnonce = cnonce();
    let asking = digest::Asking {
        user: &user,
        password: &password,
        method: hop.method,
        path: &path,
        cnonce: &cnonce,
        uses: login.uses,
    };
    Ok(digest::authorization(&login.challenges, asking))
}

/// What is requested: no user info, no fragment; a GET's parameters in the query.
fn request_url(request: &FetchRequest, hop: &Hop, vetted: &Vetted) -> Result<url::Url, FetchError> {
    let (mut bare, _) = policy::split_user_info(&vetted.url);
    bare.set_fragment(None);
    if hop.method == Method::Get && hop.params && !request.params.is_empty() {
        let with = with_query(bare.as_str(), &request.params);
        bare = url::Url::parse(&with).map_err(|e| FetchError::early(11100, format!("invalid URL: {e}")))?;
    }
    Ok(bare)
}

/// The request target, as Digest signs it.
fn target_of(request: &FetchRequest, hop: &Hop, vetted: &Vetted) -> Result<String, FetchError> {
    let url = request_url(request, hop, vetted)?;
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    Ok(format!("{}{query}", url.path()))
}

fn headers(
    exchange: &Exchange<'_>,
    hop: &Hop,
    vetted: &Vetted,
    authorization: Option<String>,
) -> Result<HeaderMap, FetchError> {
    let request = exchange.request;
    let mut headers = HeaderMap::new();
    let mut put = |name: header::HeaderName, value: String| {
        let value = HeaderValue::from_str(&value)
            .map_err(|_| FetchError::early(11100, format!("a value for the header {name} cannot be sent")))?;
        headers.insert(name, value);
        Ok::<(), FetchError>(())
    };
    put(header::ACCEPT, "*/*".to_owned())?;
    put(header::CONNECTION, "close".to_owned())?;
    if hop.method == Method::Post {
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        put(header::CONTENT_TYPE, if request.json.is_some() { "application/json" } else { form }.to_owned())?;
    }
    if request.json.is_some() {
        put(header::HeaderName::from_static("idempotency-key"), request.token.clone())?;
    }
    if let Some(auth_token) = &request.auth_token {
        put(header::HeaderName::from_static("x-twilio-signature"), signature(request, hop, auth_token))?;
        let token = header::HeaderName::from_static("i-twilio-idempotency-token");
        put(token, request.token.clone())?;
    }
    if let Some(value) = cookies::header(&exchange.jar, &vetted.url, wall()) {
        put(header::COOKIE, value)?;
    }
    if let Some(value) = authorization.or_else(|| bearer(request, vetted)) {
        put(header::AUTHORIZATION, value)?;
    }
    if let Some(known) = exchange.known {
        if let Some(etag) = &known.etag {
            put(header::IF_NONE_MATCH, etag.clone())?;
        }
        if let Some(date) = &known.last_modified {
            put(header::IF_MODIFIED_SINCE, date.clone())?;
        }
    }
    Ok(headers)
}

fn signature(request: &FetchRequest, hop: &Hop, auth_token: &str) -> String {
    let params: &[(String, String)] = if hop.params { &request.params } else { &[] };
    match hop.method {
        Method::Get => sign::sign(auth_token, &with_query(&hop.url, params), &[]),
        Method::Post => sign::sign(auth_token, &hop.url, params),
    }
}

/// Where a 3xx leads. Credentials go along only to the same origin.
fn next_hop(hop: &Hop, answer: &reqwest::Response) -> Result<Option<Hop>, FetchError> {
    let status = answer.status().as_u16();
    let Some(follow) = policy::follow(status, hop.method) else {
        return match status {
            300 | 305 | 306 => {
                let words = format!("the application answered {status}, which cannot be followed");
                Err(FetchError { code: 11200, words, status: Some(status), ms: 0 })
            }
            _ => Ok(None),
        };
    };
    let refused = |words: String| FetchError { code: 11200, words, status: Some(status), ms: 0 };
    let location = answer
        .headers()
        .get(header::LOCATION)
        .ok_or_else(|| refused(format!("the application answered {status} without Location")))?;
    let base = url::Url::parse(&hop.url).map_err(|e| refused(format!("invalid URL: {e}")))?;
    let mut url = base
        .join(&String::from_utf8_lossy(location.as_bytes()))
        .map_err(|e| refused(format!("the application redirected to an invalid URL: {e}")))?;
    url.set_fragment(None);
    if url.origin() == base.origin() && url.username().is_empty() && url.password().is_none() {
        let _ = url.set_username(base.username());
        let _ = url.set_password(base.password());
    }
    Ok(Some(Hop { url: url.into(), method: follow.method, params: hop.params && follow.params }))
}

fn wall() -> Wall {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Wall(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn cnonce() -> String {
    use ring::rand::SecureRandom;
    let mut bytes = [0_u8; 8];
    // Without randomness the answer is still right, only not fresh; the server's nonce guards against replay.
    let _ = ring::rand::SystemRandom::new().fill(&mut bytes);
    format!("{:016x}", u64::from_be_bytes(bytes))
}
