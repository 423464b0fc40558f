//! No secret lies in the clear in a database: canaries in every place that may hold one.

use super::kit::{Db, Maker, hook, postgres, sqlite};
use chorus::sid::CallSid;
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

fn ops(m: &mut Maker) -> Vec<Op> {
    let mut account = m.account(None);
    account.auth_token = CANARY.to_owned();
    account.friendly_name = MARKER.to_owned();
    let mut trunk = m.trunk(None);
    trunk.password = Some(CANARY.to_owned());
    let mut call = m.call();
    call.callbacks = vec![Subscription { hook: url(), ..Default::default() }];
    (call.voice, call.fallback) = (Some(url()), Some(url()));
    call.twiml = Some(format!("<Response><Redirect>https://a?{CANARY}</Redirect></Response>"));
    call.send_digits = Some(CANARY.to_owned());
    call.record = Some(RecordWish { callback: Some(url()), ..Default::default() });
    call.sip_auth = Some((CANARY.to_owned(), CANARY.to_owned()));
    let mut number = m.number("+1");
    (number.voice, number.fallback, number.status_callback) = (Some(url()), Some(url()), Some(url()));
    number.other.insert("SmsUrl".to_owned(), url().url.into());
    let mut application = m.application("a");
    (application.voice, application.fallback, application.status_callback) =
        (Some(url()), Some(url()), Some(url()));
    application.other.insert("SmsUrl".to_owned(), url().url.into());
    let mut recording = m.recording(call.sid, "completed");
    recording.callback = Some(url());
    let mut note = m.notification(None, 0);
    note.request_url = Some(url().url);
    note.request_variables = Some(format!("Digits={CANARY}"));
    note.response_headers = Some(format!("Set-Cookie: {CANARY}"));
    note.response_body = Some(CANARY.to_owned());
    let mut callback = m.callback(CallSid(1), 0);
    callback.hook = url();
    callback.params = vec![("Digits".to_owned(), CANARY.to_owned())];
    vec![
        Op::PutAccount(Box::new(account)),
        Op::PutTrunk(Box::new(trunk)),
        Op::InsertCall(Box::new(call)),
        Op::PutNumber(Box::new(number)),
        Op::PutApplication(Box::new(application)),
        Op::PutRecording(Box::new(recording)),
        Op::PutNotification(Box::new(note)),
        Op::Callback(Box::new(callback)),
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
    db.store.commit(Tx { ops: ops(&mut Maker::new(80)) }).await.unwrap();
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
    db.store.commit(Tx { ops: ops(&mut Maker::new(81)) }).await.unwrap();
    let mut raw = PgConnection::establish(&db.url).unwrap();
    raw.batch_execute("SET search_path = public").unwrap();
    let mut all = String::new();
    for table in
        ["accounts", "trunks", "calls", "numbers", "applications", "recordings", "notifications", "outbox"]
    {
        let rows: Vec<Text> =
            diesel::sql_query(format!("SELECT t::text AS text FROM {table} t")).load(&mut raw).unwrap();
        assert_eq!(rows.len(), 1, "{table}");
        all.extend(rows.into_iter().map(|r| r.text));
    }
    assert!(all.contains(MARKER) && !all.contains(CANARY));
}
