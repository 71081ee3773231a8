//! Identifiers as Sift makes them: random UUIDs, 36 characters long.

/// A new random (version 4) UUID in text form.
pub(crate) fn new_id() -> String {
    let bits = rand::random::<u128>();
    let bits = (bits & !(0xf << 76) & !(0b11 << 62)) | (0x4 << 76) | (0b10 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::new_id;

    #[test]
    fn an_id_is_a_version_4_uuid_of_36_characters() {
        let id = new_id();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        assert_ne!(id, new_id());
    }
}
