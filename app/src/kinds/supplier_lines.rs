//! The suppliers' lines of a log as rows of a table, and their offers by product.
//!
//! Used by [`super::supplier_quotes`]. Pure.
//! Invariant: a supplier has one row, its latest line; settled ones stand before the others, in the order in which they settled.

use domain::kinds::supplier_quotes::{Circuit, Line, LineState, Offer, Quote, Reason};
use std::collections::BTreeMap;

/// Where one supplier stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub supplier: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub state: LineState,
    /// Why it failed.
    pub reason: Option<Reason>,
    /// Its prices.
    pub offers: Vec<Quote>,
    /// Milliseconds that it took.
    pub took_ms: Option<u64>,
    /// Its circuit.
    pub circuit: Circuit,
}

impl Row {
    /// Changes with everything that the row shows.
    pub fn key(&self) -> (String, LineState, Option<Reason>, usize, Circuit) {
        (self.supplier.clone(), self.state, self.reason, self.offers.len(), self.circuit)
    }
}

/// One row a supplier.
pub fn rows(lines: Vec<Line>) -> Vec<Row> {
    let (mut settled, mut open): (Vec<Row>, Vec<Row>) = (Vec::new(), Vec::new());
    for line in lines {
        let Line { supplier, name, state, reason, offers, took_ms, circuit } = line;
        if let Some(row) = settled.iter_mut().find(|row| row.supplier == supplier && row.state == state) {
            // The rest of an answer that an event had no room for.
            row.offers.extend(offers);
            continue;
        }
        let is_same = |row: &Row| row.supplier == supplier;
        let at = open.iter().position(is_same);
        settled.retain(|row| !is_same(row));
        let row = Row { supplier, name, state, reason, offers, took_ms, circuit };
        match (at, state.is_settled()) {
            (Some(at), false) => open[at] = row,
            (None, false) => open.push(row),
            (at, true) => {
                at.map(|at| open.remove(at));
                settled.push(row);
            }
        }
    }
    settled.extend(open);
    settled
}

/// The names in a log's lines, by id.
pub fn names(lines: Vec<Line>) -> BTreeMap<String, String> {
    lines.into_iter().map(|line| (line.supplier, line.name)).collect()
}

/// For each product (and currency, since prices of two cannot be compared) the best offer, and the others from good to bad. The lower
/// price is better; of two the same, the one that comes sooner.
pub fn best_offers(offers: &[Offer]) -> Vec<(Offer, Vec<Offer>)> {
    let mut by_product: BTreeMap<(&str, &str), Vec<&Offer>> = BTreeMap::new();
    for offer in offers {
        by_product.entry((&offer.quote.handle, &offer.quote.currency)).or_default().push(offer);
    }
    let sorted = by_product.into_values().filter_map(|mut offers| {
        offers.sort_by_key(|offer| (offer.quote.amount().unwrap_or(u64::MAX), offer.quote.delivery_days));
        let mut offers = offers.into_iter().cloned();
        Some((offers.next()?, offers.collect()))
    });
    sorted.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(supplier: &str, state: LineState, handles: &[&str]) -> Line {
        let quote = |handle: &&str| Quote {
            handle: (*handle).to_owned(),
            price: "1.00".to_owned(),
            currency: "EUR".to_owned(),
            delivery_days: 1,
        };
        Line {
            supplier: supplier.to_owned(),
            name: supplier.to_uppercase(),
            state,
            reason: None,
            offers: handles.iter().map(quote).collect(),
            took_ms: None,
            circuit: Circuit::Closed,
        }
    }

    use LineState::{Answered, Asked, Failed, Promised};

    fn order(lines: Vec<Line>) -> Vec<(String, LineState, usize)> {
        rows(lines).into_iter().map(|row| (row.supplier, row.state, row.offers.len())).collect()
    }

    #[test]
    fn answers_stand_first_in_the_order_in_which_they_came() {
        let mut lines = vec![line("a", Asked, &[]), line("b", Asked, &[]), line("c", Asked, &[])];
        lines.extend([line("c", Answered, &["x"]), line("b", Promised, &[]), line("c", Answered, &["y"])]);
        let expected = [("c", Answered, 2), ("a", Asked, 0), ("b", Promised, 0)];
        assert_eq!(order(lines.clone()), expected.map(|(id, state, count)| (id.to_owned(), state, count)));
        lines.extend([line("b", Answered, &["x"]), line("a", Failed, &[])]);
        let expected = [("c", Answered, 2), ("b", Answered, 1), ("a", Failed, 0)];
        assert_eq!(order(lines), expected.map(|(id, state, count)| (id.to_owned(), state, count)));
    }

    #[test]
    fn whoever_is_asked_again_has_one_row_still() {
        let lines = vec![line("a", Asked, &[]), line("a", Failed, &[]), line("a", Asked, &[])];
        assert_eq!(order(lines.clone()), [("a".to_owned(), Asked, 0)]);
        let lines = [lines, vec![line("a", Answered, &["x"])]].concat();
        assert_eq!(order(lines), [("a".to_owned(), Answered, 1)]);
    }

    #[test]
    fn the_best_offer_is_the_cheapest_then_the_soonest() {
        let offer = |supplier: &str, price: &str, currency: &str, days| Offer {
            supplier: supplier.to_owned(),
            quote: Quote {
                handle: "mug".to_owned(),
                price: price.to_owned(),
                currency: currency.to_owned(),
                delivery_days: days,
            },
        };
        let offers = [
            offer("a", "10.00", "EUR", 1),
            offer("b", "9.90", "EUR", 5),
            offer("c", "9.9", "EUR", 2),
            offer("d", "1", "USD", 1),
        ];
        let best = best_offers(&offers);
        let ids: Vec<_> = best.iter().map(|(best, _)| best.supplier.as_str()).collect();
        assert_eq!(ids, ["c", "d"]);
        assert_eq!(best[0].1.iter().map(|offer| offer.supplier.as_str()).collect::<Vec<_>>(), ["b", "a"]);
    }
}
