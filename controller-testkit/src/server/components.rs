//! How the programs beside the server are: its store, which is always well, and the two that lead a cluster, which are
//! where the world's controllers are.
//!
//! Nothing of it is stored: a ComponentStatus is made when it is asked for, and has no resourceVersion.

use std::sync::Arc;

use bytes::Bytes;
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Server;
use super::accept::{Accepted, Form};
use super::accounts::Accounts;
use super::present::Look;
use super::query::Query;
use super::read::{answer_list, answer_one, subject};
use super::route::Target;
use super::scope::Scope;
use crate::catalog::Resource;
use crate::status::{ApiError, Subject};
use crate::store::{Change, Object};

/// The programs, and the ports at which they tell how they are.
const PROGRAMS: [(&str, Option<u16>); 3] =
    [("controller-manager", Some(10257)), ("etcd-0", None), ("scheduler", Some(10259))];

pub(super) fn is_of_components(resource: &Resource) -> bool {
    resource.group.is_empty() && resource.plural == "componentstatuses"
}

impl Server {
    /// All programs, or one of them.
    pub(super) fn read_components(
        &self,
        target: &Target,
        query: &Query,
        (accepted, look): (Accepted, Look),
        now: Timestamp,
    ) -> Result<Response<Bytes>, ApiError> {
        let resource = &*target.resource;
        let list = |all: &[Arc<Object>]| {
            answer_list(resource, json!({}), &all.iter().collect::<Vec<_>>(), accepted, look, now)
        };
        if let Some(name) = &target.name {
            let found = PROGRAMS.iter().find(|(known, _)| known == name);
            let (name, port) = found.ok_or_else(|| ApiError::not_found(subject(resource), name))?;
            let object = self.component(name, *port);
            return match accepted.form {
                Form::Table(_) => Ok(list(&[Arc::new(object)])),
                _ => answer_one(resource, &object, StatusCode::OK, accepted, look, now),
            };
        }
        let options = query.list_options(target.watch)?;
        if options.watch {
            let all = Subject { group: &resource.group, resource: &resource.plural };
            return Err(ApiError::watch_not_supported(all));
        }
        let scope = Scope::new(target, &options)?;
        let all = PROGRAMS.iter().map(|(name, port)| (name, Arc::new(self.component(name, *port))));
        let selected: Vec<Arc<Object>> =
            all.filter(|(name, object)| scope.selects(name, object)).map(|(_, object)| object).collect();
        Ok(list(&selected))
    }

    fn component(&self, name: &str, port: Option<u16>) -> Object {
        // Who leads a cluster asks for accounts, too.
        let port = port.filter(|_| self.accounts == Accounts::Unasked);
        let (status, message) = match port {
            None => ("True", "ok".to_owned()),
            Some(port) => {
                let why = format!("dial tcp 127.0.0.1:{port}: connect: connection refused");
                ("False", format!("Get \"https://127.0.0.1:{port}/healthz\": {why}"))
            }
        };
        let value: Value = json!({
            "kind": "ComponentStatus",
            "apiVersion": "v1",
            "metadata": {"name": name},
            "conditions": [{"type": "Healthy", "status": status, "message": message}],
        });
        Object::new(value, 0, Change::Added, self.catalog.generation())
    }
}
