//! How good a link is: what delay, rate and pieces its bytes meet, and what happens to datagrams besides.

use core::time::Duration;
use zrpc_core::base::Entropy;

/// Of a link in one direction. The default is a link that takes no time and no harm.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Conditions {
    /// What each byte takes at least.
    pub latency: Duration,
    /// What it may take beyond that, at random. Bytes of a stream keep their order all the same.
    pub jitter: Duration,
    /// Bytes a second; 0 for a link that is never busy.
    pub bandwidth: u64,
    /// Bytes under way, after which a stream takes no more until some arrived, and a path drops datagrams.
    pub buffer: usize,
    /// The longest piece in which the bytes of a stream arrive; pieces are of random length up to it at
    /// first, and a byte longer for each eight that were sent. 0 leaves them whole.
    pub piece_max: usize,
}

impl Default for Conditions {
    fn default() -> Conditions {
        Conditions {
            latency: Duration::ZERO,
            jitter: Duration::ZERO,
            bandwidth: 0,
            buffer: 256 * 1024,
            piece_max: 0,
        }
    }
}

impl Conditions {
    /// Two machines in one rack: 100 µs and up to 20 µs more, 1.25 GB/s.
    #[must_use]
    pub fn rack() -> Conditions {
        Conditions {
            latency: Duration::from_micros(100),
            jitter: Duration::from_micros(20),
            bandwidth: 1_250_000_000,
            ..Conditions::default()
        }
    }

    /// A telephone on the move: 60 ms and up to 80 ms more, 500 KB/s, small pieces.
    #[must_use]
    pub fn mobile() -> Conditions {
        Conditions {
            latency: Duration::from_millis(60),
            jitter: Duration::from_millis(80),
            bandwidth: 500_000,
            buffer: 64 * 1024,
            piece_max: 1400,
        }
    }

    /// Any that a link may have in practice, and some that it may not.
    #[must_use]
    pub fn random(entropy: &mut Entropy) -> Conditions {
        let micros = |entropy: &mut Entropy, bound| Duration::from_micros(entropy.below(bound));
        let latency = match entropy.below(4) {
            0 => Duration::ZERO,
            1 => micros(entropy, 500),
            2 => micros(entropy, 20_000),
            _ => micros(entropy, 300_000),
        };
        Conditions {
            latency,
            jitter: if entropy.below(2) == 0 { Duration::ZERO } else { micros(entropy, 100_000) },
            bandwidth: [0, 20_000, 200_000, 10_000_000][entropy.below(4) as usize],
            buffer: [4 << 10, 32 << 10, 256 << 10][entropy.below(3) as usize],
            piece_max: [0, 1, 9, 100, 1400][entropy.below(5) as usize],
        }
    }

    /// How long a link of this bandwidth is busy with so many bytes.
    pub(super) fn busy_with(&self, bytes: usize) -> Duration {
        match self.bandwidth {
            0 => Duration::ZERO,
            rate => Duration::from_nanos((bytes as u64).saturating_mul(1_000_000_000) / rate),
        }
    }

    /// When what leaves at this moment arrives, if nothing stands before it.
    pub(super) fn delay(&self, entropy: &mut Entropy) -> Duration {
        self.latency + Duration::from_nanos(entropy.below(self.jitter.as_nanos() as u64 + 1))
    }
}

/// What happens to datagrams. Chances are parts of a million. The default is that nothing does.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Hazards {
    /// A datagram is lost.
    pub loss: u32,
    /// Losses that come in bursts, besides.
    pub bursts: Option<Bursts>,
    /// One arrives twice.
    pub duplicate: u32,
    /// One takes up to ten times as long and is overtaken.
    pub reorder: u32,
    /// One of its bits is turned over.
    pub corrupt: u32,
    /// Longer ones are dropped; 0 for no limit.
    pub mtu: usize,
}

/// The two states of Gilbert and Elliott: a good one without losses of this kind, and a bad one with many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bursts {
    /// The chance in a million, at each datagram, that a good path turns bad.
    pub begin: u32,
    /// That a bad one turns good.
    pub end: u32,
    /// That a bad one loses the datagram.
    pub loss: u32,
}

/// What chances are parts of.
pub(super) const MILLION: u64 = 1_000_000;
