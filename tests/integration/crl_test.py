"""CRL files that `openssl ca` writes: live connections of a listed certificate end within a second, the file may go bad
or out of date, and neighbours live on."""
import pathlib
import time

import case
from case import TwoNodes, run, wait_for

CONFIG = """
[ca]
default_ca = mesh
[mesh]
database = {0}/index.txt
crlnumber = {0}/crlnumber
certificate = {1}/ca.crt
private_key = {1}/ca.key
default_md = sha256
default_crl_days = 2
"""


class CrlFiles(TwoNodes):
    lab_name = "crl"
    file = pathlib.Path("/run/sluice-lab") / lab_name / "mesh.crl"
    settings = {"identity.crl_files": str(file), "limits.reconcile": "30s"}

    @classmethod
    def documents(cls):
        """Called before the daemons start: the CA and its first CRL are there already."""
        cls.database = cls.lab.directory / "openssl"
        if not cls.database.exists():
            cls.make_ca(cls.database, cls.lab.directory / "ca/default")
            cls.write(cls.list())
        return super().documents()

    @staticmethod
    def make_ca(database, directory):
        database.mkdir()
        directory.mkdir(parents=True)
        (database / "index.txt.attr").write_text("unique_subject = no\n")
        (database / "crlnumber").write_text("01\n")
        (database / "openssl.cnf").write_text(CONFIG.format(database, directory))
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/O=the operator's own/CN=mesh CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            "-keyout", directory / "ca.key", "-out", directory / "ca.crt")
        (directory / "ca.key").chmod(0o600)

    @classmethod
    def write(cls, path):
        path.rename(cls.file)

    @classmethod
    def list(cls, *serials, der=False, options=()):
        """A CRL of the mesh's CA over these serials, as the CA's operator makes it."""
        row = "R\t351231235959Z\t250101000000Z\t{}\tunknown\t/CN=workload\n"
        (cls.database / "index.txt").write_text("".join(row.format(serial) for serial in serials))
        crl = cls.database / "new.crl"
        run("openssl", "ca", "-config", cls.database / "openssl.cnf", "-gencrl", "-out", crl, *options)
        if der:
            run("openssl", "crl", "-in", crl, "-outform", "DER", "-out", cls.database / "new.der")
            return cls.database / "new.der"
        return crl

    def problems(self, instance, text):
        return [problem for problem in instance.status()["problems"] if text in problem]

    def serial(self, workload):
        rows = self.a.json("certs")["certificates"]
        return next((row["serial"] for row in rows if row["workload"] == workload), None)

    def assert_ends(self, held):
        begin = time.monotonic()
        wait_for(lambda: "ended" in held.read_text(), "the revoked connection to end")
        self.assertLess(time.monotonic() - begin, 1.0)

    def check_listed_certificate(self, der):
        self.assert_served()
        revoked, kept = self.hold("client", f"held-{der}"), self.hold("neighbour", f"held-beside-{der}")
        before = self.serial("client-1")
        self.write(self.list(before, der=der))
        self.assert_ends(revoked)
        wait_for(lambda: "tls_revoked" in self.b.log.read_text(), "the line that tells of it")
        wait_for(lambda: self.serial("client-1") not in (None, before), "another certificate")
        wait_for(lambda: self.curl("client").returncode == 0, "the new certificate to serve")
        self.assert_alive(kept)
        self.assertEqual([], self.problems(self.b, "crl"))
        rows = self.b.json("check")["checks"]
        self.assertEqual(["1 in force, 1 certificates"],
                         [row["found"] for row in rows if row["check"] == "revocation lists"])

    def test_1_live_connections_of_a_listed_certificate_end(self):
        self.check_listed_certificate(der=False)

    def test_2_der_does_as_well(self):
        self.check_listed_certificate(der=True)

    def test_3_bad_file_leaves_the_last_good_one_in_force(self):
        revoked = self.hold("neighbour", "held-before-bad")
        self.write(self.list(self.serial("neighbour-1")))
        self.assert_ends(revoked)
        wait_for(lambda: self.curl("neighbour").returncode == 0, "another certificate to serve")
        kept = self.hold("neighbour", "held-bad")
        bad = self.database / "bad"
        bad.write_text("-----BEGIN X509 CRL-----\nnonsense\n")
        self.write(bad)
        wait_for(lambda: self.problems(self.b, "no readable CRL"), "the bad file to be told")
        self.assertTrue(self.problems(self.b, "the last good one stays in force"))
        self.assert_alive(kept)
        self.b.stop()
        self.b.start(ready=False)
        wait_for(lambda: self.b.status(check=False) and self.problems(self.b, "the last good one stays in force"),
                 "the last good list to be found after a restart", 20.0)
        wait_for(lambda: self.curl("neighbour").returncode == 0, "the restarted node to serve")
        self.write(self.list())
        self.b.wait_ready()

    def test_4_list_out_of_date_is_told_and_neighbours_live(self):
        kept = self.hold("neighbour", "held-late")
        self.write(self.list("0A", options=("-crlsec", 2)))
        wait_for(lambda: self.problems(self.b, "is out of date since"), "the list to go out of date")
        self.assert_served()
        self.assert_alive(kept)
        self.write(self.list())
        wait_for(lambda: self.b.status()["ready"], "the current list to be taken")

    def test_5_foreign_ca_revokes_nothing(self):
        kept = self.hold("client", "held-foreign")
        key, certificate = self.database / "other.key", self.database / "other.crt"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "2", "-subj", "/O=the operator's own/CN=mesh CA", "-keyout", key, "-out", certificate)
        self.write(self.list(self.serial("client-1"), options=("-cert", certificate, "-keyfile", key)))
        wait_for(lambda: self.problems(self.b, "the signature is not that of the CA"), "the forgery to be told")
        self.assert_served()
        self.assert_alive(kept)


if __name__ == "__main__":
    case.main()
