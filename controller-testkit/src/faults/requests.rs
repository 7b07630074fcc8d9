//! Which requests a fault is for.

use super::target::{Target, Verb};

/// Picks requests by what they ask for. Every condition that is set must hold; one that is not set holds always.
///
/// ```
/// use controller_testkit::Requests;
///
/// let the_third_page = Requests::list("pods").page(3);
/// let any_write_to_a_status = Requests::writes().subresource("status");
/// # let _ = (the_third_page, any_write_to_a_status);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Requests {
    verbs: Option<Vec<Verb>>,
    group: Option<String>,
    resource: Option<String>,
    namespace: Option<String>,
    name: Option<String>,
    subresource: Option<String>,
    page: Option<usize>,
}

impl Requests {
    /// Every request, discovery included.
    pub fn any() -> Self {
        Requests::default()
    }

    /// The requests of one verb, of every resource.
    ///
    /// ```
    /// # use controller_testkit::{Requests, Verb};
    /// let lists = Requests::verb(Verb::List);
    /// # let _ = lists;
    /// ```
    pub fn verb(verb: Verb) -> Self {
        Requests { verbs: Some(vec![verb]), ..Requests::default() }
    }

    /// Every create, update, patch and delete.
    pub fn writes() -> Self {
        let verbs = vec![Verb::Create, Verb::Update, Verb::Patch, Verb::Delete, Verb::DeleteCollection];
        Requests { verbs: Some(verbs), ..Requests::default() }
    }

    /// Every request about a resource, by its plural: `pods`, `deployments`.
    pub fn of(resource: impl Into<String>) -> Self {
        Requests::any().resource(resource)
    }

    /// Reads of one object.
    pub fn get(resource: impl Into<String>) -> Self {
        Requests::verb(Verb::Get).resource(resource)
    }

    /// Lists.
    pub fn list(resource: impl Into<String>) -> Self {
        Requests::verb(Verb::List).resource(resource)
    }

    /// Watches, as they are opened.
    pub fn watch(resource: impl Into<String>) -> Self {
        Requests::verb(Verb::Watch).resource(resource)
    }

    /// Creates.
    pub fn create(resource: impl Into<String>) -> Self {
        Requests::verb(Verb::Create).resource(resource)
    }

    /// Replacements (`PUT`).
    pub fn update(resource: impl Into<String>) -> Self {
        Requests::verb(Verb::Update).resource(resource)
    }

    /// Patches of every type.
    pub fn patch(resource: impl Into<String>) -> Self {
        Requests::verb(Verb::Patch).resource(resource)
    }

    /// Deletions of one object.
    pub fn delete(resource: impl Into<String>) -> Self {
        Requests::verb(Verb::Delete).resource(resource)
    }

    /// Only those about this resource, by its plural.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Only those about this API group; the core group is `""`.
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Only those in this namespace.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only those about the object of this name.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Only those about this subresource, such as `status`.
    pub fn subresource(mut self, subresource: impl Into<String>) -> Self {
        self.subresource = Some(subresource.into());
        self
    }

    /// Only the n-th page of a list; the first is 1.
    pub fn page(mut self, page: usize) -> Self {
        self.page = Some(page);
        self
    }

    /// Whether a request is one of them. `page` is the page of a list that it asks for.
    pub(crate) fn holds(&self, target: &Target, page: usize) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| match wanted {
            Some(wanted) => found == Some(wanted.as_str()),
            None => true,
        };
        self.verbs.as_ref().is_none_or(|verbs| verbs.contains(&target.verb))
            && same(&self.group, Some(&target.group))
            && same(&self.resource, Some(&target.resource))
            && same(&self.namespace, target.namespace.as_deref())
            && same(&self.name, target.name.as_deref())
            && same(&self.subresource, target.subresource.as_deref())
            && self.page.is_none_or(|wanted| target.verb == Verb::List && wanted == page)
    }
}
