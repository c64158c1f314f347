"""The vault's edge against the devstack's vault: what is read, and what is asked for it.

What failures mean is in test_vault_outcomes; answers that no vault would give are in test_vault_answers. Not here: the
service's own wording, and whether it behaves as the devstack does.
"""

import ssl

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from devstack.clock import ManualClock
from devstack.identity import Issuer
from devstack.keyvault import Denial
from devstack.keyvault import KeyVault as LocalVault
from shared.edges.vault import KeyVault
from shared.errors import ConfigurationError
from shared.model import CertificateMaterial, KeyMaterial, ObjectType, SecretMaterial, SecretValue, VaultRead
from shared.observed import Claim
from shared.reason import Reason
from tests.edges.certificates import build_certificate

SECRET = VaultRead(type=ObjectType.SECRET, name="db")


def make_versions(local: LocalVault, clock: ManualClock, count: int) -> list[str]:
    """Make versions of the secret, a second apart, and return their ids, newest first."""
    versions: list[str] = []
    for number in range(count):
        versions.insert(0, local.set_secret("db", f"value-{number}"))
        clock.advance(1)
    return versions


async def test_the_newest_version_is_read_with_its_properties_and_tags(local: LocalVault, vault: KeyVault) -> None:
    """The tags carry the owner's grant, the content type tells how bytes are encoded."""
    local.set_secret("db", "old")
    version = local.set_secret("db", "pl€in", tags={"keyvault-fanout-allow": "*/shop"}, content_type="text/plain")

    answer = await vault.read(SECRET)

    assert answer.materials == (
        SecretMaterial(version=version, value=SecretValue("pl€in".encode()), content_type="text/plain", key_id=None),
    )
    assert answer.tags == {"keyvault-fanout-allow": "*/shop"}
    assert answer.created is not None
    assert answer.created.timestamp() == local.get("db").created


async def test_a_pinned_version_is_read_although_a_newer_one_exists(local: LocalVault, vault: KeyVault) -> None:
    """One request, for exactly that version."""
    pinned = local.set_secret("db", "old")
    local.set_secret("db", "new")

    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name="db", version=pinned))

    assert answer.version == pinned
    assert answer.materials[0] == SecretMaterial(version=pinned, value=SecretValue(b"old"))
    assert [(seen.operation, seen.version) for seen in local.reads] == [("get", pinned)]


async def test_an_empty_value_is_a_value(local: LocalVault, vault: KeyVault) -> None:
    """Nothing but its absence is refused."""
    local.set_secret("db", "")

    answer = await vault.read(SECRET)

    assert answer.materials[0] == SecretMaterial(version=answer.version, value=SecretValue(b""))


@pytest.mark.parametrize(("wanted", "read"), [(2, 3), (3, 4), (9, 5)])
async def test_a_history_is_one_version_more_than_asked_for_newest_first(
    local: LocalVault, vault: KeyVault, clock: ManualClock, wanted: int, read: int
) -> None:
    """As the provider does it (csi-semantics 2.8); a shorter history is read whole."""
    versions = make_versions(local, clock, 5)

    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name="db", history=wanted))

    assert [material.version for material in answer.materials] == versions[:read]


async def test_a_history_leaves_disabled_versions_out(local: LocalVault, vault: KeyVault, clock: ManualClock) -> None:
    """Also when the newest is the disabled one."""
    versions = make_versions(local, clock, 4)
    for disabled in (0, 2):
        local.set_enabled("db", versions[disabled], enabled=False)

    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name="db", history=2))

    assert [material.version for material in answer.materials] == [versions[1], versions[3]]


async def test_a_history_that_begins_at_a_pin_leaves_newer_versions_out(
    local: LocalVault, vault: KeyVault, clock: ManualClock
) -> None:
    """The pin is the newest of its history."""
    versions = make_versions(local, clock, 5)

    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name="db", version=versions[1], history=2))

    assert [material.version for material in answer.materials] == versions[1:4]


async def test_a_history_longer_than_one_page_is_listed_to_its_end(
    local: LocalVault, vault: KeyVault, clock: ManualClock
) -> None:
    """A page holds 25 versions, in an order that says nothing of their age."""
    versions = make_versions(local, clock, 60)

    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name="db", history=2))

    assert [material.version for material in answer.materials] == versions[:3]
    assert sum(seen.operation == "list versions" for seen in local.reads) == 3


async def test_a_history_of_an_unknown_object_is_empty(vault: KeyVault) -> None:
    """The service lists nothing instead of answering 404."""
    answer = await vault.read(VaultRead(type=ObjectType.SECRET, name="absent", history=2))

    assert (answer.materials, answer.version, answer.tags) == ((), "", {})


@pytest.mark.parametrize(
    ("key", "members"),
    [
        pytest.param(ec.generate_private_key(ec.SECP256R1()).public_key(), {"kty", "crv", "x", "y"}, id="EC"),
        pytest.param(rsa.generate_private_key(65537, 2048).public_key(), {"kty", "n", "e"}, id="RSA"),
    ],
)
async def test_a_key_is_read_as_the_public_members_of_its_jwk(
    local: LocalVault, vault: KeyVault, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey, members: set[str]
) -> None:
    """The members are the text that the vault sent, base64url without padding."""
    version = local.set_key("signing", key)

    answer = await vault.read(VaultRead(type=ObjectType.KEY, name="signing"))

    sent = local.get("signing", kind="key").jwk
    assert answer.materials == (KeyMaterial(version=version, jwk={member: str(sent[member]) for member in members}),)


async def test_a_certificate_is_read_as_der_and_its_secret_names_its_key(local: LocalVault, vault: KeyVault) -> None:
    """Three objects of one name and one version."""
    certificate = build_certificate("www.shop.example")
    version = local.import_certificate("www", pem=certificate.pem, tags={"team": "shop"})

    cert = await vault.read(VaultRead(type=ObjectType.CERT, name="www"))
    secret = await vault.read(VaultRead(type=ObjectType.SECRET, name="www"))
    pinned = await vault.read(VaultRead(type=ObjectType.CERT, name="www", version=version))

    assert cert.materials == pinned.materials == (CertificateMaterial(version=version, der=certificate.der),)
    assert cert.tags == {"team": "shop"}
    assert secret.materials == (
        SecretMaterial(
            version=version,
            value=SecretValue(certificate.pem.encode()),
            content_type="application/x-pem-file",
            key_id=local.object_url("www", version, kind="key"),
        ),
    )


@pytest.mark.parametrize("kind", [ObjectType.KEY, ObjectType.CERT])
async def test_keys_and_certificates_have_histories_too(
    local: LocalVault, vault: KeyVault, clock: ManualClock, kind: ObjectType
) -> None:
    """The same selection over another list."""
    certificate = build_certificate("www.shop.example")
    versions: list[str] = []
    for _ in range(4):
        versions.insert(0, local.import_certificate("www", pem=certificate.pem))
        clock.advance(1)

    answer = await vault.read(VaultRead(type=kind, name="www", history=2))

    assert [material.version for material in answer.materials] == versions[:3]


async def test_every_read_asks_the_vault_anew(local: LocalVault, vault: KeyVault) -> None:
    """A read that a write depends on has to begin after the Secret was read (design 2.1)."""
    local.set_secret("db", "old")
    await vault.read(SECRET)
    local.set_secret("db", "new")

    answer = await vault.read(SECRET)

    assert answer.materials[0] == SecretMaterial(version=answer.version, value=SecretValue(b"new"))
    assert len(local.reads) == 2


async def test_a_version_that_was_read_is_confirmed_without_a_request(local: LocalVault, vault: KeyVault) -> None:
    """A version id is never given to anything else, so knowing it once is knowing it."""
    version = local.set_secret("db", "value")
    await vault.read(SECRET)
    local.clear_reads()

    confirmed = await vault.confirms(Claim(type=ObjectType.SECRET, name="db", versions=frozenset({version, "x"})))

    assert confirmed
    assert local.reads == ()


async def test_an_unknown_version_costs_one_list_without_values(
    local: LocalVault, vault: KeyVault, clock: ManualClock
) -> None:
    """What the list shows is known from then on."""
    older, oldest = make_versions(local, clock, 3)[1:]
    asked = [Claim(type=ObjectType.SECRET, name="db", versions=frozenset({version})) for version in (older, oldest)]

    confirmed = [await vault.confirms(claim) for claim in asked]

    assert confirmed == [True, True]
    assert [seen.operation for seen in local.reads] == ["list versions"]


async def test_a_version_of_another_vault_is_not_confirmed(
    local: LocalVault, vault: KeyVault, tls: ssl.SSLContext, issuer: Issuer
) -> None:
    """A pod status does not say which vault it speaks of, so the same name elsewhere grants nothing."""
    local.set_secret("db", "value")
    async with LocalVault(name="kv-other", tls=tls, issuer=issuer) as other:
        foreign = other.set_secret("db", "value")

        confirmed = await vault.confirms(Claim(type=ObjectType.SECRET, name="db", versions=frozenset({foreign})))

    assert not confirmed


async def test_the_same_version_of_another_type_is_not_confirmed(local: LocalVault, vault: KeyVault) -> None:
    """What is known of secrets says nothing of keys."""
    version = local.set_secret("db", "value")
    await vault.read(SECRET)

    confirmed = await vault.confirms(Claim(type=ObjectType.KEY, name="db", versions=frozenset({version})))

    assert not confirmed


async def test_a_claim_is_refused_with_the_vaults_refusal(local: LocalVault, vault: KeyVault) -> None:
    """Not being allowed to list is not the same as knowing better."""
    local.rights = lambda _, request: Denial.RBAC if request.operation == "list versions" else None

    with pytest.raises(ConfigurationError) as caught:
        await vault.confirms(Claim(type=ObjectType.SECRET, name="db", versions=frozenset({"x"})))

    assert caught.value.reason is Reason.VAULT_FORBIDDEN
