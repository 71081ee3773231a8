//! Rows for the stream of a configuration file, whatever its channels are.

use std::path::Path;

use siftstream::{
    ChannelConfig, ChannelDataType, ChannelIndex, ConfigValue, Error, ErrorCode, FlowBuilder, Result,
    StreamConfig, TimeValue, Value,
};

use super::result::BenchResult;
use super::workload::{Rows, START_TIMEOUT, measure};
use super::{Args, Mode, millis};

/// Opens the stream that the file describes, as far as no option says something else, and sends rows of its first flow.
pub(super) fn run(args: &Args, file: &Path) -> Result<BenchResult> {
    let mut config = StreamConfig::from_file(file)?;
    config.apply_env()?;
    choose(args, &mut config)?;
    let Some(flow) = config.flows().first().cloned() else {
        let message = format!("{} describes no flow to send rows of: add one", file.display());
        return Err(Error::new(ErrorCode::NotConfigured, message));
    };
    let stream = config.open_blocking(START_TIMEOUT)?;
    let channels = u32::try_from(flow.channels.len()).unwrap_or(u32::MAX);
    let fill = |row: &mut FlowBuilder, seq| fill(row, seq, &flow.channels);
    measure(args, &stream, &Rows { flow: &flow.name, channels, fill })
}

fn choose(args: &Args, config: &mut StreamConfig) -> Result<()> {
    let mode = args.mode.map(|mode| match mode {
        Mode::Live => siftstream::Mode::LiveOnly,
        Mode::LiveWithBackups => siftstream::Mode::LiveWithBackups,
        Mode::FileBackup => siftstream::Mode::FileBackup,
    });
    let chosen: [(&str, Option<ConfigValue>); 6] = [
        ("mode", mode.map(|mode| mode.as_str().into())),
        ("uri", args.uri.as_deref().map(Into::into)),
        ("api_key", args.api_key.as_deref().map(Into::into)),
        ("insecure", args.insecure.then(|| true.into())),
        ("disk_backup_policy.backups_dir", args.dir.as_deref().map(Into::into)),
        ("checkpoint_interval", args.checkpoint_ms.map(|interval| millis(interval).into())),
    ];
    chosen.into_iter().try_for_each(|(key, value)| value.map_or(Ok(()), |value| config.set(key, value)))
}

/// Every channel gets what can be made of the row's number.
fn fill(row: &mut FlowBuilder, seq: u64, channels: &[ChannelConfig]) -> Result<()> {
    row.set_timestamp(TimeValue::now());
    for (at, channel) in (0..).zip(channels) {
        row.set(ChannelIndex::new(at), value(seq, channel))?;
    }
    Ok(())
}

fn value(seq: u64, channel: &ChannelConfig) -> Value {
    // What does not fit begins again at 0.
    let small = u32::try_from(seq % (1 << 31)).unwrap_or_default();
    match channel.data_type {
        ChannelDataType::Unspecified => Value::Empty,
        ChannelDataType::Double => Value::Double(seq as f64),
        ChannelDataType::Float => Value::Float(small as f32),
        ChannelDataType::Bool => Value::Bool(seq % 2 == 1),
        ChannelDataType::Int32 => Value::Int32(small.cast_signed()),
        ChannelDataType::Uint32 => Value::Uint32(small),
        ChannelDataType::Int64 => Value::Int64(seq.cast_signed()),
        ChannelDataType::Uint64 => Value::Uint64(seq),
        ChannelDataType::String => Value::String(seq.to_string()),
        ChannelDataType::Bytes => Value::Bytes(seq.to_le_bytes().to_vec()),
        ChannelDataType::Enum => {
            let entries = &channel.enum_types;
            let at = usize::try_from(seq).unwrap_or_default() % entries.len().max(1);
            Value::Enum(entries.get(at).map_or(0, |entry| entry.key))
        }
        ChannelDataType::BitField => {
            let ends = channel.bit_field_elements.iter().map(|element| {
                u64::try_from(element.index).unwrap_or_default() + u64::from(element.bit_count)
            });
            let bytes = usize::try_from(ends.max().unwrap_or(8).div_ceil(8)).unwrap_or(1);
            Value::BitField(vec![seq.to_le_bytes()[0]; bytes])
        }
    }
}
