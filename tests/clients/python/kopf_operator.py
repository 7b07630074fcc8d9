"""Python's kopf: an operator with a finalizer and a status, and what a user sees of it."""

import asyncio
import threading
import time

import kopf
from kubernetes import client, config

GROUP, VERSION, PLURAL, NAMESPACE = "kopf.example.com", "v1", "things", "default"
deleted = []


@kopf.on.create(GROUP, VERSION, PLURAL)
@kopf.on.update(GROUP, VERSION, PLURAL, field="spec.size")
def sized(spec, patch, body, **_):
    patch.status["size"] = spec["size"]
    kopf.event(body, type="Normal", reason="Sized", message=f"to {spec['size']}")


@kopf.on.delete(GROUP, VERSION, PLURAL)
def removed(name, **_):
    deleted.append(name)


@kopf.on.startup()
def configure(settings, **_):
    settings.persistence.finalizer = f"{GROUP}/finalizer"
    settings.watching.server_timeout = 5


def until(what, holds):
    end = time.monotonic() + 40
    while not holds():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


config.load_kube_config()
definitions, objects, core = client.ApiextensionsV1Api(), client.CustomObjectsApi(), client.CoreV1Api()
shape = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
definitions.create_custom_resource_definition(
    {
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {"plural": PLURAL, "singular": "thing", "kind": "Thing"},
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": shape, "status": shape}}},
                }
            ],
        },
    }
)
ready, stop = threading.Event(), threading.Event()
operator = threading.Thread(
    target=lambda: asyncio.run(
        kopf.operator(namespaces=[NAMESPACE], standalone=True, ready_flag=ready, stop_flag=stop)
    )
)
operator.start()
assert ready.wait(30)


def look():
    return objects.get_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, "one")


def gone():
    try:
        look()
    except client.ApiException as error:
        return error.status == 404
    return False


body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": "Thing", "metadata": {"name": "one"}, "spec": {"size": 1}}
objects.create_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, body)
until("the status is written", lambda: look().get("status", {}).get("size") == 1)
assert look()["metadata"]["finalizers"] == [f"{GROUP}/finalizer"]
objects.patch_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, "one", {"spec": {"size": 2}})
until("the status follows", lambda: look()["status"]["size"] == 2)
until(
    "an event is there",
    lambda: core.list_namespaced_event(NAMESPACE, field_selector="involvedObject.name=one,reason=Sized").items,
)
objects.delete_namespaced_custom_object(GROUP, VERSION, NAMESPACE, PLURAL, "one")
until("it is gone", gone)
assert deleted == ["one"], deleted
stop.set()
operator.join(30)
definitions.delete_custom_resource_definition(f"{PLURAL}.{GROUP}")
print("ok kopf", flush=True)
