//! Waiting for many descriptors at once, each with a token that says whose it is.
//!
//! Level-triggered: what was not read completely is told again at the next turn.

use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Who a ready descriptor belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    Signals,
    Listener,
    Client(u32),
    /// Output of a program.
    Output(u32),
    /// Gate of a program that is being started.
    Gate(u32),
    /// Process descriptor of an adopted program.
    Process(u32),
}

/// The set of watched descriptors.
#[derive(Debug)]
pub(crate) struct Poller {
    epoll: Epoll,
}

impl Poller {
    pub(crate) fn new() -> nix::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
        })
    }

    /// Watches a descriptor for something to read, until it is closed.
    pub(crate) fn add(&self, fd: impl AsFd, token: Token) -> nix::Result<()> {
        self.epoll
            .add(fd, EpollEvent::new(EpollFlags::EPOLLIN, token.to_number()))
    }

    /// Watches a descriptor for room to write too, or no more.
    pub(crate) fn watch_writing(
        &self,
        fd: impl AsFd,
        token: Token,
        is_on: bool,
    ) -> nix::Result<()> {
        let mut flags = EpollFlags::EPOLLIN;
        flags.set(EpollFlags::EPOLLOUT, is_on);
        self.epoll
            .modify(fd, &mut EpollEvent::new(flags, token.to_number()))
    }

    /// The owners of descriptors that are ready, waiting at most `timeout_ms` for the first.
    pub(crate) fn wait(&self, timeout_ms: Option<u64>) -> nix::Result<Vec<Token>> {
        let timeout = timeout_ms.map(|ms| i32::try_from(ms.min(3_600_000)).unwrap_or(i32::MAX));
        let timeout = timeout.map_or(EpollTimeout::NONE, |ms| {
            EpollTimeout::try_from(ms).unwrap_or(EpollTimeout::MAX)
        });
        let mut events = [EpollEvent::empty(); 64];
        match self.epoll.wait(&mut events, timeout) {
            Ok(n) => Ok(events[..n]
                .iter()
                .filter_map(|e| Token::from_number(e.data()))
                .collect()),
            Err(Errno::EINTR) => Ok(vec![]),
            Err(error) => Err(error),
        }
    }
}

impl Token {
    fn to_number(self) -> u64 {
        let (kind, id) = match self {
            Self::Signals => (0, 0),
            Self::Listener => (1, 0),
            Self::Client(id) => (2, id),
            Self::Output(id) => (3, id),
            Self::Gate(id) => (4, id),
            Self::Process(id) => (5, id),
        };
        kind << 32 | u64::from(id)
    }

    fn from_number(number: u64) -> Option<Self> {
        let id = (number & u64::from(u32::MAX)) as u32;
        match number >> 32 {
            0 => Some(Self::Signals),
            1 => Some(Self::Listener),
            2 => Some(Self::Client(id)),
            3 => Some(Self::Output(id)),
            4 => Some(Self::Gate(id)),
            5 => Some(Self::Process(id)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_survives_its_number() {
        let id = u32::MAX;
        for token in [
            Token::Signals,
            Token::Listener,
            Token::Client(id),
            Token::Output(id),
            Token::Gate(id),
            Token::Process(id),
        ] {
            assert_eq!(Token::from_number(token.to_number()), Some(token));
        }
        assert_eq!(Token::from_number(u64::MAX), None);
    }
}
