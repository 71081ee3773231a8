//! What handles promise to callers who misuse them, and to threads that meet at one.

use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

struct Number;
kind!(Number, Arc<u64>, 101, "number");

struct Text;
kind!(Text, String, 103, "text");

fn code<T>(result: Result<T>) -> ErrorCode {
    result.err().unwrap().code()
}

#[test]
fn a_live_handle_gives_its_object() {
    let handle = create::<Number>(Arc::new(7)).unwrap();
    assert_eq!(**shared(handle).unwrap(), 7);
    *exclusive(handle).unwrap() = Arc::new(8);
    assert_eq!(**shared(handle).unwrap(), 8);
    destroy(handle).unwrap();
}

#[test]
fn a_freed_handle_is_refused_even_when_its_slot_is_used_again() {
    let old = create::<Text>("old".to_owned()).unwrap();
    destroy(old).unwrap();
    let new: Vec<_> = (0..300).map(|_| create::<Text>("new".to_owned()).unwrap()).collect();
    assert_eq!(code(destroy(old)), ErrorCode::InvalidArgument);
    assert_eq!(code(shared(old)), ErrorCode::InvalidArgument);
    assert_eq!(code(exclusive(old)), ErrorCode::InvalidArgument);
    new.into_iter().for_each(|handle| destroy(handle).unwrap());
}

#[test]
fn foreign_and_mistyped_handles_are_refused() {
    let handle = create::<Text>("text".to_owned()).unwrap();
    assert_eq!(code(shared(handle.cast::<Number>())), ErrorCode::InvalidArgument);
    let mut on_stack = 0_u64;
    let foreign = (&raw mut on_stack).cast::<Number>();
    assert_eq!(code(shared(foreign)), ErrorCode::InvalidArgument);
    for number in [0, 1, 101, 103, usize::MAX, usize::MAX - 154, 1 << 63] {
        let forged = ptr::without_provenance_mut::<Number>(number);
        assert_eq!(code(destroy(forged)), ErrorCode::InvalidArgument, "{number:x}");
        assert_eq!(code(exclusive(forged)), ErrorCode::InvalidArgument, "{number:x}");
    }
    destroy(handle).unwrap();
}

#[test]
fn an_object_freed_in_the_middle_of_a_call_lives_until_the_call_returns() {
    let object = Arc::new(7);
    let handle = create::<Number>(Arc::clone(&object)).unwrap();
    let in_call = shared(handle).unwrap();
    destroy(handle).unwrap();
    assert_eq!(code(shared(handle)), ErrorCode::InvalidArgument);
    assert_eq!((**in_call, Arc::strong_count(&object)), (7, 2));
    drop(in_call);
    assert_eq!(Arc::strong_count(&object), 1);
}

#[test]
fn an_object_in_exclusive_use_is_busy_for_all_others() {
    let handle = create::<Number>(Arc::new(7)).unwrap();
    let in_call = exclusive(handle).unwrap();
    assert_eq!(code(exclusive(handle)), ErrorCode::Busy);
    assert_eq!(code(shared(handle)), ErrorCode::Busy);
    assert_eq!(code(destroy(handle)), ErrorCode::Busy);
    drop(in_call);
    let in_call = shared(handle).unwrap();
    assert_eq!(code(exclusive(handle)), ErrorCode::Busy);
    drop(in_call);
    destroy(handle).unwrap();
}

/// Two numbers that are equal unless somebody is changing them.
struct Pair;
kind!(Pair, [u64; 2], 105, "pair", at home);

/// Some tens of nanoseconds.
fn linger() {
    for turn in 0..50 {
        std::hint::black_box(turn);
    }
}

fn step(pair: *const Pair) -> bool {
    exclusive(pair)
        .map(|mut pair| {
            assert_eq!(pair[0], pair[1], "two threads had it for themselves");
            pair[0] += 1;
            linger();
            pair[1] += 1;
        })
        .is_ok()
}

#[test]
fn an_object_with_a_home_is_everybodys_in_turn() {
    let pair = create::<Pair>([0; 2]).unwrap();
    assert!((0..10).all(|_| step(pair)));
    let address = pair.addr();
    let elsewhere = move || {
        let pair = ptr::without_provenance::<Pair>(address);
        assert!((0..10).all(|_| step(pair)));
        assert_eq!(shared(pair).unwrap()[0], 20);
    };
    std::thread::spawn(elsewhere).join().unwrap();
    assert!((0..10).all(|_| step(pair)));
    assert_eq!(shared(pair).unwrap()[0], 30);
    destroy(pair).unwrap();
    assert_eq!(code(exclusive(pair)), ErrorCode::InvalidArgument);
}

#[test]
fn an_object_at_home_is_busy_for_others_only_while_someone_is_inside() {
    let pair = create::<Pair>([0; 2]).unwrap();
    assert!(step(pair));
    let address = pair.addr();
    let inside = exclusive(pair).unwrap();
    assert_eq!(code(exclusive(pair)), ErrorCode::Busy, "a signal handler");
    let others = move || {
        let pair = ptr::without_provenance::<Pair>(address);
        assert_eq!(code(exclusive(pair)), ErrorCode::Busy);
        assert_eq!(code(shared(pair)), ErrorCode::Busy);
        assert_eq!(code(destroy(pair)), ErrorCode::Busy);
    };
    std::thread::spawn(others).join().unwrap();
    drop(inside);
    let others = move || assert!(step(ptr::without_provenance(address)));
    std::thread::spawn(others).join().unwrap();
    assert!(step(pair));
    destroy(pair).unwrap();
}

#[test]
fn the_short_way_home_is_there_for_nobody_but_an_idle_home_thread() {
    let pair = create::<Pair>([0; 2]).unwrap();
    assert!(at_home(pair).is_none(), "nobody has used it");
    assert!(step(pair));
    at_home(pair).unwrap()[0] = 1;
    assert_eq!(*shared(pair).unwrap(), [1, 1]);
    let inside = exclusive(pair).unwrap();
    assert!(at_home(pair).is_none(), "a signal handler");
    assert_eq!(code(exclusive(pair)), ErrorCode::Busy, "the look has ended the use");
    drop(inside);
    let inside = at_home(pair).unwrap();
    assert_eq!(code(exclusive(pair)), ErrorCode::Busy);
    drop(inside);
    let reading = shared(pair).unwrap();
    assert!(at_home(pair).is_none(), "somebody reads it");
    drop(reading);
    let address = pair.addr();
    let elsewhere = move || {
        let pair = ptr::without_provenance::<Pair>(address);
        assert!(at_home(pair).is_none(), "another thread");
        assert!(step(pair));
    };
    std::thread::spawn(elsewhere).join().unwrap();
    assert!(at_home(pair).is_none(), "it has left");
    assert!(step(pair));
    destroy(pair).unwrap();
    assert!(at_home(pair).is_none(), "it is dead");
    assert!(at_home(ptr::null::<Pair>()).is_none());
    let number = create::<Number>(Arc::new(7)).unwrap();
    assert!(at_home(number.cast::<Pair>()).is_none(), "it is of another type");
    destroy(number).unwrap();
}

/// Tells the other thread when one is over, so that it does not wait for ever.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn no_two_threads_have_an_object_with_a_home_at_the_same_time() {
    const ROUNDS: usize = 20_000;
    let (given, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _over = Over(&is_over);
            for _ in 0..ROUNDS {
                let mut address = 0;
                while address == 0 {
                    assert!(!is_over.load(Ordering::Relaxed), "the other thread has failed");
                    std::hint::spin_loop();
                    address = given.load(Ordering::Acquire);
                }
                (0..3).for_each(|_| while !step(ptr::without_provenance(address)) {});
                given.store(0, Ordering::Release);
            }
        });
        let _over = Over(&is_over);
        for _ in 0..ROUNDS {
            let pair = create::<Pair>([0; 2]).unwrap();
            assert!(step(pair));
            given.store(pair.addr(), Ordering::Release);
            while given.load(Ordering::Acquire) != 0 {
                let may_wait = !is_over.load(Ordering::Acquire) || given.load(Ordering::Acquire) == 0;
                assert!(may_wait, "the other thread has failed");
                step(pair);
                linger();
                linger();
            }
            let [a, b] = *shared(pair).unwrap();
            assert_eq!(a, b);
            destroy(pair).unwrap();
        }
    });
}

struct AtHome;
kind!(AtHome, Arc<u64>, 107, "number at home", at home);

#[test]
fn threads_that_use_and_free_one_handle_never_meet_a_dead_object() {
    use_and_free::<Number>();
    use_and_free::<AtHome>();
}

#[test]
fn an_object_at_home_that_is_freed_in_the_middle_of_a_call_lives_until_the_call_returns() {
    for freed_at_home in [true, false] {
        let object = Arc::new(7);
        let handle = create::<AtHome>(Arc::clone(&object)).unwrap();
        assert_eq!(**shared(handle).unwrap(), 7);
        let (in_call, address) = (shared(handle).unwrap(), handle.addr());
        let nested = shared(handle).unwrap();
        if freed_at_home {
            destroy(handle).unwrap();
        } else {
            std::thread::spawn(move || destroy(ptr::without_provenance::<AtHome>(address)).unwrap())
                .join()
                .unwrap();
        }
        assert_eq!(code(shared(handle)), ErrorCode::InvalidArgument);
        drop(nested);
        assert_eq!((**in_call, Arc::strong_count(&object)), (7, 2));
        drop(in_call);
        assert_eq!(Arc::strong_count(&object), 1);
    }
}

#[test]
fn an_object_at_home_is_shared_with_other_threads() {
    let handle = create::<AtHome>(Arc::new(7)).unwrap();
    drop(shared(handle).unwrap());
    let (in_call, address) = (shared(handle).unwrap(), handle.addr());
    let others = move || {
        let handle = ptr::without_provenance::<AtHome>(address);
        assert_eq!(**shared(handle).unwrap(), 7);
        assert_eq!(code(exclusive(handle)), ErrorCode::Busy);
    };
    std::thread::spawn(others).join().unwrap();
    drop(in_call);
    destroy(handle).unwrap();
}

fn use_and_free<K: Kind<Content = Arc<u64>>>() {
    for round in 0..400 {
        let object = Arc::new(7);
        let handle = create::<K>(Arc::clone(&object)).unwrap();
        if round % 2 == 0 {
            drop(shared(handle).unwrap());
        }
        let handle = handle.addr();
        std::thread::scope(|scope| {
            for thread in 0..4 {
                scope.spawn(move || {
                    let handle = ptr::without_provenance::<K>(handle);
                    for _ in 0..50 {
                        if thread % 2 == 0 {
                            shared(handle).ok().inspect(|number| assert_eq!(***number, 7));
                        } else {
                            exclusive(handle).ok().inspect(|number| assert_eq!(***number, 7));
                        }
                    }
                    while destroy(handle).is_err_and(|error| error.code() == ErrorCode::Busy) {}
                });
            }
            // The home thread, half of the time.
            let handle = ptr::without_provenance::<K>(handle);
            while shared(handle).is_ok_and(|number| **number == 7) {}
        });
        assert_eq!(Arc::strong_count(&object), 1, "freed once, and only once");
    }
}
