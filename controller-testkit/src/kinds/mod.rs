//! The built-in kinds: what Kubernetes' own Go types say about each, as data.
//!
//! `resources.txt` lists the resources that a kube-apiserver serves, `types.txt` the structs of their objects (written
//! by `generate/main.go`). Nothing here knows HTTP or the store: the catalog reads the resources, and the rooms that
//! check, decode, patch, describe and print objects ask for a [`Type`].

mod allot;
mod armour;
mod check;
mod defaults;
mod gates;
mod image;
mod inner;
mod normal;
mod overlap;
mod quantity;
mod ranges;
mod restore;
mod schedule;
mod signing;
mod strategy;
mod table;
#[cfg(test)]
mod tests;
mod validate;
mod warning;
mod whole;

pub(crate) use allot::{Unmet, Wish, draw, families};
pub(crate) use armour::sync_armour;
pub(crate) use check::{check, check_time};
pub(crate) use defaults::default;
pub(crate) use normal::{complete, normalize, stored, zero};
pub(crate) use quantity::{Amount, amount, nanos};
pub(crate) use ranges::{Amounts, add, amounts, beyond_of_claim, beyond_of_pod, fill, of_all, raise, requests_of_pod};
pub(crate) use restore::restore;
pub(crate) use schedule::Schedule;
pub(crate) use strategy::{prepare_create, prepare_update, stamp, tolerate};
#[cfg(test)]
pub(crate) use table::types;
pub(crate) use table::{Field, Form, ListType, RESOURCES, Type, Wire, named, of_kind, schema_props};
pub(crate) use validate::{validate, validate_ephemeral, validate_resize, validate_status};
pub(crate) use warning::warnings;
pub(crate) use whole::quality;
