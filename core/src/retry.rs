//! How long to wait between attempts.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::{Error, ErrorCode, Result};

/// The shortest wait after the endpoint refused the key: only a person, or a new key, can change that.
const AFTER_AUTH: Duration = Duration::from_secs(1);

/// By which part of itself a wait that was asked for is made longer at most, so that not all come back at once.
const ASKED_JITTER: u32 = 10;

/// How to repeat what failed for a passing reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a unary call is tried, and a connection where nothing is kept. Streams that keep their data retry
    /// without end.
    pub max_attempts: u32,
    /// The bound of the first wait.
    pub initial_backoff: Duration,
    /// The bound of every wait.
    pub max_backoff: Duration,
    /// By what the bound grows with each failure.
    pub backoff_multiplier: u32,
    /// The longest wait that an endpoint can ask for (google.rpc.RetryInfo); it is asked again after this, if it asked
    /// for more. With 0 nobody waits because of it.
    pub max_retry_after: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(5),
            backoff_multiplier: 5,
            max_retry_after: Duration::from_secs(60),
        }
    }
}

impl RetryPolicy {
    /// Checks that the policy tries at least once and never spins.
    pub fn validate(&self) -> Result<()> {
        let wrong = |message: &str| Err(Error::new(ErrorCode::InvalidArgument, message));
        if self.max_attempts == 0 {
            return wrong("max_attempts is 0: use at least 1");
        }
        if self.initial_backoff.is_zero() {
            return wrong("initial_backoff is 0: use at least a millisecond");
        }
        if self.max_backoff < self.initial_backoff {
            return wrong("max_backoff is shorter than initial_backoff: raise it");
        }
        if self.backoff_multiplier == 0 {
            return wrong("backoff_multiplier is 0: use at least 1");
        }
        Ok(())
    }
}

/// The waits of one sequence of failures: endless, growing, with full jitter (each wait is uniform between zero and
/// its bound), so that a fleet that lost one endpoint does not come back in step.
#[derive(Debug)]
pub struct Backoff {
    policy: RetryPolicy,
    bound: Duration,
    random: StdRng,
}

impl Backoff {
    /// Waits by `policy`.
    pub fn new(policy: RetryPolicy) -> Self {
        Self::with_seed(policy, rand::random())
    }

    /// The same waits each time, for simulations.
    pub fn with_seed(policy: RetryPolicy, seed: u64) -> Self {
        let bound = policy.initial_backoff.min(policy.max_backoff);
        Self { policy, bound, random: StdRng::seed_from_u64(seed) }
    }

    /// Starts again with the first wait, after a success.
    pub fn reset(&mut self) {
        self.bound = self.policy.initial_backoff.min(self.policy.max_backoff);
    }

    /// The most that the next wait can be.
    pub fn bound(&self) -> Duration {
        self.bound
    }

    /// The wait after a failure for a passing reason.
    pub fn next_delay(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = bound.saturating_mul(self.policy.backoff_multiplier.max(1)).min(self.policy.max_backoff);
        self.up_to(bound)
    }

    fn up_to(&mut self, most: Duration) -> Duration {
        let nanos = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.random_range(0..=nanos))
    }

    /// The wait after the endpoint refused the key: at least a second.
    pub fn after_auth(&mut self) -> Duration {
        AFTER_AUTH.saturating_add(self.next_delay())
    }

    /// The wait after the endpoint asked for one: what it asked for, as far as the policy allows it, and up to a tenth
    /// more. One that asks for next to nothing gets the wait of any other failure.
    pub fn after(&mut self, retry_after: Duration) -> Duration {
        let own = self.next_delay();
        let asked = retry_after.min(self.policy.max_retry_after);
        if asked < self.policy.initial_backoff {
            return own.max(asked);
        }
        asked.saturating_add(self.up_to(asked / ASKED_JITTER))
    }
}

impl Iterator for Backoff {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        Some(self.next_delay())
    }
}
