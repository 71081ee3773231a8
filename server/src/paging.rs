//! Pages of a list, with tokens that tell where the next one starts.

use tonic::Status;

const DEFAULT_PAGE_SIZE: usize = 1_000;

/// Cuts one page out of `items`: at most `requested` (0 = default) and never more than `limit`.
/// Returns it with the token of the next page, which is empty at the end.
pub(crate) fn page<T>(
    items: impl Iterator<Item = T>,
    requested: u32,
    token: &str,
    limit: usize,
) -> Result<(Vec<T>, String), Status> {
    let start = if token.is_empty() {
        0
    } else {
        token.strip_prefix("from-").and_then(|text| text.parse().ok()).ok_or_else(|| {
            Status::invalid_argument(format!("page token `{token}` was not made by this server"))
        })?
    };
    let wanted = if requested == 0 { DEFAULT_PAGE_SIZE } else { requested as usize };
    let size = wanted.min(limit).max(1);
    let mut items = items.skip(start);
    let page: Vec<T> = items.by_ref().take(size).collect();
    let next = if items.next().is_some() { format!("from-{}", start + size) } else { String::new() };
    Ok((page, next))
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn following_the_tokens_yields_every_item_once() {
        let mut all = Vec::new();
        let mut token = String::new();
        loop {
            let (items, next) = page(0..7, 0, &token, 3).unwrap();
            all.extend(items);
            if next.is_empty() {
                break;
            }
            token = next;
        }
        assert_eq!(all, (0..7).collect::<Vec<_>>());
        assert!(page(0..7, 1, "bogus", 3).is_err());
    }
}
