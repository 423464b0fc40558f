//! What memory takes of the pending rows in the store, and in which order.

use crate::clock::Wall;
use crate::sid::CallSid;
use crate::store::rows::{OutboxRow, Part};
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::Duration;

/// The longest pause between two rounds.
const LAST_ROUND: Duration = Duration::from_secs(21_600);

/// Further away than the longest pause: the wall clock was set back after this was written.
pub(super) fn is_impossible(next: Wall, now: Wall) -> bool {
    next > now.plus(LAST_ROUND)
}

/// By their time; but those of one call, or of one part of it, that were never tried by position: the wall clock may have been set
/// between them.
pub(super) fn sort<R: Borrow<OutboxRow> + Clone>(rows: &mut [R]) {
    let position = |row: &R| row.borrow().position;
    rows.sort_by_key(|row| (row.borrow().next, position(row)));
    let mut places: BTreeMap<(CallSid, Option<Part>), Vec<usize>> = BTreeMap::new();
    let untried = rows.iter().map(<R as Borrow<OutboxRow>>::borrow).enumerate();
    for (i, row) in untried.filter(|(_, row): &(usize, &OutboxRow)| row.rounds == 0) {
        if let Some(call) = row.call {
            places.entry((call, row.part)).or_default().push(i);
        }
    }
    for places in places.into_values().filter(|places| places.len() > 1) {
        let mut of_call: Vec<R> = places.iter().filter_map(|i| rows.get(*i).cloned()).collect();
        of_call.sort_by_key(position);
        for (i, row) in places.into_iter().zip(of_call) {
            if let Some(place) = rows.get_mut(i) {
                *place = row;
            }
        }
    }
}

/// What [`Schedule::wants`](super::schedule::Schedule::wants) asks for of all pending rows: the page, and the smallest `next` of the
/// others. One that was never tried is due, whatever the wall clock said when it was made; so is one that waits for an impossible time.
pub fn page<R: Borrow<OutboxRow> + Clone>(
    mut pending: Vec<R>,
    upto: Wall,
    window: usize,
) -> (Vec<R>, Option<Wall>) {
    sort(&mut pending);
    let is_due = |row: &OutboxRow| row.rounds == 0 || row.next <= upto || is_impossible(row.next, upto);
    let (mut due, later): (Vec<_>, Vec<_>) = pending.into_iter().partition(|row| is_due(row.borrow()));
    let over = due.split_off(due.len().min(window));
    let over = over.iter().map(|row| row.borrow().next.min(upto));
    let later = over.chain(later.iter().map(|row| row.borrow().next)).min();
    (due, later)
}
