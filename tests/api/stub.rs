//! A task that answers for the live calls as the switch would, until the server itself stands in its place.

use super::harness::{call, now, recording};
use chorus::api::command::*;
use chorus::api::live::Asked;
use chorus::sid::*;
use chorus::store::query::Scope;
use chorus::store::rows::*;
use chorus::store::tx::{Op, StoreError, Tx};
use chorus::store::{Store, calls, recordings, streams};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::mpsc;

/// Answers for the live calls as the switch would: rows first, then the answer.
pub async fn answer_all(mut asked: mpsc::Receiver<Asked>, store: Store, dials: Arc<AtomicU32>) {
    while let Some((request, reply)) = asked.recv().await {
        let answer = match request {
            Request::Timeline(_) => Answer::NotLive,
            Request::Dial(dial) => {
                dials.fetch_add(1, Ordering::SeqCst);
                dialled(&store, *dial).await
            }
            Request::Update(sid, wish) => updated(&store, sid, *wish).await,
            Request::Record(sid, start) => recorded(&store, sid, *start).await,
            Request::ChangeRecording(_, which, change) => changed(&store, which, change).await,
            Request::StartStream(sid, start) => streamed(&store, sid, *start).await,
            Request::StopStream(sid, which) => stopped(&store, sid, which).await,
            Request::TablesChanged => Answer::Done,
        };
        let _ = reply.send(answer);
    }
}

async fn put(store: &Store, op: Op) -> Result<(), StoreError> {
    store.commit(Tx::one(op)).await
}

async fn find(store: &Store, sid: CallSid) -> Option<CallRow> {
    store.read(move |r| calls::get(r, Scope::Operator, sid)).await.unwrap()
}

async fn dialled(store: &Store, dial: DialRequest) -> Answer {
    let mut row = call(dial.account, CallStatus::Queued);
    (row.sid, row.to, row.from, row.number) = (dial.sid, dial.to, dial.from, dial.number);
    (row.idempotency, row.created, row.direction) = (dial.idempotency, dial.at, Direction::OutboundApi);
    match put(store, Op::InsertCall(Box::new(row.clone()))).await {
        Ok(()) => Answer::Call(Box::new(row)),
        Err(StoreError::Duplicate(_)) => Answer::Duplicate,
        Err(_) => Answer::Busy,
    }
}

async fn updated(store: &Store, sid: CallSid, wish: CallUpdate) -> Answer {
    let Some(mut row) = find(store, sid).await else { return Answer::NotLive };
    match wish.end {
        Some(end) => {
            row.status = if end == EndWish::Canceled { CallStatus::Canceled } else { CallStatus::Completed };
            row.ended = Some(now().wall);
            // A status change is the switch's to make; here the row is written anew.
            let tx = Tx { ops: vec![Op::DeleteCall(sid), Op::InsertCall(Box::new(row.clone()))] };
            store.commit(tx).await.unwrap();
        }
        None => put(store, Op::PutCall(Box::new(row.clone()))).await.unwrap(),
    }
    Answer::Call(Box::new(row))
}

async fn recorded(store: &Store, sid: CallSid, start: RecordStart) -> Answer {
    let Some(call) = find(store, sid).await else { return Answer::NotLive };
    let mut row = recording(&call, start.sid, start.wish.channels, "in-progress");
    row.track = start.wish.track;
    row.source = "StartCallRecordingAPI".to_string();
    put(store, Op::PutRecording(Box::new(row.clone()))).await.unwrap();
    Answer::Recording(Box::new(row))
}

async fn changed(store: &Store, which: RecordingRef, change: RecordingChange) -> Answer {
    let RecordingRef::Sid(sid) = which else { return Answer::NotLive };
    let row = store.read(move |r| recordings::get(r, Scope::Operator, sid)).await.unwrap();
    let Some(mut row) = row else { return Answer::NotLive };
    row.status = match change {
        RecordingChange::Pause { .. } => "paused",
        RecordingChange::Resume => "in-progress",
        RecordingChange::Stop => "stopped",
    }
    .to_string();
    put(store, Op::PutRecording(Box::new(row.clone()))).await.unwrap();
    Answer::Recording(Box::new(row))
}

async fn streamed(store: &Store, call: CallSid, start: StreamStartRequest) -> Answer {
    let Some(call) = find(store, call).await else { return Answer::NotLive };
    let row = StreamRow {
        sid: start.sid,
        account: call.account,
        call: call.sid,
        name: start.name.unwrap_or_else(|| start.sid.to_string()),
        status: "in-progress".to_string(),
        created: now().wall,
        updated: now().wall,
    };
    put(store, Op::PutStream(Box::new(row.clone()))).await.unwrap();
    Answer::Stream(Box::new(row))
}

async fn stopped(store: &Store, call: CallSid, which: String) -> Answer {
    let row = store.read(move |r| streams::find(r, Scope::Operator, call, &which)).await.unwrap();
    let Some(mut row) = row else { return Answer::Refused { code: 20404, words: String::new() } };
    row.status = "stopped".to_string();
    put(store, Op::PutStream(Box::new(row.clone()))).await.unwrap();
    Answer::Stream(Box::new(row))
}
