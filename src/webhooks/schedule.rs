//! Which outbox row leaves now (rulings, "Callbacks").
//!
//! ```text
//!  add, load: new row -------> waiting --its turn--> queued --connection--> flying --2xx or 3xx--> delivered
//!  load: tried row --> resting --due--> due --its turn--^                     |
//!                        ^------------------- a round failed -----------------+---the last one---> failed
//! ```
//!
//! A call has one row on its way at a time, and so has each of its streams and recordings: first attempts by position, then later rounds by position. One that takes longer than
//! [`ORDER_WAIT`] no longer holds up the next.

use super::fair::{Class, Fair};
use super::policy;
use super::request::{FetchError, FetchRequest, Json, Policy, Purpose};
use super::round::note;
pub use super::round::{Note, Outcome, RoundResult};
use super::window;
pub use super::window::page;
use crate::clock::{Mono, Now, Wall};
use crate::mutants::{self, Mutant};
use crate::sid::{AccountSid, CallSid};
use crate::store::rows::{OutboxId, OutboxRow, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// From the end of a failed round to the next one; after the last the row has failed.
pub const ROUNDS: [Duration; 5] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(600),
    Duration::from_secs(3_600),
    Duration::from_secs(21_600),
];
/// How long a row may hold up the next one of its call.
pub const ORDER_WAIT: Duration = Duration::from_secs(15);
/// Rows held in memory; the others wait in the store.
pub const WINDOW: usize = 20_000;

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    Call(CallSid),
    Part(Part),
    Alone(OutboxId),
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Due(OutboxId),
    Overdue(Lane),
}

#[derive(Default)]
struct Line {
    waiting: BTreeSet<(u32, OutboxId)>,
    due: BTreeSet<(u32, OutboxId)>,
    head: Option<(OutboxId, Mono)>,
}

struct Held {
    row: OutboxRow,
    host: Arc<str>,
    request: Box<(String, Policy)>,
    flying: bool,
}

/// Decides; see above.
pub struct Schedule {
    window: usize,
    held: BTreeMap<OutboxId, Held>,
    lines: BTreeMap<Lane, Line>,
    fair: Fair,
    timers: BTreeSet<(Mono, Timer)>,
    outcomes: Vec<Outcome>,
    store: Behind,
}

/// What the store holds that memory does not.
#[derive(Default)]
struct Behind {
    /// New rows were turned away.
    refused: bool,
    /// A page up to this time was asked for and has not come.
    asked: Option<Wall>,
    /// When the first of those that were put aside is due, and its `next`: the wall clock may jump meanwhile.
    aside: Option<(Mono, Wall)>,
}

impl Default for Schedule {
    fn default() -> Schedule {
        Schedule::with_window(WINDOW)
    }
}

impl Schedule {
    /// Nothing scheduled.
    pub fn new() -> Schedule {
        Schedule::default()
    }

    /// One that holds at most `window` rows.
    pub fn with_window(window: usize) -> Schedule {
        Schedule {
            window,
            held: BTreeMap::new(),
            lines: BTreeMap::new(),
            fair: Fair::default(),
            timers: BTreeSet::new(),
            outcomes: Vec::new(),
            store: Behind::default(),
        }
    }

    /// A row whose transaction is committed. If memory is full it stays in the store; [`Schedule::wants`] asks for it later.
    pub fn add(&mut self, now: Now, row: OutboxRow) {
        let lane = lane(&row);
        // Once one was turned away the ones after it must be too, or they would overtake it.
        if self.store.refused || self.store.asked.is_some() || !self.admit(now, row) {
            self.store.refused = true;
            return;
        }
        self.advance(lane, now);
    }

    /// Pending rows from the store, at start (all, or a first page) and when [`Schedule::wants`] asked; rows already held are passed
    /// over. `later`: the smallest `next` of pending rows that are not in this page; None: there are no others.
    pub fn load(&mut self, now: Now, mut rows: Vec<OutboxRow>, later: Option<Wall>) {
        window::sort(&mut rows);
        let upto = self.store.asked.take();
        let turned_away = upto.is_some() && self.store.refused;
        // What was asked for is due, whatever the wall clock says by now.
        let now = Now { wall: upto.map_or(now.wall, |upto| upto.max(now.wall)), ..now };
        self.store.refused = turned_away || later.is_some_and(|at| at <= now.wall);
        self.store.aside = later.map(|next| (due(now, next), next));
        // Nothing leaves before all are in: where the wall clock was set back, `next` says nothing about who comes first.
        let lanes: BTreeSet<Lane> = rows.iter().map(lane).collect();
        for row in rows {
            let next = row.next;
            if row.state == "pending" && !self.admit(now, row) {
                self.store.refused = true;
                self.put_aside(now, next);
            }
        }
        for lane in lanes {
            self.advance(lane, now);
        }
    }

    /// Pending rows with `next` up to this time are wanted from the store, the first [`WINDOW`] of them ordered by (`next`,
    /// `position`), for [`Schedule::load`]. None: nothing is missing, or there is no room yet.
    pub fn wants(&mut self, now: Now) -> Option<Wall> {
        let aside = self.store.aside.filter(|(at, _)| *at <= now.mono);
        let missing = self.store.refused || aside.is_some();
        if !missing || !self.has_room() {
            return None;
        }
        let possible = aside.filter(|(_, next)| !window::is_impossible(*next, now.wall));
        let upto = possible.map_or(now.wall, |(_, next)| now.wall.max(next));
        self.store = Behind { refused: false, asked: Some(upto), aside: self.store.aside };
        Some(upto)
    }

    /// For a page from the store, and none is on its way.
    fn has_room(&self) -> bool {
        self.store.asked.is_none() && self.held.len() <= self.window / 2
    }

    fn put_aside(&mut self, now: Now, next: Wall) {
        let new = (due(now, next), next);
        self.store.aside = Some(self.store.aside.map_or(new, |known| known.min(new)));
    }

    /// Takes a row in; its lane is the caller's to advance. False: memory is full.
    fn admit(&mut self, now: Now, row: OutboxRow) -> bool {
        if self.held.contains_key(&row.id) {
            return true;
        }
        if self.held.len() >= self.window && !self.evict(now) {
            return false;
        }
        match policy::split(&row.hook.url).and_then(|(url, policy)| Ok((host_of(&url)?, url, policy))) {
            Ok((host, url, policy)) => {
                let (id, next, tried) = (row.id, row.next, row.rounds > 0);
                let (lane, position) = (lane(&row), row.position);
                self.held.insert(id, Held { row, host, request: Box::new((url, policy)), flying: false });
                if tried {
                    self.rest(id, due(now, next));
                } else {
                    self.lines.entry(lane).or_default().waiting.insert((position, id));
                }
            }
            // It can never be sent as it is written: trying again would not help.
            Err(e) => self.give_up(now, row, &e.into()),
        }
        true
    }

    /// Makes room: the row that rests longest goes back to the store, unless it is due within a minute.
    fn evict(&mut self, now: Now) -> bool {
        let soon = now.mono + Duration::from_secs(60);
        let longest = self.timers.iter().rev().find_map(|(at, timer)| match timer {
            Timer::Due(id) => Some((*at, *id)),
            Timer::Overdue(_) => None,
        });
        let Some((at, id)) = longest.filter(|(at, _)| *at > soon) else { return false };
        self.timers.remove(&(at, Timer::Due(id)));
        if let Some(held) = self.held.remove(&id) {
            self.put_aside(now, held.row.next);
        }
        true
    }

    fn rest(&mut self, id: OutboxId, until: Mono) {
        self.timers.insert((until, Timer::Due(id)));
    }

    /// Lets the next of a line go if the one before it is done or has had its time.
    fn advance(&mut self, lane: Lane, now: Now) {
        let Some(line) = self.lines.get_mut(&lane) else { return };
        if line.head.is_some_and(|(_, since)| now.mono.since(since) < ORDER_WAIT) {
            return;
        }
        let next = match line.waiting.pop_first() {
            Some((_, id)) => Some((id, Class::First)),
            None => line.due.pop_first().map(|(_, id)| (id, Class::Again)),
        };
        match next {
            Some((id, class)) => {
                line.head = Some((id, now.mono));
                self.timers.insert((now.mono + ORDER_WAIT, Timer::Overdue(lane)));
                if let Some(held) = self.held.get(&id) {
                    self.fair.push(held.row.account, &held.host, class, id);
                }
            }
            None if line.head.is_none() => {
                self.lines.remove(&lane);
            }
            None => {}
        }
    }

    /// The next request to make, until None. `token` gives an account's auth token, which signs it.
    pub fn poll(
        &mut self,
        now: Now,
        token: &dyn Fn(AccountSid) -> Option<String>,
    ) -> Option<(OutboxId, FetchRequest)> {
        self.on_time(now);
        let id = self.fair.pop()?;
        let held = self.held.get_mut(&id)?;
        held.flying = true;
        let (url, policy) = &*held.request;
        let request = FetchRequest {
            purpose: Purpose::Callback,
            account: held.row.account,
            call: held.row.call,
            url: url.clone(),
            method: held.row.hook.method,
            params: held.row.params.clone(),
            json: held.row.json.clone().map(|text| Json { text, bearer: None }),
            // What goes to the operator is not signed with an account's token.
            auth_token: token(held.row.account).filter(|_| held.row.json.is_none()),
            token: token_text(if mutants::on(Mutant::TokenChangesOnRetry) {
                id ^ u128::from(held.row.rounds)
            } else {
                id
            }),
            policy: policy.clone(),
            cookies: Vec::new(),
            login: None,
        };
        Some((id, request))
    }

    fn on_time(&mut self, now: Now) {
        while let Some((at, timer)) = self.timers.first().copied().filter(|(at, _)| *at <= now.mono) {
            self.timers.remove(&(at, timer));
            match timer {
                Timer::Due(id) => {
                    let Some(held) = self.held.get(&id) else { continue };
                    let (lane, position) = (lane(&held.row), held.row.position);
                    self.lines.entry(lane).or_default().due.insert((position, id));
                    self.advance(lane, now);
                }
                Timer::Overdue(lane) => self.advance(lane, now),
            }
        }
    }

    /// When [`Schedule::poll`] may have something new though nothing happened.
    pub fn poll_timeout(&self) -> Option<Mono> {
        let aside = self.store.aside.map(|(at, _)| at).filter(|_| self.has_room());
        self.timers.first().map(|(at, _)| *at).into_iter().chain(aside).min()
    }

    /// A round is over. An id that is not on its way is ignored.
    pub fn done(&mut self, now: Now, id: OutboxId, result: RoundResult) {
        if !self.held.get(&id).is_some_and(|held| held.flying) {
            return;
        }
        let Some(mut held) = self.held.remove(&id) else { return };
        held.flying = false;
        let lane = lane(&held.row);
        self.fair.landed(&held.host);
        if let Some(line) = self.lines.get_mut(&lane)
            && let Some((_, since)) = line.head.take_if(|(head, _)| *head == id)
        {
            self.timers.remove(&(since + ORDER_WAIT, Timer::Overdue(lane)));
        }
        match result {
            RoundResult::Delivered { status } => self.delivered(now, held.row, status),
            failed => self.failed(now, held, &failed),
        }
        self.advance(lane, now);
    }

    fn delivered(&mut self, now: Now, mut row: OutboxRow, status: u16) {
        row.rounds = row.rounds.saturating_add(1);
        row.state = "delivered".to_owned();
        row.last = Some(format!("{status}"));
        row.done = Some(now.wall);
        self.outcomes.push(Outcome { row, note: None });
    }

    fn failed(&mut self, now: Now, mut held: Held, result: &RoundResult) {
        let Some(wait) = ROUNDS.get(usize::from(held.row.rounds)).copied() else {
            held.row.rounds = held.row.rounds.saturating_add(1);
            return self.give_up(now, held.row, result);
        };
        let first = held.row.rounds == 0;
        held.row.rounds = held.row.rounds.saturating_add(1);
        held.row.next = now.wall.plus(wait);
        let note = note(&held.row, result, 1);
        held.row.last = Some(note.words.clone());
        self.outcomes.push(Outcome { row: held.row.clone(), note: first.then_some(note) });
        let id = held.row.id;
        self.held.insert(id, held);
        self.rest(id, now.mono + wait);
    }

    fn give_up(&mut self, now: Now, mut row: OutboxRow, result: &RoundResult) {
        let note = note(&row, result, 0);
        row.state = "failed".to_owned();
        row.last = Some(note.words.clone());
        row.done = Some(now.wall);
        self.outcomes.push(Outcome { row, note: Some(note) });
    }

    /// What must be written since the last time.
    pub fn outcomes(&mut self) -> Vec<Outcome> {
        std::mem::take(&mut self.outcomes)
    }

    /// Rows held, of whatever state.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Nothing is held, queued or armed: what a leak line counts.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty() && self.lines.is_empty() && self.timers.is_empty() && self.fair.is_empty()
    }

    /// Requests on their way.
    pub fn flying(&self) -> usize {
        self.fair.flying()
    }
}

/// When a row is due that was written with this `next`: at once if no clock that was right could have written it.
fn due(now: Now, next: Wall) -> Mono {
    if window::is_impossible(next, now.wall) {
        return now.mono;
    }
    let wait = u64::try_from(next.0.saturating_sub(now.wall.0)).unwrap_or(0);
    now.mono + Duration::from_millis(wait)
}

fn lane(row: &OutboxRow) -> Lane {
    match (row.part, row.call) {
        (Some(part), _) => Lane::Part(part),
        (None, Some(call)) => Lane::Call(call),
        (None, None) => Lane::Alone(row.id),
    }
}

/// The limits count by host and port.
fn host_of(url: &str) -> Result<Arc<str>, FetchError> {
    let parsed = url::Url::parse(url).map_err(|e| FetchError::early(11100, format!("invalid URL: {e}")))?;
    let host = parsed.host_str().ok_or_else(|| FetchError::early(11100, "the URL has no host"))?;
    Ok(format!("{host}:{}", parsed.port_or_known_default().unwrap_or(0)).into())
}

/// `I-Twilio-Idempotency-Token`: the id in the form of a UUID.
pub fn token_text(id: OutboxId) -> String {
    let hex = format!("{id:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
}
