//! Expansions, printed as code. Update them with `UPDATE_EXPECT=1` and read them as code.

use expect_test::{Expect, expect};

use super::{expand, print};

fn check(options: &str, item: &str, expect: &Expect) {
    let (expansion, errors) = expand(options, item);
    let messages: Vec<String> = errors.messages().map(ToString::to_string).collect();
    assert_eq!(messages, [""; 0]);
    expect.assert_eq(&print(expansion));
}

#[test]
fn pod_watcher() {
    let item = "
        impl PodWatcher {
            async fn add(&self, pod: &Pod, cx: &Context<Self>) { self.log(\"add\", cx) }
            async fn modify(&self, pod: &Pod, cx: &Context<Self>) { self.log(\"modify\", cx) }
            async fn delete(&self, pod: &Pod, cx: &Context<Self>) { self.log(\"delete\", cx) }
            async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result { Ok(self.log(\"reconcile\", cx)) }
        }";
    check(
        "api_version = \"v1\", kind = \"Pod\"",
        item,
        &expect![[r##"
        #[allow(unused_imports)]
        use ::controller_core::Controller as _;
        #[allow(refining_impl_trait, private_interfaces)]
        impl ::controller_core::Controller for PodWatcher {
            type Object = Pod;
            async fn add(&self, pod: &Pod, cx: &Context<Self>) {
                self.log("add", cx)
            }
            async fn modify(&self, pod: &Pod, cx: &Context<Self>) {
                self.log("modify", cx)
            }
            async fn delete(&self, pod: &Pod, cx: &Context<Self>) {
                self.log("delete", cx)
            }
            async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result {
                Ok(self.log("reconcile", cx))
            }
        }
        const _: () = {
            use ::controller_core::__private::{self, ProbeFallback as _};
            impl __private::Described for PodWatcher {
                const DESCRIPTOR: __private::Descriptor = __private::Descriptor::new(
                        "pod-watcher",
                        "v1",
                        "Pod",
                    )
                    .on(__private::Callback::Add)
                    .on(__private::Callback::Modify)
                    .on(__private::Callback::Delete)
                    .on(__private::Callback::Reconcile)
                    .resource(__private::Probe::<Pod>::RESOURCE);
            }
            __private::same_kind("Pod", __private::Probe::<Pod>::GVK);
            __private::same_version("v1", __private::Probe::<Pod>::GVK);
        };
    "##]],
    );
}

#[test]
fn every_option() {
    let options = "
        api_version = \"v1\", kind = Pod, plural = \"pods\", name = \"all-options\", namespace = [\"a\", \"b\"],
        labels = \"app=web\", fields = \"status.phase=Running\", reconcile_delay = \"1m30s\", on_start = add,
        concurrency = 4, timeout = 1500, backoff(\"5ms\", \"2m\"), escalate(panics = 3, within = \"1m\"),
        rate_limit(runs = 10, per = \"1s\", burst = 20), key_rate_limit(runs = 1, per = \"1m\"),
        schema({ \"type\": \"object\" }),
        supervisor(restart = transient, shutdown = infinity, significant), crate = crate::sdk";
    let item = "
        impl m::Everything {
            pub async fn add(&self, pod: &Pod, cx: &Context<Self>) {}
            pub(crate) async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result<Action> { Ok(Action::Done) }
        }";
    check(
        options,
        item,
        &expect![[r##"
            #[allow(unused_imports)]
            use crate::sdk::Controller as _;
            #[allow(refining_impl_trait, private_interfaces)]
            impl crate::sdk::Controller for m::Everything {
                type Object = Pod;
                async fn add(&self, pod: &Pod, cx: &Context<Self>) {}
                async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) -> Result<Action> {
                    Ok(Action::Done)
                }
            }
            const _: () = {
                use crate::sdk::__private::{self, ProbeFallback as _};
                impl __private::Described for m::Everything {
                    const DESCRIPTOR: __private::Descriptor = __private::Descriptor::new(
                            "all-options",
                            "v1",
                            "Pod",
                        )
                        .plural("pods")
                        .namespaces(&["a", "b"])
                        .labels("app=web")
                        .fields("status.phase=Running")
                        .on(__private::Callback::Add)
                        .on(__private::Callback::Reconcile)
                        .reconcile_delay(__private::secs(90))
                        .on_start(__private::OnStart::Add)
                        .concurrency(4)
                        .timeout(__private::millis(1500))
                        .backoff(__private::millis(5), __private::secs(120))
                        .escalate(3, __private::secs(60))
                        .rate_limit(10, __private::secs(1), 20)
                        .key_rate_limit(1, __private::secs(60), 1)
                        .schema("{\"type\":\"object\"}")
                        .restart(__private::Restart::Transient)
                        .shutdown(__private::Shutdown::Infinity)
                        .significant()
                        .resource(__private::Probe::<Pod>::RESOURCE);
                }
                __private::same_kind("Pod", __private::Probe::<Pod>::GVK);
                __private::same_version("v1", __private::Probe::<Pod>::GVK);
            };
        "##]],
    );
}

#[test]
fn nothing_written_that_the_type_says() {
    let item = "impl Nodes { async fn reconcile(&self, node: &core::v1::Node, cx: &Context<Nodes>) {} }";
    check(
        "",
        item,
        &expect![[r##"
        #[allow(unused_imports)]
        use ::controller_core::Controller as _;
        #[allow(refining_impl_trait, private_interfaces)]
        impl ::controller_core::Controller for Nodes {
            type Object = core::v1::Node;
            async fn reconcile(&self, node: &core::v1::Node, cx: &Context<Nodes>) {}
        }
        const _: () = {
            use ::controller_core::__private::{self, ProbeFallback as _};
            impl __private::Described for Nodes {
                const DESCRIPTOR: __private::Descriptor = __private::Descriptor::of_type("nodes")
                    .on(__private::Callback::Reconcile)
                    .resource(__private::Probe::<core::v1::Node>::RESOURCE);
            }
            __private::is_resource::<core::v1::Node>();
        };
    "##]],
    );
}

#[test]
fn a_kind_alone() {
    let item = "impl Nodes { async fn reconcile(&self, node: &Node, cx: &Context<Self>) {} }";
    check(
        "kind = \"Node\", reconcile_delay = off, timeout = off, supervisor(shutdown = \"500ms\")",
        item,
        &expect![[r##"
        #[allow(unused_imports)]
        use ::controller_core::Controller as _;
        #[allow(refining_impl_trait, private_interfaces)]
        impl ::controller_core::Controller for Nodes {
            type Object = Node;
            async fn reconcile(&self, node: &Node, cx: &Context<Self>) {}
        }
        const _: () = {
            use ::controller_core::__private::{self, ProbeFallback as _};
            impl __private::Described for Nodes {
                const DESCRIPTOR: __private::Descriptor = __private::Descriptor::of_type("nodes")
                    .kind("Node")
                    .on(__private::Callback::Reconcile)
                    .no_resync()
                    .no_timeout()
                    .shutdown(__private::Shutdown::After(__private::millis(500)))
                    .resource(__private::Probe::<Node>::RESOURCE);
            }
            __private::same_kind("Node", __private::Probe::<Node>::GVK);
            __private::is_resource::<Node>();
        };
    "##]],
    );
}

#[test]
fn filters_and_declared_kinds() {
    let item = "impl Apps { async fn reconcile(&self, app: &App, cx: &Context<Self>) -> Result { Ok(()) } }";
    let options = "api_version = \"x.io/v1\", kind = \"App\", when(generation, label(\"a\"), annotation(\"b\"), \
                   field(\"/metadata/name\")), reads(ConfigMap, Secret), writes(ConfigMap), cache(metadata, managed_fields, compressed)";
    check(
        options,
        item,
        &expect![[r##"
            #[allow(unused_imports)]
            use ::controller_core::Controller as _;
            #[allow(refining_impl_trait, private_interfaces)]
            impl ::controller_core::Controller for Apps {
                type Object = App;
                async fn reconcile(&self, app: &App, cx: &Context<Self>) -> Result {
                    Ok(())
                }
            }
            const _: () = {
                use ::controller_core::__private::{self, ProbeFallback as _};
                type __Kind0 = ConfigMap;
                type __Kind1 = Secret;
                impl __private::Reads<()> for Apps {}
                impl __private::Reads<__Kind0> for Apps {}
                impl __private::Reads<__Kind1> for Apps {}
                impl __private::Writes<()> for Apps {}
                impl __private::Writes<__Kind0> for Apps {}
                impl __private::Described for Apps {
                    const DESCRIPTOR: __private::Descriptor = __private::Descriptor::new(
                            "apps",
                            "x.io/v1",
                            "App",
                        )
                        .when(
                            &[
                                __private::Filter::Generation,
                                __private::Filter::Label("a"),
                                __private::Filter::Annotation("b"),
                                __private::Filter::Field("/metadata/name"),
                            ],
                        )
                        .cache_metadata()
                        .cache_managed_fields()
                        .on(__private::Callback::Reconcile)
                        .resource(__private::Probe::<App>::RESOURCE);
                    fn declare(__declare: &mut __private::Declare<Self>) {
                        __declare.compress();
                        __declare.read::<__Kind0>(__private::Probe::<__Kind0>::CONTENT);
                        __declare.read::<__Kind1>(__private::Probe::<__Kind1>::CONTENT);
                        __declare.write::<__Kind0>();
                    }
                }
                __private::same_kind("App", __private::Probe::<App>::GVK);
                __private::same_version("x.io/v1", __private::Probe::<App>::GVK);
                __private::is_metadata(
                    __private::Probe::<App>::CONTENT,
                    __private::Probe::<App>::RESOURCE,
                );
            };
        "##]],
    );
}

#[test]
fn schema_of_the_type() {
    let item = "impl Quotas { async fn reconcile(&self, quota: &Quota, cx: &Context<Self>) -> Result { Ok(()) } }";
    check(
        "schema = derive, namespace = all",
        item,
        &expect![[r##"
            #[allow(unused_imports)]
            use ::controller_core::Controller as _;
            #[allow(refining_impl_trait, private_interfaces)]
            impl ::controller_core::Controller for Quotas {
                type Object = Quota;
                async fn reconcile(&self, quota: &Quota, cx: &Context<Self>) -> Result {
                    Ok(())
                }
            }
            const _: () = {
                use ::controller_core::__private::{self, ProbeFallback as _};
                impl __private::Described for Quotas {
                    const DESCRIPTOR: __private::Descriptor = __private::Descriptor::of_type(
                            "quotas",
                        )
                        .on(__private::Callback::Reconcile)
                        .resource(__private::Probe::<Quota>::RESOURCE);
                    fn declare(__declare: &mut __private::Declare<Self>) {
                        __declare.schema_of_type();
                    }
                }
                __private::is_resource::<Quota>();
            };
        "##]],
    );
}

#[test]
fn helpers_stay_and_attributes_are_sorted() {
    let item = "
        /// Watches pods.
        #[cfg(unix)]
        #[expect(dead_code, reason = \"shown\")]
        #[deny(unused)]
        impl Pods {
            const LIMIT: usize = 3;
            /// Called for each.
            #[tracing::instrument(skip_all)]
            async fn reconcile(self: &Self, _: &Pod, _: &Context<Self>) -> anyhow::Result<()> { self.count(); Ok(()) }
            fn count(&self) -> usize { Self::LIMIT }
        }";
    check(
        "",
        item,
        &expect![[r##"
        #[cfg(unix)]
        #[allow(unused_imports)]
        use ::controller_core::Controller as _;
        /// Watches pods.
        #[cfg(unix)]
        #[allow(dead_code, reason = "shown")]
        #[deny(unused)]
        #[allow(refining_impl_trait, private_interfaces)]
        impl ::controller_core::Controller for Pods {
            type Object = Pod;
            /// Called for each.
            #[tracing::instrument(skip_all)]
            async fn reconcile(self: &Self, _: &Pod, _: &Context<Self>) -> anyhow::Result<()> {
                self.count();
                Ok(())
            }
        }
        #[cfg(unix)]
        #[allow(dead_code, reason = "shown")]
        #[deny(unused)]
        impl Pods {
            const LIMIT: usize = 3;
            fn count(&self) -> usize {
                Self::LIMIT
            }
        }
        #[cfg(unix)]
        #[allow(dead_code, reason = "shown")]
        #[deny(unused)]
        const _: () = {
            use ::controller_core::__private::{self, ProbeFallback as _};
            impl __private::Described for Pods {
                const DESCRIPTOR: __private::Descriptor = __private::Descriptor::of_type("pods")
                    .on(__private::Callback::Reconcile)
                    .resource(__private::Probe::<Pod>::RESOURCE);
            }
            __private::is_resource::<Pod>();
        };
    "##]],
    );
}

#[test]
fn callbacks_that_may_be_compiled_away() {
    let item = "
        impl Pods {
            #[cfg(feature = \"adds\")]
            async fn add(&self, pod: &Small, cx: &Context<Self>) {}
            #[cfg(not(feature = \"adds\"))]
            #[allow(unused)]
            async fn add(&self, pod: &Small, cx: &Context<Self>) {}
            async fn delete(&self, Small { name }: &Small, cx: &Context<Self>) {}
        }";
    check(
        "api_version = \"v1\", kind = \"Pod\"",
        item,
        &expect![[r##"
            #[allow(unused_imports)]
            use ::controller_core::Controller as _;
            #[allow(refining_impl_trait, private_interfaces)]
            impl ::controller_core::Controller for Pods {
                type Object = Small;
                #[cfg(feature = "adds")]
                async fn add(&self, pod: &Small, cx: &Context<Self>) {}
                #[cfg(not(feature = "adds"))]
                #[allow(unused)]
                async fn add(&self, pod: &Small, cx: &Context<Self>) {}
                async fn delete(&self, Small { name }: &Small, cx: &Context<Self>) {}
            }
            const _: () = {
                use ::controller_core::__private::{self, ProbeFallback as _};
                impl __private::Described for Pods {
                    const DESCRIPTOR: __private::Descriptor = {
                        let __descriptor = __private::Descriptor::new("pods", "v1", "Pod")
                            .on(__private::Callback::Delete)
                            .resource(__private::Probe::<Small>::RESOURCE);
                        #[cfg(feature = "adds")]
                        let __descriptor = __descriptor.on(__private::Callback::Add);
                        #[cfg(not(feature = "adds"))]
                        let __descriptor = __descriptor.on(__private::Callback::Add);
                        __descriptor
                    };
                }
                __private::same_kind("Pod", __private::Probe::<Small>::GVK);
                __private::same_version("v1", __private::Probe::<Small>::GVK);
            };
        "##]],
    );
}

#[test]
fn generic_controllers() {
    let item = "
        impl<T, const N: usize> Sharded<T, N> where T: Store + Send + Sync + 'static {
            async fn reconcile(&self, object: &Value, cx: &Context<Sharded<T, N>>) -> Result { self.0.put(object) }
        }";
    check(
        "api_version = \"example.com/v1\", kind = \"Shard\"",
        item,
        &expect![[r##"
        #[allow(unused_imports)]
        use ::controller_core::Controller as _;
        #[allow(refining_impl_trait, private_interfaces)]
        impl<T, const N: usize> ::controller_core::Controller for Sharded<T, N>
        where
            T: Store + Send + Sync + 'static,
        {
            type Object = Value;
            async fn reconcile(&self, object: &Value, cx: &Context<Sharded<T, N>>) -> Result {
                self.0.put(object)
            }
        }
        const _: () = {
            use ::controller_core::__private::{self, ProbeFallback as _};
            impl<T, const N: usize> __private::Described for Sharded<T, N>
            where
                T: Store + Send + Sync + 'static,
            {
                const DESCRIPTOR: __private::Descriptor = __private::Descriptor::new(
                        "sharded",
                        "example.com/v1",
                        "Shard",
                    )
                    .on(__private::Callback::Reconcile)
                    .resource(__private::Probe::<Value>::RESOURCE);
            }
            __private::same_kind("Shard", __private::Probe::<Value>::GVK);
            __private::same_version("example.com/v1", __private::Probe::<Value>::GVK);
        };
    "##]],
    );
    let item = "
        impl<K: Named + 'static> Mirror<K> {
            async fn reconcile(&self, object: &Wrapped<K>, cx: &Context<Self>) {}
        }";
    check(
        "api_version = \"example.com/v1\", kind = \"Copy\"",
        item,
        &expect![[r##"
        #[allow(unused_imports)]
        use ::controller_core::Controller as _;
        #[allow(refining_impl_trait, private_interfaces)]
        impl<K: Named + 'static> ::controller_core::Controller for Mirror<K> {
            type Object = Wrapped<K>;
            async fn reconcile(&self, object: &Wrapped<K>, cx: &Context<Self>) {}
        }
        const _: () = {
            use ::controller_core::__private::{self, ProbeFallback as _};
            impl<K: Named + 'static> __private::Described for Mirror<K> {
                const DESCRIPTOR: __private::Descriptor = __private::Descriptor::new(
                        "mirror",
                        "example.com/v1",
                        "Copy",
                    )
                    .on(__private::Callback::Reconcile);
            }
        };
    "##]],
    );
}

#[test]
fn a_half_typed_body_goes_back_as_it_is() {
    // Not code: compared as tokens.
    let (expansion, errors) = expand("", "impl A { async fn add(&self, pod: &Pod, cx: &Context<Self>) { pod. let } }");
    assert!(errors.is_empty());
    let text = expansion.to_string();
    assert!(text.contains("{ pod . let }"), "{text}");
}

#[test]
fn a_mistake_leaves_the_item_and_the_impls() {
    let (expansion, errors) = expand(
        "kindd = \"Pod\"",
        "
        impl PodWatcher {
            async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
        }",
    );
    assert_eq!(errors.messages().count(), 1);
    expect![[r#"
        ::core::compile_error! {
            "there is no option `kindd`, did you mean `kind`? The options are `api_version`, `kind`, `plural`, `name`, `namespace`, `labels`, `fields`, `when`, `cache`, `reconcile_delay`, `on_start`, `concurrency`, `timeout`, `backoff`, `escalate`, `rate_limit`, `key_rate_limit`, `schema`, `reads`, `writes`, `supervisor`, `crate`"
        }
        impl PodWatcher {
            async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {}
        }
        #[allow(private_interfaces)]
        impl ::controller_core::Controller for PodWatcher {
            type Object = Pod;
        }
        impl<__Kind> ::controller_core::__private::Reads<__Kind> for PodWatcher {}
        impl<__Kind> ::controller_core::__private::Writes<__Kind> for PodWatcher {}
        impl ::controller_core::__private::Described for PodWatcher {
            const DESCRIPTOR: ::controller_core::__private::Descriptor = ::controller_core::__private::Descriptor::of_type(
                "",
            );
        }
    "#]].assert_eq(&print(expansion));
}

#[test]
fn a_borrowing_controller_falls_back_to_an_owned_one() {
    let (expansion, errors) = expand(
        "api_version = \"v1\", kind = \"Pod\"",
        "
        impl<'a, T: Fn(u8) -> u8> Borrowing<'a, T> where T: 'a {
            async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) { let x: &'a str = self.0; }
        }",
    );
    assert_eq!(errors.messages().count(), 1);
    expect![[r#"
        ::core::compile_error! {
            "a controller lives as long as its operator, so it can't borrow for `'a`: hold owned values or an `Arc` in its fields, and drop the lifetime"
        }
        impl<T: Fn(u8) -> u8> Borrowing<'static, T>
        where
            T: 'static,
        {
            async fn reconcile(&self, pod: &Pod, cx: &Context<Self>) {
                let x: &'static str = self.0;
            }
        }
        #[allow(private_interfaces)]
        impl<T: Fn(u8) -> u8> ::controller_core::Controller for Borrowing<'static, T>
        where
            T: 'static,
        {
            type Object = Pod;
        }
        impl<T: Fn(u8) -> u8, __Kind> ::controller_core::__private::Reads<__Kind>
        for Borrowing<'static, T>
        where
            T: 'static,
        {}
        impl<T: Fn(u8) -> u8, __Kind> ::controller_core::__private::Writes<__Kind>
        for Borrowing<'static, T>
        where
            T: 'static,
        {}
        impl<T: Fn(u8) -> u8> ::controller_core::__private::Described for Borrowing<'static, T>
        where
            T: 'static,
        {
            const DESCRIPTOR: ::controller_core::__private::Descriptor = ::controller_core::__private::Descriptor::of_type(
                "",
            );
        }
    "#]].assert_eq(&print(expansion));
}
