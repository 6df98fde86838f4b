//! Where a job stands with each supplier: the checkpoint, and the lines that tell of each change to it.
//!
//! Moved on by [`super::SupplierQuotes`], which commits it with what it returns. Pure: no clock, no socket.
//! Invariants: a supplier stands in one of the three lists; once it has answered it stays there, whatever comes after that, in this
//! attempt or a later one; prices count in the order in which they came.

use super::{ask::Outcome, client::Listed};
use domain::{
    Progress, Timestamp,
    kinds::supplier_quotes::{Circuit, Failed, Line, LineState, Offer, Output, Quote, Reason},
};
use serde::{Deserialize, Serialize};

/// Prices that one line carries, in bytes of JSON: an event has room for 8 KB.
const LINE_ROOM: usize = 6 * 1024;

/// The checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// The attempt whose time it is: another one has a time of its own.
    attempt: u32,
    /// When the suppliers were asked.
    asked_at: Timestamp,
    /// Until when answers count.
    deadline: Timestamp,
    open: Vec<Party>,
    answered: Vec<Answered>,
    failed: Vec<Given>,
}

/// A supplier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Party {
    id: String,
    name: String,
    /// It has said that it will call back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    promised: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Answered {
    id: String,
    quotes: Vec<Quote>,
}

/// One that was given up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Given {
    party: Party,
    reason: Reason,
}

impl Course {
    /// Nobody has been asked yet.
    pub fn new(suppliers: Vec<Listed>, unknown: Vec<String>) -> Self {
        let party = |id, name| Party { id, name, promised: false };
        let open = suppliers.into_iter().map(|supplier| party(supplier.id, supplier.name)).collect();
        let no_such = |id: String| Given { party: party(id.clone(), id), reason: Reason::UnknownSupplier };
        let failed = unknown.into_iter().map(no_such).collect();
        Self { attempt: 0, asked_at: Timestamp(0), deadline: Timestamp(0), open, answered: Vec::new(), failed }
    }

    /// Begins an attempt. One that goes on (after a crash, or a wait) keeps its time and its promises; another one has a time of its
    /// own, and asks again whoever has not answered. Answers where those stand that it asks, and those that it will not.
    pub fn begin(&mut self, attempt: u32, now: Timestamp, within_ms: i64) -> Vec<Line> {
        if self.attempt == attempt {
            return Vec::new();
        }
        (self.attempt, self.asked_at, self.deadline) = (attempt, now, now.plus_ms(within_ms));
        let (unknown, again): (Vec<_>, Vec<_>) =
            self.failed.drain(..).partition(|given| given.reason == Reason::UnknownSupplier);
        self.open.extend(again.into_iter().map(|given| given.party));
        self.open.iter_mut().for_each(|party| party.promised = false);
        let asked = self.open.iter().map(|party| line(party, LineState::Asked));
        let failed =
            unknown.iter().map(|given| Line { reason: Some(given.reason), ..line(&given.party, LineState::Failed) });
        let lines = asked.chain(failed).collect();
        self.failed = unknown;
        lines
    }

    /// Until when answers count.
    pub fn deadline(&self) -> Timestamp {
        self.deadline
    }

    /// When the suppliers were asked.
    pub fn asked_at(&self) -> Timestamp {
        self.asked_at
    }

    /// Whoever is to be asked: has neither answered nor promised to.
    pub fn to_ask(&self) -> Vec<String> {
        self.open.iter().filter(|party| !party.promised).map(|party| party.id.clone()).collect()
    }

    /// The names of those who will call back.
    pub fn promised(&self) -> Vec<&str> {
        self.open.iter().filter(|party| party.promised).map(|party| party.name.as_str()).collect()
    }

    /// Whether nothing more is expected of anybody.
    pub fn is_settled(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes what came of asking a supplier, or of its call-back. Nothing, when nothing is expected of it any more.
    pub fn take(&mut self, id: &str, outcome: Outcome, took_ms: Option<u64>, circuit: Circuit) -> Vec<Line> {
        let Some(at) = self.open.iter().position(|party| party.id == id) else { return Vec::new() };
        if outcome == Outcome::Promised {
            let Some(party) = self.open.get_mut(at) else { return Vec::new() };
            party.promised = true;
            return vec![Line { circuit, ..line(party, LineState::Promised) }];
        }
        let party = self.open.remove(at);
        match outcome {
            Outcome::Quotes(quotes) => {
                let line = Line { took_ms, circuit, ..line(&party, LineState::Answered) };
                let lines = spread(&quotes).map(|offers| Line { offers: offers.to_vec(), ..line.clone() }).collect();
                self.answered.push(Answered { id: party.id, quotes });
                lines
            }
            Outcome::Failed(reason) => {
                let line = Line { reason: Some(reason), took_ms, circuit, ..line(&party, LineState::Failed) };
                self.failed.push(Given { party, reason });
                vec![line]
            }
            Outcome::Promised => Vec::new(),
        }
    }

    /// The time is over: whoever has not answered is too late. The circuit of each is told by the caller.
    pub fn give_up(&mut self, circuit_of: impl Fn(&str) -> Circuit) -> Vec<Line> {
        let ids: Vec<String> = self.open.iter().map(|party| party.id.clone()).collect();
        let too_late = |id: &String| {
            let circuit = circuit_of(id);
            self.take(id, Outcome::Failed(Reason::TooLate), None, circuit)
        };
        ids.iter().flat_map(too_late).collect()
    }

    /// How many are settled, of how many.
    pub fn progress(&self) -> Progress {
        let settled = self.answered.len() + self.failed.len();
        Progress::of(settled as u64, (settled + self.open.len()) as u64, "suppliers")
    }

    /// What the job brings, once it is settled.
    pub fn output(self) -> Output {
        let offers = self.answered.into_iter().flat_map(|answered| {
            let supplier = answered.id;
            answered.quotes.into_iter().map(move |quote| Offer { supplier: supplier.clone(), quote })
        });
        let failed = self.failed.into_iter().map(|given| Failed { supplier: given.party.id, reason: given.reason });
        Output { offers: offers.collect(), failed: failed.collect() }
    }
}

fn line(party: &Party, state: LineState) -> Line {
    Line {
        supplier: party.id.clone(),
        name: party.name.clone(),
        state,
        reason: None,
        offers: Vec::new(),
        took_ms: None,
        circuit: Circuit::Closed,
    }
}

/// The prices in portions that fit into an event; one portion at least, since no prices are an answer too.
fn spread(quotes: &[Quote]) -> impl Iterator<Item = &[Quote]> {
    let mut rest = Some(quotes);
    std::iter::from_fn(move || {
        let quotes = rest.take()?;
        let mut room = LINE_ROOM;
        let fits = |quote: &&Quote| {
            let size = serde_json::to_vec(quote).map_or(LINE_ROOM, |json| json.len() + 1);
            let left = room.checked_sub(size);
            room = left.unwrap_or(0);
            left.is_some()
        };
        let count = quotes.iter().take_while(fits).count().max(1).min(quotes.len());
        let (portion, more) = quotes.split_at(count);
        rest = (!more.is_empty()).then_some(more);
        Some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::api::EVENT_LIMIT;

    fn course(ids: &[&str]) -> Course {
        let listed = |id: &&str| Listed { id: (*id).to_owned(), name: id.to_uppercase() };
        let mut course = Course::new(ids.iter().map(listed).collect(), vec!["nobody".to_owned()]);
        course.begin(1, Timestamp(1_000), 30_000);
        course
    }

    fn quote(handle: &str) -> Quote {
        Quote { handle: handle.to_owned(), price: "9.90".to_owned(), currency: "EUR".to_owned(), delivery_days: 2 }
    }

    fn quotes() -> Outcome {
        Outcome::Quotes(vec![quote("mug")])
    }

    fn take(course: &mut Course, id: &str, outcome: Outcome) -> Vec<LineState> {
        course.take(id, outcome, Some(5), Circuit::Closed).iter().map(|line| line.state).collect()
    }

    #[test]
    fn each_supplier_is_in_the_output_once_in_the_order_of_its_answer() {
        let mut course = course(&["a", "b", "c"]);
        assert_eq!(take(&mut course, "c", quotes()), [LineState::Answered]);
        assert_eq!(take(&mut course, "b", Outcome::Promised), [LineState::Promised]);
        assert_eq!(take(&mut course, "a", Outcome::Failed(Reason::Error)), [LineState::Failed]);
        assert_eq!((course.to_ask(), course.promised(), course.is_settled()), (vec![], vec!["B"], false));
        assert_eq!((course.progress().done, course.progress().total), (3, Some(4)));
        assert_eq!(take(&mut course, "b", quotes()), [LineState::Answered]);
        let output = course.output();
        assert_eq!(output.offers.iter().map(|offer| &*offer.supplier).collect::<Vec<_>>(), ["c", "b"]);
        let failed: Vec<_> = output.failed.iter().map(|failed| (&*failed.supplier, failed.reason)).collect();
        assert_eq!(failed, [("nobody", Reason::UnknownSupplier), ("a", Reason::Error)]);
    }

    #[test]
    fn what_comes_after_an_answer_changes_nothing() {
        let mut course = course(&["a"]);
        take(&mut course, "a", quotes());
        let before = course.clone();
        for late in [quotes(), Outcome::Promised, Outcome::Failed(Reason::Timeout), Outcome::Quotes(Vec::new())] {
            assert_eq!(take(&mut course, "a", late), []);
        }
        assert_eq!(take(&mut course, "stranger", quotes()), []);
        assert_eq!(course, before);
    }

    #[test]
    fn an_attempt_that_goes_on_keeps_promises_and_another_one_asks_who_has_not_answered() {
        let mut course = course(&["a", "b", "c"]);
        take(&mut course, "a", quotes());
        take(&mut course, "b", Outcome::Promised);
        take(&mut course, "c", Outcome::Failed(Reason::Error));
        let mut again = course.clone();
        assert_eq!(again.begin(1, Timestamp(9_000), 30_000), []);
        assert_eq!(again, course, "after a crash or a wait");
        let lines = course.begin(2, Timestamp(9_000), 30_000);
        assert_eq!(lines.iter().map(|line| &*line.supplier).collect::<Vec<_>>(), ["b", "c", "nobody"]);
        assert_eq!((course.to_ask(), course.deadline()), (vec!["b".to_owned(), "c".to_owned()], Timestamp(39_000)));
    }

    #[test]
    fn whoever_has_not_answered_in_time_is_too_late() {
        let mut course = course(&["a", "b", "c"]);
        take(&mut course, "a", quotes());
        take(&mut course, "b", Outcome::Promised);
        let lines = course.give_up(|_| Circuit::Closed);
        assert!(lines.iter().all(|line| line.reason == Some(Reason::TooLate)));
        assert_eq!((lines.len(), course.is_settled()), (2, true));
    }

    #[test]
    fn an_answer_of_any_length_fits_into_its_lines_and_none_is_lost() {
        for (count, length) in [(0, 1), (1, 255), (100, 3), (100, 255)] {
            let mut course = course(&["a"]);
            let all: Vec<_> = (0..count).map(|n| quote(&format!("{n:\u{e9}<length$}", n = n))).collect();
            let lines = course.take("a", Outcome::Quotes(all.clone()), Some(5), Circuit::Closed);
            assert!(lines.iter().all(|line| serde_json::to_vec(line).unwrap().len() < EVENT_LIMIT - 512));
            assert_eq!(lines.iter().flat_map(|line| line.offers.clone()).collect::<Vec<_>>(), all);
            assert!(!lines.is_empty());
        }
    }
}
