//! The addresses of services and the ports of nodes: each is given to one service at a time.

use serde_json::Value;

use super::companions::ADDRESSES;
use super::read::kind_of;
use super::{Server, meta, shape};
use crate::catalog::Resource;
use crate::kinds::{self, Unmet, Wish};
use crate::status::ApiError;
use crate::store::Range;

const ALL: Range<'static> = Range { prefix: "", from: "" };

impl Server {
    /// Gives a new service, or one that replaces `old`, what it asks for and nobody else has.
    pub(super) fn allot(
        &self,
        resource: &Resource,
        object: &mut Value,
        old: Option<&Value>,
        dry_run: bool,
    ) -> Result<(), ApiError> {
        if !shape::is_service(resource) {
            return Ok(());
        }
        let name = meta::name(object).to_owned();
        let uid = meta::text(object, "uid").to_owned();
        let is_taken = |wish: Wish<'_>| self.is_taken(wish, &uid);
        kinds::draw(object, old, dry_run, &is_taken).map_err(|unmet| match unmet {
            Unmet::Invalid(fault) => ApiError::invalid(kind_of(resource), &name, &[fault]),
            Unmet::Failure(why) => ApiError::internal(&why),
        })
    }

    /// Whether another service has it. An address that somebody has is noted; else a look at the text of most of them is
    /// enough.
    fn is_taken(&self, wish: Wish<'_>, own: &str) -> bool {
        if let Wish::Address(address) = wish
            && self.store.get(ADDRESSES, address).is_none()
        {
            return false;
        }
        let text = match wish {
            Wish::Address(address) => format!("\"{address}\""),
            Wish::Port(port) => format!("odePort\":{port}"),
        };
        let has = |value: &Value| match wish {
            Wish::Address(address) => {
                let all = value.pointer("/spec/clusterIPs").and_then(Value::as_array);
                all.into_iter().flatten().any(|known| known == address)
            }
            Wish::Port(port) => {
                let ports = value.pointer("/spec/ports").and_then(Value::as_array);
                let mut all = ports.into_iter().flatten().filter_map(|port| port.get("nodePort"));
                all.any(|known| *known == port) || value.pointer("/spec/healthCheckNodePort") == Some(&port.into())
            }
        };
        self.store.scan("/services", ALL).any(|(_, service)| {
            let bytes = service.text();
            let may_have = bytes.windows(text.len()).any(|part| part == text.as_bytes());
            may_have && {
                let value = service.value();
                has(&value) && meta::text(&value, "uid") != own
            }
        })
    }
}
