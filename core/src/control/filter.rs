//! Filters of Sift's list calls (CEL expressions). Names come from users, so they are quoted with care.

/// The filter `field == 'value'`.
pub fn equals(field: &str, value: &str) -> String {
    format!("{field} == {}", quoted(value))
}

/// The filter `field in ['a','b']`.
pub fn one_of<'a>(field: &str, values: impl IntoIterator<Item = &'a str>) -> String {
    let values: Vec<_> = values.into_iter().map(quoted).collect();
    format!("{field} in [{}]", values.join(","))
}

fn quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len() + 2);
    text.push('\'');
    for character in value.chars() {
        match character {
            '\'' | '\\' => text.extend(['\\', character]),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            _ => text.push(character),
        }
    }
    text.push('\'');
    text
}
