"""Certificates, keys and histories through real clients: what the vault serves becomes the driver's exact bytes.

The fixtures and the sha256 values are those of csi-semantics 6; the pure rooms are held to many more in tests/golden.
"""

import base64
import hashlib
from typing import Any

import pytest

from devstack import seed, stack
from tests.e2e import scene as scenes
from tests.e2e.scene import Scene
from tests.unit.csi import material

GV66_TLS_CRT = "dd1ef59971a422fe311ea7363e838f3da51d9edb728be1a85965a4f77fe6c5c0"
LABELS = {"secrets-store.csi.k8s.io/managed": "true"}


def _declare(scene: Scene, *, objects: list[str], secret: dict[str, Any], statuses: dict[str, str]) -> None:
    """Put a class, its Secret with old bytes, and the mount of a pod into the cluster."""
    class_ = seed.provider_class(vault=stack.VAULT)
    class_["metadata"]["name"] = "material"
    class_["spec"]["parameters"]["objects"] = "array:\n" + "".join(
        "  - |\n" + "".join(f"    {line}\n" for line in item.splitlines()) for item in objects
    )
    class_["spec"]["secretObjects"] = [secret]
    old = base64.b64encode(b"old").decode()
    scene.stack.cluster.apply(class_)
    scene.stack.cluster.apply(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": secret["secretName"], "namespace": seed.NAMESPACE, "labels": LABELS},
            "type": secret["type"],
            "data": {entry["key"]: old for entry in secret["data"]},
        }
    )
    pod_status = seed.pod_status("material-pod", version="")
    pod_status["status"]["secretProviderClassName"] = "material"
    pod_status["status"]["objects"] = [{"id": name, "version": version} for name, version in statuses.items()]
    scene.stack.cluster.apply(pod_status)


TLS = {
    "secretName": "web-tls",
    "type": "kubernetes.io/tls",
    "data": [{"objectName": "web", "key": "tls.crt"}, {"objectName": "web", "key": "tls.key"}],
}


async def test_a_renewed_certificate_becomes_the_tls_secret_that_the_driver_would_write(scene: Scene) -> None:
    version = scene.stack.vault.import_certificate("web", pfx=base64.b64decode(material.V1))
    _declare(scene, objects=["objectName: web\nobjectType: secret"], secret=TLS, statuses={"secret/web": version})

    status = await scene.deliver(scene.event(version, type_="CertificateNewVersionCreated", name="web"))

    assert status == 202
    assert hashlib.sha256(scene.value("web-tls", "tls.crt").encode()).hexdigest() == GV66_TLS_CRT
    assert scene.value("web-tls", "tls.key") == material.V4


@pytest.mark.parametrize("families", [("Certificate", "Secret", "Key"), ("Key", "Certificate", "Secret")])
async def test_the_three_events_of_one_renewal_lead_to_one_write_and_one_notice(
    scene: Scene, families: tuple[str, ...]
) -> None:
    version = scene.stack.vault.import_certificate("web", pfx=base64.b64decode(material.V1))
    _declare(scene, objects=["objectName: web\nobjectType: secret"], secret=TLS, statuses={"secret/web": version})

    for family in families:
        assert await scene.deliver(scene.event(version, type_=f"{family}NewVersionCreated", name="web")) == 202

    assert len(scene.values("web-tls", "tls.key")) == 2
    assert len(scene.told("target.refreshed")) == 1


async def test_key_and_certificate_objects_are_public_parts_in_pem(scene: Scene) -> None:
    version = scene.stack.vault.import_certificate("web", pfx=base64.b64decode(material.V1))
    secret = {
        "secretName": "parts",
        "type": "Opaque",
        "data": [{"objectName": "web-key", "key": "key.pem"}, {"objectName": "web-cert", "key": "cert.pem"}],
    }
    objects = [f"objectName: web\nobjectType: {kind}\nobjectAlias: web-{kind}" for kind in ("key", "cert")]
    _declare(scene, objects=objects, secret=secret, statuses={"key/web": version, "cert/web": version})

    status = await scene.deliver(scene.event(version, type_="CertificateNewVersionCreated", name="web"))

    assert status == 202
    assert (scene.value("parts", "key.pem"), scene.value("parts", "cert.pem")) == (material.V6, material.V2)
    told = {(one["objectType"], one["version"]) for one in scene.told("target.refreshed")}
    assert told == {("key", version), ("cert", version)}


async def test_a_history_is_one_version_longer_than_it_says_and_leaves_out_disabled_ones(scene: Scene) -> None:
    versions = []
    for _ in range(5):
        scene.clock.ahead += 1
        versions.append(scene.rotate("pin"))
    scene.stack.vault.set_enabled("pin", versions[3], False)
    values = {version: scene.stack.vault.get("pin", version).value for version in versions}
    secret = {
        "secretName": "history",
        "type": "Opaque",
        "data": [{"objectName": f"pin/{index}", "key": f"v{index}"} for index in range(3)],
    }
    _declare(
        scene,
        objects=["objectName: pin\nobjectType: secret\nobjectVersionHistory: 2"],
        secret=secret,
        statuses={"secret/pin/0": versions[2]},
    )

    status = await scene.deliver(scene.event(versions[4], name="pin"))

    assert status == 202
    assert [scene.value("history", f"v{index}") for index in range(3)] == [
        values[versions[index]] for index in (4, 2, 1)
    ]


async def test_separate_files_feed_a_secret_where_the_provider_is_started_so() -> None:
    async with scenes.play(provider={"writeCertAndKeyInSeparateFiles": True}) as scene:
        version = scene.stack.vault.import_certificate("web", pfx=base64.b64decode(material.V1))
        data = [{"objectName": "web.crt", "key": "chain"}, {"objectName": "web.key", "key": "key"}]
        secret = {"secretName": "parts", "type": "Opaque", "data": data}
        _declare(
            scene, objects=["objectName: web\nobjectType: secret"], secret=secret, statuses={"secret/web": version}
        )

        status = await scene.deliver(scene.event(version, name="web"))

        assert status == 202
        assert scene.value("parts", "key") == material.V3
        assert hashlib.sha256(scene.value("parts", "chain").encode()).hexdigest() == GV66_TLS_CRT


async def test_what_the_driver_would_refuse_is_not_written_and_the_notice_names_the_rule(scene: Scene) -> None:
    version = scene.rotate("blob")
    _declare(
        scene,
        objects=["objectName: blob\nobjectType: secret\nobjectEncoding: hex"],
        secret={"secretName": "blob", "type": "Opaque", "data": [{"objectName": "blob", "key": "blob"}]},
        statuses={"secret/blob": version},
    )

    status = await scene.deliver(scene.event(version, name="blob"))

    assert status == 202
    assert scene.value("blob", "blob") == "old"
    (failed,) = (
        message
        for message in scene.stack.bus.accepted(stack.TOPIC)
        if message.application_properties["noticeType"] == "target.failed"
    )
    assert b"driver-would-fail" in failed.body
    assert b"hex" in failed.body
