//! When an owner may be disturbed, and what of one job they want to be told: `notification-settings` and `jobs/{id}/notifications`.
//!
//! Settings are replaced as a whole. What a setting does is the dispatcher's and the store's.
//! Invariant: what is kept can be obeyed: times that are read, a zone that there is, events that can be told.

use super::extract::{JobPath, JsonBody};
use crate::{
    error::ApiError,
    owner::Owner,
    quiet_hours::{InvalidQuietHours, QuietHours},
    state::AppState,
};
use axum::{Json, extract::State};
use domain::{
    EventType, InputError,
    push::{JobNotifications, NOTIFIABLE, NotificationSettings},
};

/// Seconds that a fallback may wait.
const FALLBACK: std::ops::RangeInclusive<u32> = 10..=86_400;
/// Languages of notifications.
const LANGS: [&str; 2] = ["en", "fr"];
/// Longest name of a time zone: none of the database's comes near it.
const ZONE_LIMIT: usize = 64;

/// `GET /api/v1/notification-settings`
///
/// # Errors
/// What the store said.
pub async fn get(State(state): State<AppState>, owner: Owner) -> Result<Json<NotificationSettings>, ApiError> {
    Ok(Json(state.store.notification_settings(owner.id).await?))
}

/// `PUT /api/v1/notification-settings`: what was set, as it is kept
///
/// # Errors
/// As every JSON body; 422 with the places that are wrong.
pub async fn put(
    State(state): State<AppState>,
    owner: Owner,
    JsonBody(settings): JsonBody<NotificationSettings>,
) -> Result<Json<NotificationSettings>, ApiError> {
    let errors = judge(&settings);
    if !errors.is_empty() {
        return Err(ApiError::invalid(errors));
    }
    state.store.set_notification_settings(owner.id, settings.clone()).await?;
    Ok(Json(settings))
}

/// What is wrong with settings.
pub fn judge(settings: &NotificationSettings) -> Vec<InputError> {
    let mut errors = Vec::new();
    if let Some(quiet) = &settings.quiet {
        let zone = Some(quiet.zone.as_str()).filter(|zone| zone.len() <= ZONE_LIMIT);
        match QuietHours::parse(&format!("{}-{}", quiet.from, quiet.to), Some(zone.unwrap_or_default())) {
            Ok(_) => {}
            Err(InvalidQuietHours::Times) => {
                let detail = "must be two different times of day, such as 22:00 and 07:00";
                errors.push(InputError::new("/quiet", "invalid-times-of-day", detail));
            }
            Err(InvalidQuietHours::Zone) => {
                let detail = "must be a time zone by its IANA name, such as Europe/Paris";
                errors.push(InputError::new("/quiet/zone", "unknown-time-zone", detail));
            }
        }
    }
    if !FALLBACK.contains(&settings.fallback_after_s) {
        let (min, max) = (u64::from(*FALLBACK.start()), u64::from(*FALLBACK.end()));
        errors.push(InputError::out_of_range("/fallback_after_s", min, max));
    }
    if !LANGS.contains(&settings.lang.as_str()) {
        errors.push(InputError::new("/lang", "unknown-value", "must be `en` or `fr`"));
    }
    errors
}

/// `GET /api/v1/jobs/{id}/notifications`
///
/// # Errors
/// 404 `job-not-found`.
pub async fn get_of_job(
    State(state): State<AppState>,
    owner: Owner,
    JobPath(id): JobPath,
) -> Result<Json<JobNotifications>, ApiError> {
    let events = state.store.job_notifications(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
    Ok(Json(JobNotifications { events }))
}

/// `PUT /api/v1/jobs/{id}/notifications`
///
/// # Errors
/// As every JSON body; 404 `job-not-found`, 422 for an event that cannot be told.
pub async fn put_of_job(
    State(state): State<AppState>,
    owner: Owner,
    JobPath(id): JobPath,
    JsonBody(JobNotifications { events }): JsonBody<JobNotifications>,
) -> Result<Json<JobNotifications>, ApiError> {
    let errors = events.as_deref().map(judge_events).unwrap_or_default();
    if !errors.is_empty() {
        return Err(ApiError::invalid(errors));
    }
    if !state.store.set_job_notifications(owner.id, id, events).await? {
        return Err(ApiError::job_not_found());
    }
    let events = state.store.job_notifications(owner.id, id).await?.ok_or_else(ApiError::job_not_found)?;
    Ok(Json(JobNotifications { events }))
}

/// What is wrong with a set of events, at `/events`.
pub fn judge_events(events: &[EventType]) -> Vec<InputError> {
    let wrong = events.iter().enumerate().filter(|(_, event)| !NOTIFIABLE.contains(event));
    let words: Vec<_> = NOTIFIABLE.iter().map(|event| event.as_str()).collect();
    let detail = format!("must be one of {}", words.join(", "));
    wrong.map(|(at, _)| InputError::new(format!("/events/{at}"), "unknown-value", detail.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::push::QuietTimes;

    fn wrong(from: &str, to: &str, zone: &str, fallback_after_s: u32, lang: &str) -> Vec<String> {
        let quiet = Some(QuietTimes { from: from.into(), to: to.into(), zone: zone.into() });
        let settings = NotificationSettings { quiet, fallback_after_s, lang: lang.into() };
        judge(&settings).into_iter().map(|error| format!("{} {}", error.pointer, error.code)).collect()
    }

    #[test]
    fn settings_that_cannot_be_obeyed_are_refused_place_by_place() {
        assert_eq!(wrong("22:00", "07:00", "Europe/Paris", 120, "fr"), Vec::<String>::new());
        assert_eq!(wrong("22:00", "22:00", "Europe/Paris", 120, "fr"), ["/quiet invalid-times-of-day"]);
        assert_eq!(wrong("22:00-23:00", "07:00", "Europe/Paris", 120, "fr"), ["/quiet invalid-times-of-day"]);
        assert_eq!(
            wrong("22:00", "07:00", "Mars/Base", 9, "de"),
            ["/quiet/zone unknown-time-zone", "/fallback_after_s out-of-range", "/lang unknown-value"]
        );
        assert_eq!(wrong("22:00", "07:00", &"x".repeat(10_000), 86_401, "en").len(), 2);
    }

    #[test]
    fn only_what_is_told_can_be_asked_for() {
        assert!(judge_events(&NOTIFIABLE).is_empty());
        let errors = judge_events(&[EventType::Failed, EventType::Progress]);
        assert_eq!(errors.iter().map(|error| error.pointer.as_str()).collect::<Vec<_>>(), ["/events/1"]);
    }
}
