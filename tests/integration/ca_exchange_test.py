"""The CA is exchanged under live traffic: nothing is cut, new handshakes use the new CA, bad files change nothing."""
import case
from case import TwoNodes, run, wait_for


class CaExchange(TwoNodes):
    lab_name = "caex"
    settings = {"limits.reconcile": "300ms"}

    def serial(self, instance):
        rows = instance.json("certs")["certificates"]
        return next(row["serial"] for row in rows if not row.get("authority"))

    def new_ca(self, name):
        """A CA as an operator would make it; returns the paths of key and certificate."""
        key, certificate = self.lab.directory / f"{name}.key", self.lab.directory / f"{name}.crt"
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
            "30", "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-keyout", key, "-out",
            certificate)
        key.chmod(0o600)
        return key, certificate

    def replace(self, source, target):
        partial = target.with_name(f".{target.name}.tmp")
        partial.write_bytes(source.read_bytes())
        partial.chmod(0o600)
        partial.rename(target)

    def wait_for_new_serials(self, before):
        wait_for(lambda: all(self.serial(i) != old for i, old in before.items()), "new certificates on both nodes")

    def test_exchange_cuts_nothing_and_bad_files_keep_the_last_good_ca(self):
        held = self.hold("neighbour", "held-exchange")
        directory = self.lab.directory / "ca" / "default"
        first = (directory / "ca.crt").read_bytes()
        key, certificate = self.new_ca("second")

        before = {i: self.serial(i) for i in (self.a, self.b)}
        self.replace(certificate, directory / "ca-next.crt")
        self.wait_for_new_serials(before)
        self.assert_served()

        before = {i: self.serial(i) for i in (self.a, self.b)}
        (directory / "ca-old.crt").write_bytes(first)
        self.replace(key, directory / "ca.key")  # does not fit the certificate yet: the last good CA stays
        for instance in (self.a, self.b):
            wait_for(lambda i=instance: any("does not belong" in p for p in i.status()["problems"]), "the complaint")
        self.assert_served()
        self.assertEqual({i: self.serial(i) for i in (self.a, self.b)}, before)
        self.replace(certificate, directory / "ca.crt")
        self.wait_for_new_serials(before)
        for instance in (self.a, self.b):
            instance.wait_ready()
        self.assert_served()

        before = {i: self.serial(i) for i in (self.a, self.b)}
        (directory / "ca-old.crt").unlink()
        self.wait_for_new_serials(before)
        self.assert_served()
        self.assert_alive(held)


if __name__ == "__main__":
    case.main()
