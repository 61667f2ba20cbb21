"""Namespaces and wires of a lab.

Node K (1, 2) is a namespace; nodes are joined by a veth with 10.77.0.K/24 and fd77::K/64. A workload is a namespace
behind its node, routed: 10.77.K.N/32 and fd77:K::N/128, gateway 169.254.77.1 and fe80::77 on the node's end.
"""
import pathlib

from .process import LabError, run, wait_for

NETNS = pathlib.Path("/run/netns")


def add_namespace(name):
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")
    return NETNS / name


def delete_namespaces(prefix):
    for entry in sorted(NETNS.glob(prefix + "*")) if NETNS.is_dir() else []:
        run("ip", "netns", "delete", entry.name)


def inside(namespace, *args):
    """The command line that runs args in a network namespace, keeping /sys (ip netns exec would hide it)."""
    return ["nsenter", f"--net={NETNS / namespace}", *[str(a) for a in args]]


def sysctl(namespace, key, value):
    run(*inside(namespace, "sysctl", "-qw", f"{key}={value}"))


def add_node(name, number):
    add_namespace(name)
    for key in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        sysctl(name, key, 1)
    return number


def join_nodes(first, second):
    run("ip", "-n", first, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", second)
    for number, node in ((1, first), (2, second)):
        run("ip", "-n", node, "addr", "add", f"10.77.0.{number}/24", "dev", "wire")
        run("ip", "-n", node, "-6", "addr", "add", f"fd77::{number}/64", "dev", "wire", "nodad")
        run("ip", "-n", node, "link", "set", "wire", "up")
    for number, node in ((2, first), (1, second)):
        run("ip", "-n", node, "route", "add", f"10.77.{number}.0/24", "via", f"10.77.0.{number}")
        run("ip", "-n", node, "-6", "route", "add", f"fd77:{number}::/64", "via", f"fd77::{number}")


def add_workload(node, node_number, name, number):
    """A workload's namespace with one wire to its node; returns (ipv4, ipv6)."""
    if not 1 < number < 255:
        raise LabError("workload numbers run from 2 to 254")
    v4, v6 = f"10.77.{node_number}.{number}", f"fd77:{node_number}::{number:x}"
    add_namespace(name)
    host_side = f"w{number}"
    run("ip", "-n", node, "link", "add", host_side, "type", "veth", "peer", "name", "eth0", "netns", name)
    run("ip", "-n", node, "addr", "add", "169.254.77.1/32", "dev", host_side)
    run("ip", "-n", node, "-6", "addr", "add", "fe80::77/64", "dev", host_side, "nodad")
    run("ip", "-n", node, "link", "set", host_side, "up")
    run("ip", "-n", name, "addr", "add", f"{v4}/32", "dev", "eth0")
    run("ip", "-n", name, "-6", "addr", "add", f"{v6}/128", "dev", "eth0", "nodad")
    run("ip", "-n", name, "link", "set", "eth0", "up")
    run("ip", "-n", name, "route", "add", "169.254.77.1", "dev", "eth0", "scope", "link")
    run("ip", "-n", name, "route", "add", "default", "via", "169.254.77.1", "dev", "eth0", "src", v4)
    run("ip", "-n", name, "-6", "route", "add", "default", "via", "fe80::77", "dev", "eth0", "src", v6)
    run("ip", "-n", node, "route", "add", f"{v4}/32", "dev", host_side)
    run("ip", "-n", node, "-6", "route", "add", f"{v6}/128", "dev", host_side)
    return v4, v6


def snapshot(namespace):
    """Rules, routes and marks-related settings of a namespace, to compare before and after.

    Waits until duplicate address detection is through: the kernel adds a link-local address's routes only then.
    """
    wait_for(lambda: not run("ip", "-n", namespace, "-6", "addr", "show", "tentative").stdout.strip(),
             f"the addresses of {namespace} to settle")
    parts = [run("ip", "-n", namespace, *family, what, "show", *table).stdout
             for family in ((), ("-6",)) for what, table in (("rule", ()), ("route", ("table", "all")))]
    for key in ("net.ipv4.tcp_fwmark_accept", "net.ipv4.fwmark_reflect", "net.ipv6.fwmark_reflect",
                "net.ipv4.ip_local_reserved_ports"):
        parts.append(run(*inside(namespace, "sysctl", key)).stdout)
    return "".join(parts)
