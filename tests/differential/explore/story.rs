//! Stories: what becomes of one object under several hands. It is made, written in several versions of its kind, applied
//! by several managers, scaled, looked at, listed, watched from an earlier version on, and deleted.
//!
//! What is drawn does not depend on answers, since it is drawn before anything is asked: a story follows what it means
//! to have written, and takes versions, uids and whole objects from earlier answers by name.

use fastrand::Rng;
use serde_json::{Value, json};

use super::base::Base;
use super::case::{self, Case};
use super::mutation::{self, Pool};
use super::schema::Schemas;

/// Draws stories, each of its own number and in a namespace of its own.
pub(crate) struct Teller<'a> {
    schemas: &'a Schemas,
    pool: &'a Pool,
    rng: Rng,
    number: usize,
}

/// One story, as far as it is told.
struct Story<'a> {
    /// The object in each version of its kind that a base is known of.
    versions: Vec<&'a Base>,
    name: String,
    /// What the story means to have written last.
    object: Value,
    lines: Vec<(String, Option<String>)>,
    has_scale: bool,
    has_status: bool,
    is_custom: bool,
}

/// The group of the resources that stories are told of most.
const CUSTOM: &str = "explore.example.com";
/// How many steps a story has at most.
const STEPS: usize = 9;
const MANAGERS: [&str; 3] = ["a", "b", "c"];

impl<'a> Teller<'a> {
    pub(crate) fn new(schemas: &'a Schemas, pool: &'a Pool, seed: u64) -> Self {
        Teller { schemas, pool, rng: Rng::with_seed(seed), number: 0 }
    }

    pub(crate) fn tell(&mut self, bases: &[Base]) -> Option<Case> {
        self.number += 1;
        let is_custom = self.rng.u8(..5) < 3;
        let fit = |base: &&Base| base.path.contains(CUSTOM) == is_custom && !case::is_careful(base);
        let mut kinds: Vec<&str> = bases.iter().filter(fit).map(|base| base.kind.as_str()).collect();
        kinds.dedup();
        let kind = *self.rng.choice(&kinds)?;
        let base = self.rng.choice(bases.iter().filter(|base| base.kind == kind).collect::<Vec<_>>())?;
        let mut story = Story {
            versions: versions(bases, base),
            name: "{{ns}}".to_owned(),
            object: base.object.clone(),
            lines: Vec::new(),
            has_scale: self.schemas.has(&base.kind, &base.path, "scale"),
            has_status: self.schemas.has(&base.kind, &base.path, "status"),
            is_custom,
        };
        mutation::set(&mut story.object, "/metadata/name", json!(story.name));
        if self.rng.u8(..4) == 0 {
            mutation::set(&mut story.object, "/metadata/finalizers", json!(["example.com/x"]));
        }
        if self.rng.u8(..3) == 0 {
            mutation::set(&mut story.object, "/metadata/labels/story", json!("x"));
        }
        self.begin(&mut story, base);
        for _ in 0..self.rng.usize(3..STEPS) {
            self.step(&mut story);
        }
        Some(story.case(base, self.number))
    }

    /// Makes the object, in one way or another.
    fn begin(&mut self, story: &mut Story<'_>, base: &Base) {
        if self.rng.u8(..4) == 0 {
            self.change(story, base);
        }
        match self.rng.bool() {
            true => story.ask(format!("POST {}{}", base.path, self.query(&[])), Some(&story.object.clone())),
            false => self.apply(story, base),
        }
        story.keep("made = /metadata/resourceVersion");
        story.keep("uid = /metadata/uid");
    }

    fn step(&mut self, story: &mut Story<'_>) {
        let base = *self.rng.choice(&story.versions).expect("a story is of one version at least");
        let path = format!("{}/{}", base.path, story.name);
        match self.rng.u8(..24) {
            0..=6 => {
                if self.rng.bool() {
                    self.change(story, base);
                }
                self.apply(story, base);
            }
            7..=9 => self.patch(story, base),
            10..=11 => self.put(story, base),
            12..=13 if story.has_status => self.status(story, base),
            14 if story.has_scale => self.scale(story, &path),
            15..=16 => story.ask(format!("GET {path}"), None),
            17..=18 => self.list(story, base),
            19 => self.watch(story, base),
            20..=21 => self.delete(story, base),
            22 => {
                let object = story.object.clone();
                story.ask(format!("POST {}{}", base.path, self.query(&[])), Some(&Self::of(&object, base)));
            }
            _ => self.table(story, base),
        }
    }

    /// An object as one of another version of its kind.
    fn of(object: &Value, base: &Base) -> Value {
        let mut object = object.clone();
        mutation::set(&mut object, "/apiVersion", base.object["apiVersion"].clone());
        object
    }

    fn query(&mut self, own: &[String]) -> String {
        let mut parts = own.to_vec();
        match self.rng.u8(..10) {
            0 => parts.push("dryRun=All".to_owned()),
            1 => parts.push("fieldValidation=Strict".to_owned()),
            _ => {}
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!("?{}", parts.join("&")),
        }
    }

    /// Changes what is meant to be there, mostly to something that it may well be.
    fn change(&mut self, story: &mut Story<'_>, base: &Base) -> Vec<Value> {
        let Some(schema) = self.schemas.of(&base.kind) else { return Vec::new() };
        let mut all = Vec::new();
        for _ in 0..self.rng.usize(1..4) {
            let mut sites = mutation::sites(self.schemas, &schema, &story.object);
            sites.retain(|site| !site.pointer.starts_with("/status") && site.depth() > 1);
            sites.retain(|site| !site.pointer.starts_with("/metadata/") || is_of_users(&site.pointer));
            let steps = match self.rng.u8(..10) {
                0..=7 => mutation::gentle(self.schemas, self.pool, &sites, &mut self.rng),
                _ => mutation::draw(self.schemas, self.pool, &sites, &mut self.rng),
            };
            let steps = steps.unwrap_or_default();
            story.object = case::after(&story.object, &steps);
            all.extend(steps);
        }
        all
    }

    fn apply(&mut self, story: &mut Story<'_>, base: &Base) {
        let mut object = Self::of(&story.object, base);
        if let Some(schema) = self.schemas.of(&base.kind) {
            let mut sites = mutation::sites(self.schemas, &schema, &object);
            sites.retain(|site| site.value.is_some() && site.depth() > 1 && site.pointer != "/metadata/name");
            // Each manager has a part of it: where one field goes, those within go too.
            for site in sites.iter().rev().filter(|_| self.rng.u8(..6) == 0) {
                mutation::remove(&mut object, &site.pointer);
            }
        }
        let manager = MANAGERS[self.rng.usize(..MANAGERS.len())];
        let mut parts = vec![format!("fieldManager={manager}")];
        if self.rng.bool() {
            parts.push("force=true".to_owned());
        }
        story.ask(format!("APPLY {}/{}{}", base.path, story.name, self.query(&parts)), Some(&object));
    }

    fn patch(&mut self, story: &mut Story<'_>, base: &Base) {
        let before = story.object.clone();
        let steps = self.change(story, base);
        let path = format!("{}/{}{}", base.path, story.name, self.query(&[]));
        match self.rng.u8(..3) {
            0 => story.ask(format!("JSON {path}"), Some(&steps.into())),
            1 if !story.is_custom => {
                story.ask(format!("STRATEGIC {path}"), Some(&case::strategic(&before, &story.object)));
            }
            _ => story.ask(format!("MERGE {path}"), Some(&case::merge(&before, &story.object))),
        }
    }

    fn put(&mut self, story: &mut Story<'_>, base: &Base) {
        let path = format!("{}/{}", base.path, story.name);
        story.ask(format!("GET {path}"), None);
        let query = self.query(&[]);
        if self.rng.u8(..3) == 0 {
            // What is read is written as it is, in this version or in another.
            story.keep("read = ");
            let other = *self.rng.choice(&story.versions).expect("a story is of one version at least");
            if self.rng.bool() && other.kind != base.kind {
                story.ask(format!("GET {}/{}", other.path, story.name), None);
            }
            return story.tell(format!("PUT {path}{query}"), Some("{{read}}".to_owned()));
        }
        story.keep("rv = /metadata/resourceVersion");
        self.change(story, base);
        let mut object = Self::of(&story.object, base);
        if self.rng.u8(..5) > 0 {
            mutation::set(&mut object, "/metadata/resourceVersion", json!("{{rv}}"));
        }
        story.ask(format!("PUT {path}{query}"), Some(&object));
    }

    fn status(&mut self, story: &mut Story<'_>, base: &Base) {
        let Some(schema) = self.schemas.of(&base.kind) else { return };
        let Some((_, field)) = self.schemas.fields(&schema).into_iter().find(|(name, _)| name == "status") else {
            return;
        };
        let Some(status) = self.pool.plausible(self.schemas, &field, "status", &mut self.rng) else { return };
        let path = format!("{}/{}/status", base.path, story.name);
        let mut object = json!({"apiVersion": base.object["apiVersion"], "kind": base.object["kind"],
            "metadata": {"name": story.name}, "status": status});
        match self.rng.u8(..4) {
            0 => story.ask(format!("MERGE {path}"), Some(&json!({"status": object["status"]}))),
            1 => {
                let mut whole = Self::of(&story.object, base);
                mutation::set(&mut whole, "/status", object["status"].clone());
                story.ask(format!("GET {path}"), None);
                story.keep("rv = /metadata/resourceVersion");
                mutation::set(&mut whole, "/metadata/resourceVersion", json!("{{rv}}"));
                story.ask(format!("PUT {path}"), Some(&whole));
            }
            _ => {
                if self.rng.u8(..4) == 0 {
                    object["spec"] = story.object["spec"].clone();
                }
                let manager = MANAGERS[self.rng.usize(..MANAGERS.len())];
                let force = if self.rng.bool() { "&force=true" } else { "" };
                story.ask(format!("APPLY {path}?fieldManager={manager}{force}"), Some(&object));
            }
        }
    }

    fn scale(&mut self, story: &mut Story<'_>, path: &str) {
        let replicas = self.rng.u8(..6);
        let spec = json!({"spec": {"replicas": replicas}});
        let whole = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": story.name},
            "spec": {"replicas": replicas}});
        match self.rng.u8(..4) {
            0 => story.ask(format!("GET {path}/scale"), None),
            1 => story.ask(format!("MERGE {path}/scale"), Some(&spec)),
            2 => {
                let manager = MANAGERS[self.rng.usize(..MANAGERS.len())];
                story.ask(format!("APPLY {path}/scale?fieldManager={manager}&force=true"), Some(&whole));
            }
            _ => story.ask(format!("PUT {path}/scale"), Some(&whole)),
        }
    }

    fn list(&mut self, story: &mut Story<'_>, base: &Base) {
        let labels = ["story=x", "story", "!story", "story in (x,y)", "story notin (x)", "story!=x", "a==b", "story>1"];
        let name = story.name.clone();
        let mut fields =
            vec![format!("metadata.name={name}"), format!("metadata.name!={name}"), "spec.nope=x".to_owned()];
        if story.is_custom {
            fields.extend(["spec.mode=Open", "spec.mode!=Open", "spec.owner=me,spec.mode=Closed"].map(str::to_owned));
        }
        let mut parts = Vec::new();
        if self.rng.bool() {
            parts.push(format!("labelSelector={}", escaped(labels[self.rng.usize(..labels.len())])));
        }
        if self.rng.bool() || !base.path.contains("{{ns}}") {
            // In the cluster's own scope others tell stories too.
            let at = if base.path.contains("{{ns}}") { self.rng.usize(..fields.len()) } else { 0 };
            parts.push(format!("fieldSelector={}", escaped(&fields[at])));
        }
        if self.rng.bool() {
            parts.push(["limit=1", "limit=0", "limit=500"][self.rng.usize(..3)].to_owned());
        }
        match self.rng.u8(..8) {
            0 => parts.push("resourceVersion=0".to_owned()),
            1 => parts.push("resourceVersion={{made}}&resourceVersionMatch=NotOlderThan".to_owned()),
            2 => parts.push("resourceVersion={{made}}&resourceVersionMatch=Exact".to_owned()),
            3 => parts.push("resourceVersion={{made}}".to_owned()),
            _ => {}
        }
        story.ask(format!("GET {}?{}", base.path, parts.join("&")), None);
    }

    /// What has happened since the object was made, or what is there.
    fn watch(&mut self, story: &mut Story<'_>, base: &Base) {
        let select = match base.path.contains("{{ns}}") && self.rng.bool() {
            true => String::new(),
            false => format!("&fieldSelector={}", escaped(&format!("metadata.name={}", story.name))),
        };
        let label = if self.rng.u8(..3) == 0 { "&labelSelector=story" } else { "" };
        let since = match self.rng.u8(..4) {
            0 => "&resourceVersion=0",
            1 => "",
            2 => "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
            _ => "&resourceVersion={{made}}",
        };
        story.ask(format!("GET {}?watch=true&timeoutSeconds=1{since}{select}{label}", base.path), None);
        story.keep("as w");
        story.tell("END w".to_owned(), None);
    }

    fn delete(&mut self, story: &mut Story<'_>, base: &Base) {
        let path = format!("{}/{}", base.path, story.name);
        let mut options = json!({"apiVersion": "v1", "kind": "DeleteOptions"});
        match self.rng.u8(..6) {
            0 => {
                options["propagationPolicy"] = json!(["Foreground", "Background", "Orphan", "No"][self.rng.usize(..4)])
            }
            1 => options["orphanDependents"] = json!(self.rng.bool()),
            2 => options["preconditions"] = json!({"uid": "{{uid}}"}),
            3 => options["preconditions"] = json!({"resourceVersion": "{{made}}"}),
            _ => {}
        }
        match self.rng.u8(..6) {
            0 => options["gracePeriodSeconds"] = json!(self.rng.u8(..2)),
            1 => options["dryRun"] = json!(["All"]),
            2 => options["preconditions"] = json!({"uid": "11111111-2222-3333-4444-555555555555"}),
            _ => {}
        }
        match self.rng.u8(..5) {
            0 if base.path.contains("{{ns}}") => {
                let selector = ["labelSelector=story", "labelSelector=!story", "fieldSelector=metadata.name!=x"];
                let line = format!("DELETE {}?{}", base.path, selector[self.rng.usize(..3)]);
                story.ask(line, Some(&options));
            }
            1 => story.ask(format!("DELETE {path}"), None),
            2 => {
                let policy = ["Foreground", "Background", "Orphan"][self.rng.usize(..3)];
                story.ask(format!("DELETE {path}?propagationPolicy={policy}"), None);
            }
            _ => story.ask(format!("DELETE {path}"), Some(&options)),
        }
        if self.rng.u8(..3) == 0 {
            story.ask(format!("MERGE {path}"), Some(&json!({"metadata": {"finalizers": null}})));
        }
    }

    /// What kubectl prints of it, or what a client of metadata alone gets.
    fn table(&mut self, story: &mut Story<'_>, base: &Base) {
        let kind = ["Table", "PartialObjectMetadata"][self.rng.usize(..2)];
        let line = format!("GET {}/{}", base.path, story.name);
        story.tell(format!("{line}\nAccept: application/json;as={kind};g=meta.k8s.io;v=v1"), None);
    }
}

/// Whether a place of the metadata is one that its owner fills.
fn is_of_users(pointer: &str) -> bool {
    ["/metadata/labels", "/metadata/annotations", "/metadata/ownerReferences", "/metadata/finalizers"]
        .iter()
        .any(|place| pointer.starts_with(place))
}

fn escaped(text: &str) -> String {
    text.replace('!', "%21").replace(' ', "%20").replace('=', "%3D").replace('>', "%3E").replace(',', "%2C")
}

/// A base of each version of a kind.
fn versions<'a>(bases: &'a [Base], of: &'a Base) -> Vec<&'a Base> {
    let resource = |base: &Base| {
        let steps: Vec<&str> = base.path.split('/').collect();
        let version = usize::from(steps.get(1) == Some(&"apis")) + 2;
        steps.iter().enumerate().filter(|(at, _)| *at != version).map(|(_, step)| *step).collect::<Vec<_>>().join("/")
    };
    let mut found = vec![of];
    for base in bases.iter().filter(|base| resource(base) == resource(of)) {
        if !found.iter().any(|known| known.kind == base.kind) {
            found.push(base);
        }
    }
    found
}

impl Story<'_> {
    fn ask(&mut self, line: String, body: Option<&Value>) {
        self.tell(line, body.map(Value::to_string));
    }

    fn tell(&mut self, line: String, body: Option<String>) {
        self.lines.push((line, body));
    }

    /// Keeps something of the last answer.
    fn keep(&mut self, wish: &str) {
        if let Some((line, _)) = self.lines.last_mut() {
            line.push_str(&format!("\n> {wish}"));
        }
    }

    fn case(self, base: &Base, number: usize) -> Case {
        let mut text = String::new();
        for (line, body) in self.lines {
            text.push_str(&format!("{line}\n"));
            if let Some(body) = body {
                text.push_str(&format!("{body}\n"));
            }
            text.push('\n');
        }
        Case { kind: base.kind.clone(), space: format!("t{number}"), text, is_story: true }
    }
}
