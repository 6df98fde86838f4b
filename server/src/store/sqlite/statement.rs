//! Running SQL: cached statements, and how SQLite's errors and our types cross the border.
//!
//! Used by every file of this folder, by writer and readers alike. Holds no SQL of its own.
//! Invariant: a statement is prepared once per connection.

use crate::store::{StoreError, StoreResult};
use domain::{Deferral, JobState, Timestamp};
use rusqlite::{
    Connection, ErrorCode, Params, Row,
    types::{FromSql, Type},
};

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            _ => Self::Driver(error.to_string()),
        }
    }
}

/// Runs a statement that answers no rows; says how many rows it changed.
pub(super) fn run(conn: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<usize> {
    conn.prepare_cached(sql)?.execute(params)
}

/// The first row of an answer, if there is one. Steps the statement to its end, without which RETURNING would not be done.
pub(super) fn first<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let value = read(row)?;
    while rows.next()?.is_some() {}
    Ok(Some(value))
}

/// All rows of an answer.
pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    conn.prepare_cached(sql)?.query_map(params, read)?.collect()
}

/// The one row that an answer must have.
pub(super) fn only<T: FromSql>(conn: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<T> {
    conn.prepare_cached(sql)?.query_row(params, |row| row.get(0))
}

/// A column that holds a moment.
pub(super) fn moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(Timestamp)
}

/// A column that may hold a moment.
pub(super) fn maybe_moment(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(Timestamp))
}

/// A column that holds the word of a state.
pub(super) fn state(row: &Row<'_>, column: usize) -> rusqlite::Result<JobState> {
    let word = row.get_ref(column)?.as_str()?;
    JobState::parse(word).ok_or_else(|| damaged(column, format!("no state is called {word}")))
}

/// A column that may hold the word of a deferral.
pub(super) fn deferral(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Deferral>> {
    let Some(word) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    Deferral::parse(word).map(Some).ok_or_else(|| damaged(column, format!("no deferral is called {word}")))
}

/// A column that may hold JSON of a known shape.
pub(super) fn maybe_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    serde_json::from_str(text).map(Some).map_err(|error| damaged(column, error))
}

/// What a column holds is not what was written there.
pub(super) fn damaged(column: usize, why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}

/// Text of a value that always has one.
pub(super) fn text(value: &impl serde::Serialize) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Driver(error.to_string()))
}
