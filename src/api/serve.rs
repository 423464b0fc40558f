//! (s) The way of a request: route, caller, limits, body, parameters; then the handler, detached from the connection.

use super::auth::{self, Caller, Guard};
use super::form::{self, Fields};
use super::limits::*;
use super::operation::{Access, Ctx, Operation, Outcome, Shape, Verb};
use super::params::{PAGING, Params};
use super::refusal::Refusal;
use super::reply::{self, Form, Text};
use super::router::{self, Route};
use super::wav::Part;
use super::{Api, operation, parse};
use crate::sid::AccountSid;
use crate::store::accounts;
use crate::store::query::Scope;
use crate::store::rows::{AccountRow, Standing};
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;
use std::{cell::RefCell, net::IpAddr, rc::Rc};

/// What one actix worker holds for itself: no lock, because nobody else reaches it.
pub struct Worker {
    api: Api,
    guard: Guard,
    under_way: RefCell<UnderWay>,
}

impl Worker {
    /// Fresh limits.
    pub fn new(api: Api) -> Worker {
        Worker { api, guard: Guard::default(), under_way: RefCell::default() }
    }
}

/// A place among the requests of an account, given back when the request is over or its client is gone.
struct Place<'a> {
    worker: &'a Worker,
    account: Option<AccountSid>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.account {
            self.worker.under_way.borrow_mut().leave(account);
        }
    }
}

/// What is taken from the head of a request before its body is read.
struct Head {
    verb: Option<Verb>,
    path: String,
    query: String,
    authorization: Option<String>,
    accept: Option<String>,
    kind: Option<String>,
    range: Option<String>,
    idempotency: Option<String>,
    source: IpAddr,
    origin: String,
    too_long: bool,
}

/// What Twilio's answers allow scripts of other origins. There is no cookie to steal: who reads an answer has sent the credentials.
const CROSS_ORIGIN: &[(&str, &str)] = &[
    ("access-control-allow-origin", "*"),
    ("access-control-allow-methods", "GET, POST, DELETE, OPTIONS"),
    (
        "access-control-allow-headers",
        "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, If-None-Match, If-Unmodified-Since, \
         Idempotency-Key",
    ),
    ("access-control-expose-headers", "ETag"),
];

fn head(req: &HttpRequest) -> Head {
    let text =
        |name: header::HeaderName| req.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_string);
    let verb = match *req.method() {
        Method::GET | Method::HEAD => Some(Verb::Get),
        Method::POST => Some(Verb::Post),
        Method::DELETE => Some(Verb::Delete),
        Method::PATCH | Method::PUT => Some(Verb::Patch),
        _ => None,
    };
    Head {
        verb,
        path: req.uri().path().to_string(),
        query: req.uri().query().unwrap_or_default().to_string(),
        authorization: text(header::AUTHORIZATION),
        accept: text(header::ACCEPT),
        kind: text(header::CONTENT_TYPE),
        // A part is wanted of a version that the client holds; we name no versions, so that it gets the whole.
        range: text(header::RANGE).filter(|_| !req.headers().contains_key(header::IF_RANGE)),
        idempotency: text(header::HeaderName::from_static("idempotency-key")),
        source: req.peer_addr().map_or(IpAddr::from([0, 0, 0, 0]), |a| a.ip()),
        origin: origin(req),
        too_long: req.uri().to_string().len() > URI_MAX,
    }
}

/// Where the client reached us, a proxy in front included: it only shapes links in the client's own answer.
fn origin(req: &HttpRequest) -> String {
    let seen = req.connection_info();
    format!("{}://{}", seen.scheme(), seen.host())
}

/// Every request that no other route of the application took.
pub async fn handle(req: HttpRequest, payload: web::Payload) -> HttpResponse {
    let Some(worker) = req.app_data::<Rc<Worker>>().cloned() else {
        return HttpResponse::InternalServerError().finish();
    };
    let started = (worker.api.clock)().mono;
    let head = head(&req);
    let route = router::find(&head.path);
    // v1 has no other form than JSON.
    let form = match is_v1(&head.path) {
        true => Ok(Form::Json),
        false => reply::form(route.suffix.as_deref(), head.accept.as_deref()),
    };
    let twilios = is_twilios(&head.path);
    if twilios && *req.method() == Method::OPTIONS {
        // A browser asks without credentials what a script may send, so the answer tells nothing about paths.
        return finish(HttpResponse::NoContent().finish(), twilios, 0);
    }
    let answer = match serve(&worker, &head, &route, payload).await {
        Ok((operation, outcome)) => good(operation, form.unwrap_or(Form::Json), outcome),
        Err(refusal) => {
            let carrier = ["/carrier/", "/gateways", "/services/"].iter().any(|p| head.path.starts_with(p));
            let mut answer = built(reply::bad(carrier, form.unwrap_or(Form::Json), &refusal));
            if refusal.status == 405 {
                allowed(&mut answer, &route);
            }
            answer
        }
    };
    let class = format!("{}xx", answer.status().as_u16() / 100);
    metrics::counter!("chorus_http_requests_total", "status" => class).increment(1);
    let ms = (worker.api.clock)().mono.since(started).as_millis();
    finish(answer, twilios, ms)
}

fn is_v2010(path: &str) -> bool {
    path.starts_with("/2010-04-01")
}

fn is_v1(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// A path of Twilio's, under any of its host names.
fn is_twilios(path: &str) -> bool {
    is_v2010(path) || is_v1(path)
}

/// The methods that the path takes, as a 405 must name them (RFC 9110, 15.5.6).
fn allowed(answer: &mut HttpResponse, route: &Route) {
    let word = |verb: Verb| match verb {
        Verb::Get => "GET, HEAD",
        Verb::Post => "POST",
        Verb::Patch => "PATCH, PUT",
        Verb::Delete => "DELETE",
    };
    let mut words: Vec<&str> = route.operations.iter().map(|o| word(o.verb)).collect();
    words.dedup();
    if let Ok(value) = header::HeaderValue::from_str(&words.join(", ")) {
        answer.headers_mut().insert(header::ALLOW, value);
    }
}

/// Headers that every answer has, and those of Twilio's paths.
fn finish(mut answer: HttpResponse, twilios: bool, ms: u128) -> HttpResponse {
    let id = super::rng().hex(32);
    answer.head_mut().set_camel_case_headers(true);
    let headers = answer.headers_mut();
    for (name, value) in CROSS_ORIGIN.iter().filter(|_| twilios) {
        headers.insert(header::HeaderName::from_static(name), header::HeaderValue::from_static(value));
    }
    let seconds = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    for (name, value) in [("twilio-request-id", format!("RQ{id}")), ("twilio-request-duration", seconds)] {
        if let Ok(value) = header::HeaderValue::from_str(&value) {
            headers.insert(header::HeaderName::from_static(name), value);
        }
    }
    answer
}

fn built(text: Text) -> HttpResponse {
    let status = StatusCode::from_u16(text.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponseBuilder::new(status);
    if let Some(challenge) = text.challenge {
        response.insert_header((header::WWW_AUTHENTICATE, challenge));
    }
    if let Some(seconds) = text.retry_after {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    if let Some(size) = text.whole {
        response.insert_header((header::CONTENT_RANGE, format!("bytes */{size}")));
    }
    if let Some(code) = text.code {
        response.insert_header(("X-Twilio-Error-Code", code.to_string()));
    }
    match text.kind {
        Some(kind) => response.content_type(kind).body(text.body),
        None => response.finish(),
    }
}

fn good(operation: &Operation, form: Form, outcome: Outcome) -> HttpResponse {
    if let Some(text) = reply::good(operation, form, &outcome) {
        return built(text);
    }
    let Outcome::Media(media) = outcome else { return HttpResponse::InternalServerError().finish() };
    let mut response = HttpResponse::Ok();
    response.content_type(media.kind).insert_header((header::ACCEPT_RANGES, "bytes"));
    // Audio in gzip is only slower, and a part of it would be a part of something else.
    response.insert_header(header::ContentEncoding::Identity);
    if let Part::Octets(from, last) = media.part {
        response.status(StatusCode::PARTIAL_CONTENT);
        response.insert_header((header::CONTENT_RANGE, format!("bytes {from}-{last}/{}", media.size)));
    }
    response.body(actix_web::body::BoxBody::new(*media))
}

async fn serve(
    worker: &Worker,
    head: &Head,
    route: &Route,
    payload: web::Payload,
) -> Result<(&'static Operation, Outcome), Refusal> {
    if head.too_long {
        return Err(Refusal::with_status(20413, 414, format!("The URL is longer than {URI_MAX} octets.")));
    }
    let api = &worker.api;
    // Twilio asks who you are before it says what there is; strangers learn nothing about paths.
    let v2010 = is_v2010(&head.path);
    let caller = if is_twilios(&head.path) {
        Some(auth::recognise(api, &worker.guard, head.authorization.as_deref(), head.source).await?)
    } else {
        None
    };
    let json = head.accept.as_deref().is_some_and(|a| a.contains("application/json"));
    let operation = route.operation(head.verb, json)?;
    if !matches!(operation.shape, Shape::Media) && v2010 {
        reply::form(route.suffix.as_deref(), head.accept.as_deref())?;
    }
    let account = match operation.access {
        Access::Open => None,
        Access::Carrier => {
            auth::bearer(head.authorization.as_deref(), &api.config.carrier_token)?;
            None
        }
        Access::Account | Access::Main => {
            let caller = match caller {
                Some(known) => known,
                // Paths of ours beside Twilio's.
                None => {
                    auth::recognise(api, &worker.guard, head.authorization.as_deref(), head.source).await?
                }
            };
            Some(path_account(api, operation, route, caller).await?)
        }
    };
    let _place = place(worker, account.as_ref())?;
    let body = if operation.verb.has_body() { body(payload).await? } else { Bytes::new() };
    let ctx = context(worker, head, route, operation, account, body)?;
    // Detached: if the client goes away now, the work is finished all the same.
    let turn = operation.takes_turns().then(|| api.turn.clone());
    let done = api.runtime.spawn(async move {
        let _turn = match turn {
            Some(turn) => Some(turn.acquire_owned().await),
            None => None,
        };
        (operation.handler)(ctx).await
    });
    let done = done.await;
    let outcome = done.map_err(|e| {
        tracing::error!(operation = operation.id, panicked = e.is_panic(), "a handler did not finish");
        Refusal::plain(20500)
    })??;
    Ok((operation, outcome))
}

fn place<'a>(worker: &'a Worker, account: Option<&AccountRow>) -> Result<Place<'a>, Refusal> {
    let account = account.map(|a| a.sid);
    match account.is_none_or(|a| worker.under_way.borrow_mut().enter(a)) {
        true => Ok(Place { worker, account }),
        false => Err(Refusal::plain(20429)),
    }
}

/// The account that the path names, if this caller may act for it. Everything else is 404, whether it exists or not.
async fn path_account(
    api: &Api,
    operation: &Operation,
    route: &Route,
    caller: Caller,
) -> Result<AccountRow, Refusal> {
    if operation.access == Access::Main && caller.key.is_some() {
        return Err(Refusal::with_status(
            20003,
            403,
            "API keys cannot reach accounts and keys. Use the AuthToken.",
        ));
    }
    let Some((_, named)) = route.vars.first().filter(|(name, _)| *name == "AccountSid") else {
        return Ok(caller.account);
    };
    let unknown = || Refusal::not_found(&route.shown());
    let sid = AccountSid::parse(named).ok_or_else(unknown)?;
    if sid == caller.account.sid {
        return Ok(caller.account);
    }
    let parent = caller.account;
    let scope = Scope::WithChildren(parent.sid);
    let row = api.store.read(move |r| accounts::get(r, scope, sid)).await;
    let row = row.map_err(|e| operation::unavailable(&e))?.ok_or_else(unknown)?;
    // A parent may look at and wake a sleeping subaccount, and do nothing else in it.
    let itself = operation.path.ends_with("{AccountSid}");
    let sleeps = row.standing(Some(&parent)) != Standing::Active;
    if sleeps && !itself { Err(Refusal::plain(20005)) } else { Ok(row) }
}

/// Reads a body within its limits of size and time.
async fn body(payload: web::Payload) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(BODY_WITHIN, payload.to_bytes_limited(BODY_MAX)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(Refusal::new(20001, "The body could not be read.")),
        Ok(Err(_)) => Err(Refusal::new(20413, format!("The body is larger than {BODY_MAX} octets."))),
        Err(_) => Err(Refusal::new(20408, format!("The body took longer than {} s.", BODY_WITHIN.as_secs()))),
    }
}

/// The fields of a form body, then of the query. A body of another type is refused, not read as something it is not.
fn fields(head: &Head, operation: &Operation, body: &[u8]) -> Result<Fields, Refusal> {
    let json = operation.shape.takes_json();
    let mut fields = Fields::new();
    if !json && !body.is_empty() {
        let kind = head.kind.as_deref().unwrap_or_default().to_ascii_lowercase();
        if !kind.is_empty() && !kind.starts_with("application/x-www-form-urlencoded") {
            return Err(Refusal::new(20415, "Send the parameters as application/x-www-form-urlencoded."));
        }
        fields = form::fields(body)?;
    }
    fields.extend(form::fields(head.query.as_bytes())?);
    Ok(fields)
}

fn context(
    worker: &Worker,
    head: &Head,
    route: &Route,
    operation: &'static Operation,
    account: Option<AccountRow>,
    body: Bytes,
) -> Result<Ctx, Refusal> {
    let fields = fields(head, operation, &body)?;
    // A JSON body is checked by its own handler, by the same tables.
    let params = match operation.shape {
        shape if shape.takes_json() && operation.verb.has_body() => Params::default(),
        _ => parse::parse(operation.id, &operation.tables(), &fields)?,
    };
    // What says which page a link says anew.
    let pages = |name: &str| PAGING.iter().any(|p| p.name == name);
    let declared = |name: &str| !pages(name) && operation.params.iter().any(|p| p.name == name);
    Ok(Ctx {
        api: worker.api.clone(),
        operation,
        vars: route.vars.clone(),
        account,
        params,
        idempotency: idempotency(head, &body)?,
        filters: fields.into_iter().filter(|(name, _)| declared(name)).collect(),
        path: route.shown(),
        suffix: route.suffix.clone(),
        origin: head.origin.clone(),
        range: head.range.clone(),
        body,
        now: (worker.api.clock)().wall,
    })
}

fn idempotency(head: &Head, body: &[u8]) -> Result<Option<(String, String)>, Refusal> {
    let Some(key) = head.idempotency.clone() else { return Ok(None) };
    if key.is_empty() || key.len() > IDEMPOTENCY_KEY_MAX {
        let words = format!("Idempotency-Key: 1 to {IDEMPOTENCY_KEY_MAX} characters are expected.");
        return Err(Refusal::new(20001, words));
    }
    // Parameters may stand in the query too: the same body with another query is another request.
    let mut asked = ring::digest::Context::new(&ring::digest::SHA256);
    asked.update(body);
    if !head.query.is_empty() {
        asked.update(b"?");
        asked.update(head.query.as_bytes());
    }
    let hex = asked.finish().as_ref().iter().map(|b| format!("{b:02x}")).collect();
    Ok(Some((key, hex)))
}
