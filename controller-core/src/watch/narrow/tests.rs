use proptest::prelude::*;

use super::*;
use crate::cache::Draft;
use crate::cache::{Applied, Seen};
use crate::watch::Head;

fn spec(namespace: Option<&str>, labels: Option<&str>) -> WatchSpec {
    WatchSpec {
        version: "v1".into(),
        kind: "Pod".into(),
        plural: "pods".into(),
        namespace: namespace.map(Into::into),
        labels: labels.map(Into::into),
        ..WatchSpec::default()
    }
}

#[test]
fn what_a_declaration_asks_for_beyond_the_watch_is_looked_at_here() {
    let check = |wide: &WatchSpec, narrow: &WatchSpec, expect: bool| {
        assert_eq!(Narrow::between(wide, narrow).is_some(), expect, "{narrow} of {wide}");
    };
    check(&spec(None, None), &spec(None, None), false);
    check(&spec(None, None), &spec(Some("a"), None), true);
    check(&spec(None, None), &spec(None, Some("a=b")), true);
    check(&spec(Some("a"), None), &spec(Some("a"), Some("a=b")), true);
    check(&spec(None, Some("a=b")), &spec(None, Some("a=b")), false);
    // The server is asked, and refuses it in its words.
    check(&spec(None, None), &spec(None, Some("a in")), false);
}

/// A subscriber that checks what it is told, and gives slots back when it is told to.
#[derive(Default)]
struct Subscriber {
    known: Mutex<BTreeMap<Slot, Entry>>,
    /// Slots of objects that went, which it may still speak of.
    held: Mutex<Vec<Slot>>,
}

impl Sink for Subscriber {
    fn deliver(&self, delta: Delta<'_>) {
        let mut known = self.known.lock();
        match delta {
            Delta::Upsert { slot, entry, before, .. } => {
                let told = known.insert(slot, entry.clone());
                assert_eq!(
                    told.as_ref().map(Entry::address),
                    before.map(Entry::address),
                    "before is what was told last"
                );
                self.held.lock().retain(|held| *held != slot);
            }
            Delta::Remove { slot, entry } => {
                let told = known.remove(&slot).expect("what goes was told");
                assert!(told.address() == entry.address(), "the version told last goes");
                self.held.lock().push(slot);
            }
            Delta::Synced => {}
        }
    }
}

const ID: SubscriberId = SubscriberId(7);

struct Rig {
    store: Arc<Store>,
    filter: Filter,
    subscriber: Arc<Subscriber>,
    version: u64,
}

impl Rig {
    fn new(namespace: Option<&str>, labels: Option<&str>) -> Self {
        let store = Arc::new(Store::new());
        store.join(ID);
        let subscriber = Arc::new(Subscriber::default());
        let narrow = Narrow::between(&spec(None, None), &spec(namespace, labels)).expect("it narrows");
        let filter = Filter::new(Arc::new(narrow), subscriber.clone(), store.clone(), ID);
        Self { store, filter, subscriber, version: 0 }
    }

    fn head(&mut self, name: &str, uid: &str) -> Head<'static> {
        self.version += 1;
        Head {
            namespace: Some(if name < "c" { "a" } else { "b" }.into()),
            name: name.to_owned().into(),
            uid: Some(uid.to_owned().into()),
            version: self.version.to_string().into(),
            ..Head::default()
        }
    }

    fn put(&mut self, name: &str, uid: &str, tier: &str) {
        let head = self.head(name, uid);
        let bytes = serde_json::json!({"metadata": {"labels": {"tier": tier}}}).to_string().into_bytes();
        match self.store.upsert(&head, Seen::Event(None), || Draft::new(&bytes, b"", &[])) {
            Applied::Upsert { slot, entry, before } => {
                self.filter.deliver(Delta::Upsert { slot, entry: &entry, before: before.as_ref(), initial: false });
            }
            Applied::Replaced { slot, gone, entry } => {
                self.filter.deliver(Delta::Remove { slot, entry: &gone });
                self.filter.deliver(Delta::Upsert { slot, entry: &entry, before: None, initial: false });
            }
            other => panic!("a newer version is an upsert, not {other:?}"),
        }
    }

    fn delete(&mut self, name: &str) {
        let known = self.store.snapshot().into_iter().find(|(_, entry)| entry.name() == name);
        let Some((_, known)) = known else { return };
        let uid = known.uid().map(|uid| uid.to_string()).unwrap_or_default();
        let head = self.head(name, &uid);
        if let Applied::Remove { slot, entry } = self.store.remove(&head) {
            self.filter.deliver(Delta::Remove { slot, entry: &entry });
        }
    }

    /// The subscriber is done with a slot.
    fn release(&self, which: usize) {
        let mut held = self.subscriber.held.lock();
        if !held.is_empty() {
            let at = which % held.len();
            let slot = held.remove(at);
            self.filter.released(slot);
            self.store.release(ID, slot);
        }
    }

    fn check(&self) {
        let expect: Vec<_> =
            self.store.snapshot().into_iter().filter(|(_, entry)| self.filter.narrow.shows(entry)).collect();
        let known = self.subscriber.known.lock();
        let known: Vec<_> = known.iter().map(|(slot, entry)| (*slot, entry.clone())).collect();
        let of = |found: &[(Slot, Entry)]| {
            found.iter().map(|(slot, e)| (*slot, e.version().to_string())).collect::<Vec<_>>()
        };
        assert_eq!(of(&known), of(&expect));
    }
}

#[test]
fn an_object_that_comes_to_match_appears_and_one_that_no_longer_does_goes() {
    let mut rig = Rig::new(None, Some("tier=front"));
    let known = |rig: &Rig| rig.subscriber.known.lock().len();
    rig.put("x", "1", "back");
    assert_eq!(known(&rig), 0);
    rig.put("x", "1", "front");
    rig.put("x", "1", "front");
    assert_eq!(known(&rig), 1);
    rig.put("x", "1", "back");
    assert_eq!((known(&rig), rig.subscriber.held.lock().len()), (0, 1));
    rig.put("x", "1", "front");
    rig.delete("x");
    assert_eq!((known(&rig), rig.subscriber.held.lock().len()), (0, 1));
}

#[derive(Debug, Clone)]
enum Step {
    Put(u8, u8, bool),
    Delete(u8),
    Release(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..6_u8, 0..2_u8, any::<bool>()).prop_map(|(name, uid, front)| Step::Put(name, uid, front)),
        2 => (0..6_u8).prop_map(Step::Delete),
        2 => any::<usize>().prop_map(Step::Release),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_it_is_told_what_matches_and_no_slot_is_lost(
        steps in proptest::collection::vec(step(), 0..80),
        by_namespace in any::<bool>(),
    ) {
        let mut rig = if by_namespace { Rig::new(Some("a"), None) } else { Rig::new(None, Some("tier=front")) };
        let name = |name: u8| char::from(b'a' + name).to_string();
        for step in steps {
            match step {
                Step::Put(which, uid, front) => {
                    rig.put(&name(which), &uid.to_string(), if front { "front" } else { "back" });
                }
                Step::Delete(which) => rig.delete(&name(which)),
                Step::Release(which) => rig.release(which),
            }
            rig.check();
        }
        (0..6).for_each(|which| rig.delete(&name(which)));
        (0..6).for_each(|_| rig.release(0));
        prop_assert_eq!(rig.store.graves(), 0);
    }
}
