//! The quotas of a namespace: what of an object they count, and what they say to one more.
//!
//! `measure` knows what is counted of the objects of a resource and under which names, `pod` what a pod uses, `scope`
//! which objects a quota means at all, `charge` what a change adds to what is used and whether that is too much, and
//! `total` what all objects of a namespace use together. Everything is a pure function of a quota, objects and the time;
//! which quotas and objects there are, the server and the world know. What is counted, and the words, are those of a
//! kube-apiserver v1.37.2, after <https://kubernetes.io/docs/concepts/policy/resource-quotas/>.

mod measure;
mod pod;
mod scope;
mod charge;
mod total;
#[cfg(test)]
mod tests;

pub(crate) use charge::{Asked, charge};
pub(crate) use measure::Measure;
pub(crate) use total::total;
