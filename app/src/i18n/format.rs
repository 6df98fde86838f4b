//! Figures, durations and dates as each language writes them. Pure: time comes in as an argument.
//!
//! Used by every view. Knows no locale of the machine, so that server and browser write the same text; times are in UTC and say so.

use super::Lang;
use domain::{Progress, Timestamp, kinds::catalogue_export::PACKING};

/// A whole number with its thousands grouped: `1,200`, `1 200`.
pub fn number(lang: Lang, value: u64) -> String {
    let digits = value.to_string();
    let separator = match lang {
        Lang::En => ',',
        Lang::Fr => '\u{202f}',
    };
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

/// A decimal as stored (`12.50`) in the language's writing (`12,50`).
pub fn decimal(lang: Lang, text: &str) -> String {
    match lang {
        Lang::En => text.to_owned(),
        Lang::Fr => text.replace('.', ","),
    }
}

/// Bytes in a readable unit: `3.4 MB`.
pub fn bytes(lang: Lang, value: u64) -> String {
    let units = match lang {
        Lang::En => ["bytes", "KB", "MB", "GB"],
        Lang::Fr => ["octets", "Ko", "Mo", "Go"],
    };
    let power = [1_000_000_000, 1_000_000, 1_000].iter().position(|&limit| value >= limit).map_or(0, |at| 3 - at);
    let unit = units.get(power).copied().unwrap_or_default();
    if power == 0 {
        return format!("{} {unit}", number(lang, value));
    }
    let tenths = value / (1000_u64.pow(power as u32) / 10);
    decimal(lang, &format!("{}.{} {unit}", tenths / 10, tenths % 10))
}

/// A length of time, in at most two units: `0.4 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(lang: Lang, ms: i64) -> String {
    let ms = ms.max(0);
    let seconds = ms / 1000;
    match seconds {
        0 if ms < 100 => format!("{ms} ms"),
        1..10 if ms % 1000 < 100 => format!("{seconds} s"),
        0..10 => decimal(lang, &format!("{}.{} s", seconds, ms % 1000 / 100)),
        10..60 => format!("{seconds} s"),
        60..3600 if seconds % 60 == 0 => format!("{} min", seconds / 60),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => match lang {
            Lang::En => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
            Lang::Fr => format!("{} j {} h", seconds / 86_400, seconds / 3600 % 24),
        },
    }
}

/// A length of time in its largest unit.
fn rough(lang: Lang, seconds: i64) -> String {
    match (seconds, lang) {
        (..60, _) => format!("{seconds} s"),
        (..3600, _) => format!("{} min", seconds / 60),
        (..86_400, _) => format!("{} h", seconds / 3600),
        (_, Lang::En) => format!("{} d", seconds / 86_400),
        (_, Lang::Fr) => format!("{} j", seconds / 86_400),
    }
}

/// How long ago: `just now`, `12 s ago`; after a week the date.
pub fn ago(lang: Lang, now: Timestamp, then: Timestamp) -> String {
    let seconds = now.ms_since(then) / 1000;
    match (seconds, lang) {
        (..3, Lang::En) => "just now".to_owned(),
        (..3, Lang::Fr) => "à l’instant".to_owned(),
        (604_800.., _) => date(lang, then),
        (_, Lang::En) => format!("{} ago", rough(lang, seconds)),
        (_, Lang::Fr) => format!("il y a {}", rough(lang, seconds)),
    }
}

/// How long until: `in 12 s`, `any moment now`.
pub fn until(lang: Lang, now: Timestamp, then: Timestamp) -> String {
    let seconds = then.ms_since(now) / 1000;
    match (seconds, lang) {
        (..1, Lang::En) => "any moment now".to_owned(),
        (..1, Lang::Fr) => "d’un instant à l’autre".to_owned(),
        (_, Lang::En) => format!("in {}", rough(lang, seconds)),
        (_, Lang::Fr) => format!("dans {}", rough(lang, seconds)),
    }
}

/// A range of seconds: `3 to 6 s`, `2 to 5 min`.
pub fn range(lang: Lang, [from, to]: [u64; 2]) -> String {
    let (from, to, unit) = if to < 120 { (from, to, "s") } else { (from / 60, to.div_ceil(60), "min") };
    match lang {
        _ if from == to => format!("{to} {unit}"),
        Lang::En => format!("{from} to {to} {unit}"),
        Lang::Fr => format!("{from} à {to} {unit}"),
    }
}

const MONTHS: [[&str; 12]; 2] = [
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"],
    ["janv.", "févr.", "mars", "avr.", "mai", "juin", "juil.", "août", "sept.", "oct.", "nov.", "déc."],
];

/// A day: `23 Nov 2026`.
pub fn date(lang: Lang, at: Timestamp) -> String {
    let (year, month, day) = at.date();
    let names = &MONTHS[usize::from(lang == Lang::Fr)];
    format!("{day} {} {year}", names.get(month.saturating_sub(1) as usize).copied().unwrap_or_default())
}

/// A time of day with seconds: `22:51:03`.
pub fn time(at: Timestamp) -> String {
    let seconds = at.0.rem_euclid(86_400_000) / 1000;
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// A moment in full: `23 Nov 2026, 22:51:03 UTC`.
pub fn moment(lang: Lang, at: Timestamp) -> String {
    match lang {
        Lang::En => format!("{}, {} UTC", date(lang, at), time(at)),
        Lang::Fr => format!("{} à {} UTC", date(lang, at), time(at)),
    }
}

/// A moment to the minute: `23 Nov 2026, 22:51 UTC`.
pub fn minute(lang: Lang, at: Timestamp) -> String {
    let minutes = at.0.rem_euclid(86_400_000) / 60_000;
    let time = format!("{:02}:{:02}", minutes / 60, minutes % 60);
    match lang {
        Lang::En => format!("{}, {time} UTC", date(lang, at)),
        Lang::Fr => format!("{} à {time} UTC", date(lang, at)),
    }
}

/// A place in a row: `1st`, `12th`; `1er`, `2e`.
pub fn ordinal(lang: Lang, value: u64) -> String {
    let ending = match (lang, value % 10, value % 100) {
        (Lang::Fr, ..) if value == 1 => "er",
        (Lang::Fr, ..) => "e",
        (Lang::En, _, 11..=13) => "th",
        (Lang::En, 1, _) => "st",
        (Lang::En, 2, _) => "nd",
        (Lang::En, 3, _) => "rd",
        (Lang::En, ..) => "th",
    };
    format!("{}{ending}", number(lang, value))
}

/// How far: `2 of 5 steps (40 %)`, with the kind's note.
pub fn progress(lang: Lang, progress: &Progress) -> String {
    let in_bytes = progress.unit.as_deref() == Some("bytes");
    let figure = |value| if in_bytes { bytes(lang, value) } else { number(lang, value) };
    let unit = match (progress.unit.as_deref(), lang) {
        (None | Some("bytes"), _) => String::new(),
        (Some("steps"), Lang::Fr) => " étapes".to_owned(),
        (Some("rows"), Lang::Fr) => " lignes".to_owned(),
        (Some("suppliers"), Lang::Fr) => " fournisseurs".to_owned(),
        (Some("products"), Lang::Fr) => " produits".to_owned(),
        (Some(unit), _) => format!(" {unit}"),
    };
    let mut text = match (progress.total, lang) {
        (Some(total), Lang::En) => format!("{} of {}{unit}", figure(progress.done), figure(total)),
        (Some(total), Lang::Fr) => format!("{} sur {}{unit}", figure(progress.done), figure(total)),
        (None, _) => format!("{}{unit}", figure(progress.done)),
    };
    if let Some(percent) = progress.percent() {
        text.push_str(&format!(" ({percent} %)"));
    }
    if let Some(note) = &progress.note {
        let note = match (note.as_str(), lang) {
            (PACKING, Lang::En) => "packing the file",
            (PACKING, Lang::Fr) => "mise en paquet du fichier",
            (note, _) => note,
        };
        text.push_str(&format!(" · {note}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_grouped_by_language() {
        assert_eq!(number(Lang::En, 1_234_567), "1,234,567");
        assert_eq!(number(Lang::Fr, 1_200), "1\u{202f}200");
        assert_eq!(number(Lang::En, 999), "999");
        assert_eq!(bytes(Lang::En, 3_450_000), "3.4 MB");
        assert_eq!(bytes(Lang::Fr, 1_500), "1,5 Ko");
        assert_eq!(bytes(Lang::En, 12), "12 bytes");
    }

    #[test]
    fn durations_take_at_most_two_units() {
        let of = |ms| duration(Lang::En, ms);
        assert_eq!(
            [of(38), of(400), of(12_000), of(200_000), of(7_500_000)],
            ["38 ms", "0.4 s", "12 s", "3 min 20 s", "2 h 5 min"]
        );
    }

    #[test]
    fn moments_are_near_or_dated() {
        let then = Timestamp(1_795_474_263_000);
        assert_eq!(ago(Lang::En, then.plus_ms(12_000), then), "12 s ago");
        assert_eq!(ago(Lang::Fr, then.plus_ms(7_200_000), then), "il y a 2 h");
        assert_eq!(ago(Lang::En, then.plus_ms(-5), then), "just now");
        assert_eq!(ago(Lang::En, then.plus_ms(700_000_000), then), date(Lang::En, then));
        assert_eq!(moment(Lang::En, Timestamp(1_709_210_096_789)), "29 Feb 2024, 12:34:56 UTC");
        assert_eq!(moment(Lang::Fr, Timestamp(1_709_210_096_789)), "29 févr. 2024 à 12:34:56 UTC");
        assert_eq!(minute(Lang::En, Timestamp(1_709_210_096_789)), "29 Feb 2024, 12:34 UTC");
        assert_eq!(minute(Lang::Fr, Timestamp(1_709_210_096_789)), "29 févr. 2024 à 12:34 UTC");
        assert_eq!([range(Lang::En, [3, 6]), range(Lang::Fr, [90, 300])], ["3 to 6 s", "1 à 5 min"]);
    }

    #[test]
    fn places_are_numbered_as_the_language_does() {
        let english = [1, 2, 3, 4, 11, 12, 13, 21, 1_102].map(|n| ordinal(Lang::En, n));
        assert_eq!(english, ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "1,102nd"]);
        assert_eq!([1, 2, 21].map(|n| ordinal(Lang::Fr, n)), ["1er", "2e", "21e"]);
    }

    #[test]
    fn progress_reads_as_a_sentence() {
        let steps = Progress { done: 2, total: Some(5), unit: Some("steps".into()), note: None };
        assert_eq!(progress(Lang::En, &steps), "2 of 5 steps (40 %)");
        assert_eq!(progress(Lang::Fr, &steps), "2 sur 5 étapes (40 %)");
    }
}
