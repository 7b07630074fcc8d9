//! What clients ask before they list: versions, groups and the kinds in them.

/// The answer to such a path.
pub(super) fn answer(path: &str) -> Option<&'static str> {
    Some(match path {
        "/version" => r#"{"major":"1","minor":"37","gitVersion":"v1.37.0","platform":"linux/amd64"}"#,
        "/api" => r#"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[]}"#,
        "/apis" => {
            r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"bench.example.com","versions":[{"groupVersion":"bench.example.com/v1","version":"v1"}],"preferredVersion":{"groupVersion":"bench.example.com/v1","version":"v1"}}]}"#
        }
        "/apis/bench.example.com" => {
            r#"{"kind":"APIGroup","apiVersion":"v1","name":"bench.example.com","versions":[{"groupVersion":"bench.example.com/v1","version":"v1"}],"preferredVersion":{"groupVersion":"bench.example.com/v1","version":"v1"}}"#
        }
        "/api/v1" => {
            r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"v1","resources":[{"name":"configmaps","singularName":"configmap","namespaced":true,"kind":"ConfigMap","verbs":["get","list","watch"]},{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get","list","watch"]},{"name":"secrets","singularName":"secret","namespaced":true,"kind":"Secret","verbs":["get","list","watch"]}]}"#
        }
        "/apis/bench.example.com/v1" => {
            r#"{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"bench.example.com/v1","resources":[{"name":"widgets","singularName":"widget","namespaced":true,"kind":"Widget","verbs":["get","list","watch"]}]}"#
        }
        _ => return None,
    })
}
