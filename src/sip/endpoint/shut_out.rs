//! Sources and users that failed too often with their passwords: for a time nobody listens to them.

use crate::clock::Mono;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// Failures that shut out.
pub const FAILURES_MAX: u32 = 10;
/// For so long after the last one.
pub const SHUT_OUT: Duration = Duration::from_secs(600);
/// Most that are remembered of each kind; the oldest is forgotten.
const REMEMBERED_MAX: usize = 16_384;

#[derive(Debug)]
struct Tally<K> {
    failures: HashMap<K, (u32, Mono)>,
    order: VecDeque<(Mono, K)>,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Tally { failures: HashMap::new(), order: VecDeque::new() }
    }
}

impl<K: Hash + Eq + Clone> Tally<K> {
    fn failed(&mut self, now: Mono, key: K) {
        let (count, last) = self.failures.entry(key.clone()).or_insert((0, now));
        if now.since(*last) >= SHUT_OUT {
            *count = 0;
        }
        *count = count.saturating_add(1);
        *last = now;
        self.order.push_back((now, key));
        let over = |at: Mono| now.since(at) >= SHUT_OUT;
        while self.order.len() > REMEMBERED_MAX || self.order.front().is_some_and(|(at, _)| over(*at)) {
            let Some((at, key)) = self.order.pop_front() else { break };
            if self.failures.get(&key).is_some_and(|(_, last)| *last == at) {
                self.failures.remove(&key);
            }
        }
    }

    fn is_out(&self, now: Mono, key: &K) -> bool {
        self.failures.get(key).is_some_and(|(n, last)| *n >= FAILURES_MAX && now.since(*last) < SHUT_OUT)
    }
}

/// Letters of a user that are remembered.
const NAME_MAX: usize = 64;

/// Whose address it is: of IPv6 everybody has a whole /64.
fn place(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(u128::from(v6) & !u128::from(u64::MAX))),
        v4 => v4,
    }
}

/// See the module.
#[derive(Debug, Default)]
pub struct ShutOut {
    sources: Tally<IpAddr>,
    users: Tally<String>,
}

impl ShutOut {
    /// A wrong password, or a user that does not exist.
    pub fn failed(&mut self, now: Mono, source: IpAddr, user: &str) {
        self.sources.failed(now, place(source));
        self.users.failed(now, user.chars().take(NAME_MAX).collect());
    }

    /// The right one: the source is forgiven. The user is not, or a guesser could begin anew after each call of its owner.
    pub fn succeeded(&mut self, source: IpAddr) {
        self.sources.failures.remove(&place(source));
    }

    /// Is this address shut out?
    pub fn source(&self, now: Mono, source: IpAddr) -> bool {
        self.sources.is_out(now, &place(source))
    }

    /// Is this user?
    pub fn user(&self, now: Mono, user: &str) -> bool {
        self.users.is_out(now, &user.chars().take(NAME_MAX).collect())
    }
}
