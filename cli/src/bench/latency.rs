//! How long each send took, in a histogram of fixed size: 64 steps for each power of two.

const STEPS: usize = 64;

/// A histogram of nanoseconds, exact to 1/64.
pub(crate) struct Latencies {
    counts: Box<[u64]>,
    total: u64,
    max: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; STEPS * 64].into(), total: 0, max: 0 }
    }
}

impl Latencies {
    pub(crate) fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
        self.max = self.max.max(nanos);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            *count += more;
        }
        self.total += other.total;
        self.max = self.max.max(other.max);
    }

    /// The nanoseconds that `per_mille_tenths` of 10,000 sends did not exceed.
    pub(crate) fn quantile(&self, of_10_000: u64) -> u64 {
        let rank = (self.total * of_10_000).div_ceil(10_000);
        let mut seen = 0;
        for (bucket, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank && seen > 0 {
                return upper_bound(bucket).min(self.max);
            }
        }
        self.max
    }

    pub(crate) fn max(&self) -> u64 {
        self.max
    }
}

fn bucket(nanos: u64) -> usize {
    if nanos < STEPS as u64 {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let power = 63 - nanos.leading_zeros() as usize;
    let step = usize::try_from(nanos >> (power - 6)).unwrap_or(0) - STEPS;
    (power - 5) * STEPS + step
}

fn upper_bound(bucket: usize) -> u64 {
    let (power, step) = (bucket / STEPS, (bucket % STEPS) as u64);
    if power == 0 { step } else { ((STEPS as u64 + step + 1) << (power - 1)) - 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_falls_into_it_and_is_narrow() {
        for nanos in (0..10_000).chain((0..50).map(|power| 3_u64 << power)) {
            let bound = upper_bound(bucket(nanos));
            assert!(bound >= nanos && bound <= nanos + nanos / 64 + 1, "{nanos} is counted as {bound}");
        }
    }
}
