//! What the service says by code, in English. `{name}` stands for a parameter of that name.

use super::codes::{Entry, Table};

pub(super) const TABLE: Table =
    Table { problems: PROBLEMS, failures: FAILURES, whys: WHYS, inputs: INPUTS, rejects: REJECTS };

/// Problems of a request.
const PROBLEMS: &[Entry] = &[
    ("endpoint-not-found", "There is no such receiver, or it belongs to another visitor.", "Go back to the settings."),
    (
        "too-many-endpoints",
        "You have as many receivers as one visitor may.",
        "Remove one that you no longer need, then add this one.",
    ),
    (
        "webhook-exists",
        "There is a webhook with this address already.",
        "If you have lost its secret, make a new one in the settings.",
    ),
    (
        "no-mail-server",
        "This server sends no mails.",
        "Choose another way to be told, or tell whoever runs the server: it is started with --smtp.",
    ),
    (
        "too-many-confirmations",
        "Too many mails were asked for.",
        "Look into the mailbox, also under spam; or come back in some hours.",
    ),
    (
        "delivery-not-found",
        "There is no such notification, or it belongs to another visitor.",
        "Go back to your notifications.",
    ),
    (
        "endpoint-off",
        "What this notification would go to is not there any more, or is switched off.",
        "Switch it on in the settings, then send it again.",
    ),
    ("delivery-ended", "This notification has been sent or given up already.", "Look at what became of it."),
    ("operator-required", "This is for the operator of the server.", "Sign in with the operator’s token."),
    ("wrong-token", "That is not the operator’s token.", "Look it up in the server’s data folder and paste it whole."),
    (
        "too-many-attempts",
        "Too many wrong tokens came from your address.",
        "Wait a minute, then try again with the right one.",
    ),
    ("operator-only", "Jobs of this kind are the operator’s.", "Start or retry it from the Operations page."),
    (
        "invalid-input",
        "Some of it cannot be taken as it is.",
        "Correct the places below; the rest stays as you typed it.",
    ),
    (
        "unreachable",
        "The server cannot be reached.",
        "Check your connection and try again; sending the same thing twice does no harm.",
    ),
    ("unreadable-answer", "The answer could not be read.", "Reload the page and look whether it went through."),
    (
        "unexpected-status",
        "Something between this page and the server gave an answer of its own.",
        "Try again in a moment.",
    ),
    ("job-not-found", "There is no such job, or it belongs to another visitor.", "Go back to your list of jobs."),
    ("not-found", "There is nothing at this address.", "Go back to your list of jobs."),
    ("product-not-found", "There is no such product.", "Look for it in the catalogue."),
    (
        "product-changed",
        "The product was changed meanwhile, so nothing was saved.",
        "What you typed is below, with what is there now; look at it and save again.",
    ),
    (
        "precondition-required",
        "The form does not say which state of the product it is about.",
        "Open the product’s page again and type it there.",
    ),
    ("file-not-found", "There is no such file.", "Go back to the job it came from."),
    ("unknown-kind", "This server has no such kind of job.", "Choose one of the kinds on offer."),
    ("not-available", "This is not available yet.", "Leave it out and submit again."),
    ("not-retryable", "Only a job that failed or was cancelled can be retried.", "Look at where it stands now."),
    ("job-finished", "The job has ended and takes no more steps.", "Look at its result."),
    (
        "callback-not-found",
        "Nothing awaits a call-back here, or not any more.",
        "Look at where the job stands now: it may have had its answer.",
    ),
    ("too-slow", "The request took too long to arrive.", "Check your connection and try again."),
    ("job-failed", "The job failed and has no result.", "Look at what went wrong, and retry it from its page."),
    ("job-cancelled", "The job was cancelled and has no result.", "Retry it from its page."),
    (
        "idempotency-key-reused",
        "This form was sent before with other values.",
        "It has been renewed: check the values and submit again.",
    ),
    ("bad-idempotency-key", "The form’s key cannot be read.", "Reload the page and fill in the form again."),
    ("bad-form", "The form cannot be read.", "Reload the page and fill it in again."),
    ("bad-json", "The request cannot be read.", "Reload the page and try again."),
    ("bad-query", "The address asks for something that cannot be read.", "Go back and use the links of the page."),
    ("bad-cursor", "The address names a place that no longer exists.", "Start again from the first page."),
    ("input-too-large", "There is more input than a job can take.", "Make it shorter and submit again."),
    ("too-large", "The file or form is larger than the server takes.", "Split the file and import it in parts."),
    (
        "quota-exceeded",
        "You have no room left for uploads.",
        "Use or wait out the earlier ones; unused files go after a day.",
    ),
    ("upload-cut", "The file arrived only in part.", "Send it again."),
    ("body-cut", "The request arrived only in part.", "Try again."),
    ("cross-site", "The request came from another site’s page and was refused.", "Use the form on this page."),
    ("cursor-expired", "What happened since then is no longer kept.", "The page takes the current state instead."),
    (
        "disk-full",
        "The server’s disk is full; nothing of this was kept.",
        "Try again later, or tell whoever runs the server.",
    ),
    ("store-unavailable", "The server’s store does not answer; nothing of this was kept.", "Try again in a moment."),
    ("stopping", "The server is restarting.", "Try again in a moment; accepted jobs go on by themselves."),
    ("too-many-requests", "That was too much at once.", "Wait a moment and try again."),
    ("too-many-connections", "Too many connections are open.", "Close some pages, or wait a moment and try again."),
    (
        "too-many-jobs",
        "You have as many unfinished jobs as one visitor may.",
        "Wait until some have finished, or cancel those you no longer need.",
    ),
    (
        "result-expired",
        "The file was kept for as long as results are, and is gone.",
        "Run the job again to make it anew.",
    ),
    ("file-lost", "The file is no longer on the server’s disk.", "Run the job again to make it anew."),
    (
        "internal",
        "The server failed at this. It has been noted.",
        "Try again; if it stays, tell whoever runs the server.",
    ),
    (
        "no-suppliers",
        "This server has no suppliers to ask.",
        "Tell whoever runs the server: it is started with --suppliers URL.",
    ),
    ("suppliers-unreachable", "The suppliers’ directory cannot be read right now.", "Try again in a moment."),
    ("method-not-allowed", "This cannot be done here.", "Go back and use the buttons of the page."),
];

/// Failures of a job or an attempt.
const FAILURES: &[Entry] = &[
    (
        "state-does-not-fit",
        "No job in these states can have this done to it.",
        "Start it again from the Operations page with another filter.",
    ),
    (
        "rehearsed-transient",
        "Step {step} failed for a while, as rehearsed.",
        "Retry it: the next attempt may get through.",
    ),
    (
        "rehearsed-permanent",
        "Step {step} failed for good, as rehearsed.",
        "Edit the input and retry: with these values it fails again.",
    ),
    (
        "handler-panicked",
        "The code that does this work broke off.",
        "Retry it; if it breaks off again, tell whoever runs the server.",
    ),
    ("timed-out", "It took longer than its limit of {timeout_s}.", "Retry it, or give it less to do."),
    (
        "worker-died",
        "The process that worked on it died, more than once.",
        "Retry it; if it dies again, tell whoever runs the server.",
    ),
    (
        "callback-timeout",
        "The answer from outside that it waited for did not come in time.",
        "Ask whoever was to answer, then retry it: it asks again.",
    ),
    (
        "unreadable-callback",
        "The answer from outside could not be read.",
        "Tell whoever sends it, then retry the job: it asks again.",
    ),
    (
        "no-suppliers",
        "This server has no suppliers to ask.",
        "Tell whoever runs the server: it is started with --suppliers URL.",
    ),
    (
        "suppliers-unreachable",
        "The suppliers’ directory could not be read, so nobody was asked.",
        "Retry it when the suppliers are back.",
    ),
    ("no-attempt-left", "All its attempts were used up.", "Retry it to give it new ones."),
    ("expired", "It could not start in time.", "Retry it when there is less to do."),
    (
        "not-started-in-time",
        "It had to start within {start_within_s} and could not, so it has expired.",
        "Retry it, or submit it again with more time to start.",
    ),
    ("upload-missing", "The file of this job is gone.", "Edit and retry, with the file once more."),
    (
        "upload-unreadable",
        "The file of this job could not be read.",
        "Retry it; if that does not help, send the file again.",
    ),
    ("empty-file", "The file is empty.", "Export it again from your shop, then edit and retry."),
    (
        "missing-column",
        "The file has no column “{column}”.",
        "Add it (the header is on the first line), then edit and retry.",
    ),
    ("duplicate-column", "The column “{column}” is there twice.", "Remove one of them, then edit and retry."),
    (
        "not-a-product-csv",
        "The file is no product CSV (it looks like: {looks_like}).",
        "Export the products as CSV in UTF-8, then edit and retry.",
    ),
    ("rejects-damaged", "The file of rejected rows was damaged.", "Start it over."),
    (
        "rejects-unwritable",
        "The file of rejected rows could not be written.",
        "Retry it; if it stays, tell whoever runs the server.",
    ),
    (
        "cell-too-long",
        "“{column}” of the product “{handle}” is longer than a cell of an XLSX may be ({max} characters), and would come back cut.",
        "Export as CSV, which holds it.",
    ),
    (
        "too-many-columns",
        "The catalogue has more columns than a sheet of an XLSX may have ({max}).",
        "Export as CSV, which holds them.",
    ),
    (
        "columns-changing",
        "Imports bring in new columns faster than the catalogue is written.",
        "Retry it once they are through.",
    ),
    ("export-unwritable", "The file could not be written.", "Retry it; if it stays, tell whoever runs the server."),
    ("disk-full", "The server’s disk is full.", "Retry it later, or tell whoever runs the server."),
    ("store-unavailable", "The server’s store did not answer.", "Retry it in a moment."),
    ("unreadable-input", "Its input could not be read.", "Edit and retry."),
    ("unknown-kind", "This server no longer runs this kind of job.", "Tell whoever runs the server."),
    ("output-too-large", "Its result was larger than can be kept.", "Give it less to do, then edit and retry."),
];

/// Why an unfinished job is where it is, in full and, where that says more than its place in line, in a few words.
const WHYS: &[Entry] = &[
    ("running", "It is being worked on.", ""),
    ("ahead", "Waiting its turn; jobs ahead of it: {n}.", ""),
    ("next", "It is next and starts at once.", ""),
    ("workers-busy", "It is next; all workers are busy (jobs running: {running}).", "all workers are busy"),
    (
        "kind-limit",
        "As many jobs of the kind “{kind}” run as may at once ({limit}); it starts when one of them ends and it is its turn.",
        "as many of its kind run as may ({limit})",
    ),
    (
        "kind-rate",
        "Jobs of the kind “{kind}” start at most {per_minute} times a minute; it waits for its turn.",
        "its kind starts {per_minute} times a minute",
    ),
    ("scheduled", "It starts on {at}.", "starts on {at}"),
    (
        "quiet-hours",
        "It waits for the quiet hours ({from} to {to}, {zone}) and starts on {at}.",
        "starts in the quiet hours, on {at}",
    ),
    (
        "idle",
        "It starts when nothing else waits or runs; unfinished jobs that go first: {unfinished}.",
        "starts when nothing else waits or runs",
    ),
    ("start-by", "It must start by {start_by}, else it expires.", ""),
    ("backing-off", "An attempt failed; the next one starts on {at}.", ""),
    (
        "waiting",
        "It waits for an answer from outside, until {until} at the latest, and holds no worker meanwhile.",
        "waits for an answer from outside",
    ),
    ("rehearsed-callback", "It waits for the call-back before step {step}, which you can send from its page.", ""),
    ("supplier-callbacks", "It waits for the call-back of {suppliers}.", ""),
    ("cancelling", "Asked to stop; it stops at its next safe point, or finishes first.", ""),
    ("finished", "It has ended.", ""),
];

/// What is wrong with a field.
const INPUTS: &[Entry] = &[
    ("not-a-push-service", "this browser’s push service is not one that the server knows", ""),
    ("not-a-key", "this is not a key of a browser", ""),
    ("not-a-url", "enter a whole address, such as https://example.org/hook", ""),
    ("not-https", "the address must begin with https://", ""),
    ("user-in-url", "leave the user and the password out of the address", ""),
    ("private-address", "the address must be one that everybody can reach", ""),
    ("unknown-host", "this name cannot be found; check it", ""),
    ("not-an-address", "enter a mail address, such as jo@example.org", ""),
    ("invalid-times-of-day", "enter two different times, such as 22:00 and 07:00", ""),
    ("unknown-time-zone", "choose a time zone, such as Europe/Paris", ""),
    ("state-does-not-fit", "no job in these states can have this done to it", ""),
    ("out-of-range", "enter a number from {min} to {max}", ""),
    ("missing-field", "this is needed", ""),
    ("wrong-type", "this does not fit here", ""),
    ("unknown-field", "there is no such field", ""),
    ("duplicate-field", "this is given twice", ""),
    ("unknown-value", "this is none of the choices", ""),
    ("not-available", "this is not available yet", ""),
    ("invalid-time", "enter a date and a time", ""),
    ("too-far", "choose a time within a year", ""),
    ("not-a-number", "enter a whole number", ""),
    ("too-long", "enter at most {max} characters", ""),
    ("upload-missing", "choose the file again: the earlier one is gone", ""),
    ("none-chosen", "name at least one", ""),
    ("too-many", "enter at most {max}", ""),
    ("bad-name", "“{value}” is no name that can stand here", ""),
    ("choose", "this was changed meanwhile: choose which value stays", ""),
    ("bad-price", "enter a price such as 12.50", ""),
    ("bad-tag", "a tag has no comma", ""),
    ("unknown-variant", "the product has no such variant", ""),
    ("not-with-input", "edited values make a new job, which starts at its start", ""),
];

/// Why a row of a product file was not taken.
const REJECTS: &[Entry] = &[
    ("title-missing", "A new product needs a title.", ""),
    ("handle-missing", "The row has no handle.", ""),
    ("handle-too-long", "The handle is too long: {found} bytes, at most {max}.", ""),
    ("bad-price", "“{value}” is no price.", ""),
    ("bad-quantity", "“{value}” is no quantity.", ""),
    ("bad-position", "“{value}” is no position.", ""),
    ("bad-published", "“{value}” is neither true nor false.", ""),
    ("wrong-column-count", "The row has {found} columns instead of {expected}.", ""),
    ("truncated-row", "The row is cut off: a quotation mark is not closed.", ""),
    ("field-too-large", "The cell is too long (at most {max} bytes).", ""),
    ("row-too-large", "The row is too long.", ""),
    ("not-utf8", "The cell is not UTF-8 text.", ""),
    ("stray-quote", "A quotation mark stands where none can be.", ""),
];
