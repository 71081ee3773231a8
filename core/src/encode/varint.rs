//! Varints for many rows at once: written with stores of a fixed size, which may write beyond the end of what they stand
//! for. Whoever uses them writes there afterwards, or cuts it off.

/// A store of eight bytes holds varints below this.
const IN_ONE_STORE: u64 = 1 << 56;

/// Writes `value` at `at`, eight bytes or more, and returns how many of them are it.
#[inline(always)]
pub(super) fn put(buf: &mut [u8], at: usize, value: u64) -> usize {
    if value < IN_ONE_STORE {
        let (varint, len) = in_one_store(value);
        store(buf, at, varint.to_le_bytes());
        len
    } else {
        put_long(buf, at, value)
    }
}

/// A varint below [`IN_ONE_STORE`], and how many of its eight bytes are it; the others are 0.
#[inline(always)]
pub(super) fn in_one_store(value: u64) -> (u64, usize) {
    let groups = spread(value);
    let len = 8 - (groups | 1).leading_zeros() as usize / 8;
    let more = 0x8080_8080_8080_8080 & ((1_u64 << (8 * (len - 1))) - 1);
    (groups | more, len)
}

#[cold]
fn put_long(buf: &mut [u8], at: usize, mut value: u64) -> usize {
    let mut end = at;
    while value >= 0x80 {
        buf[end] = value.to_le_bytes()[0] | 0x80;
        value >>= 7;
        end += 1;
    }
    buf[end] = value.to_le_bytes()[0];
    end + 1 - at
}

/// Each seven bits in a byte of their own.
#[inline(always)]
fn spread(value: u64) -> u64 {
    let halves = (value & 0x00ff_ffff_f000_0000) << 4 | (value & 0x0fff_ffff);
    let quarters = (halves & 0x0fff_c000_0fff_c000) << 2 | (halves & 0x0000_3fff_0000_3fff);
    (quarters & 0x3f80_3f80_3f80_3f80) << 1 | (quarters & 0x007f_007f_007f_007f)
}

/// Stores `N` bytes at `at`.
#[inline(always)]
pub(super) fn store<const N: usize>(buf: &mut [u8], at: usize, bytes: [u8; N]) {
    buf[at..at + N].copy_from_slice(&bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::wire;

    #[test]
    fn a_varint_is_as_short_as_it_can_be_and_what_it_says_to_be() {
        for value in (0..64).flat_map(|bit| [(1_u64 << bit) - 1, 1 << bit, (1 << bit) + 1, u64::MAX >> bit]) {
            let mut buf = [0xaa; 16];
            let len = put(&mut buf, 1, value);
            assert_eq!(len, wire::varint_len(value), "{value}");
            let read = buf[1..=len].iter().rev().fold(0_u64, |read, byte| read << 7 | u64::from(byte & 0x7f));
            assert_eq!(read, value);
            assert!(buf[1..len].iter().all(|byte| byte & 0x80 != 0) && buf[len] & 0x80 == 0, "{value}");
        }
    }
}
