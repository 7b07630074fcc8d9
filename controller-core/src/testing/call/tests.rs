//! A callback called by hand.

use serde_json::{Value, json};

use super::*;
use crate::descriptor::Descriptor;

struct Sample;

#[expect(refining_impl_trait, reason = "the attribute allows the same")]
impl Controller for Sample {
    type Object = Value;

    async fn modify(&self, obj: &Value, cx: &Context<Self>) -> Result<Action> {
        cx.event(Event::normal(
            "Changed",
            format!("{} was {:?}", obj["v"], cx.previous().map(|before| before["v"].clone())),
        ));
        cx.enqueue(Key::cluster("other"));
        if cx.attempt() > 1 { Err("again".into()) } else { Ok(Action::AwaitChange) }
    }

    async fn reconcile(&self, _obj: &Value, cx: &Context<Self>) {
        cx.cancelled().await;
    }
}

impl Described for Sample {
    const DESCRIPTOR: Descriptor = Descriptor::new("sample", "v1", "Pod").on(Callback::Modify).on(Callback::Reconcile);
}

#[tokio::test]
async fn what_a_callback_does_to_the_outside_is_noted() {
    let cx = Context::<Sample>::test(Key::cluster("a")).with(&json!({"v": 2})).previous_version(&json!({"v": 1}));
    assert_eq!(cx.call(Sample, Callback::Modify).await.ok(), Some(Action::AwaitChange));
    assert_eq!(cx.events()[0].message(), "2 was Some(Number(1))");
    assert_eq!(cx.enqueued(), [Key::cluster("other")]);
    assert!(Sample.modify(&json!({"v": 3}), &cx).await.is_ok());
    assert_eq!(cx.events().len(), 2);
}

#[tokio::test]
async fn a_run_can_be_set_up_and_cancelled() {
    let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
    let cx = Context::<Sample>::test(Key::cluster("a")).because(Cause::Resync).after_failures(2).at(now);
    assert_eq!((cx.cause(), cx.attempt(), cx.now()), (&Cause::Resync, 3, now));
    assert_eq!(cx.call(Sample, Callback::Modify).await.map_err(|failure| failure.to_string()), Err("again".to_owned()));
    cx.cancel();
    Sample.reconcile(&Value::Null, &cx).await;
}
