//! Dates as clients write them in filters: a day, or an instant in ISO 8601, with or without a zone.

use crate::clock::Wall;
use crate::store::query::Period;

const DAY_MS: i64 = 86_400_000;
const SECOND_MS: i64 = 1_000;

/// From the first millisecond that is meant to the first that is not.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// First millisecond.
    pub from: Wall,
    /// First one after it.
    pub to: Wall,
}

/// The plain name, `NAME<` and `NAME>` together (rest-api.md 4.3). `<` is up to and including the second, or the
/// midnight, that is named.
pub fn period(on: Option<Span>, upto: Option<Span>, since: Option<Span>) -> Period {
    let on = on.map(day);
    let from = [on.map(|s| s.from), since.map(|s| s.from)];
    let ends = [on.map(|s| s.to), upto.map(|s| Wall(s.from.0.saturating_add(SECOND_MS)))];
    let last = |end: Wall| Wall(end.0.saturating_sub(1));
    Period { from: from.into_iter().flatten().max(), to: ends.into_iter().flatten().min().map(last) }
}

/// SDKs write a date as its midnight: by the plain name that is the day, too.
fn day(span: Span) -> Span {
    match span.from.0.rem_euclid(DAY_MS) {
        0 => Span { to: span.to.max(Wall(span.from.0.saturating_add(DAY_MS))), ..span },
        _ => span,
    }
}

/// Days since 1970 of a date of the Gregorian calendar, or None if there is no such date.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=length).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    // March is month 0, so that the leap day is the last of its year.
    let y = if month <= 2 { year - 1 } else { year };
    let m = (month + 9) % 12;
    let of_year = (153 * m + 2) / 5 + day - 1;
    Some(y * 365 + y / 4 - y / 100 + y / 400 + of_year - 719_468)
}

/// Takes exactly `n` digits off the front.
fn number<'a>(text: &mut &'a str, n: usize) -> Option<i64> {
    let (head, tail): (&'a str, &'a str) = text.split_at_checked(n)?;
    if !head.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    *text = tail;
    head.parse().ok()
}

fn mark(text: &mut &str, marks: &[char]) -> Option<()> {
    *text = text.strip_prefix(marks)?;
    Some(())
}

/// Minutes east of UTC: nothing, `Z`, `+hh:mm` or `+hhmm`.
fn zone(text: &str) -> Option<i64> {
    if text.is_empty() || text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    // A plus that was not escaped in a query arrives as a space.
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut rest = text.strip_prefix(['+', '-', ' '])?;
    let hours = number(&mut rest, 2)?;
    let _ = mark(&mut rest, &[':']);
    let minutes = number(&mut rest, 2)?;
    (rest.is_empty() && hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Reads `2015-07-30`, `2015-07-30T20:00:00`, with a fraction (dropped) and a zone; a space may stand for the `T`.
pub fn parse(text: &str) -> Option<Span> {
    let mut rest = text;
    let year = number(&mut rest, 4)?;
    mark(&mut rest, &['-'])?;
    let month = number(&mut rest, 2)?;
    mark(&mut rest, &['-'])?;
    let day = number(&mut rest, 2)?;
    let midnight = days(year, month, day)?.checked_mul(DAY_MS)?;
    if rest.is_empty() {
        return Some(Span { from: Wall(midnight), to: Wall(midnight + DAY_MS) });
    }
    mark(&mut rest, &['T', 't', ' '])?;
    let hour = number(&mut rest, 2)?;
    mark(&mut rest, &[':'])?;
    let minute = number(&mut rest, 2)?;
    mark(&mut rest, &[':'])?;
    let second = number(&mut rest, 2)?;
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    let seconds = hour * 3_600 + minute * 60 + second - zone(rest)? * 60;
    let from = midnight + seconds * SECOND_MS;
    Some(Span { from: Wall(from), to: Wall(from + SECOND_MS) })
}
