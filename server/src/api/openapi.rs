//! `GET /api/openapi.json` (3.1): a table of the routes, the schemas of answers, and each kind's own schemas.
//!
//! Made once per start. A test holds [`ROUTES`] against `router.rs`, so that no route stays undescribed.

use crate::{engine::registry::Registry, state::AppState};
use axum::{Json, extract::State};
use domain::{
    api::{DEFER_LIMIT_S, KindInfo, PRIORITY_LIMIT},
    problem::PROBLEM_JSON,
};
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};

/// One method of one path.
pub struct Route {
    /// In lower case.
    pub method: &'static str,
    /// With `{parameters}`.
    pub path: &'static str,
    summary: &'static str,
    query: &'static [&'static str],
    headers: &'static [&'static str],
    body: Option<Body>,
    answers: &'static [(u16, &'static str, Content)],
}

enum Body {
    Submit,
    Named(&'static str),
    File,
}

enum Content {
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
pub const ROUTES: &[Route] = &[
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

/// The handler.
pub async fn document(State(state): State<AppState>) -> Json<Arc<Value>> {
    static DOCUMENT: OnceLock<Arc<Value>> = OnceLock::new();
    Json(DOCUMENT.get_or_init(|| Arc::new(assemble(state.engine.registry()))).clone())
}

/// The whole document.
pub fn assemble(registry: &Registry) -> Value {
    let mut schemas: Map<String, Value> = serde_json::from_str(include_str!("schemas.json")).unwrap_or_default();
    let kinds = registry.infos();
    let requests: Vec<Value> = kinds.into_iter().map(|kind| add_kind(&mut schemas, kind)).collect();
    schemas.insert("Submit".to_owned(), json!({"oneOf": requests}));
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        if let Some(methods) = path.as_object_mut() {
            methods.insert(route.method.to_owned(), operation(route));
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Meanwhile",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Submit. Carry on. Be told. Follow the links in answers instead of building URLs.",
        },
        "paths": paths,
        "components": {"schemas": schemas},
    })
}

/// Adds the schemas of a kind; answers the schema of a request to submit it.
fn add_kind(schemas: &mut Map<String, Value>, kind: KindInfo) -> Value {
    for (role, schema) in [("input", kind.input_schema), ("output", kind.output_schema)] {
        let name = format!("{}.{role}", kind.name);
        let mut schema = schema;
        point_elsewhere(&mut schema, &name);
        if let Some(Value::Object(definitions)) = schema.as_object_mut().and_then(|object| object.remove("$defs")) {
            schemas.extend(definitions.into_iter().map(|(inner, schema)| (format!("{name}.{inner}"), schema)));
        }
        schemas.insert(name, schema);
    }
    json!({
        "type": "object",
        "title": kind.name,
        "required": ["kind", "input"],
        "additionalProperties": false,
        "properties": {
            "kind": {"const": kind.name},
            "input": {"$ref": format!("#/components/schemas/{}.input", kind.name)},
            "label": {"type": ["string", "null"], "maxLength": domain::api::LABEL_LIMIT},
            "priority": {"type": ["integer", "null"], "minimum": -PRIORITY_LIMIT, "maximum": PRIORITY_LIMIT, "default": 0},
            "run_at": {"oneOf": [
                {"type": "string", "format": "date-time", "description": "In UTC."}, {"enum": ["quiet", "idle", null]},
            ]},
            "start_within_s": {"type": ["integer", "null"], "minimum": 1, "maximum": DEFER_LIMIT_S},
            "max_attempts": {"type": ["integer", "null"], "minimum": 1, "maximum": 20, "default": kind.limits.max_attempts},
            "timeout_s": {"type": ["integer", "null"], "minimum": 1, "maximum": 86_400, "default": kind.limits.timeout_s},
        },
    })
}

/// A schema's own `$defs` become components, so its references have to follow.
fn point_elsewhere(value: &mut Value, name: &str) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                match member {
                    Value::String(target) if key == "$ref" => {
                        *target = target.replace("#/$defs/", &format!("#/components/schemas/{name}."));
                    }
                    other => point_elsewhere(other, name),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| point_elsewhere(item, name)),
        _ => {}
    }
}

fn operation(route: &Route) -> Value {
    let in_path = route.path.split('{').skip(1).filter_map(|part| part.split('}').next());
    let in_path =
        in_path.map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}));
    let optional =
        |place: &'static str| move |name: &&str| json!({"name": name, "in": place, "schema": {"type": "string"}});
    let parameters: Vec<Value> = in_path
        .chain(route.query.iter().map(optional("query")))
        .chain(route.headers.iter().map(optional("header")))
        .collect();
    let mut responses: Map<String, Value> =
        route.answers.iter().map(|(status, text, content)| (status.to_string(), answer(text, content))).collect();
    let problem = json!({PROBLEM_JSON: {"schema": reference("Problem")}});
    responses.insert("default".to_owned(), json!({"description": "What is wrong", "content": problem}));
    let mut operation = json!({"summary": route.summary, "parameters": parameters, "responses": responses});
    let body = match &route.body {
        None => return operation,
        Some(Body::Submit) => {
            json!({"required": true, "content": {"application/json": {"schema": reference("Submit")}}})
        }
        Some(Body::Named(name)) => json!({"content": {"application/json": {"schema": reference(name)}}}),
        Some(Body::File) => json!({"required": true, "content": {
            "application/octet-stream": {},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"file": {"type": "string", "format": "binary"}}}},
        }}),
    };
    if let Some(members) = operation.as_object_mut() {
        members.insert("requestBody".to_owned(), body);
    }
    operation
}

fn answer(text: &str, content: &Content) -> Value {
    match content {
        Empty => json!({"description": text}),
        As("Problem") => json!({"description": text, "content": {PROBLEM_JSON: {"schema": reference("Problem")}}}),
        As(name) => json!({"description": text, "content": {"application/json": {"schema": reference(name)}}}),
        Any => json!({"description": text, "content": {"*/*": {}}}),
        Stream => json!({"description": text, "content": {"text/event-stream": {}}}),
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::SuppliersConfig, kinds::supplier_quotes::directory::Directory};
    use std::collections::BTreeSet;

    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                if let Some(Value::String(target)) = members.get("$ref") {
                    found.insert(target.clone());
                }
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    fn kinds() -> Registry {
        let nobody = Directory::new(&SuppliersConfig::default()).unwrap();
        crate::kinds::registry(nobody)
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = assemble(&kinds());
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.contains("#/components/schemas/rehearsal.input"));
        for target in found {
            let pointer = target.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }

    #[test]
    fn every_route_of_the_router_is_described() {
        let router = include_str!("../router.rs");
        let routed: BTreeSet<&str> = router.split('"').filter(|text| text.starts_with("/api/")).collect();
        let described: BTreeSet<&str> = ROUTES.iter().map(|route| route.path).collect();
        assert!(!routed.is_empty());
        assert_eq!(routed, described);
    }
}
