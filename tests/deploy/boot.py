"""The units as systemd really runs them: ``python -m tests.deploy.boot``.

Boots a machine (`tests/deploy/machine.py`), installs `deploy/` on it as `deploy/README.md` says, as
provider and as coordinator, and looks: do all units run, does a node's model worker keep all its
layers of isolation, can a hostile bundle reach what it must not, does a job run to its model? Needs
root, systemd, haproxy, openssl and ssh-keygen; takes a minute or two.
"""

import json
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.deploy.machine import Machine, can_boot, machine
from tests.deploy.units import COORDINATOR, PROVIDER
from tests.integration.region import tiny_job, write_share

HOUSE = Path(__file__).parents[2]
PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
SHOWN = {
    HOUSE: "/opt/house",
    Path(sys.base_prefix): "/opt/python",
    Path(sysconfig.get_path("purelib")): "/opt/packages",
    Path(sys.executable).parent: "/opt/scripts",
}
"""Not under /home or /root, which the units do not see."""
SITES = ("north", "east", "south", "west")
FEDERATION, RUNS = (f"/var/lib/synlearn-coordinator/{each}" for each in ("federation", "runs"))
AUTHORITY = "/srv/authority"
DOOR = "/run/synlearn-door/invitations.sock"

INSTALL = f"""
echo /opt/python/lib > /etc/ld.so.conf.d/00-python.conf
ldconfig
/opt/python/bin/{PYTHON} -m venv --without-pip /opt/synlearn
printf '/opt/house\\n/opt/packages\\n' > /opt/synlearn/lib/{PYTHON}/site-packages/house.pth
for script in /opt/scripts/{{synlearn,flower,flwr}}*; do
    sed '1s#.*#\\#!/opt/synlearn/bin/python#' $script > /opt/synlearn/bin/${{script##*/}}
done
chmod 755 /opt/synlearn/bin/*
cd /opt/house/deploy
cp -r systemd/*.service systemd/synlearn-.service.d /etc/systemd/system/
mkdir -p /etc/sysusers.d /etc/tmpfiles.d
cp systemd/sysusers.d/*.conf /etc/sysusers.d/
cp systemd/tmpfiles.d/*.conf /etc/tmpfiles.d/
mkdir /etc/synlearn
cp systemd/examples/*.env proxy/haproxy.cfg /etc/synlearn/
echo 'SYNLEARN_SUPERLINK=localhost:443' > /etc/synlearn/provider.env
systemd-sysusers
printf '[Service]\\nEnvironment=OMP_NUM_THREADS=1\\n' \\
    > /etc/systemd/system/synlearn-.service.d/99-house.conf

# Flower's certificates and secrets
./flower-certificates authority /srv/flower
./flower-certificates superlink /srv/flower
./flower-certificates proxy /srv/flower localhost
cp /srv/flower/{{flower-ca.crt,superlink.crt,superlink.key,proxy.pem}} /etc/synlearn/
ssh-keygen -q -t ecdsa -b 384 -N '' -f /etc/synlearn/supernode.key
head -c 32 /dev/urandom > /etc/synlearn/superexec.secret
head -c 32 /dev/urandom > /etc/synlearn/clientapp.secret
systemd-tmpfiles --create synlearn.conf
systemctl daemon-reload
"""


def main() -> int:
    """Boot, install, look; 0 where all is as it should be."""
    if not can_boot():
        print("needs root, systemd and nsenter")
        return 2
    with tempfile.TemporaryDirectory(prefix="boot") as place:
        folder = Path(place)
        folder.chmod(0o755)
        shared = folder / "shared"
        shared.mkdir()
        tiny_job(shared)
        for number, site in enumerate(SITES):
            write_share(shared / site, number, len(SITES))
        with machine(folder, SHOWN | {shared: "/mnt"}) as made:
            try:
                check(made)
            except BaseException:
                print(
                    made.run(
                        "journalctl",
                        "-n",
                        "400",
                        "-u",
                        "synlearn-*",
                        "--no-pager",
                        "-o",
                        "cat",
                        check=False,
                    )
                )
                raise
    return 0


def check(made: Machine) -> None:
    """Install everything, and look at it."""
    made.shell(INSTALL)
    said("installed")
    found_federation(made)
    said("a federation of four sites")
    made.run("systemctl", "start", *COORDINATOR, *PROVIDER)
    for site in SITES[1:]:
        another_node(made, site)
    until(lambda: online(made), "the SuperNode is online", made)
    said("all units are started")
    time.sleep(5)
    for unit in (*COORDINATOR, *PROVIDER):
        state, again = made.run("systemctl", "show", "-P", "ActiveState,NRestarts", unit).split()[
            ::-1
        ]
        # Only the SuperNode's first start may come before the coordinator has registered it.
        assert state == "active", unit
        assert again == "0" or unit == "synlearn-supernode", (unit, again)
    print(probe(made, "synlearn-node", "isolation"))
    print(probe(made, "synlearn-clientapp", "hostile"))
    print(probe(made, "synlearn-superexec", "hostile"))
    run_job(made)


def found_federation(made: Machine) -> None:
    """What the authority, the operator and the owners do."""
    command = "/opt/synlearn/bin/synlearn"
    made.shell(
        f"{command}-coordinator federation init {AUTHORITY} --name booted --host localhost",
        patience=120,
    )
    requests: list[str] = []
    marks: list[str] = []
    for site in SITES:
        home, data = f"/var/lib/synlearn-{'node' if site == 'north' else site}", f"/mnt/{site}"
        made.shell(
            f"install -d -m 700 -o synlearn-node -g synlearn-door {home}; chmod -R a+rX {data}"
        )
        door = DOOR.replace("door/", f"door-{site}/") if site != "north" else DOOR
        out = made.shell(
            f"""
            as() {{ runuser -u synlearn-node -g synlearn-door -- "$@"; }}
            as {command}-provider init --provider {site} --data {data} --same-labels --home {home}
            sed -i "s#^users = .*#users = [$(id -u synlearn-bridge)]\\npath = \\"{door}\\"#" {home}/node.toml
            echo 'profile = "open"' > {home}/policy.toml
            as {command}-provider request {home}/{site}.request --home {home} \\
                {"--supernode /etc/synlearn/supernode.key.pub" if site == "north" else ""}
            """,
            patience=240,
        )
        requests.append(f"{home}/{site}.request")
        marks += {line[12:] for line in out.splitlines() if line.startswith("Fingerprint ")}
    told = " ".join(f"--fingerprint '{mark}'" for mark in marks)
    made.shell(
        f"{command}-coordinator federation admit {AUTHORITY} {' '.join(requests)} {told} --out /srv",
        patience=120,
    )
    for site in SITES:
        home = f"/var/lib/synlearn-{'node' if site == 'north' else site}"
        made.shell(
            f"""
            key=$(cat {AUTHORITY}/authority.pub)
            install -m 600 -o synlearn-node /srv/{site}.admission {home}/
            runuser -u synlearn-node -g synlearn-door -- {command}-provider enrol \\
                {home}/{site}.admission --authority $key --home {home}
            """,
            patience=120,
        )
    made.shell(
        f"""
        install -d -m 700 -o synlearn-coordinator -g synlearn-call /var/lib/synlearn-coordinator
        cp -r {AUTHORITY} {FEDERATION}
        rm -r {FEDERATION}/authority
        printf 'sockets = "/run/synlearn-call"\\n[flower]\\nsuperlink = "127.0.0.1:8000"\\n' \\
            >> {FEDERATION}/federation.toml
        printf 'root_certificates = "/etc/synlearn/flower-ca.crt"\\nusers = [%s]\\n' \\
            $(id -u synlearn-bridge) >> {FEDERATION}/federation.toml
        chown -R synlearn-coordinator:synlearn-call /var/lib/synlearn-coordinator
        """
    )


def another_node(made: Machine, site: str) -> None:
    """A node of another site on the same machine, under a copy of the unit."""
    unit = f"/etc/systemd/system/synlearn-{site}.service"
    made.shell(
        f"""
        sed 's#synlearn-node$#synlearn-{site}#; s#=synlearn-door$#=synlearn-door-{site}#
             s#^User=.*#User=synlearn-node#; s#^Group=.*#Group=synlearn-door#' \\
            /etc/systemd/system/synlearn-node.service > {unit}
        systemctl daemon-reload
        systemctl start synlearn-{site}
        """
    )


def online(made: Machine) -> bool:
    """Whether the SuperLink has taken in the SuperNode."""
    log = made.run("journalctl", "-u", "synlearn-supernode", "-o", "cat", "--no-pager")
    return "SuperNode ID:" in log


def probe(made: Machine, unit: str, name: str) -> str:
    """Run `tests/deploy/probes.py` in the place of a unit's command, shut in as the unit is."""
    path = f"/etc/systemd/system/{unit}-probe.service"
    made.shell(
        f"""
        python3 - <<'END'
        import re
        text = open("/etc/systemd/system/{unit}.service").read()
        run = "ExecStart=/opt/synlearn/bin/python -m tests.deploy.probes {name}\\n"
        text = re.sub(r"ExecStart=(.*\\\\\\n)*.*\\n", run, text)
        text = re.sub(r"(Type|Restart\\w*|RuntimeDirectory\\w*)=.*\\n", "", text)
        open("{path}", "w").write(text.replace("[Service]", "[Service]\\nType=oneshot\\nStandardOutput=journal"))
        END
        systemctl daemon-reload
        systemctl start {unit}-probe || true
        """.replace("\n        ", "\n"),
        patience=180,
    )
    log = made.run("journalctl", "-u", f"{unit}-probe", "-o", "cat", "--no-pager")
    result = made.run("systemctl", "show", "-P", "Result", f"{unit}-probe").strip()
    assert result == "success", log
    return log


def run_job(made: Machine) -> None:
    """A job: one site is invited by Flower, three by hand; its model is there in the end."""
    operator = (
        "runuser -u synlearn-coordinator -g synlearn-call -- /opt/synlearn/bin/synlearn-coordinator"
    )
    owner = "runuser -u synlearn-node -g synlearn-door -- /opt/synlearn/bin/synlearn-provider"
    made.shell(
        f"chmod -R a+rX /mnt; {operator} run /mnt/grouped.toml --name first --federation {FEDERATION} --detach",
        patience=120,
    )
    until(
        lambda: (
            "invited"
            in made.run("bash", "-c", f"{owner} status --json --home /var/lib/synlearn-node")
        ),
        "Flower has brought the invitation",
        made,
    )
    said("Flower has brought an invitation to the door")
    for site in SITES:
        home = f"/var/lib/synlearn-{'node' if site == 'north' else site}"
        if site != "north":
            made.shell(
                f"install -m 600 -o synlearn-node {RUNS}/first/invitations/{site}.invitation {home}/ && {owner} invite {home}/{site}.invitation --home {home}"
            )
        job = json.loads(made.shell(f"{owner} status --json --home {home}"))["jobs"][0]["job"]
        made.shell(f"{owner} join {job} --yes --home {home}")
    until(lambda: status(made, operator) != "running", "the job ends", made, 300)
    assert status(made, operator) == "finished", made.shell(
        f"{operator} status first --federation {FEDERATION}"
    )
    said("a job has run to its model")


def status(made: Machine, operator: str) -> str:
    """How the job stands."""
    (told,) = json.loads(made.shell(f"{operator} status first --json --federation {FEDERATION}"))
    return str(told["state"])


def until(true: Callable[[], bool], what: str, made: Machine, patience: float = 120) -> None:
    """Look again and again."""
    end = time.monotonic() + patience
    while not true():
        assert time.monotonic() < end, f"not after {patience} s: {what}"
        time.sleep(1)


def said(what: str) -> None:
    """Say how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
