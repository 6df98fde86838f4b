//! What polling promises beside the log: pages, conditional answers, long waits, and when to come back.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

mod channel_client;

use channel_client::{Ask, PATIENCE, Server, Visitor};
use domain::{Cursor, api::EventPage};
use reqwest::{Response, header};
use serde_json::Value;

async fn get(visitor: &Visitor, query: &str, after: &Cursor, etag: Option<&str>) -> Response {
    let mut request = visitor.get(&format!("/api/v1/events?{query}"), &Ask::after(after));
    if let Some(etag) = etag {
        request = request.header(header::IF_NONE_MATCH, etag);
    }
    tokio::time::timeout(PATIENCE, request.send()).await.expect("the poll was held for ever").unwrap()
}

fn etag(response: &Response) -> String {
    response.headers()[header::ETAG].to_str().unwrap().to_owned()
}

fn retry_after(response: &Response) -> u64 {
    response.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_follow_each_other_without_a_seam() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    author.whole_job(7).await;
    let mut after = server.start_of_stream();
    let mut seqs = Vec::new();
    for (length, more) in [(4, true), (4, true), (2, false)] {
        let response = get(&visitor, "limit=4", &after, None).await;
        assert_eq!(retry_after(&response) == 0, more, "whoever is behind comes back at once");
        let page: EventPage = response.json().await.unwrap();
        assert_eq!((page.items.len(), page.more, page.head.seq), (length, more, 10));
        seqs.extend(page.items.iter().map(|event| event.seq));
        after = page.next_cursor;
    }
    assert_eq!(seqs, (1..=10).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_new_is_a_304_for_whoever_sends_the_tag_back() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let job = author.start().await;
    let first = get(&visitor, "", &server.start_of_stream(), None).await;
    let tag = etag(&first);
    let page: EventPage = first.json().await.unwrap();
    let unchanged = get(&visitor, "", &page.next_cursor, Some(&tag)).await;
    assert_eq!((unchanged.status().as_u16(), etag(&unchanged)), (304, tag.clone()));
    assert_eq!(unchanged.headers()[header::CACHE_CONTROL], "private, no-cache");
    let unconditional = get(&visitor, "", &page.next_cursor, None).await;
    assert_eq!(unconditional.status(), 200);
    assert_eq!(unconditional.json::<EventPage>().await.unwrap().items, []);
    author.partial(job, 1).await;
    let changed = get(&visitor, "", &page.next_cursor, Some(&tag)).await;
    assert_eq!(changed.status(), 200);
    assert_eq!(changed.json::<EventPage>().await.unwrap().items.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_jobs_events_leave_one_jobs_poll_unchanged() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let (one, other) = (author.start().await, author.start().await);
    let query = format!("job={}", one.id);
    let first = get(&visitor, &query, &server.start_of_stream(), None).await;
    let tag = etag(&first);
    let after: Cursor = tag.trim_matches(|char| matches!(char, 'W' | '/' | '"')).parse().unwrap();
    author.partial(other, 1).await;
    assert_eq!(get(&visitor, &query, &after, Some(&tag)).await.status(), 304);
    author.partial(one, 1).await;
    assert_eq!(get(&visitor, &query, &after, Some(&tag)).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_poll_ends_with_the_first_event() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let limits = server.running.state().limits.clone();
    let poll = tokio::spawn({
        let (visitor, start) = (visitor.clone(), server.start_of_stream());
        async move { get(&visitor, "wait=60", &start, None).await.json::<EventPage>().await.unwrap() }
    });
    // It is counted once it is about to wait.
    while limits.open() == 0 {
        tokio::task::yield_now().await;
    }
    author.accept().await;
    assert_eq!(poll.await.unwrap().items.len(), 1);
    assert_eq!(limits.open(), 0);
    let held = get(&visitor, "wait=1", &server.start_of_stream().at(1), Some("W/\"other\"")).await;
    assert_eq!(held.status(), 200, "held to its end, it says that nothing came");
    assert_eq!(held.json::<EventPage>().await.unwrap().items, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poll_is_asked_back_sooner_while_something_is_under_way() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let quiet = get(&visitor, "", &server.start_of_stream(), None).await;
    let watched = get(&visitor, "watch=catalogue", &server.start_of_stream(), None).await;
    let job = author.start().await;
    let news = get(&visitor, "", &server.start_of_stream(), None).await;
    let busy = get(&visitor, "", &server.start_of_stream().at(2), None).await;
    author.succeed(job).await;
    let done = get(&visitor, "", &server.start_of_stream().at(3), None).await;
    let seconds = [quiet, watched, news, busy, done].map(|response| retry_after(&response));
    assert_eq!(seconds, [30, 5, 1, 5, 30]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_part_of_the_tag_only_when_watched() {
    let server = Server::start().await;
    let (visitor, author) = server.visitor().await;
    let job = author.start().await;
    let after = server.start_of_stream().at(2);
    let (plain, watched) =
        (get(&visitor, "", &after, None).await, get(&visitor, "watch=catalogue", &after, None).await);
    let (plain, watched) = (etag(&plain), etag(&watched));
    author.change_catalogue(job, "a-mug").await;
    let head = author.head().await;
    assert_eq!(head, 2, "the catalogue is not in the log");
    assert_eq!(get(&visitor, "", &after, Some(&plain)).await.status(), 304);
    // With `wait`, too: what has changed before is news, not something to wait for.
    let changed = get(&visitor, "watch=catalogue&wait=60", &after, Some(&watched)).await;
    assert_eq!(changed.status(), 200);
    let body: Value = changed.json().await.unwrap();
    assert_eq!(body["hints"][0]["type"], "changed");
    assert_eq!(body["hints"][0]["revision"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_cannot_be_read_is_named() {
    let server = Server::start().await;
    let (visitor, _) = server.visitor().await;
    for query in ["limit=many", "afterr=k.1", "job=not-an-id", "watch=everything", "watch=positions,", "fold=perhaps"] {
        for path in ["/api/v1/events", "/api/v1/stream"] {
            let response = visitor.get(&format!("{path}?{query}"), &Ask::default()).send().await.unwrap();
            assert_eq!(response.status(), 400, "{path}?{query}");
            assert_eq!(response.json::<Value>().await.unwrap()["code"], "bad-query", "{path}?{query}");
        }
    }
}
