//! (s) Sockets by small numbers, which are their tokens with the kernel.

use mio::Token;

/// What a token names.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// A leg's RTP socket.
    Rtp(usize),
    /// Its RTCP socket.
    Rtcp(usize),
    /// A stream's connection.
    Stream(usize),
}

impl Which {
    pub(super) fn token(self) -> Token {
        match self {
            Which::Rtp(i) => Token(i << 2),
            Which::Rtcp(i) => Token(i << 2 | 1),
            Which::Stream(i) => Token(i << 2 | 2),
        }
    }

    pub(super) fn of(token: Token) -> Which {
        let i = token.0 >> 2;
        match token.0 & 3 {
            0 => Which::Rtp(i),
            1 => Which::Rtcp(i),
            _ => Which::Stream(i),
        }
    }
}

/// Values under numbers that are used again.
pub(super) struct Slots<T> {
    values: Vec<Option<T>>,
    free: Vec<usize>,
}

impl<T> Slots<T> {
    pub(super) fn new() -> Slots<T> {
        Slots { values: Vec::new(), free: Vec::new() }
    }

    /// The number that the next `insert` will use.
    pub(super) fn next(&self) -> usize {
        self.free.last().copied().unwrap_or(self.values.len())
    }

    pub(super) fn insert(&mut self, value: T) -> usize {
        if let Some(i) = self.free.pop() {
            if let Some(slot) = self.values.get_mut(i) {
                *slot = Some(value);
            }
            return i;
        }
        self.values.push(Some(value));
        self.values.len() - 1
    }

    pub(super) fn get_mut(&mut self, i: usize) -> Option<&mut T> {
        self.values.get_mut(i)?.as_mut()
    }

    pub(super) fn remove(&mut self, i: usize) -> Option<T> {
        let value = self.values.get_mut(i)?.take()?;
        self.free.push(i);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.values.len() - self.free.len()
    }

    /// Every number in use with its value.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (usize, &mut T)> {
        self.values.iter_mut().enumerate().filter_map(|(i, v)| Some((i, v.as_mut()?)))
    }
}
