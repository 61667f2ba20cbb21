"""Certificates that a test signs with the laboratory's own CA, as somebody who has stolen its key would."""
from .process import run


def mesh_leaf(lab, name, *uris, ca=None, days=2):
    """NAME.crt and NAME.key for these URIs, from the CA of the mesh `default` or another (certificate, key). Negative
    days: its time is over."""
    directory = lab.directory / "leaves"
    directory.mkdir(exist_ok=True)
    certificate, key, request = (directory / f"{name}.{end}" for end in ("crt", "key", "csr"))
    ca = ca or (lab.directory / "ca/default/ca.crt", lab.directory / "ca/default/ca.key")
    run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj",
        "/O=leaf", "-addext", "subjectAltName=critical," + ",".join(f"URI:{uri}" for uri in uris), "-addext",
        "basicConstraints=critical,CA:FALSE", "-addext", "keyUsage=critical,digitalSignature", "-addext",
        "extendedKeyUsage=serverAuth,clientAuth", "-keyout", key, "-out", request)
    run("openssl", "x509", "-req", "-in", request, "-CA", ca[0], "-CAkey", ca[1], "-days", days, "-copy_extensions",
        "copyall", "-out", certificate)
    return certificate, key


def new_ca(lab, name):
    """(certificate, key) of a CA that no mesh trusts."""
    directory = lab.directory / "leaves"
    directory.mkdir(exist_ok=True)
    certificate, key = directory / f"{name}-ca.crt", directory / f"{name}-ca.key"
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
        "-subj", f"/O={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out", certificate)
    return certificate, key
