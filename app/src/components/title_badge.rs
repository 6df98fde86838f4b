//! The work that goes on, in the title and the icon of the tab, for those who carry on in another one.
//!
//! Browser only by nature: both change in Effects. A page's own title (`42 % · spring list`) comes from the page.

use crate::state::live::{Summary, use_live};
use leptos::prelude::*;

/// An icon whose ring is filled as far as the work is.
fn icon(summary: Summary) -> String {
    let Summary { active, percent } = summary;
    if active == 0 {
        return "/icon.svg".to_owned();
    }
    let share = percent.unwrap_or(0);
    // The circumference of the ring is 100, so that a percentage is its dash.
    format!(
        "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 40 40'%3E\
         %3Ccircle cx='20' cy='20' r='15.915' fill='none' stroke='%23b9b4a7' stroke-width='7'/%3E\
         %3Ccircle cx='20' cy='20' r='15.915' fill='none' stroke='%23205ca8' stroke-width='7' \
         stroke-dasharray='{share} 100' transform='rotate(-90 20 20)'/%3E%3C/svg%3E"
    )
}

/// Keeps the tab's icon true; renders nothing.
#[component]
pub fn TitleBadge() -> impl IntoView {
    let summary = use_live().summary();
    Effect::new(move |before: Option<Summary>| {
        let summary = summary.get();
        if before.is_some_and(|before| before != summary) || (before.is_none() && summary.active > 0) {
            // Without the element there is nothing to keep true.
            if let Ok(Some(link)) = document().query_selector("link[rel='icon']") {
                let _ = link.set_attribute("href", &icon(summary));
            }
        }
        summary
    });
}
