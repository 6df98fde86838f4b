//! What single cells may say; prices and quantities are judged by `domain::catalogue::cells`, as in edits.
//!
//! Pure functions over trimmed text. Invariant: [`unguard`] gives back exactly what [`guard`] was given, whatever that was.

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

/// A cell of a column without a field of its own. Yes and no in small letters and amounts as canonical decimals, since spreadsheet
/// programs write `FALSE` and `10.5` where a shop wrote `false` and `10.50`; everything else as it is.
pub(super) fn tidy(title: &str, cell: &str) -> String {
    if cell.eq_ignore_ascii_case("true") || cell.eq_ignore_ascii_case("false") {
        return cell.to_ascii_lowercase();
    }
    Some(cell).filter(|_| is_amount(title)).and_then(price).unwrap_or_else(|| cell.to_owned())
}

/// Whether a column without a field of its own holds amounts of money.
pub(super) fn is_amount(title: &str) -> bool {
    let title = title.to_ascii_lowercase();
    title == "cost per item"
        || ["price / ", "compare at price / ", "compare-at price / "].iter().any(|start| title.starts_with(start))
}

/// Begins as a formula would, to a spreadsheet (OWASP, "CSV Injection"). A number does not, even below zero.
pub(super) fn is_formula(cell: &str) -> bool {
    const SIGNS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    let number = || cell.strip_prefix(['-', '+']).is_some_and(|digits| price(digits).is_some());
    cell.starts_with(SIGNS) && !number()
}

/// A cell made safe for spreadsheets: with an apostrophe before what begins as a formula would, and one more before what already has
/// apostrophes there.
pub fn guard(cell: &str) -> Cow<'_, str> {
    if is_formula(cell.trim_start_matches('\'')) { format!("'{cell}").into() } else { cell.into() }
}

/// Undoes [`guard`]. Only for files that say that their cells are guarded: in any other an apostrophe is the author's.
pub fn unguard(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|rest| is_formula(rest.trim_start_matches('\''))).unwrap_or(cell)
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
        for cell in
            ["=1+1", "@SUM(A1)", "-cmd", "+33 1", "\tx", "\rx", "\nx", "＝1+1", "'=1+1", "''@x", "-", "=", "-5,00"]
        {
            assert_eq!(guard(cell), format!("'{cell}"));
            assert_eq!(unguard(&guard(cell)), cell);
        }
        for cell in ["-5", "-5.00", "+5", "12.50", "shirt", "'quoted'", "'", "''", "'5", "'-5", "", "a=1"] {
            assert_eq!(guard(cell), cell);
            assert_eq!(unguard(cell), cell);
        }
    }

    proptest::proptest! {
        #[test]
        fn what_was_guarded_comes_back_and_is_no_formula(cell in "['=+@\t\r\n0-9.a＝-]{0,6}") {
            let guarded = guard(&cell);
            proptest::prop_assert!(!is_formula(&guarded));
            proptest::prop_assert_eq!(unguard(&guarded), cell.as_str());
        }
    }

    #[test]
    fn what_spreadsheet_programs_rewrite_is_the_same_cell() {
        for (title, cell, tidied) in [
            ("Gift Card", "FALSE", "false"),
            ("Variant Taxable", "True", "true"),
            ("Cost per item", "10.5", "10.50"),
            ("Price / International", "10", "10.00"),
            ("Cost per item", "about 10", "about 10"),
            ("Variant Barcode", "0012", "0012"),
            ("Variant Tax Code", "10.5", "10.5"),
        ] {
            assert_eq!(tidy(title, cell), tidied, "{title}");
        }
    }
}
