//! The calls of [`Outbox`] as commands for the writer and reads; one duty a file below.
//!
//! Invariant: what an owner does goes through the express lane and what a dispatcher does through the bulk lane, a small batch a command,
//! so that no accept waits for what is sent.

pub(super) mod ageing;
mod bits;
mod by_owner;
mod claim;
mod end;
mod endpoints;
mod line;
mod rows;
mod switch;
pub(super) mod tell;

use super::{SqliteStore, at_most, statement};
use crate::store::*;
use async_trait::async_trait;
use domain::{
    DeliveryId, EndpointId, EventType, JobId, OwnerId, Timestamp,
    push::{BrowserStep, Delivery, DeliveryState, EndpointKind, EndpointPatch, NotificationSettings},
};
use rusqlite::Connection;

/// Leases that are taken back in one command.
const RESCUED: usize = 200;

#[async_trait]
impl Outbox for SqliteStore {
    async fn add_endpoint(&self, endpoint: NewEndpoint, now: Timestamp) -> StoreResult<Added> {
        self.express(move |tx| endpoints::add(tx, &endpoint, now)).await
    }

    async fn endpoints(&self, owner: OwnerId) -> StoreResult<Vec<EndpointRow>> {
        self.readers.read(move |conn| Ok(endpoints::list(conn, owner)?)).await
    }

    async fn endpoint(&self, owner: OwnerId, id: EndpointId) -> StoreResult<Option<EndpointRow>> {
        self.readers.read(move |conn| Ok(endpoints::find(conn, owner, id)?.map(|(_, row)| row))).await
    }

    async fn change_endpoint(
        &self,
        owner: OwnerId,
        id: EndpointId,
        patch: EndpointPatch,
        _now: Timestamp,
    ) -> StoreResult<Option<EndpointRow>> {
        self.express(move |tx| endpoints::change(tx, owner, id, &patch)).await
    }

    async fn rotate_secret(
        &self,
        owner: OwnerId,
        id: EndpointId,
        secret: Vec<u8>,
        previous_until: Timestamp,
    ) -> StoreResult<Option<EndpointRow>> {
        self.express(move |tx| endpoints::rotate(tx, owner, id, &secret, previous_until)).await
    }

    async fn remove_endpoint(&self, owner: OwnerId, id: EndpointId, _now: Timestamp) -> StoreResult<bool> {
        self.express(move |tx| endpoints::remove(tx, owner, id)).await
    }

    async fn endpoint_of_token(&self, token: &[u8]) -> StoreResult<Option<EndpointRow>> {
        let token = token.to_owned();
        self.readers.read(move |conn| Ok(endpoints::of_token(conn, &token)?.map(|(_, row)| row))).await
    }

    async fn confirm_email(&self, token: &[u8], _now: Timestamp) -> StoreResult<bool> {
        let token = token.to_owned();
        self.express(move |tx| endpoints::confirm(tx, &token)).await
    }

    async fn unsubscribe_email(&self, token: &[u8], _now: Timestamp) -> StoreResult<bool> {
        let token = token.to_owned();
        self.express(move |tx| endpoints::unsubscribe(tx, &token)).await
    }

    async fn notification_settings(&self, owner: OwnerId) -> StoreResult<NotificationSettings> {
        self.readers.read(move |conn| rows::settings(conn, owner)).await
    }

    async fn set_notification_settings(&self, owner: OwnerId, settings: NotificationSettings) -> StoreResult<()> {
        self.express(move |tx| by_owner::set_settings(tx, owner, &settings)).await
    }

    async fn job_notifications(&self, owner: OwnerId, job: JobId) -> StoreResult<Option<Option<Vec<EventType>>>> {
        self.readers.read(move |conn| by_owner::of_job(conn, owner, job)).await
    }

    async fn set_job_notifications(
        &self,
        owner: OwnerId,
        job: JobId,
        events: Option<Vec<EventType>>,
    ) -> StoreResult<bool> {
        self.express(move |tx| by_owner::set_of_job(tx, owner, job, events.as_deref())).await
    }

    async fn deliveries(&self, owner: OwnerId, filter: DeliveryFilter) -> StoreResult<Option<Vec<Delivery>>> {
        self.readers.read(move |conn| by_owner::list(conn, owner, &filter)).await
    }

    async fn delivery(&self, owner: OwnerId, id: DeliveryId) -> StoreResult<Option<DeliveryDetail>> {
        self.readers.read(move |conn| by_owner::detail(conn, owner, id)).await
    }

    async fn send_test(
        &self,
        owner: OwnerId,
        endpoint: EndpointId,
        id: DeliveryId,
        now: Timestamp,
    ) -> StoreResult<Option<Option<Delivery>>> {
        self.express(move |tx| by_owner::test(tx, owner, endpoint, id, now)).await
    }

    async fn resend(&self, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Resent> {
        self.express(move |tx| by_owner::resend(tx, owner, id, now)).await
    }

    async fn cancel_delivery(&self, owner: OwnerId, id: DeliveryId, now: Timestamp) -> StoreResult<Option<bool>> {
        self.express(move |tx| by_owner::cancel(tx, owner, id, now)).await
    }

    async fn report_delivery(
        &self,
        owner: OwnerId,
        id: DeliveryId,
        step: BrowserStep,
        now: Timestamp,
    ) -> StoreResult<bool> {
        self.express(move |tx| by_owner::report(tx, owner, id, step, now)).await
    }

    async fn claim_deliveries(&self, claim: DeliveryClaim) -> StoreResult<Vec<ClaimedDelivery>> {
        let now = claim.now;
        let taken = self.bulk(move |tx| claim::claim(tx, &claim)).await?;
        if taken.is_empty() {
            return Ok(Vec::new());
        }
        // What a message needs is much to read and nothing to write: not the writer's business.
        let wanted = taken.clone();
        let claimed = self.readers.read(move |conn| read_claimed(conn, &wanted)).await?;
        let missing: Vec<i64> =
            taken.into_iter().filter(|id| claimed.iter().all(|one| one.lease.delivery != *id)).collect();
        if !missing.is_empty() {
            self.bulk(move |tx| end::abandon(tx, &missing, now)).await?;
        }
        Ok(claimed)
    }

    async fn end_attempt(
        &self,
        lease: DeliveryLease,
        end: AttemptEnd,
        now: Timestamp,
    ) -> StoreResult<Result<(), LeaseLost>> {
        self.bulk(move |tx| end::attempt(tx, lease, &end, now)).await
    }

    async fn put_off(
        &self,
        lease: DeliveryLease,
        until: Option<Timestamp>,
        reason: &'static str,
        now: Timestamp,
    ) -> StoreResult<Result<(), LeaseLost>> {
        self.bulk(move |tx| end::put_off(tx, lease, until, reason, now)).await
    }

    async fn rescue_deliveries(&self, now: Timestamp, all: bool) -> StoreResult<usize> {
        let mut rescued = 0;
        loop {
            let slice = self.bulk(move |tx| end::rescue(tx, now, all, at_most(RESCUED))).await?;
            rescued += slice;
            if slice < RESCUED {
                return Ok(rescued);
            }
        }
    }

    async fn next_delivery(&self, held_hosts: &[String]) -> StoreResult<Option<Timestamp>> {
        let held = held_hosts.to_owned();
        self.readers.read(move |conn| claim::next_due(conn, &held)).await
    }

    async fn settle_deliveries(&self, limit: usize) -> StoreResult<bool> {
        self.bulk(move |tx| Ok(switch::settle(tx, at_most(limit))?)).await
    }

    async fn prune_deliveries(&self, before: Timestamp, limit: usize) -> StoreResult<bool> {
        self.bulk(move |tx| ageing::prune(tx, before, at_most(limit))).await
    }

    async fn outbox_load(&self) -> StoreResult<OutboxLoad> {
        self.readers.read(|conn| Ok(load(conn)?)).await
    }
}

/// What the messages of claimed deliveries need; one whose endpoint has been removed meanwhile is left out.
fn read_claimed(conn: &Connection, ids: &[i64]) -> StoreResult<Vec<ClaimedDelivery>> {
    const SHOWN: &str = rows::select_deliveries!(
        "delivery d JOIN endpoint e ON e.id = d.endpoint LEFT JOIN job j ON j.id = d.job
        LEFT JOIN delivery w ON w.id = d.within WHERE d.id = ?1"
    );
    const MORE: &str = "SELECT endpoint, lease_token, lane = 2, attempts - course, first_attempt_at,
        coalesce(job IS NOT NULL AND EXISTS (SELECT 1 FROM delivery o INDEXED BY delivery_of_job
            WHERE o.job = d.job AND o.seq = d.seq AND o.received_at IS NOT NULL), 0)
        FROM delivery d WHERE id = ?1 AND lease_until IS NOT NULL";
    let mut claimed = Vec::with_capacity(ids.len());
    for &id in ids {
        let Some((_, delivery)) = statement::first(conn, SHOWN, [id], rows::read_delivery)? else { continue };
        let more = statement::first(conn, MORE, [id], |row| {
            Ok((
                row.get::<_, i64>(0)?,
                DeliveryLease { delivery: id, token: row.get(1)? },
                row.get::<_, Option<bool>>(2)?.unwrap_or(false),
                row.get::<_, u32>(3)?,
                statement::maybe_moment(row, 4)?,
                row.get::<_, bool>(5)?,
            ))
        })?;
        let Some((endpoint, lease, by_hand, tries, first_attempt_at, reached)) = more else { continue };
        let Some(endpoint) = rows::endpoint(conn, endpoint)? else { continue };
        let settings = rows::settings(conn, endpoint.owner)?;
        let first_attempt_at = first_attempt_at.unwrap_or(delivery.created_at);
        let told = rows::told(conn, id)?;
        let (lang, quiet) = (settings.lang, settings.quiet);
        claimed.push(ClaimedDelivery {
            lease,
            delivery,
            endpoint,
            lang,
            quiet,
            by_hand,
            tries,
            told,
            first_attempt_at,
            reached,
        });
    }
    Ok(claimed)
}

/// Counted from the endpoints and their lanes, since there may be a million deliveries.
fn load(conn: &Connection) -> rusqlite::Result<OutboxLoad> {
    const PENDING: &str =
        "SELECT e.kind, sum(e.pending), sum(e.retrying) FROM endpoint e WHERE e.pending > 0 GROUP BY e.kind";
    const SENDING: &str =
        "SELECT e.kind, count(*) FROM delivery d INDEXED BY delivery_leased JOIN endpoint e ON e.id = d.endpoint
        WHERE d.lease_until IS NOT NULL AND d.state = 'sending' GROUP BY e.kind";
    const OLDEST: &str = "SELECT min(due_at) FROM push_lane WHERE turn IS NOT NULL";
    let by_kind = |sql| {
        statement::all(conn, sql, [], |row| {
            let kind = EndpointKind::parse(row.get_ref(0)?.as_str()?);
            Ok((kind, row.get::<_, u64>(1)?))
        })
    };
    let sending = by_kind(SENDING)?;
    let mut load = OutboxLoad::default();
    let pending = statement::all(conn, PENDING, [], |row| {
        let kind = EndpointKind::parse(row.get_ref(0)?.as_str()?);
        Ok((kind, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?))
    })?;
    for (kind, pending, retrying) in pending {
        let Some(kind) = kind else { continue };
        let under_way = sending.iter().find(|(known, _)| *known == Some(kind)).map_or(0, |(_, count)| *count);
        let queued = pending.saturating_sub(retrying + under_way);
        let states =
            [(DeliveryState::Queued, queued), (DeliveryState::Sending, under_way), (DeliveryState::Retrying, retrying)];
        load.pending.extend(states.map(|(state, count)| (kind, state, count)));
    }
    load.oldest_due = statement::first(conn, OLDEST, [], |row| statement::maybe_moment(row, 0))?.flatten();
    Ok(load)
}
