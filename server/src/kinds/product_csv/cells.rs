//! What single cells may say; prices and quantities are judged by `domain::catalogue::cells`, as in edits.
//!
//! Pure functions over trimmed text.

pub(super) use domain::catalogue::cells::{price, quantity};
use std::borrow::Cow;

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
