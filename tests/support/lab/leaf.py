"""Certificates that a test signs with the laboratory's own CA, as somebody who has stolen its key would."""
from .process import run


def mesh_leaf(lab, name, *uris, ca=None):
    """NAME.crt and NAME.key for these URIs, from the CA of the mesh `default` or another (certificate, key)."""
    directory = lab.directory / "leaves"
    directory.mkdir(exist_ok=True)
    certificate, key = directory / f"{name}.crt", directory / f"{name}.key"
    ca = ca or (lab.directory / "ca/default/ca.crt", lab.directory / "ca/default/ca.key")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", "/O=leaf", "-addext", "subjectAltName=critical," + ",".join(f"URI:{uri}" for uri in uris), "-addext",
        "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature", "-addext",
        "extendedKeyUsage=serverAuth,clientAuth", "-CA", ca[0], "-CAkey", ca[1], "-keyout", key, "-out", certificate)
    return certificate, key


def new_ca(lab, name):
    """(certificate, key) of a CA that no mesh trusts."""
    directory = lab.directory / "leaves"
    directory.mkdir(exist_ok=True)
    certificate, key = directory / f"{name}-ca.crt", directory / f"{name}-ca.key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/O={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out", certificate)
    return certificate, key
