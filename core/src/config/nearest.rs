//! Which name was probably meant.

/// The one of `names` that is nearest to `wanted`: by what has to be typed to get there, where a name may also be given
/// without what stands before its last dot.
pub(super) fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names.into_iter().min_by_key(|name| (distance_to(wanted, name), distance(wanted, name)))
}

/// How far the nearest of `names` is.
pub(super) fn distance_to(wanted: &str, name: &str) -> usize {
    let last = |text: &str| text.rsplit('.').next().map_or(0, str::len);
    let (wanted_last, name_last) = (&wanted[wanted.len() - last(wanted)..], &name[name.len() - last(name)..]);
    // The right last part is worth more than a slip in the whole, but less than the whole.
    distance(wanted, name).min(distance(wanted_last, name_last) + 1)
}

/// How many letters have to be put in, taken out or replaced.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (at, letter) in a.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_and_missing_groups_are_seen_through() {
        let names = ["linger", "batch_size", "disk_backup_policy.max_bytes", "uri"];
        for (wanted, meant) in [
            ("lingr", "linger"),
            ("batchsize", "batch_size"),
            ("max_bytes", "disk_backup_policy.max_bytes"),
            ("disk_backup_policy.max_byte", "disk_backup_policy.max_bytes"),
            ("url", "uri"),
        ] {
            assert_eq!(nearest(wanted, names), Some(meant), "{wanted}");
        }
        assert_eq!(nearest("x", []), None);
    }
}
