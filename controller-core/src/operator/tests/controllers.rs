//! Controllers in an operator whose server is not there.

use serde_json::Value;

use super::*;
use crate::{Callback, Described, Descriptor};

struct Pods;

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Pods {
    type Object = Value;

    async fn reconcile(&self, _obj: &Value, _cx: &Context<Self>) {}
}

impl Described for Pods {
    const DESCRIPTOR: Descriptor = Descriptor::new("pods", "v1", "Pod").plural("pods").on(Callback::Reconcile);
}

/// What the operator's children look like an hour after the start, and how a stop ends it.
async fn an_hour(operator: Operator) -> (Vec<(String, ChildState)>, ExitCode) {
    let running = operator.client(client()).chance(7).spawn();
    tokio::time::sleep(secs(3_600)).await;
    let children = running.tree().which_children().await.expect("it runs");
    (children.into_iter().map(|child| (child.id, child.state)).collect(), running.stop().await)
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_waited_for() {
    let runs = (vec![("pods".to_owned(), ChildState::Running)], ExitCode::SUCCESS);
    assert_eq!(an_hour(Operator::new("op").controller(Pods)).await, runs);
    assert_eq!(an_hour(Operator::new("op").controller_with(|_cx| async { Pods })).await, runs);
    assert_eq!(an_hour(Operator::new("op").controller_with(|_cx| async { Ok(Pods) })).await, runs);
    assert_eq!(an_hour(Operator::new("op").child(Pods).namespaces(["a", "b"])).await, runs);
    let nested = Operator::new("op").supervisor(Supervisor::new("sup", Strategy::RestForOne).child(Pods.child_spec()));
    assert_eq!(an_hour(nested).await, (vec![("sup".to_owned(), ChildState::Running)], ExitCode::SUCCESS));
}

#[tokio::test(start_paused = true)]
async fn a_controller_that_can_not_be_made_is_a_failed_start() {
    let operator = Operator::new("op").controller_with(|_cx| async {
        let port: u16 = "many".parse()?;
        assert_ne!(port, 0);
        Ok(Pods)
    });
    assert_eq!(operator.client(client()).spawn().ended().await, ExitCode::from(1));
}

#[tokio::test(start_paused = true)]
async fn a_controller_outside_of_an_operator_says_where_it_belongs() {
    let tree = Supervisor::new("tree", Strategy::OneForOne).child(Pods);
    assert_eq!(
        tree.start().await.expect_err("there is no client").to_string(),
        "child pods failed to start: error: controller pods stands in a supervisor that is not part of an operator: \
         give it to `Operator::supervisor`"
    );
}
