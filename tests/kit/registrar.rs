//! The half of a PBX that a phone is not: it takes registrations and answers OPTIONS.

use bytes::Bytes;
use chorus::sip::digest::{Protected, authorization, read_challenges};
use chorus::sip::event::Credentials;
use chorus::sip::wire::{Message, Method, Verdict, Writer, read_datagram};

/// What it does with a REGISTER.
#[derive(Clone, Debug)]
pub enum OnRegister {
    /// 200 for so many seconds.
    Take(u32),
    /// 401, and 200 for so many seconds to whoever knows this password.
    Challenge(&'static str, u32),
    /// A final response.
    Refuse(u16),
}

pub struct Registrar {
    pub on_register: OnRegister,
    /// It hears nothing.
    pub mute: bool,
    /// The Request-URI by which it reaches who registered.
    pub contact: Option<String>,
    challenges: u32,
}

impl Registrar {
    pub fn new(on_register: OnRegister) -> Registrar {
        Registrar { on_register, mute: false, contact: None, challenges: 0 }
    }

    /// None: not a matter of its own. Otherwise its answer, if it gives one.
    pub fn hear(&mut self, bytes: &Bytes) -> Option<Option<Bytes>> {
        let Verdict::Message(request) = read_datagram(bytes) else { return None };
        match request.method()? {
            Method::Register | Method::Options if self.mute => Some(None),
            Method::Register => Some(Some(self.register(&request))),
            Method::Options => Some(Some(answer(&request, 200).finish())),
            _ => None,
        }
    }

    fn register(&mut self, request: &Message) -> Bytes {
        match self.on_register.clone() {
            OnRegister::Refuse(code) => answer(request, code).finish(),
            OnRegister::Take(seconds) => self.take(request, seconds),
            OnRegister::Challenge(password, seconds) => {
                let nonce = |n: u32| format!("Digest realm=\"pbx\", nonce=\"n{n}\", algorithm=MD5");
                let credentials = Credentials { username: "chorus".into(), password: password.into() };
                let challenge = read_challenges(&nonce(self.challenges), false).remove(0);
                let asked =
                    Protected { method: &Method::Register, uri: request.uri_text(), body: &request.body };
                let (_, wanted) = authorization(&challenge, &asked, &credentials, "", 1);
                if request.headers.text("Authorization").is_some_and(|a| a == wanted) {
                    return self.take(request, seconds);
                }
                self.challenges += 1;
                answer(request, 401).header("WWW-Authenticate", &nonce(self.challenges)).finish()
            }
        }
    }

    fn take(&mut self, request: &Message, seconds: u32) -> Bytes {
        let contact = request.contact().unwrap().uri.to_string();
        let gone = request.seconds("Expires") == Some(0);
        self.contact = (!gone).then(|| contact.clone());
        match gone {
            true => answer(request, 200).finish(),
            false => {
                answer(request, 200).header("Contact", &format!("<{contact}>;expires={seconds}")).finish()
            }
        }
    }
}

fn answer(request: &Message, code: u16) -> Writer {
    Writer::response_to(request, None, code, "", Some("pbx"))
}
