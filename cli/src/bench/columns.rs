//! Rows that lie in arrays, and sending them: as columns, or one by one.

use std::ops::Range;

use siftstream::{
    ChannelIndex, Columns, FlowBuilder, FlowDescriptor, IngestionConfigEncoder, Result, SiftStream,
    TimeValue, Transport,
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
    pub(crate) fn fill(&mut self, seqs: Range<u64>) {
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

    /// Sends the rows that the arrays hold, so many in a call.
    pub(crate) fn send_columns<T: Transport>(
        &self,
        stream: &SiftStream<IngestionConfigEncoder, T>,
        rows_a_call: usize,
    ) -> Result<()> {
        let mut doubles: Vec<_> = self.doubles.iter().map(|values| values.chunks(rows_a_call)).collect();
        for (times, seqs) in self.times.chunks(rows_a_call).zip(self.seqs.chunks(rows_a_call)) {
            let mut columns = Columns::new(&self.descriptor, times);
            columns.set(ChannelIndex::new(0), seqs);
            for (at, values) in (1..).zip(&mut doubles) {
                columns.set(ChannelIndex::new(at), values.next().unwrap_or_default());
            }
            stream.send_columns_timeout(&columns, SEND_TIMEOUT).map_err(|failed| failed.error)?;
        }
        Ok(())
    }

    /// Sends the rows that the arrays hold one by one.
    pub(crate) fn send_rows<T: Transport>(
        &self,
        stream: &SiftStream<IngestionConfigEncoder, T>,
    ) -> Result<()> {
        let mut row = FlowBuilder::new(&self.descriptor);
        for (at, (time, seq)) in self.times.iter().zip(&self.seqs).enumerate() {
            row.set_timestamp(TimeValue::from_timestamp_nanos(*time));
            row.set_uint64(ChannelIndex::new(0), *seq)?;
            for (channel, values) in (1..).zip(&self.doubles) {
                row.set_double(ChannelIndex::new(channel), values[at])?;
            }
            stream.send_timeout(&row, SEND_TIMEOUT).map_err(|failed| failed.error)?;
        }
        Ok(())
    }
}
