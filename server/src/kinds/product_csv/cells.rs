//! What single cells may say: prices, quantities, yes and no.
//!
//! Pure functions over trimmed text. Invariant: two texts of the same price become the same text, so that comparing is enough.

use std::borrow::Cow;

/// A price as a canonical decimal: at least two decimals, no needless zeros (`50` and `50.0` are `50.00`).
pub(super) fn price(cell: &str) -> Option<String> {
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

/// A whole number; below zero when more was sold than there was.
pub(super) fn quantity(cell: &str) -> Option<i64> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    cell.parse().ok().filter(|_| valid)
}

/// Yes or no, as spreadsheets write them; blank is no.
pub(super) fn truth(cell: &str) -> Option<bool> {
    match cell.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "" | "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Begins as a formula would, to a spreadsheet. A number does not, even below zero.
pub(super) fn is_formula(cell: &str) -> bool {
    let number = || cell.strip_prefix(['-', '+']).is_some_and(|digits| price(digits).is_some());
    cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !number()
}

/// A cell made safe for spreadsheets.
pub fn guard(cell: &str) -> Cow<'_, str> {
    if is_formula(cell) { format!("'{cell}").into() } else { cell.into() }
}

/// Undoes [`guard`].
pub(super) fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(cell)
}

/// Most characters of a cell or a title in what is told about it.
const QUOTED_LIMIT: usize = 80;

/// A text cut to what can be told about it.
pub(super) fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(QUOTED_LIMIT) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()).into(),
        None => text.into(),
    }
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
    fn quantities_are_whole_numbers() {
        assert_eq!(quantity("12"), Some(12));
        assert_eq!(quantity("-3"), Some(-3));
        for cell in ["", "-", "+3", "1.0", "1,000", "many", "9223372036854775808"] {
            assert_eq!(quantity(cell), None, "{cell}");
        }
    }

    #[test]
    fn a_formula_is_guarded_and_a_number_is_not() {
        for cell in ["=1+1", "@SUM(A1)", "-cmd", "+33 1", "\tx"] {
            assert_eq!(guard(cell), format!("'{cell}"));
            assert_eq!(unguard(&guard(cell)), cell);
        }
        for cell in ["-5", "12.50", "shirt", "'quoted'", ""] {
            assert_eq!(guard(cell), cell);
            assert_eq!(unguard(cell), cell);
        }
    }
}
