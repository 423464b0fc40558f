//! (s) The sample webhook app of the demo: what a customer would write. It checks every signature, answers with TwiML, and
//! notes whatever it was asked.

use super::Break;
use crate::webhooks::sign;
use actix_web::{App as Web, HttpRequest, HttpResponse, HttpServer, web};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// What the caller hears first.
pub const SAY: &str = "Hello. This is Chorus, answering a real telephone call.";
/// And then.
pub const PROMPT: &str = "Please press four and two.";
/// The keys that are asked for.
pub const KEYS: &str = "42";
/// Largest form that is read.
const FORM_MAX: usize = 64 * 1024;

/// One request.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Path.
    pub path: String,
    /// Form.
    pub params: HashMap<String, String>,
    /// X-Twilio-Signature was right.
    pub signed: bool,
    /// It was answered with a 2xx.
    pub taken: bool,
}

impl Asked {
    fn param(&self, name: &str) -> &str {
        self.params.get(name).map_or("", String::as_str)
    }
}

/// The running app.
pub struct App {
    /// Its origin.
    pub url: String,
    seen: watch::Receiver<Vec<Asked>>,
    server: actix_web::dev::ServerHandle,
}

struct Shared {
    url: String,
    stream_url: String,
    auth_token: String,
    broken: Option<Break>,
    seen: watch::Sender<Vec<Asked>>,
}

/// Starts it on a free port of loopback.
///
/// # Errors
/// No port.
pub fn start(auth_token: &str, stream_url: &str, broken: Option<Break>) -> Result<App, String> {
    let failed = |e: std::io::Error| format!("the sample app could not be started: {e}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    let url = format!("http://{}", listener.local_addr().map_err(failed)?);
    let (seen, receiver) = watch::channel(vec![]);
    let (auth_token, stream_url) = (auth_token.to_owned(), stream_url.to_owned());
    let shared = Arc::new(Shared { url: url.clone(), stream_url, auth_token, broken, seen });
    let running = HttpServer::new(move || {
        Web::new()
            .app_data(web::Data::from(shared.clone()))
            .app_data(web::PayloadConfig::new(FORM_MAX))
            .default_service(web::to(answer))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .map_err(failed)?
    .run();
    let server = running.handle();
    tokio::spawn(running);
    Ok(App { url, seen: receiver, server })
}

impl App {
    /// Everything it was asked, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.seen.borrow().clone()
    }

    /// Waits until this is so.
    pub async fn until(&self, limit: std::time::Duration, so: impl Fn(&[Asked]) -> bool) -> bool {
        let mut seen = self.seen.clone();
        let reached = seen.wait_for(|s| so(s));
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }

    /// Ends it.
    pub async fn stop(&self) {
        self.server.stop(false).await;
    }
}

/// The callbacks that a whole call owes: name of the line, path, parameter, value.
pub const CALLBACKS: &[(&str, &str, &str, &str)] = &[
    ("stream-started", "/stream", "StreamEvent", "stream-started"),
    ("stream-stopped", "/stream", "StreamEvent", "stream-stopped"),
    ("recording completed", "/recording", "RecordingStatus", "completed"),
    ("call completed", "/status", "CallStatus", "completed"),
];

/// Was this callback delivered: signed, and taken with a 2xx?
pub fn delivered(asked: &[Asked], callback: &(&str, &str, &str, &str)) -> bool {
    let (_, path, name, value) = callback;
    asked.iter().any(|a| a.path == *path && a.param(name) == *value && a.signed && a.taken)
}

async fn answer(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    let form: Vec<(String, String)> = serde_urlencoded::from_bytes(&body).unwrap_or_default();
    let url = format!("{}{}", shared.url, request.uri());
    let signature = request.headers().get("X-Twilio-Signature").and_then(|v| v.to_str().ok()).unwrap_or("");
    let signed = sign::verify(&shared.auth_token, &url, &form, signature);
    let path = request.path().to_owned();
    let response = match (signed, path.as_str()) {
        (false, _) => HttpResponse::Forbidden().finish(),
        (true, "/status") if shared.broken == Some(Break::LostCallback) => {
            HttpResponse::BadRequest().finish()
        }
        (true, "/status" | "/stream" | "/recording") => HttpResponse::Ok().finish(),
        (true, path) => match twiml(path, &form, &shared) {
            Some(verbs) => {
                HttpResponse::Ok().content_type("text/xml").body(format!("<Response>{verbs}</Response>"))
            }
            None => HttpResponse::NotFound().finish(),
        },
    };
    let taken = response.status().is_success();
    let asked = Asked { path, params: form.into_iter().collect(), signed, taken };
    shared.seen.send_modify(|s| s.push(asked));
    response
}

/// What a path answers.
fn twiml(path: &str, form: &[(String, String)], shared: &Shared) -> Option<String> {
    let broken = shared.broken;
    Some(match path {
        "/voice" => {
            let say = match broken {
                Some(Break::SilentSay) => "<Pause length=\"3\"/>".to_owned(),
                _ => format!("<Say>{SAY}</Say>"),
            };
            format!(
                "{say}<Gather numDigits=\"2\" action=\"/keys\"><Say>{PROMPT}</Say></Gather><Redirect>/keys</Redirect>"
            )
        }
        "/keys" => {
            let keys = form.iter().find(|(n, _)| n == "Digits").map_or("", |(_, v)| v.as_str());
            let keys: String = keys.chars().filter(|c| c.is_ascii_digit() || "*#".contains(*c)).collect();
            let length = if broken == Some(Break::ShortRecording) { 2 } else { 30 };
            format!(
                "<Connect><Stream url=\"{}\" statusCallback=\"/stream\"><Parameter name=\"keys\" value=\"{keys}\"/></Stream>\
                 </Connect><Record maxLength=\"{length}\" timeout=\"2\" action=\"/recorded\" recordingStatusCallback=\"/recording\"/>",
                shared.stream_url
            )
        }
        "/recorded" => "<Hangup/>".to_owned(),
        _ => return None,
    })
}
