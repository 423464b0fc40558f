//! For every operation something that it can be done to, and a request that succeeds.

use super::harness::*;
use chorus::api::operation::{Access, Operation, Shape, Verb};
use chorus::sid::*;
use chorus::store::rows::*;
use chorus::store::tx::Op;
use serde_json::json;

pub struct Targets {
    pub account: AccountRow,
    pub live: CallRow,
    pub over: CallRow,
    pub recording: RecordingRow,
    pub spare: RecordingRow,
    pub running: String,
    pub stream: String,
    pub notification: NotificationRow,
    pub number: String,
    pub application: String,
    pub key: String,
    pub trunk: String,
    pub inventory: String,
    pub gateway: String,
    pub external: String,
    /// A trunk of the account, and where it rings.
    pub elastic: String,
    pub origination: String,
    /// What else a path may name, by the variable of the path.
    pub sip: Sip,
}

/// Of the SIP API.
pub struct Sip {
    pub credential_list: String,
    pub credential: String,
    pub acl: String,
    pub address: String,
    pub domain: String,
    /// Lists that are mapped, by the paths of `Auth` and by the older ones.
    mapped: [String; 4],
}

impl Sip {
    fn new(server: &Server) -> Sip {
        let made = |path: &str, fields: &[(&str, &str)]| {
            server.post(&format!("/SIP/{path}.json"), fields).good(201)["sid"].as_str().unwrap().to_owned()
        };
        let credential_list = made("CredentialLists", &[("FriendlyName", "phones")]);
        let acl = made("IpAccessControlLists", &[("FriendlyName", "gateways")]);
        let user = [("Username", "bob"), ("Password", "Sufficiently1Long")];
        let address = [("FriendlyName", "office"), ("IpAddress", "192.0.2.33")];
        let domain = made("Domains", &[("DomainName", "old.sip.example.com")]);
        let (new, acls) = ("CredentialLists", "IpAccessControlLists");
        let lists = [new, acls, new, acls].map(|kind| made(kind, &[("FriendlyName", "mapped")]));
        let map = |path: &str, field: &str, sid: &str| {
            made(&format!("Domains/{domain}/{path}"), &[(field, sid)]);
        };
        let (users, addresses) = ("CredentialListSid", "IpAccessControlListSid");
        map("Auth/Calls/CredentialListMappings", users, &lists[0]);
        map("Auth/Registrations/CredentialListMappings", users, &lists[0]);
        map("Auth/Calls/IpAccessControlListMappings", addresses, &lists[1]);
        map("CredentialListMappings", users, &lists[2]);
        map("IpAccessControlListMappings", addresses, &lists[3]);
        // What the examples of the declarations name.
        let (account, at) = (server.account.sid, now().wall);
        let row = IpAclRow { sid: IpAclSid(1), account, friendly_name: "e".into(), created: at, updated: at };
        server.put(Op::PutIpAcl(Box::new(row)));
        let sid = CredentialListSid(1);
        let row = CredentialListRow { sid, account, friendly_name: "e".into(), created: at, updated: at };
        server.put(Op::PutCredentialList(Box::new(row)));
        Sip {
            domain,
            mapped: lists,
            credential: made(&format!("CredentialLists/{credential_list}/Credentials"), &user),
            address: made(&format!("IpAccessControlLists/{acl}/IpAddresses"), &address),
            credential_list,
            acl,
        }
    }

    fn sid(&self, path: &str) -> Option<&String> {
        let found = [
            ("/Credentials/{Sid}", &self.credential),
            ("/CredentialLists/{Sid}", &self.credential_list),
            ("/IpAddresses/{Sid}", &self.address),
            ("/IpAccessControlLists/{Sid}", &self.acl),
            ("/SIP/Domains/{Sid}", &self.domain),
            ("/Auth/Calls/CredentialListMappings/{Sid}", &self.mapped[0]),
            ("/Auth/Registrations/CredentialListMappings/{Sid}", &self.mapped[0]),
            ("/Auth/Calls/IpAccessControlListMappings/{Sid}", &self.mapped[1]),
            ("/CredentialListMappings/{Sid}", &self.mapped[2]),
            ("/IpAccessControlListMappings/{Sid}", &self.mapped[3]),
        ];
        found.into_iter().find(|(end, _)| path.ends_with(end)).map(|(_, sid)| sid)
    }
}

impl Targets {
    /// Everything in the server's own account.
    pub fn new(server: &Server) -> Targets {
        let account = server.account.clone();
        let live = server.live_call();
        let agent = format!("ws://{}/", server.callee().agent);
        let over = server.seed_call(account.sid, CallStatus::Completed);
        let recording = server.seed_recording(&over, 2);
        let spare = server.seed_recording(&over, 1);
        let notification = server.seed_notification(account.sid, Some(over.sid), 11200);
        let sid = |r: Reply| r.json()["sid"].as_str().unwrap().to_string();
        let below = format!("/Calls/{}", live.sid);
        let trunk = server.carrier(
            "POST",
            "/carrier/v1/sip_trunks",
            r#"{"authentication_mode":"ip_address","inbound_source_ips":["192.0.2.1"]}"#,
        );
        let gateway = r#"{"name":"gw","username":"u","password":"p","host":"127.0.0.1","port":"9"}"#;
        let gateway = server.carrier("POST", "/gateways", gateway);
        // A call at an external switch, which tells of it.
        let answered = [("PhoneNumber", "+15005550031"), ("VoiceUrl", "https://example.com/voice")];
        server.post("/IncomingPhoneNumbers.json", &answered).good(201);
        let call = r#"{"to":"+15005550031","from":"+15005550099","source_ip":"192.0.2.1","external_id":"switch-call-1"}"#;
        let external = server.carrier("POST", "/services/inbound_phone_calls", call).good(200);
        let event = r#"{"phone_call":"switch-call-1","type":"dtmf"}"#;
        server.carrier("POST", "/services/phone_call_events", event).good(202);
        let inventory = server.carrier("POST", "/carrier/v1/phone_numbers", r#"{"number":"+15005550021"}"#);
        let number = sid(server.post("/IncomingPhoneNumbers.json", &[("PhoneNumber", FROM)]));
        let elastic = sid(server.v1("POST", "/v1/Trunks", &[("FriendlyName", "PBX")]));
        let below_trunk = format!("/v1/Trunks/{elastic}");
        let at = [
            ("Weight", "1"),
            ("Priority", "1"),
            ("Enabled", "true"),
            ("FriendlyName", "a"),
            ("SipUrl", "sip:pbx.example.com"),
        ];
        let origination = sid(server.v1("POST", &format!("{below_trunk}/OriginationUrls"), &at));
        server.v1("POST", &format!("{below_trunk}/PhoneNumbers"), &[("PhoneNumberSid", &number)]).good(201);
        let sip = Sip::new(server);
        for (kind, field, list) in [
            ("CredentialLists", "CredentialListSid", &sip.mapped[0]),
            ("IpAccessControlLists", "IpAccessControlListSid", &sip.mapped[1]),
        ] {
            server.v1("POST", &format!("{below_trunk}/{kind}"), &[(field, list)]).good(201);
        }
        Targets {
            running: sid(server.post(&format!("{below}/Recordings.json"), &[])),
            stream: sid(
                server.post(&format!("{below}/Streams.json"), &[("Url", agent.as_str()), ("Name", "first")])
            ),
            number,
            elastic,
            origination,
            application: sid(server.post("/Applications.json", &[("VoiceUrl", "https://example.com/a")])),
            key: sid(server.post("/Keys.json", &[("FriendlyName", "k")])),
            sip,
            trunk: trunk.json()["data"]["id"].as_str().unwrap().to_string(),
            external: external["sid"].as_str().unwrap().to_string(),
            gateway: gateway.json()["id"].as_str().unwrap().to_string(),
            inventory: inventory.json()["data"]["id"].as_str().unwrap().to_string(),
            account,
            live,
            over,
            recording,
            spare,
            notification,
        }
    }

    fn sid(&self, op: &Operation) -> String {
        match op.path {
            p if p.starts_with("/v1/") && p.ends_with("/CredentialLists/{Sid}") => {
                return self.sip.mapped[0].clone();
            }
            p if p.starts_with("/v1/") && p.ends_with("/IpAccessControlLists/{Sid}") => {
                return self.sip.mapped[1].clone();
            }
            _ => {}
        }
        if let Some(sid) = self.sip.sid(op.path) {
            return sid.clone();
        }
        let of_running = op.id.ends_with("CallRecording") && op.id != "DeleteCallRecording";
        match op.path {
            p if p.contains("/Keys/") => self.key.clone(),
            p if p.contains("/Recordings/") && of_running => self.running.clone(),
            _ if op.id == "DeleteCallRecording" => self.spare.sid.to_string(),
            p if p.contains("/Recordings/") => self.recording.sid.to_string(),
            p if p.contains("/Streams/") => self.stream.clone(),
            p if p.contains("/Notifications/") => self.notification.sid.to_string(),
            p if p.contains("/OriginationUrls/") => self.origination.clone(),
            p if p.starts_with("/v1/Trunks/{Sid}") => self.elastic.clone(),
            p if p.contains("PhoneNumbers/") => self.number.clone(),
            p if p.contains("/Applications/") => self.application.clone(),
            p if p.ends_with("/events") => self.external.clone(),
            p if p.contains("/gateways/") => self.gateway.clone(),
            p if p.contains("/accounts/") => self.account.sid.to_string(),
            p if p.contains("/phone_numbers/") => self.inventory.clone(),
            p if p.contains("sip_trunks") => self.trunk.clone(),
            _ if matches!(op.id, "UpdateCall" | "FetchTimeline") => self.live.sid.to_string(),
            _ => self.over.sid.to_string(),
        }
    }

    fn call(&self, op: &Operation) -> CallSid {
        let over = op.path.contains("/Notifications") || op.id == "DeleteCallRecording";
        if over { self.over.sid } else { self.live.sid }
    }

    /// The path of an operation on these targets.
    pub fn path(&self, op: &Operation) -> String {
        let mut path = op.path.replace("{AccountSid}", &self.account.sid.to_string());
        path = path.replace("{TrunkSid}", &self.elastic);
        path = path
            .replace("{CallSid}", &self.call(op).to_string())
            .replace("{Sid}", &self.sid(op))
            .replace("{Id}", &self.sid(op));
        path = path.replace("{CredentialListSid}", &self.sip.credential_list);
        path = path.replace("{IpAccessControlListSid}", &self.sip.acl);
        path = path.replace("{DomainSid}", &self.sip.domain);
        let suffix = match op.shape {
            Shape::Media => ".wav",
            _ if path.starts_with("/2010") => ".json",
            _ => "",
        };
        format!("{path}{suffix}")
    }

    /// The parameters of a request that succeeds.
    pub fn fields(op: &Operation) -> Vec<(String, String)> {
        let given = op.params.iter().filter(|p| !p.example.is_empty());
        given.map(|p| (p.name.to_string(), p.example.to_string())).collect()
    }

    /// Sends an operation with these fields and this credential.
    pub fn send(&self, server: &Server, op: &Operation, fields: &[(String, String)], auth: &str) -> Reply {
        let (method, path, kind, body) = self.request(op, fields);
        server.send(method, &path, &[("Authorization", auth), ("Content-Type", kind)], body.as_bytes())
    }

    /// Method, path, content type and body of an operation with these fields.
    pub fn request(
        &self,
        op: &Operation,
        fields: &[(String, String)],
    ) -> (&'static str, String, &'static str, String) {
        let own = |value: &'_ str| match value {
            "$NUMBER_SID" => self.number.clone(),
            other => other.to_owned(),
        };
        let fields: Vec<(&str, String)> = fields.iter().map(|(n, v)| (n.as_str(), own(v))).collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let (path, text) = (self.path(op), form(&fields));
        let kind = "application/x-www-form-urlencoded";
        match (op.verb, op.shape) {
            (Verb::Post, shape) if shape.takes_json() => {
                ("POST", path, "application/json", carrier_body(op, &fields))
            }
            (Verb::Patch, _) => ("PATCH", path, "application/json", carrier_body(op, &fields)),
            (Verb::Post, _) => ("POST", path, kind, text),
            (Verb::Get, _) => ("GET", format!("{path}?{text}"), kind, String::new()),
            (Verb::Delete, _) => ("DELETE", path, kind, String::new()),
        }
    }

    /// The credential that an operation wants.
    pub fn auth(server: &Server, op: &Operation) -> String {
        match op.access {
            Access::Carrier => format!("Bearer {CARRIER_TOKEN}"),
            _ => server.auth(),
        }
    }
}

/// As JSON; a field that is given twice stands there twice.
fn carrier_body(op: &Operation, fields: &[(&str, &str)]) -> String {
    let list = |name: &str| op.params.iter().any(|p| p.name == name && p.kind.is_list());
    let member = |(name, value): &(&str, &str)| {
        format!("{}:{}", json!(name), if list(name) { json!([value]) } else { json!(value) })
    };
    format!("{{{}}}", fields.iter().map(member).collect::<Vec<_>>().join(","))
}
