//! What a caller fills: values, timestamps, flows by name, rows by channel index, and columns.

mod builder;
mod by_name;
mod columns;
mod descriptor;
mod given_row;
mod misfit;
mod row_values;
mod rows;
mod time;
mod value;

pub use builder::FlowBuilder;
pub use by_name::Flow;
pub(crate) use columns::SetColumn;
pub use columns::{Blobs, ChannelRef, Column, Columns, FlowRef, Timestamps, Validity};
pub use descriptor::{ChannelIndex, FlowDescriptor};
pub(crate) use given_row::GivenRow;
pub(crate) use misfit::{no_such_channel, wrong_type};
pub use row_values::{NonNumber, Number, RowValues};
pub use rows::FlowRows;
pub(crate) use rows::{FlowCounts, FlowNames, FlowNumber, FlowRun, UNKNOWN_FLOW};
pub use time::TimeValue;
pub use value::{ChannelBitField, ChannelBytes, ChannelEnum, ChannelValue, Value};
