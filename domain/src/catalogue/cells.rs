//! What single values of a product may say: prices and quantities.
//!
//! Pure functions over trimmed text, used by the reader of product files and by edits.
//! Invariant: two texts of the same price become the same text, so that comparing is enough.

/// A price as a canonical decimal: at least two decimals, no needless zeros (`50` and `50.0` are `50.00`).
pub fn price(cell: &str) -> Option<String> {
    let (whole, decimals) = cell.split_once('.').unwrap_or((cell, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && decimals.is_empty()) || !digits(whole) || !digits(decimals) {
        return None;
    }
    let whole = whole.trim_start_matches('0');
    let decimals = decimals.trim_end_matches('0');
    if whole.len() > 12 || decimals.len() > 6 {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(format!("{whole}.{decimals:0<2}"))
}

/// A price as people type it: with a comma too, where it can only be a decimal one (`12,5`, `12,50`; `1,000` may be a thousand).
pub fn typed_price(text: &str) -> Option<String> {
    match text.split_once(',') {
        Some((whole, decimals)) if matches!(decimals.len(), 1 | 2) && !whole.is_empty() => {
            price(&format!("{whole}.{decimals}"))
        }
        _ => price(text),
    }
}

/// A whole number; below zero when more was sold than there was.
pub fn quantity(cell: &str) -> Option<i64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    cell.parse().ok().filter(|_| valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_price_is_the_same_text() {
        for (cell, canonical) in [
            ("50", "50.00"),
            ("50.0", "50.00"),
            ("050.00", "50.00"),
            ("9.9", "9.90"),
            ("0.125", "0.125"),
            (".5", "0.50"),
            ("5.", "5.00"),
            ("0", "0.00"),
            ("999999999999.99", "999999999999.99"),
        ] {
            assert_eq!(price(cell).as_deref(), Some(canonical), "{cell}");
        }
    }

    #[test]
    fn what_is_no_price_is_refused() {
        for cell in
            ["12,50", "-1", "+1", "abc", "$5", "1e3", "1.2.3", ".", "1 000", "NaN", "٣", "1234567890123", "0.1234567"]
        {
            assert_eq!(price(cell), None, "{cell}");
        }
    }

    #[test]
    fn a_comma_is_taken_where_it_can_only_be_a_decimal_one() {
        assert_eq!(typed_price("12,5").as_deref(), Some("12.50"));
        assert_eq!(typed_price("12,50").as_deref(), Some("12.50"));
        assert_eq!(typed_price("12.50").as_deref(), Some("12.50"));
        for text in ["1,000", "1,000.00", ",5", "12,", "1,2,3", "1,2.5"] {
            assert_eq!(typed_price(text), None, "{text}");
        }
    }

    #[test]
    fn quantities_are_whole_numbers() {
        assert_eq!(quantity("12"), Some(12));
        assert_eq!(quantity("-3"), Some(-3));
        for cell in ["", "-", "+3", "1.0", "1,000", "many", "9223372036854775808"] {
            assert_eq!(quantity(cell), None, "{cell}");
        }
    }
}
