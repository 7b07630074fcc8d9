//! Controllers that a macro writes: its fragments come in invisible groups.

use controller_core::prelude::*;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};

macro_rules! logger {
    ($name:ident, $version:literal, $kind:literal, $object:ty, $delay:expr) => {
        struct $name;

        #[controller(api_version = $version, kind = $kind, reconcile_delay = $delay)]
        impl $name {
            async fn reconcile(&self, object: &$object, _cx: &Context<$name>) -> Result {
                drop(object.metadata.name.clone());
                Ok(())
            }
        }
    };
}

logger!(ConfigMaps, "v1", "ConfigMap", ConfigMap, "30s");
logger!(Secrets, "v1", "Secret", Secret, 5000);

pub(super) fn main() {
    drop(Operator::new("x").controller(ConfigMaps).controller(Secrets));
}
