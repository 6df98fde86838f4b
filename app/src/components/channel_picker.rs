//! The pill that says how the page stays in touch, and behind it the choice of channel with what each costs and has cost.
//!
//! A real form (`POST /preferences`), which a script makes immediate. Invariant: the pill shows the channel in use, the radio buttons the
//! one wanted; they differ only while a switch is under way or has failed, and then the panel says so.

use super::{
    continuity_badge::ContinuityBadge,
    push_offer::{PushHindrance, PushOffer},
    switches::use_here,
};
use crate::{
    i18n::{format, live::live, notifications::use_notifications, use_lang},
    state::{
        browser_push::{Here, use_browser_push},
        live::use_live,
        prefs::{Choice, use_prefs},
        switch::Channel,
    },
};
use leptos::{html, prelude::*};

/// Pill and panel.
#[component]
pub fn ChannelPicker() -> impl IntoView {
    let (lang, here) = (use_lang(), use_here());
    let words = live(lang);
    let (state, prefs) = (use_live(), use_prefs());
    let (status, channel) = (state.status(), state.channel());
    // Kept while another channel is chosen, so that coming back to polling keeps its interval.
    let interval = RwSignal::new(interval_of(prefs.channel.get_untracked()).unwrap_or(Choice::DEFAULT_INTERVAL_S));
    let (push, pushed) = (use_browser_push(), use_notifications());
    // Push was picked and this browser is not told yet: nothing changes before the visitor has turned notifications on.
    let offered = RwSignal::new(false);
    let details = NodeRef::<html::Details>::new();
    let close = move || {
        if let Some(details) = details.get_untracked() {
            details.set_open(false);
        }
    };
    Effect::new(move |_| {
        // What was wished for and cannot be: the choice goes back to what it was, and the sentence says why.
        if push.hindrance.get().is_some() {
            offered.set(false);
        }
    });
    let take_push = Callback::new(move |()| {
        offered.set(false);
        prefs.set_channel(Choice::Push);
    });
    let pick = move |one: Channel| {
        push.hindrance.set(None);
        if one != Channel::Push {
            offered.set(false);
            prefs.set_channel(choice_of(one, interval.get_untracked()));
        } else if matches!(push.here.get_untracked(), Here::On(_)) {
            take_push.run(());
        } else {
            offered.set(true);
        }
    };
    let radios = [Channel::Poll, Channel::Sse, Channel::Ws, Channel::Push].map(|one| {
        let chosen = move || match (one, offered.get()) {
            (Channel::Push, true) => true,
            (_, true) => false,
            (one, false) => Channel::from(prefs.channel.get()) == one,
        };
        let needs_script = one == Channel::Push;
        view! {
            <label class="choice">
                <input
                    type="radio"
                    name="channel"
                    value=one.as_str()
                    checked=chosen
                    prop:checked=chosen
                    disabled=move || needs_script && !state.started().get()
                    on:change=move |_| pick(one)
                />
                <span>
                    <span>{words.name(one)}</span>
                    <span class="hint">{words.cost(one)}</span>
                    {needs_script
                        .then(|| {
                            let text = move || (!state.started().get()).then_some(pushed.needs_script);
                            view! { <span class="hint">{text}</span> }
                        })}
                </span>
            </label>
        }
    });
    view! {
        <details
            class="picker"
            node_ref=details
            on:toggle=move |_| {
                // Only for whoever looks: it asks the server.
                if push.here.get_untracked() == Here::Unknown && state.started().get_untracked() {
                    push.look();
                }
            }
            on:keydown=move |event| {
                if event.key() == "Escape" {
                    close();
                }
            }
        >
            <summary
                class="pill"
                data-testid="channel-status"
                data-channel=move || channel.get().as_str()
                data-status=move || status.get().as_str()
            >
                <span class="dot" aria-hidden="true"></span>
                <span>
                    <span class="visually-hidden">{words.channel}</span>
                    {move || words.name(channel.get())}
                </span>
                <span class="muted">{move || words.status(status.get(), interval_in_use(prefs.channel.get()))}</span>
            </summary>
            <div class="picker-panel">
                <form method="post" action="/preferences">
                    <input type="hidden" name="next" value=here />
                    <fieldset class="choices">
                        <legend>{words.channel_legend}</legend>
                        {radios.into_iter().collect_view()}
                    </fieldset>
                    <div class="field">
                        <label for="interval_s">{words.interval}</label>
                        <select
                            id="interval_s"
                            name="interval_s"
                            on:change=move |event| {
                                if let Ok(seconds) = event_target_value(&event).parse() {
                                    interval.set(seconds);
                                    prefs.set_channel(Choice::Poll { interval_s: seconds });
                                }
                            }
                        >
                            {intervals(interval.get_untracked())
                                .into_iter()
                                .map(|seconds| {
                                    view! {
                                        <option
                                            value=seconds.to_string()
                                            selected=seconds == interval.get_untracked()
                                        >
                                            {(words.every)(seconds.into())}
                                        </option>
                                    }
                                })
                                .collect_view()}
                        </select>
                    </div>
                    {move || {
                        (!state.started().get())
                            .then(|| {
                                view! {
                                    <p class="actions">
                                        <button type="submit">{words.apply}</button>
                                    </p>
                                }
                            })
                    }}
                </form>
                {move || {
                    state
                        .kept()
                        .get()
                        .map(|kept| {
                            let text = (words.kept)(words.name(kept.wanted), words.name(kept.kept));
                            view! {
                                <p class="notice" data-tone="warn" data-testid="switch-kept">
                                    {text}
                                </p>
                            }
                        })
                }}
                {move || {
                    offered
                        .get()
                        .then(|| {
                            view! {
                                <PushOffer then=take_push never_mind=Callback::new(move |()| offered.set(false)) />
                            }
                        })
                }}
                <PushHindrance end=pushed.stays />
                <Figures />
            </div>
        </details>
        <ContinuityBadge />
    }
}

/// What the channels have cost and how fresh they are.
#[component]
fn Figures() -> impl IntoView {
    let lang = use_lang();
    let words = live(lang);
    let meter = use_live().meter();
    let quiet = move || meter.get().quiet_ms.map_or("–".to_owned(), |ms| format::duration(lang, ms as i64));
    view! {
        <dl class="facts num">
            <div>
                <dt>{words.requests}</dt>
                <dd data-testid="channel-requests">{move || format::number(lang, meter.get().requests)}</dd>
            </div>
            <div>
                <dt>{words.received}</dt>
                <dd data-testid="channel-bytes">{move || format::bytes(lang, meter.get().bytes)}</dd>
            </div>
            <div>
                <dt>{words.switches}</dt>
                <dd data-testid="channel-switches">{move || format::number(lang, meter.get().switches)}</dd>
            </div>
            <div>
                <dt>{words.last_sign}</dt>
                <dd data-testid="channel-quiet">{quiet}</dd>
            </div>
            <div>
                <dt>{words.behind}</dt>
                <dd data-testid="channel-lag">{move || (words.events)(meter.get().lag_events)}</dd>
            </div>
        </dl>
    }
}

const fn interval_of(choice: Choice) -> Option<u8> {
    match choice {
        Choice::Poll { interval_s } => Some(interval_s),
        Choice::Sse | Choice::Ws | Choice::Push => None,
    }
}

fn interval_in_use(choice: Choice) -> u64 {
    interval_of(choice).unwrap_or(Choice::DEFAULT_INTERVAL_S).into()
}

const fn choice_of(channel: Channel, interval_s: u8) -> Choice {
    match channel {
        Channel::Poll => Choice::Poll { interval_s },
        Channel::Sse => Choice::Sse,
        Channel::Ws => Choice::Ws,
        Channel::Push => Choice::Push,
    }
}

/// The intervals on offer, with the visitor's own if it is another.
fn intervals(own: u8) -> Vec<u8> {
    let mut all = Choice::INTERVALS_S.to_vec();
    if !all.contains(&own) {
        all.push(own);
        all.sort_unstable();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visitors_own_interval_is_on_offer_too() {
        assert_eq!(intervals(5), [1, 2, 5, 10, 30]);
        assert_eq!(intervals(7), [1, 2, 5, 7, 10, 30]);
    }
}
