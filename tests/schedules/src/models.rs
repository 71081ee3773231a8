//! Small programs of a few threads, each of which must end well in every order.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

use crate::error::{Error, ErrorCode};
use crate::events::{EventKind, Events};
use crate::stream::delivery::Delivery;
use crate::stream::disk_progress::{DiskMarks, DiskProgress};
use crate::stream::level::Level;

const ROWS: u64 = 6;

/// The ingestion task confirms some rows and owes the others, re-ingestion repays them, and a caller waits for all; or
/// somebody cancels meanwhile.
///
/// # Panics
/// If a promise is broken.
pub fn whoever_waits_learns_what_became_of_the_rows() {
    let delivery = Arc::new(Delivery::default());
    let waiting = Arc::clone(&delivery);
    let caller = thread::spawn(move || waiting.wait_confirmed(ROWS, Instant::now()));
    let repaying = Arc::clone(&delivery);
    let reingestion = thread::spawn(move || {
        let mut news = (0, 0, false);
        while !news.2 {
            let owed = repaying.ledger(|ledger| ledger.owed().clone());
            repaying.repay(owed.iter());
            if repaying.confirmed_contiguous() == ROWS {
                return;
            }
            news = repaying.wait_for_news(news.0, news.1, Duration::MAX / 4);
        }
    });
    let cancelling = Arc::clone(&delivery);
    let owner = shuttle::rand::Rng::gen_bool(&mut shuttle::rand::thread_rng(), 0.3).then(|| {
        thread::spawn(move || cancelling.request_cancel(Error::new(ErrorCode::Cancelled, "enough")))
    });
    let was_cancelled = owner.is_some();
    delivery.open(0);
    delivery.carry(0, 0..ROWS / 2);
    delivery.half_close(0);
    delivery.open(1);
    delivery.carry(1, ROWS / 2..ROWS);
    assert!(delivery.confirm(0, || ()).is_some());
    let failed = delivery.fail(1);
    delivery.owe(failed.iter());
    delivery.look_again();
    let waited = caller.join().unwrap_or_else(|_| panic!("the caller died"));
    assert!(waited.is_ok() || was_cancelled, "{waited:?}");
    reingestion.join().unwrap_or_else(|_| panic!("re-ingestion died"));
    if let Some(owner) = owner {
        owner.join().unwrap_or_else(|_| panic!("the owner died"));
    }
}

/// Whoever sees rows confirmed finds the checkpoint counted.
///
/// # Panics
/// If not.
pub fn a_confirmation_is_counted_before_it_is_seen() {
    let (delivery, checkpoints) = (Arc::new(Delivery::default()), Arc::new(AtomicU64::new(0)));
    let (waiting, counted) = (Arc::clone(&delivery), Arc::clone(&checkpoints));
    let caller = thread::spawn(move || {
        assert!(waiting.wait_confirmed(ROWS, Instant::now()).is_ok());
        assert_eq!(counted.load(Ordering::Relaxed), 1);
    });
    delivery.open(0);
    delivery.carry(0, 0..ROWS);
    delivery.half_close(0);
    let confirmed = delivery.confirm(0, || {
        checkpoints.fetch_add(1, Ordering::Relaxed);
    });
    assert_eq!(confirmed.map(|ids| ids.len()), Some(ROWS));
    caller.join().unwrap_or_else(|_| panic!("the caller died"));
}

/// The disk thread brings rows on, or breaks; callers wait for different levels, and one ends the stream.
///
/// # Panics
/// If a promise is broken.
pub fn a_flush_ends_when_its_rows_are_written_or_never_will_be() {
    let progress = Arc::new(DiskProgress::default());
    let flush = |level, below| {
        let progress = Arc::clone(&progress);
        thread::spawn(move || {
            progress.request_flush(level, below);
            progress.wait_level(level, below, Instant::now())
        })
    };
    let (written, durable) = (flush(Level::Written, ROWS / 2), flush(Level::Durable, ROWS));
    let breaks = shuttle::rand::Rng::gen_bool(&mut shuttle::rand::thread_rng(), 0.3);
    progress.publish(DiskMarks { written: ROWS, durable: ROWS / 2, ..DiskMarks::default() });
    if breaks {
        progress.break_with(Error::new(ErrorCode::Io, "the disk is gone"));
    } else {
        progress.publish(DiskMarks { written: ROWS, durable: ROWS, ..DiskMarks::default() });
    }
    progress.end();
    let answer = |thread: thread::JoinHandle<crate::error::Result<()>>| {
        thread.join().unwrap_or_else(|_| panic!("a caller died"))
    };
    assert!(answer(written).is_ok(), "they were written before the disk was gone");
    assert_eq!(answer(durable).is_ok(), !breaks);
}

/// Two readers and one writer: each event comes to one of the readers, in order, and both learn of the end.
///
/// # Panics
/// If a promise is broken.
pub fn every_event_is_read_once_and_the_end_is_told() {
    let events = Arc::new(Events::default());
    let readers = [(), ()].map(|()| {
        let events = Arc::clone(&events);
        thread::spawn(move || {
            let mut numbers = Vec::new();
            while let Some(event) = events.wait(Duration::from_secs(1)) {
                numbers.push(event.number);
            }
            assert!(numbers.is_sorted());
            numbers
        })
    });
    for _ in 0..ROWS {
        events.emit(EventKind::Connected);
    }
    events.close();
    events.emit(EventKind::Connected);
    let read = readers.map(|reader| reader.join().unwrap_or_else(|_| panic!("a reader died")));
    let mut all = read.concat();
    all.sort_unstable();
    assert_eq!(all, (0..ROWS).collect::<Vec<_>>());
    assert!(events.is_over());
}
