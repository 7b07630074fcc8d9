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

/// Options that become statements stand in the macro, too.
macro_rules! reader {
    ($name:ident, $read:ty) => {
        struct $name;

        #[controller(api_version = "v1", kind = "ConfigMap", cache(compressed), reads(Secret, $read), writes($read))]
        impl $name {
            async fn reconcile(&self, _map: &ConfigMap, cx: &Context<Self>) -> Result {
                cx.get::<Secret>("a")?;
                Ok(())
            }
        }
    };
}

reader!(Reader, ConfigMap);

pub(super) fn main() {
    drop(Operator::new("x").controller(ConfigMaps).controller(Secrets).controller(Reader));
}
