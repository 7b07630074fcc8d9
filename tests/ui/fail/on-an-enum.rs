use controller_core::prelude::*;

#[controller(api_version = "v1", kind = "Pod")]
enum PodWatcher { //~ mistake
    Idle,
}

fn main() {
    let _ = PodWatcher::Idle.child_spec();
    drop(controller_core::Operator::new("x").controller(PodWatcher::Idle));
}
