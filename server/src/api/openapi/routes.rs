//! The table of the routes under `/api`: what each takes and answers. Read by [`super`], which makes the document of it; knows no handler.
//! Invariant: it has the routes that `router.rs` has, and no others; a test of [`super`] holds the two against each other.

/// One method of one path.
pub(super) struct Route {
    /// In lower case.
    pub(super) method: &'static str,
    /// With `{parameters}`.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    pub(super) query: &'static [&'static str],
    pub(super) headers: &'static [&'static str],
    pub(super) body: Option<Body>,
    pub(super) answers: &'static [(u16, &'static str, Content)],
}

pub(super) enum Body {
    Submit,
    Named(&'static str),
    File,
}

pub(super) enum Content {
    None,
    Json(&'static str),
    Any,
    Stream,
}

const fn get(path: &'static str, summary: &'static str, answers: &'static [(u16, &'static str, Content)]) -> Route {
    Route { method: "get", path, summary, query: &[], headers: &[], body: None, answers }
}

const fn post(path: &'static str, summary: &'static str, answers: &'static [(u16, &'static str, Content)]) -> Route {
    Route { method: "post", ..get(path, summary, answers) }
}

use Content::{Any, Json as As, None as Empty, Stream};

/// Every route under `/api`.
pub(super) const ROUTES: &[Route] = &[
    Route {
        headers: &["Idempotency-Key", "Prefer"],
        body: Some(Body::Submit),
        ..post(
            "/api/v1/jobs",
            "Submit a job",
            &[(202, "Accepted, durably", As("Job")), (200, "Finished within `wait`", As("Job"))],
        )
    },
    Route {
        query: &["state", "kind", "q", "limit", "before"],
        ..get("/api/v1/jobs", "My jobs, newest first: the snapshot", &[(200, "A page", As("JobList"))])
    },
    Route {
        query: &["wait"],
        headers: &["If-None-Match"],
        ..get("/api/v1/jobs/{id}", "One job", &[(200, "The job", As("Job")), (304, "Not changed", Empty)])
    },
    Route {
        headers: &["Range", "If-Range", "If-None-Match"],
        ..get(
            "/api/v1/jobs/{id}/result",
            "Its output, or the file that it made (`catalogue-export`), ranges included",
            &[
                (200, "The output, or the whole file", Any),
                (202, "Unfinished", As("Job")),
                (206, "A range of the file", Any),
                (304, "The file is the one that `If-None-Match` names", Empty),
                (410, "The file was kept for as long as results are", As("Problem")),
            ],
        )
    },
    get(
        "/api/v1/jobs/{id}/files/{name}",
        "A file of it, ranges included",
        &[(200, "The file", Any), (206, "A range of it", Any)],
    ),
    Route {
        query: &["after", "limit"],
        ..get("/api/v1/jobs/{id}/events", "Its log, after a `jseq`", &[(200, "A page", As("EventPage"))])
    },
    get("/api/v1/jobs/{id}/attempts", "Its attempts", &[(200, "Oldest first", As("AttemptList"))]),
    post("/api/v1/jobs/{id}/cancel", "Cancel it", &[(202, "What it came to", As("CancelAnswer"))]),
    Route {
        body: Some(Body::Named("Retry")),
        ..post(
            "/api/v1/jobs/{id}/retry",
            "Open it again, or submit it with edited input",
            &[(202, "The job", As("Job"))],
        )
    },
    Route {
        body: Some(Body::Named("Callback")),
        ..post(
            "/api/v1/callbacks/{token}",
            "Answer what a job has asked a third party; once, without a cookie",
            &[(204, "Taken, durably", Empty), (404, "Made up, used, expired, or its job has ended", As("Problem"))],
        )
    },
    post("/api/v1/jobs/{id}/step", "Let a rehearsal that holds take a step", &[(202, "The job", As("Job"))]),
    get("/api/v1/kinds", "What can be submitted", &[(200, "Each with its schemas", As("KindList"))]),
    Route {
        query: &["name"],
        body: Some(Body::File),
        ..post("/api/v1/uploads", "Send a file for a job", &[(201, "Complete and durable", As("Upload"))])
    },
    Route {
        query: &["q", "limit", "after"],
        headers: &["If-None-Match"],
        ..get("/api/v1/products", "The catalogue", &[(200, "A page", As("ProductPage")), (304, "Not changed", Empty)])
    },
    Route {
        headers: &["If-None-Match"],
        ..get(
            "/api/v1/products/{handle}",
            "One product",
            &[(200, "The product", As("Product")), (304, "Not changed", Empty)],
        )
    },
    Route {
        method: "patch",
        headers: &["If-Match"],
        body: Some(Body::Named("ProductEdit")),
        ..get(
            "/api/v1/products/{handle}",
            "Edit it, if it is as the tag says: what is absent stays, `null` clears",
            &[
                (200, "The product as it is now, with its tag", As("Product")),
                (412, "`product-changed`, with the product as it is in `product`", As("Problem")),
                (422, "What is wrong, place by place", As("Problem")),
                (428, "`If-Match` is missing", As("Problem")),
            ],
        )
    },
    get(
        "/api/v1/suppliers",
        "Whom `supplier-quotes` asks, and whether each is left alone for its failures",
        &[
            (200, "In the directory's order", As("SupplierList")),
            (404, "`no-suppliers`: started without", As("Problem")),
            (503, "`suppliers-unreachable`", As("Problem")),
        ],
    ),
    Route {
        query: &["after", "limit", "wait", "job", "fold", "watch", "once"],
        headers: &["If-None-Match"],
        ..get(
            "/api/v1/events",
            "Follow by polling",
            &[(200, "A page", As("EventPage")), (304, "Nothing follows", Empty)],
        )
    },
    Route {
        query: &["after", "job", "fold", "watch"],
        headers: &["Last-Event-ID"],
        ..get(
            "/api/v1/stream",
            "Follow by Server-Sent Events",
            &[(200, "The stream", Stream), (204, "The one job has ended", Empty)],
        )
    },
    get("/api/v1/ws", "Follow by WebSocket, subprotocol `meanwhile.v1`", &[(101, "The socket", Empty)]),
    Route {
        body: Some(Body::Named("Ack")),
        ..post("/api/v1/ack", "This device has seen everything up to there", &[(204, "Noted", Empty)])
    },
    Route {
        method: "delete",
        ..get("/api/v1/me", "Delete everything of mine", &[(204, "Nothing of it is left, or there was nothing", Empty)])
    },
    // Push: deliveries and settings.
    Route {
        query: &["job", "endpoint", "before", "limit"],
        ..get("/api/v1/deliveries", "My notifications, newest first", &[(200, "A page", As("DeliveryPage"))])
    },
    get(
        "/api/v1/deliveries/{id}",
        "One with every attempt; of a webhook, with the request as it is signed now",
        &[(200, "The delivery", As("DeliveryReport"))],
    ),
    post(
        "/api/v1/deliveries/{id}/resend",
        "Send it again, with the same id",
        &[(202, "Queued", As("Delivery")), (409, "`endpoint-off`", As("Problem"))],
    ),
    post(
        "/api/v1/deliveries/{id}/cancel",
        "Send it no more",
        &[(202, "Cancelled; an attempt under way goes on", As("Delivery")), (409, "`delivery-ended`", As("Problem"))],
    ),
    Route {
        body: Some(Body::Named("BrowserReport")),
        ..post("/api/v1/deliveries/{id}/report", "What a browser did with it", &[(204, "Noted", Empty)])
    },
    get(
        "/api/v1/notification-settings",
        "When I may be disturbed",
        &[(200, "The settings", As("NotificationSettings"))],
    ),
    Route {
        method: "put",
        body: Some(Body::Named("NotificationSettings")),
        ..get(
            "/api/v1/notification-settings",
            "Replace them",
            &[
                (200, "As they are kept", As("NotificationSettings")),
                (422, "What is wrong, place by place", As("Problem")),
            ],
        )
    },
    get(
        "/api/v1/jobs/{id}/notifications",
        "Of what in this job I am told",
        &[(200, "`null`: of what each endpoint says", As("JobNotifications"))],
    ),
    Route {
        method: "put",
        body: Some(Body::Named("JobNotifications")),
        ..get(
            "/api/v1/jobs/{id}/notifications",
            "Set it",
            &[(200, "As it is kept", As("JobNotifications")), (422, "What is wrong, place by place", As("Problem"))],
        )
    },
    // Push: endpoints.
    get("/api/v1/push", "What this server can send to those who are not there", &[(200, "The offer", As("PushOffer"))]),
    Route {
        body: Some(Body::Named("NewWebPush")),
        ..post(
            "/api/v1/push-subscriptions",
            "Add a browser: what `PushSubscription.toJSON()` gives",
            &[
                (201, "Added", As("PushEndpoint")),
                (200, "It was known; its keys are the new ones", As("PushEndpoint")),
                (409, "`too-many-endpoints`", As("Problem")),
                (422, "`not-a-push-service`, `not-a-key`", As("Problem")),
            ],
        )
    },
    Route {
        body: Some(Body::Named("NewWebhook")),
        ..post(
            "/api/v1/webhooks",
            "Add a program, by its https address; its messages are signed (Standard Webhooks)",
            &[
                (201, "Added, with its secret, which is told this once", As("WebhookSecret")),
                (409, "`webhook-exists`, `too-many-endpoints`", As("Problem")),
                (422, "`not-https`, `private-address`, `unknown-host` and the like", As("Problem")),
            ],
        )
    },
    post(
        "/api/v1/webhooks/{id}/rotate",
        "Sign with another secret; the present one signs too for a day",
        &[(200, "The new one, which is told this once", As("WebhookSecret"))],
    ),
    Route {
        body: Some(Body::Named("SignatureCheck")),
        ..post(
            "/api/v1/webhooks/{id}/verify",
            "Is this signature made with a secret of this webhook, and recent?",
            &[(200, "Whether, and why not", As("SignatureVerdict"))],
        )
    },
    Route {
        body: Some(Body::Named("NewEmail")),
        ..post(
            "/api/v1/email-addresses",
            "Add a mail address; a mail asks whether it is mine",
            &[
                (201, "Added, `unconfirmed`", As("PushEndpoint")),
                (200, "It was known", As("PushEndpoint")),
                (409, "`no-mail-server`, `too-many-endpoints`", As("Problem")),
                (422, "`not-an-address`", As("Problem")),
                (429, "`too-many-confirmations`", As("Problem")),
            ],
        )
    },
    get("/api/v1/push-endpoints", "Where I am told, oldest first", &[(200, "All of them", As("PushEndpointPage"))]),
    get("/api/v1/push-endpoints/{id}", "One of them", &[(200, "The endpoint", As("PushEndpoint"))]),
    Route {
        method: "patch",
        body: Some(Body::Named("EndpointPatch")),
        ..get(
            "/api/v1/push-endpoints/{id}",
            "Change what is named",
            &[(200, "As it is now", As("PushEndpoint")), (422, "What is wrong, place by place", As("Problem"))],
        )
    },
    Route {
        method: "delete",
        ..get(
            "/api/v1/push-endpoints/{id}",
            "Remove it; what was still to be sent there is cancelled",
            &[(204, "Removed", Empty)],
        )
    },
    post(
        "/api/v1/push-endpoints/{id}/test",
        "Send a test",
        &[(202, "Queued", As("Delivery")), (409, "`endpoint-off`", As("Problem"))],
    ),
    // For whoever has the operator's token.
    Route {
        headers: &["Authorization", "If-None-Match"],
        ..get(
            "/api/v1/operations",
            "Operator: what there is to do, by kind",
            &[(200, "The overview", As("Overview")), (304, "Not changed", Empty)],
        )
    },
    Route {
        query: &["state", "kind", "reason", "code", "owner", "q", "since", "limit", "before"],
        headers: &["Authorization", "If-None-Match"],
        ..get(
            "/api/v1/operations/jobs",
            "Operator: every owner's jobs, newest first",
            &[(200, "A page", As("OperatedPage")), (304, "Not changed", Empty)],
        )
    },
    Route {
        headers: &["Authorization", "If-None-Match"],
        ..get(
            "/api/v1/operations/jobs/{id}",
            "Operator: one job with its attempts and both ends of its log",
            &[(200, "All there is to see", As("JobReport")), (304, "Not changed", Empty)],
        )
    },
    Route {
        query: &["action", "state", "kind", "reason", "code", "owner", "q", "since"],
        headers: &["Authorization"],
        ..get(
            "/api/v1/operations/count",
            "Operator: how many jobs a bulk action would take",
            &[(200, "So many, as of a moment", As("Matched"))],
        )
    },
    Route {
        headers: &["Authorization"],
        body: Some(Body::Named("Selection")),
        ..post(
            "/api/v1/operations/retry",
            "Operator: retry up to 200 jobs",
            &[(200, "What became of each", As("ActedList"))],
        )
    },
    Route {
        headers: &["Authorization"],
        body: Some(Body::Named("Selection")),
        ..post(
            "/api/v1/operations/cancel",
            "Operator: cancel up to 200 jobs",
            &[(200, "What became of each", As("ActedList"))],
        )
    },
    Route {
        headers: &["Authorization"],
        body: Some(Body::Named("BulkRequest")),
        ..post(
            "/api/v1/operations/bulk",
            "Operator: retry or cancel everything that a filter matches, as a job",
            &[(202, "The job that does it", As("Job"))],
        )
    },
    get("/api/openapi.json", "This document", &[(200, "OpenAPI 3.1", Any)]),
];
