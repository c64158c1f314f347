"""`parameters` (csi-semantics 1.2, 1.3 and vectors 6.1); what fails a mount is in the golden file as well."""

import pytest

from shared.csi.classes import Provider
from shared.errors import DriverWouldFail
from tests.unit.csi import build


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("", "testkv.vault.azure.net"),
        ("AZUREPUBLICCLOUD", "testkv.vault.azure.net"),
        ("AzureCloud", "testkv.vault.azure.net"),
        ("AZURECHINACLOUD", "testkv.vault.azure.cn"),
        ("AZUREGERMANCLOUD", "testkv.vault.microsoftazure.de"),
        ("AZUREUSGOVERNMENTCLOUD", "testkv.vault.usgovcloudapi.net"),
        (" azureUSGovernment\n", "testkv.vault.usgovcloudapi.net"),
    ],
)
def test_the_cloud_decides_the_vaults_host(cloud: str, host: str) -> None:
    cls = build.parse(build.item("a"), parameters={"keyvaultName": "testkv", "cloudName": cloud})
    assert cls.vault_host == host


def test_the_providers_flag_names_the_cloud_of_classes_that_name_none() -> None:
    provider = Provider(cloud="AzureChinaCloud")
    assert build.parse(build.item("a"), provider=provider).vault_host == "kv-test.vault.azure.cn"
    other = build.parse(build.item("a"), parameters={"cloudName": "AzurePublicCloud"}, provider=provider)
    assert other.vault_host == "kv-test.vault.azure.net"


def test_the_suffix_of_azure_stack_is_a_setting() -> None:
    parameters = {"cloudName": "AzureStackCloud"}
    with pytest.raises(DriverWouldFail, match=r"team/orders.*AzureStackCloud"):
        build.parse(build.item("a"), parameters=parameters)
    provider = Provider(azure_stack_suffix="vault.local.azurestack.external")
    cls = build.parse(build.item("a"), parameters=parameters, provider=provider)
    assert cls.vault_host == "kv-test.vault.local.azurestack.external"


def test_the_vaults_name_is_kept_in_lower_case() -> None:
    assert build.parse(build.item("a"), parameters={"keyvaultName": " KV-One "}).vault == "kv-one"


@pytest.mark.parametrize(
    ("parameters", "rule"),
    [
        ({"usePodIdentity": "yes", "keyvaultName": ""}, "usePodIdentity"),
        ({"useVMManagedIdentity": "tRUE", "useAzureTokenProxy": "x"}, "useVMManagedIdentity"),
        ({"usePodIdentity": "1", "useVMManagedIdentity": "1", "keyvaultName": ""}, "only one"),
        ({"keyvaultName": "", "tenantID": ""}, "keyvaultName"),
        ({"tenantID": "", "cloudName": "x"}, "tenantID"),
        ({"cloudName": "x", "objects": ""}, "cloudName"),
        ({"useAzureTokenProxy": "true", "objects": ""}, "clientID"),
        ({"objects": " ", "keyvaultName": "k"}, "objects is not set"),
        ({"objects": "invalid", "keyvaultName": "k"}, "objects:"),
        ({"keyvaultName": "k"}, "keyvaultName 'k'"),
    ],
)
def test_the_first_broken_rule_in_the_providers_order_is_named(parameters: dict[str, str], rule: str) -> None:
    with pytest.raises(DriverWouldFail, match=rule) as caught:
        build.parse(build.item("a"), parameters=parameters)
    assert str(caught.value).startswith("SecretProviderClass team/orders: ")


def test_a_class_without_objects_fails_before_its_vaults_name_is_looked_at() -> None:
    with pytest.raises(DriverWouldFail, match="lists nothing"):
        build.parse(parameters={"keyvaultName": "k", "objects": "array: []"})
