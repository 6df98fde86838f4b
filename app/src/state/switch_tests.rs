//! What the switch promises, told as stories: inputs at times, commands expected.

use super::*;

/// A switch whose page was shown at 0 and whose first link has opened.
fn following(channel: Channel) -> (Switch, LinkId) {
    let mut switch = Switch::new(channel);
    let id = opened(&switch.handle(Input::Shown, 0, 0.5));
    assert_eq!(switch.handle(Input::Opened(id), 10, 0.5), []);
    (switch, id)
}

fn opened(commands: &[Command]) -> LinkId {
    let mut opens = commands.iter().filter_map(|command| match command {
        Command::Open(id, _) => Some(*id),
        Command::Close(_) => None,
    });
    opens.next_back().unwrap()
}

#[test]
fn a_switch_closes_the_old_channel_only_after_the_new_one_opened() {
    let (mut switch, old) = following(Channel::Sse);
    let commands = switch.handle(Input::Choose(Channel::Ws), 1_000, 0.5);
    let new = opened(&commands);
    assert_eq!(commands, [Command::Open(new, Channel::Ws)]);
    assert_eq!(switch.phase(), Phase::Open(Channel::Sse));
    assert_eq!(switch.handle(Input::Opened(new), 1_050, 0.5), [Command::Close(old)]);
    assert_eq!((switch.phase(), switch.switches()), (Phase::Open(Channel::Ws), 1));
    assert_eq!(switch.alarm(), None);
}

#[test]
fn a_switch_that_fails_keeps_the_old_channel_says_so_and_tries_again() {
    let (mut switch, old) = following(Channel::Sse);
    let new = opened(&switch.handle(Input::Choose(Channel::Ws), 1_000, 0.5));
    assert_eq!(switch.kept(), None);
    assert_eq!(switch.alarm(), Some(1_000 + OPEN_WITHIN_MS));
    assert_eq!(switch.handle(Input::Tick, 6_000, 0.5), [Command::Close(new)]);
    assert_eq!((switch.phase(), switch.kept()), (Phase::Open(Channel::Sse), Some((Channel::Ws, Channel::Sse))));
    let again = switch.alarm().unwrap();
    let new = opened(&switch.handle(Input::Tick, again, 0.5));
    assert_eq!(switch.handle(Input::Opened(new), again + 5, 0.5), [Command::Close(old)]);
    assert_eq!((switch.phase(), switch.kept()), (Phase::Open(Channel::Ws), None));
}

#[test]
fn ways_back_become_rarer() {
    let (mut switch, _) = following(Channel::Sse);
    let mut now = 1_000;
    switch.handle(Input::Choose(Channel::Ws), now, 0.5);
    let mut pauses = Vec::new();
    for _ in 0..9 {
        now += OPEN_WITHIN_MS;
        switch.handle(Input::Tick, now, 0.5);
        let next = switch.alarm().unwrap();
        pauses.push(next - now);
        now = next;
        switch.handle(Input::Tick, now, 0.5);
    }
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1]), "{pauses:?}");
    assert_eq!((pauses[0], pauses[8]), (30_000, WAY_BACK_LIMIT_MS));
}

#[test]
fn a_channel_that_cannot_be_opened_falls_back_step_by_step_and_comes_back() {
    let mut switch = Switch::new(Channel::Ws);
    let mut commands = switch.handle(Input::Shown, 0, 0.5);
    let mut tried = Vec::new();
    let mut now = 0;
    loop {
        for command in &commands {
            if let Command::Open(_, channel) = command {
                tried.push(*channel);
            }
        }
        if tried.last() == Some(&Channel::Poll) {
            break;
        }
        now = switch.alarm().unwrap();
        commands = switch.handle(Input::Tick, now, 0.5);
    }
    assert_eq!(tried, [Channel::Ws, Channel::Ws, Channel::Sse, Channel::Sse, Channel::Poll]);
    let poll = opened(&commands);
    switch.handle(Input::Opened(poll), now + 20, 0.5);
    assert_eq!((switch.phase(), switch.kept()), (Phase::Open(Channel::Poll), Some((Channel::Ws, Channel::Poll))));
    let back = switch.alarm().unwrap();
    let commands = switch.handle(Input::Tick, back, 0.5);
    assert_eq!(commands, [Command::Open(opened(&commands), Channel::Ws)]);
    assert_eq!(switch.handle(Input::Opened(opened(&commands)), back + 5, 0.5), [Command::Close(poll)]);
    assert_eq!(switch.kept(), None);
}

#[test]
fn a_channel_that_must_not_return_is_left_at_once() {
    let mut switch = Switch::new(Channel::Ws);
    let ws = opened(&switch.handle(Input::Shown, 0, 0.5));
    let commands = switch.handle(Input::Lost(ws, Return::Never), 10, 0.5);
    assert_eq!(commands[0], Command::Close(ws));
    assert!(matches!(commands[1], Command::Open(_, Channel::Sse)));
}

#[test]
fn a_channel_that_dies_young_again_and_again_counts_as_failing() {
    let mut switch = Switch::new(Channel::Sse);
    let mut now = 0;
    let mut id = opened(&switch.handle(Input::Shown, now, 0.5));
    for _ in 0..FAILURES - 1 {
        switch.handle(Input::Opened(id), now + 10, 0.5);
        switch.handle(Input::Lost(id, Return::Backoff), now + 20, 0.5);
        assert!(matches!(switch.phase(), Phase::Waiting { .. }));
        now = switch.alarm().unwrap();
        id = opened(&switch.handle(Input::Tick, now, 0.5));
    }
    switch.handle(Input::Opened(id), now + 10, 0.5);
    let commands = switch.handle(Input::Lost(id, Return::Backoff), now + 20, 0.5);
    assert!(matches!(commands[..], [Command::Close(_), Command::Open(_, Channel::Poll)]));
}

#[test]
fn a_stream_that_lived_well_comes_back_soon_and_spread() {
    for (chance, expected) in [(0.0, 600_010), (0.5, 600_510), (1.0, 601_010)] {
        let (mut switch, id) = following(Channel::Sse);
        assert_eq!(switch.handle(Input::Lost(id, Return::Backoff), 600_010, chance), [Command::Close(id)]);
        assert_eq!((switch.alarm(), switch.phase()), (Some(expected), Phase::Connecting));
    }
}

#[test]
fn the_delay_that_the_server_names_is_kept() {
    let (mut switch, id) = following(Channel::Ws);
    switch.handle(Input::Lost(id, Return::After(4_200)), 100_000, 0.9);
    assert_eq!(switch.alarm(), Some(104_200));
    assert_eq!(switch.handle(Input::Tick, 104_199, 0.9), []);
    assert!(matches!(switch.handle(Input::Tick, 104_200, 0.9)[..], [Command::Open(_, Channel::Ws)]));
    // Refused as soon as it opens: the same.
    let (mut switch, id) = following(Channel::Poll);
    switch.handle(Input::Lost(id, Return::After(7_000)), 100, 0.9);
    assert_eq!(switch.alarm(), Some(7_100));
}

#[test]
fn backing_off_is_jittered_and_bounded() {
    let (mut switch, mut id) = following(Channel::Poll);
    let (mut now, mut pauses) = (20, Vec::new());
    for _ in 0..12 {
        switch.handle(Input::Lost(id, Return::Backoff), now, 1.0);
        assert!(matches!(switch.phase(), Phase::Waiting { .. }));
        let next = switch.alarm().unwrap();
        pauses.push(next - now);
        now = next;
        id = opened(&switch.handle(Input::Tick, now, 1.0));
    }
    assert_eq!(pauses[..4], [2_000, 4_000, 8_000, 16_000]);
    assert_eq!(pauses[11], BACKOFF_LIMIT_MS);
    switch.handle(Input::Lost(id, Return::Backoff), now, 0.0);
    assert_eq!(switch.alarm(), Some(now));
}

#[test]
fn a_page_hidden_for_long_closes_and_comes_back_when_shown() {
    let (mut switch, id) = following(Channel::Ws);
    switch.handle(Input::Hidden, 1_000, 0.5);
    // A short look elsewhere changes nothing.
    switch.handle(Input::Shown, 20_000, 0.5);
    assert_eq!(switch.alarm(), None);
    switch.handle(Input::Hidden, 30_000, 0.5);
    assert_eq!(switch.alarm(), Some(30_000 + HIDDEN_MS));
    assert_eq!(switch.handle(Input::Tick, 60_000, 0.5), [Command::Close(id)]);
    assert_eq!((switch.phase(), switch.alarm()), (Phase::Asleep, None));
    assert_eq!(switch.handle(Input::Online, 70_000, 0.5), []);
    assert_eq!(switch.handle(Input::Choose(Channel::Sse), 70_000, 0.5), []);
    assert!(matches!(switch.handle(Input::Shown, 80_000, 0.5)[..], [Command::Open(_, Channel::Sse)]));
}

#[test]
fn a_page_that_is_left_closes_everything_and_resumes_from_the_cache() {
    let (mut switch, old) = following(Channel::Sse);
    let new = opened(&switch.handle(Input::Choose(Channel::Ws), 1_000, 0.5));
    assert_eq!(switch.handle(Input::Left, 1_100, 0.5), [Command::Close(new), Command::Close(old)]);
    assert!(matches!(switch.handle(Input::Shown, 9_000, 0.5)[..], [Command::Open(_, Channel::Ws)]));
}

#[test]
fn coming_online_ends_the_wait_and_replaces_what_may_be_dead() {
    let (mut switch, id) = following(Channel::Poll);
    switch.handle(Input::Lost(id, Return::Backoff), 20, 1.0);
    assert!(matches!(switch.handle(Input::Online, 30, 1.0)[..], [Command::Open(_, Channel::Poll)]));
    let (mut switch, old) = following(Channel::Sse);
    let new = opened(&switch.handle(Input::Online, 50_000, 1.0));
    assert_eq!(switch.phase(), Phase::Open(Channel::Sse));
    assert_eq!(switch.handle(Input::Opened(new), 50_010, 1.0), [Command::Close(old)]);
    assert_eq!(switch.switches(), 0);
}

#[test]
fn a_new_cursor_reopens_at_once_but_not_in_a_loop() {
    let (mut switch, mut id) = following(Channel::Sse);
    let commands = switch.handle(Input::Restart, 60_000, 1.0);
    assert_eq!(commands[0], Command::Close(id));
    id = opened(&commands);
    switch.handle(Input::Opened(id), 60_010, 1.0);
    assert_eq!(switch.handle(Input::Restart, 60_020, 1.0), [Command::Close(id)]);
    assert!(switch.alarm().unwrap() > 60_020);
}

#[test]
fn a_link_given_up_is_not_heard_any_more() {
    let (mut switch, live) = following(Channel::Sse);
    let first = opened(&switch.handle(Input::Choose(Channel::Ws), 1_000, 0.5));
    let commands = switch.handle(Input::Choose(Channel::Poll), 1_100, 0.5);
    let second = opened(&commands);
    assert_eq!(commands, [Command::Close(first), Command::Open(second, Channel::Poll)]);
    assert_eq!(switch.handle(Input::Opened(first), 1_200, 0.5), []);
    assert_eq!(switch.handle(Input::Lost(first, Return::Backoff), 1_200, 0.5), []);
    assert_eq!(switch.handle(Input::Opened(second), 1_300, 0.5), [Command::Close(live)]);
    // Changing one's mind back to the open channel drops the attempt and nothing else.
    let third = opened(&switch.handle(Input::Choose(Channel::Ws), 1_400, 0.5));
    assert_eq!(switch.handle(Input::Choose(Channel::Poll), 1_500, 0.5), [Command::Close(third)]);
}

/// Whatever comes, a link that delivers goes only when another opened, it was lost, restarted, or the page sleeps.
#[test]
fn make_before_break_holds_for_random_stories() {
    let mut seed = 7_u64;
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut switch = Switch::new(Channel::Sse);
    let (mut now, mut open): (u64, Vec<LinkId>) = (0, Vec::new());
    let (mut live, mut breaks) = (None, 0);
    for _ in 0..20_000 {
        now += random(8_000);
        let any = open.get(random(3) as usize).copied().unwrap_or(0);
        let how = [Return::Backoff, Return::After(random(9_000)), Return::Never][random(3) as usize];
        let input = match random(12) {
            0 => Input::Choose([Channel::Poll, Channel::Sse, Channel::Ws][random(3) as usize]),
            1..4 => Input::Opened(any),
            4 => Input::Lost(any, how),
            5 => Input::Hidden,
            6 => Input::Shown,
            7 => [Input::Online, Input::Renew, Input::Restart, Input::Left][random(4) as usize],
            _ => Input::Tick,
        };
        let commands = switch.handle(input, now, random(1_000) as f64 / 1_000.0);
        let opens = matches!(input, Input::Opened(id) if open.contains(&id) && Some(id) != live);
        for command in commands {
            match command {
                Command::Open(id, _) => open.push(id),
                Command::Close(id) => {
                    assert!(open.contains(&id), "closed twice, or never opened");
                    open.retain(|known| *known != id);
                    if Some(id) == live {
                        let lost = matches!(input, Input::Lost(lost, _) if lost == id);
                        let sleeps = switch.phase() == Phase::Asleep;
                        assert!(opens || lost || sleeps || input == Input::Restart, "{input:?} broke {id}");
                        (live, breaks) = (None, breaks + 1);
                    }
                }
            }
        }
        if let (Input::Opened(id), Phase::Open(_), true) = (input, switch.phase(), opens) {
            live = Some(id);
        }
        assert!(open.len() <= 2, "one that delivers and one being opened");
    }
    assert!(breaks > 500, "the stories do something: {breaks}");
}

#[test]
fn push_that_is_not_there_leads_to_sse_and_nothing_leads_to_push() {
    for channel in [Channel::Poll, Channel::Sse, Channel::Ws] {
        assert_ne!(channel.lower(), Some(Channel::Push));
    }
    let mut switch = Switch::new(Channel::Push);
    let id = opened(&switch.handle(Input::Shown, 0, 0.5));
    let commands = switch.handle(Input::Lost(id, Return::Never), 10, 0.5);
    let next = opened(&commands);
    assert_eq!(commands, [Command::Close(id), Command::Open(next, Channel::Sse)]);
    switch.handle(Input::Opened(next), 20, 0.5);
    assert_eq!((switch.phase(), switch.kept()), (Phase::Open(Channel::Sse), Some((Channel::Push, Channel::Sse))));
}
