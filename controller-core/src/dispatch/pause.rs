//! Owns the pause of one object: what its annotation says to which controller.

use crate::cache::Entry;
use crate::json::Pointer;
use crate::watch::PAUSED;

/// Whether the object is paused for the controller of this name. Nearly no object has the annotation, and of those
/// that have none nothing is read.
pub(super) fn is_paused(object: &Entry, controller: &str) -> bool {
    object.says_paused()
        && Pointer::of(&["metadata", "annotations", PAUSED])
            .text(&object.json())
            .is_some_and(|value| names(&value, controller))
}

/// `true` is for everyone; else the controllers are named, with commas between them.
fn names(value: &str, controller: &str) -> bool {
    value.trim() == "true" || value.split(',').any(|name| name.trim() == controller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_annotation_names_everyone_or_some() {
        for value in ["true", " true ", "web", "web,db", "db, web", "db,web ,"] {
            assert!(names(value, "web"), "{value:?}");
        }
        for value in ["", "false", "True", "web-2", "db", "db web", "true,db", "all"] {
            assert!(!names(value, "web"), "{value:?}");
        }
    }
}
