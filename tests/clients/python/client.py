"""Python's kubernetes: typed and dynamic clients, watches, apply, and leader election."""

import os
import threading
import uuid

from kubernetes import client, config, dynamic, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

NAMESPACE = "python"

config.load_kube_config()
core, apps, api = client.CoreV1Api(), client.AppsV1Api(), client.ApiClient()


def refused(status, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except ApiException as error:
        assert error.status == status, error
    else:
        raise AssertionError(f"{call} is not refused")


core.create_namespace({"metadata": {"name": NAMESPACE}})
seen = []


def follow():
    for event in watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, label_selector="a=b", timeout_seconds=30):
        seen.append((event["type"], event["object"].metadata.name))
        if event["type"] == "DELETED":
            return


follower = threading.Thread(target=follow)
follower.start()
made = core.create_namespaced_config_map(NAMESPACE, {"metadata": {"name": "one", "labels": {"a": "b"}}, "data": {"k": "v"}})
refused(409, core.create_namespaced_config_map, NAMESPACE, {"metadata": {"name": "one"}})
core.patch_namespaced_config_map("one", NAMESPACE, {"data": {"x": "y"}})
core.patch_namespaced_config_map("one", NAMESPACE, [{"op": "remove", "path": "/data/k"}])
assert core.read_namespaced_config_map("one", NAMESPACE).data == {"x": "y"}
refused(409, core.replace_namespaced_config_map, "one", NAMESPACE, made)
core.delete_namespaced_config_map("one", NAMESPACE, body=client.V1DeleteOptions(preconditions={"uid": made.metadata.uid}))
refused(404, core.read_namespaced_config_map, "one", NAMESPACE)
follower.join(30)
assert seen == [("ADDED", "one"), ("MODIFIED", "one"), ("MODIFIED", "one"), ("DELETED", "one")], seen

# Dynamic, with discovery of every group; apply and its conflicts.
maps = dynamic.DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")
body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "two"}, "data": {"k": "v"}}
maps.server_side_apply(body, name="two", namespace=NAMESPACE, field_manager="one")
body["data"]["k"] = "w"
refused(409, maps.server_side_apply, body, name="two", namespace=NAMESPACE, field_manager="two")
forced = maps.server_side_apply(body, name="two", namespace=NAMESPACE, field_manager="two", force_conflicts=True)
assert forced.data.k == "w"
for number in range(5):
    core.create_namespaced_config_map(NAMESPACE, {"metadata": {"generateName": "many-", "labels": {"many": "yes"}}})
page = core.list_namespaced_config_map(NAMESPACE, limit=2)
assert len(page.items) == 2 and page.metadata._continue
rest = core.list_namespaced_config_map(NAMESPACE, limit=100, _continue=page.metadata._continue)
assert len(rest.items) >= 4
core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="many=yes")

template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "web", "image": "nginx"}]}}
apps.create_namespaced_deployment(
    NAMESPACE,
    {"metadata": {"name": "web"}, "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": template}},
)
for event in watch.Watch().stream(apps.list_namespaced_deployment, NAMESPACE, timeout_seconds=30):
    if event["object"].status.ready_replicas == 2:
        break
else:
    raise AssertionError("the deployment never gets ready")
apps.patch_namespaced_deployment_scale("web", NAMESPACE, {"spec": {"replicas": 1}})

led = threading.Event()
lock = LeaseLock("leader", NAMESPACE, str(uuid.uuid4()))
election = electionconfig.Config(
    lock, lease_duration=4, renew_deadline=3, retry_period=1, onstarted_leading=led.set, onstopped_leading=lambda: None
)
threading.Thread(target=leaderelection.LeaderElection(election).run, daemon=True).start()
assert led.wait(30)
assert client.CoordinationV1Api().read_namespaced_lease("leader", NAMESPACE).spec.holder_identity == lock.identity
core.delete_namespace(NAMESPACE)
print("ok kubernetes (Python)", flush=True)
# The election knows no end, and writes while the interpreter takes itself apart, which may abort it.
os._exit(0)
