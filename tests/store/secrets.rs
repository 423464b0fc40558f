//! No secret lies in the clear in a database: canaries in every place that may hold one.

use super::kit::{Db, Maker, hook, postgres, sqlite};
use chorus::clock::Wall;
use chorus::sid::*;
use chorus::sip::event::{Flow, Transport};
use chorus::store::inventory::InventoryRow;
use chorus::store::reports::ReportRow;
use chorus::store::rows::*;
use chorus::store::tx::{Op, Tx};
use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection, RunQueryDsl};

const CANARY: &str = "cAnAry7413";
/// Stands in fields that are in the clear, to show that the search would find something.
const MARKER: &str = "mArkEr5521";

fn url() -> Hook {
    hook(&format!("https://user:{CANARY}@app.test/x?token={CANARY}#{CANARY}"))
}

fn hashes() -> Ha1 {
    Ha1 { md5: CANARY.to_owned(), sha256: CANARY.to_owned(), realm: "chorus".to_owned() }
}

/// A row in every table, with a canary in every field that may hold a secret.
pub fn every_table(m: &mut Maker) -> Vec<Op> {
    let call = call(m);
    let mut recording = m.recording(call.sid, "completed");
    recording.callback = Some(url());
    let mut stream = m.stream(call.sid, "agent");
    stream.callback = Some(url());
    let mut note = m.notification(None, 0);
    note.request_url = Some(url().url);
    note.request_variables = Some(format!("Digits={CANARY}"));
    note.response_headers = Some(format!("Set-Cookie: {CANARY}"));
    note.response_body = Some(CANARY.to_owned());
    let mut callback = m.callback(CallSid(1), 0);
    callback.hook = url();
    callback.params = vec![("Digits".to_owned(), CANARY.to_owned())];
    callback.json = Some(format!("{{\"q\":\"{CANARY}\"}}"));
    let report = ReportRow {
        sid: ReportSid::new(&mut m.rng),
        account: m.account,
        call: call.sid,
        of: "phone_call".to_owned(),
        kind: "answered".to_owned(),
        payload: serde_json::json!({ "variables": { "token": CANARY } }),
        created: m.tick(),
    };
    let (timeline, key) = (m.timeline(call.sid), m.key());
    let mut ops = vec![
        Op::InsertCall(Box::new(call)),
        Op::PutRecording(Box::new(recording)),
        Op::PutStream(Box::new(stream)),
        Op::PutNotification(Box::new(note)),
        Op::Callback(Box::new(callback)),
        Op::PutReport(Box::new(report)),
        Op::PutTimeline(Box::new(timeline)),
        Op::PutKey(Box::new(key)),
    ];
    ops.extend(of_the_operator(m));
    ops.extend(of_sip(m));
    ops
}

fn call(m: &mut Maker) -> CallRow {
    let mut call = m.call();
    call.callbacks = vec![Subscription { hook: url(), ..Default::default() }];
    (call.voice, call.fallback) = (Some(url()), Some(url()));
    call.twiml = Some(format!("<Response><Redirect>https://a?{CANARY}</Redirect></Response>"));
    call.send_digits = Some(CANARY.to_owned());
    call.record = Some(RecordWish { callback: Some(url()), ..Default::default() });
    call.sip_auth = Some((CANARY.to_owned(), CANARY.to_owned()));
    call
}

/// Accounts, trunks, numbers, applications.
fn of_the_operator(m: &mut Maker) -> Vec<Op> {
    let mut account = m.account(None);
    account.auth_token = CANARY.to_owned();
    account.friendly_name = MARKER.to_owned();
    let mut trunk = m.trunk(None);
    trunk.password = Some(CANARY.to_owned());
    trunk.ha1 = Some(hashes());
    trunk.tls_key = Some(format!("-----BEGIN PRIVATE KEY-----\n{CANARY}\n"));
    let mut number = m.number("+1");
    (number.voice, number.fallback, number.status_callback) = (Some(url()), Some(url()), Some(url()));
    number.other.insert("SmsUrl".to_owned(), url().url.into());
    let mut application = m.application("a");
    (application.voice, application.fallback, application.status_callback) =
        (Some(url()), Some(url()), Some(url()));
    application.other.insert("SmsUrl".to_owned(), url().url.into());
    let at = m.tick();
    let inventory = InventoryRow {
        sid: NumberSid::new(&mut m.rng),
        number: "+15550009".to_owned(),
        kind: "local".to_owned(),
        visibility: "public".to_owned(),
        iso_country_code: None,
        iso_region_code: None,
        area_code: None,
        locality: None,
        rate_center: None,
        lata: None,
        created: at,
        updated: at,
    };
    vec![
        Op::PutAccount(Box::new(account)),
        Op::PutTrunk(Box::new(trunk)),
        Op::PutNumber(Box::new(number)),
        Op::PutApplication(Box::new(application)),
        Op::PutInventory(Box::new(inventory)),
    ]
}

/// SIP domains, trunks of accounts, their lists, and who has registered.
fn of_sip(m: &mut Maker) -> Vec<Op> {
    let (account, at) = (m.account, m.tick());
    let domain = SipDomainRow {
        sid: SipDomainSid::new(&mut m.rng),
        account,
        name: "acme.example".to_owned(),
        friendly_name: "acme".to_owned(),
        voice: Some(url()),
        fallback: Some(url()),
        status_callback: Some(url()),
        registration: true,
        secure: false,
        other: serde_json::from_value(serde_json::json!({ "SmsUrl": url().url })).unwrap(),
        created: at,
        updated: at,
    };
    let (mut trunk, mut origination, used) = m.elastic("pbx.example");
    trunk.disaster_recovery_url = Some(url().url);
    origination.sip_url = format!("sip:user:{CANARY}@pbx.example?X-Token={CANARY}");
    let list = CredentialListSid::new(&mut m.rng);
    let credential = CredentialRow {
        sid: CredentialSid::new(&mut m.rng),
        account,
        list,
        username: "alice".to_owned(),
        ha1: hashes(),
        created: at,
        updated: at,
    };
    let friendly_name = "office".to_owned();
    let acl = IpAclRow { sid: IpAclSid::new(&mut m.rng), account, friendly_name, created: at, updated: at };
    let address = IpAddressRow {
        sid: IpAddressSid::new(&mut m.rng),
        account,
        list: acl.sid,
        friendly_name: "office".to_owned(),
        address: "192.0.2.0".to_owned(),
        prefix: 24,
        created: at,
        updated: at,
    };
    let list = CredentialListRow {
        sid: list,
        account,
        friendly_name: "telephones".to_owned(),
        created: at,
        updated: at,
    };
    let here = std::net::SocketAddr::from(([192, 0, 2, 1], 5060));
    let binding = BindingRow {
        key: "alice@acme.example sip:alice@192.0.2.1".to_owned(),
        owner: Registrant::Domain(domain.sid),
        user: "alice@acme.example".to_owned(),
        contact: "sip:alice@192.0.2.1".to_owned(),
        path: vec![],
        flow: Flow { transport: Transport::Udp, remote: here, local: here, conn: 0 },
        instance: None,
        q: 1_000,
        call_id: "a@b".to_owned(),
        cseq: 1,
        user_agent: "telephone".to_owned(),
        created: at,
        updated: at,
        expires: Wall(i64::MAX / 2),
        node: "one".to_owned(),
    };
    vec![
        Op::PutSipDomain(Box::new(domain)),
        Op::PutElasticTrunk(Box::new(trunk)),
        Op::PutOriginationUrl(Box::new(origination)),
        Op::PutListUse(Box::new(used)),
        Op::PutCredentialList(Box::new(list)),
        Op::PutCredential(Box::new(credential)),
        Op::PutIpAcl(Box::new(acl)),
        Op::PutIpAddress(Box::new(address)),
        Op::PutBinding(Box::new(binding)),
    ]
}

fn holds(bytes: &[u8], word: &str) -> bool {
    bytes.windows(word.len()).any(|w| w == word.as_bytes())
}

fn files(db: &Db) -> Vec<u8> {
    let folder = std::fs::read_dir(db.folder.as_ref().unwrap().path()).unwrap();
    folder.flat_map(|f| std::fs::read(f.unwrap().path()).unwrap()).collect()
}

#[tokio::test]
async fn no_planted_secret_is_in_the_files_of_sqlite() {
    let db = sqlite();
    db.store.commit(Tx { ops: every_table(&mut Maker::new(80)) }).await.unwrap();
    for when in ["log", "checkpoint"] {
        let bytes = files(&db);
        assert!(holds(&bytes, MARKER), "{when}: nothing was written yet");
        assert!(!holds(&bytes, CANARY), "{when}");
        db.store.close();
    }
}

#[derive(diesel::QueryableByName)]
struct Text {
    #[diesel(sql_type = diesel::sql_types::Text)]
    text: String,
}

#[tokio::test]
async fn no_planted_secret_is_in_the_tables_of_postgresql() {
    let Some(db) = postgres() else { return };
    db.store.commit(Tx { ops: every_table(&mut Maker::new(81)) }).await.unwrap();
    let mut raw = PgConnection::establish(&db.url).unwrap();
    raw.batch_execute("SET search_path = public").unwrap();
    let mut all = String::new();
    for table in super::schema::tables().map(|t| t.name) {
        let rows: Vec<Text> =
            diesel::sql_query(format!("SELECT t::text AS text FROM {table} t")).load(&mut raw).unwrap();
        assert_eq!(rows.len(), 1, "{table}");
        all.extend(rows.into_iter().map(|r| r.text));
    }
    assert!(all.contains(MARKER) && !all.contains(CANARY));
}
