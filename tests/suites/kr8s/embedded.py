"""The cluster that kr8s' tests ask their fixtures for: the one of KUBECONFIG."""

import gc
import os
import pathlib
import subprocess

import pytest


class Cluster:
    kubectl_path = "kubectl"
    kubeconfig_path = pathlib.Path(os.environ["KUBECONFIG"])

    def kubectl(self, *arguments, **_):
        asked = subprocess.run(["kubectl", *arguments], check=True, capture_output=True, text=True)
        return asked.stdout


@pytest.fixture(scope="session")
def k8s_cluster():
    return Cluster()


@pytest.fixture
def ensure_gc():
    """Classes that earlier tests have made must be gone."""
    gc.collect()
