"""The Secrets Store CSI driver with its Azure provider, as pure functions.

In go a SecretProviderClass and what the vault answered; out come the exact bytes of the mounted files and of the
synced Secrets (csi-semantics 1 to 3 and 9).

    classes        a SecretProviderClass, read and checked as the provider does
    render         files and Secrets from the vault's answers

    parameters     `parameters`: identity switches, tenant, cloud, vault host
    objects        `objects`: the vault objects that a class lists
    goyaml         those documents as go-yaml decodes them; yamltree, scalars, pureyaml are its parts
    producers      which objects of a class may mount a file
    content        one version of a vault object -> the bytes of its files
    tls            a mounted file -> tls.crt and tls.key
    chain          the order of a certificate chain
    certificate    what Go's X.509 parser accepts; extensions, uri are its parts
    pfx            PKCS#12 in file order; pbe, rc2 open what is encrypted
    private_keys   private keys as Go parses them
    keys           keys as Go writes them
    pem, der, golang   Go's encodings and text rules

No I/O, no clock, no logging, no Azure and no Kubernetes library is in these rooms.
"""
