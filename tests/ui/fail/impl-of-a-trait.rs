use controller_core::prelude::*;

struct PodWatcher;

#[controller(api_version = "v1", kind = "Pod")]
impl std::fmt::Display for PodWatcher { //~ mistake
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("pods")
    }
}

fn main() {
    let _ = PodWatcher.to_string();
    let _ = PodWatcher.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher));
}
