//! `GET /api/openapi.json` (3.1): the table of the routes (`openapi/routes.rs`), the schemas of answers, and each kind's own schemas.
//!
//! Made once per start. A test holds [`routes::ROUTES`] against `router.rs`, so that no route stays undescribed.

mod routes;

use crate::{engine::registry::Registry, state::AppState};
use axum::{Json, extract::State};
use domain::{
    api::{DEFER_LIMIT_S, KindInfo, PRIORITY_LIMIT},
    problem::PROBLEM_JSON,
};
use routes::{Body, Content, ROUTES, Route};
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};

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
        Content::None => json!({"description": text}),
        Content::Json("Problem") => {
            json!({"description": text, "content": {PROBLEM_JSON: {"schema": reference("Problem")}}})
        }
        Content::Json(name) => {
            json!({"description": text, "content": {"application/json": {"schema": reference(name)}}})
        }
        Content::Any => json!({"description": text, "content": {"*/*": {}}}),
        Content::Stream => json!({"description": text, "content": {"text/event-stream": {}}}),
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
