//! Sending the same rows as columns.

use siftstream::{
    ChannelIndex, Columns, FlowDescriptor, IngestionConfigEncoder, Result, SiftStream, TimeValue, Transport,
};

use super::workload::SEND_TIMEOUT;

/// Arrays for some rows, filled again and again.
pub(crate) struct Arrays {
    descriptor: FlowDescriptor,
    times: Vec<i64>,
    seqs: Vec<u64>,
    doubles: Vec<Vec<f64>>,
}

impl Arrays {
    pub(crate) fn new(descriptor: FlowDescriptor, channels: u32) -> Self {
        let doubles = (0..channels).map(|_| Vec::new()).collect();
        Self { descriptor, times: Vec::new(), seqs: Vec::new(), doubles }
    }

    /// Fills the arrays with the rows of these numbers.
    pub(crate) fn fill(&mut self, seqs: std::ops::Range<u64>) {
        let now = TimeValue::now();
        let now = now.seconds() * 1_000_000_000 + i64::from(now.nanos());
        self.seqs.clear();
        self.seqs.extend(seqs.clone());
        self.times.clear();
        self.times.extend((now..).take(self.seqs.len()));
        for (at, doubles) in self.doubles.iter_mut().enumerate() {
            doubles.clear();
            doubles.extend(seqs.clone().map(|seq| seq as f64 + at as f64));
        }
    }

    /// Sends the rows that the arrays hold.
    pub(crate) fn send<T: Transport>(&self, stream: &SiftStream<IngestionConfigEncoder, T>) -> Result<()> {
        let mut columns = Columns::new(&self.descriptor, self.times.as_slice());
        columns.set(ChannelIndex::new(0), self.seqs.as_slice());
        for (at, doubles) in (1..).zip(&self.doubles) {
            columns.set(ChannelIndex::new(at), doubles.as_slice());
        }
        stream.send_columns_timeout(&columns, SEND_TIMEOUT).map_err(|failed| failed.error)
    }
}
