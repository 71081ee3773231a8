//! Columns from typed arrays: read in place while a call lasts, copied only to wait for room.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::Arc;

use napi::JsValue;
use napi::bindgen_prelude::{Array, FromNapiValue, Unknown};
use siftstream::{ChannelDataType, ChannelIndex, Result, TimeValue};

use crate::batch::{Batch, Set, Times, Values};
use crate::error::{Failure, invalid, thrown};
use crate::home::Held;
use crate::row::time_of_millis;
use crate::waiting::{Patience, Turn};

/// How many entries describe a channel: its index, the number of its type, the values, and the offsets and the flags
/// of presence if there are any.
const ENTRIES: u32 = 5;

/// Rows `rows` of what JavaScript gives: the times as nanoseconds or milliseconds, and `ENTRIES` entries a channel.
pub(crate) fn batch<'a>(
    flow: &'a str,
    times: Unknown<'a>,
    entries: &Array<'a>,
    rows: Range<usize>,
) -> napi::Result<Batch<'a>> {
    let sets = (0..entries.len() / ENTRIES).map(|at| set(entries, at * ENTRIES, &rows));
    Ok(Batch {
        flow: Cow::Borrowed(flow),
        times: self::times(times, &rows)?,
        sets: sets.collect::<napi::Result<_>>()?,
    })
}

fn times<'a>(given: Unknown<'a>, rows: &Range<usize>) -> napi::Result<Times<'a>> {
    if let Ok(nanos) = view::<i64>(given) {
        return Ok(Times::Nanos(Cow::Borrowed(part(nanos, rows)?)));
    }
    let millis = part(view::<f64>(given)?, rows)?;
    let times: Result<Vec<TimeValue>> = millis.iter().copied().map(time_of_millis).collect();
    times.map(Times::Times).map_err(thrown)
}

fn set<'a>(entries: &Array<'a>, at: u32, rows: &Range<usize>) -> napi::Result<Set<'a>> {
    let entry = |offset: u32| -> napi::Result<Unknown<'a>> {
        entries.get(at + offset)?.ok_or_else(|| thrown(invalid("a column is incomplete")))
    };
    let index: u32 = entries.get(at)?.unwrap_or_default();
    let kind: i32 = entries.get(at + 1)?.unwrap_or_default();
    let given = entry(2)?;
    let values = match kind {
        1 => Values::Double(borrowed(given, rows)?),
        6 => Values::Float(borrowed(given, rows)?),
        5 => Values::Bool(borrowed(given, rows)?),
        7 => Values::Int32(borrowed(given, rows)?),
        8 => Values::Uint32(borrowed(given, rows)?),
        9 => Values::Int64(borrowed(given, rows)?),
        10 => Values::Uint64(borrowed(given, rows)?),
        3 => Values::Enum(borrowed(given, rows)?),
        2 | 4 | 11 => {
            let data_type = match kind {
                2 => ChannelDataType::String,
                4 => ChannelDataType::BitField,
                _ => ChannelDataType::Bytes,
            };
            let offsets = borrowed(entry(3)?, &(rows.start..rows.end + 1))?;
            Values::Blobs { data_type, offsets, bytes: Cow::Borrowed(view(given)?) }
        }
        other => return Err(thrown(invalid(format!("there is no channel type {other}")))),
    };
    let flags = entry(4)?;
    let validity = match flags.get_type()? {
        napi::ValueType::Object => {
            Some(part(view::<u8>(flags)?, rows)?.iter().map(|flag| *flag != 0).collect())
        }
        _ => None,
    };
    Ok(Set { channel: ChannelIndex::new(index), values, validity })
}

/// The elements of a typed array of JavaScript.
fn view<'a, T: 'a>(given: Unknown<'a>) -> napi::Result<&'a [T]>
where
    &'a [T]: FromNapiValue,
{
    let value = given.value();
    // SAFETY: environment and value are those of the call that is going on. The view ends with that call, during which
    // no JavaScript runs; arrays of memory that other threads share are copied before they get here.
    unsafe { <&[T]>::from_napi_value(value.env, value.value) }
}

fn borrowed<'a, T: Clone + 'a>(given: Unknown<'a>, rows: &Range<usize>) -> napi::Result<Cow<'a, [T]>>
where
    &'a [T]: FromNapiValue,
{
    part(view(given)?, rows).map(Cow::Borrowed)
}

fn part<'a, T>(values: &'a [T], rows: &Range<usize>) -> napi::Result<&'a [T]> {
    let missing = || invalid("a column has fewer values than there are timestamps: give one for each");
    values.get(rows.clone()).ok_or_else(missing).map_err(thrown)
}

/// Sends as many rows as there is room for.
pub(crate) fn try_send(stream: &Held, batch: &Batch<'_>) -> Result<usize, Failure> {
    Ok(stream.try_send_columns(&batch.columns())?)
}

/// Sends all rows, waiting for its turn and for room. A row that the signal or the timeout keeps out was not accepted.
pub(crate) async fn send(
    stream: Arc<Held>,
    batch: Batch<'static>,
    turn: Turn,
    mut patience: Patience,
) -> Result<u32, Failure> {
    let _turn = patience.with(&stream, turn.come()).await?;
    let mut sent = 0;
    while sent < batch.len() {
        let rest = batch.rows(sent..batch.len())?;
        sent += try_send(&stream, &rest).map_err(|failure| failure.after(sent))?;
        if sent < batch.len() {
            // One row is accepted or not, so that giving up leaves no doubt how many were.
            let next = batch.rows(sent..sent + 1)?;
            let next = next.columns();
            let outcome = patience.with(&stream, stream.send_columns(&next)).await;
            let outcome = outcome.map_err(Failure::from).and_then(|sent| sent.map_err(Failure::from));
            outcome.map_err(|failure| failure.after(sent))?;
            sent += 1;
        }
    }
    Ok(u32::try_from(sent).unwrap_or(u32::MAX))
}
