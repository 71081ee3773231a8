//! `siftstream backups cat`.

use super::backup::Backup;
use super::error::{Failure, Result};
use super::find::backups;
use super::output::json_line;
use super::row::{JsonRow, Row, fits};
use super::schema::{self, Flows};
use super::{Outcome, complain_of};
use prost::Message;
use siftstream::spool::pbfs::Item;
use std::io::Write;
use std::path::PathBuf;

/// Options of `siftstream backups cat`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Files, slots, roots with slots, or any directories with backup files.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// A TOML or JSON file with flows and channels. Without it, names come from the file's slot; in no slot, values are
    /// an array without names.
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// Only rows of this flow. Repeatable.
    #[arg(long, value_name = "NAME")]
    flow: Vec<String>,
    /// Stop after this many rows.
    #[arg(long, value_name = "ROWS")]
    limit: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(args: &Args, out: &mut dyn Write) -> Result<Outcome> {
    let flows = args.schema.as_deref().map(schema::read).transpose()?;
    let (files, mut outcome) = backups(&args.paths)?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    for file in files {
        if left == 0 {
            break;
        }
        match print(args, flows.as_ref(), &file, &mut left, out) {
            Ok(found) => outcome = outcome.and(found),
            Err(error @ Failure::Stdout(_)) => return Err(error),
            Err(error) => {
                complain_of(&file.path, &error);
                outcome = Outcome::Incomplete;
            }
        }
    }
    Ok(outcome)
}

fn print(
    args: &Args,
    given: Option<&Flows>,
    file: &Backup,
    left: &mut u64,
    out: &mut dyn Write,
) -> Result<Outcome> {
    let flows = given.or_else(|| Some(&file.slot()?.flows));
    let mut opened = file.open()?;
    let (mut damage, mut unreadable, mut unfit) = (0_u64, 0_u64, 0_u64);
    while *left > 0
        && let Some(item) = opened.reader.next_item()?
    {
        let chunk = match item {
            Item::Chunk(chunk) => chunk,
            Item::Damage(found) => {
                damage += found.len;
                continue;
            }
        };
        for message in chunk.messages() {
            let Ok(row) = Row::decode(message) else {
                unreadable += 1;
                continue;
            };
            if *left == 0 || !(args.flow.is_empty() || args.flow.contains(&row.flow)) {
                continue;
            }
            *left -= 1;
            let known = flows.and_then(|flows| flows.get(&row.flow));
            let flow = known.filter(|flow| fits(&row, flow));
            unfit += u64::from(known.is_some() && flow.is_none());
            json_line(out, &JsonRow { row: &row, flow }).map_err(Failure::Stdout)?;
        }
    }
    let mut outcome = Outcome::Whole;
    for (count, what) in [
        (damage, "damaged bytes left out; see `verify`"),
        (unreadable, "messages left out that are no rows"),
        (unfit, "rows do not fit the schema; their values are arrays"),
    ] {
        if count > 0 {
            complain_of(&file.path, &format_args!("{count} {what}"));
            outcome = Outcome::Imperfect;
        }
    }
    Ok(outcome)
}
