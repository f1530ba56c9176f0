"""Which test notices when a guard of the session is missing: of the handshake, and of jobs that are
kept apart at one port. ``python -m tests.attacks.session_guards``.

As `guards.py` does for secure aggregation; takes a minute.
"""

import sys

from tests.attacks.guard_runner import Guard, try_all

ATTACKS = "tests/attacks/test_session_attacks.py"
HANDSHAKE = "tests/attacks/test_handshake_attacks.py"
NODE = "tests/provider/test_session.py"

SESSION_GUARDS = (
    Guard(
        "the identity's signature",
        "coordinator/session_stream.py",
        " or not verifier.holds(self.hello, self._challenge, frame):",
        ":",
        (HANDSHAKE, "stolen_together"),
    ),
    Guard(
        "a nonce for every stream",
        "coordinator/session_stream.py",
        "f.Challenge(fresh(f.NONCE_BYTES))",
        "f.Challenge(bytes(f.NONCE_BYTES))",
        (HANDSHAKE, "replayed"),
    ),
    Guard(
        "the nonce in what is signed",
        "protocols/proof.py",
        '            "nonce": octets(challenge.nonce),\n',
        "",
        (HANDSHAKE, "replayed"),
    ),
    Guard(
        "the coordinator's key in what is signed",
        "protocols/proof.py",
        '            "coordinator": octets(coordinator),\n',
        "",
        (HANDSHAKE, "passed_on"),
    ),
    Guard(
        "the last acknowledged id in what is signed",
        "protocols/proof.py",
        '"" if hello.acknowledged is None else str(hello.acknowledged)',
        '""',
        (HANDSHAKE, "another_acknowledgement"),
    ),
    Guard(
        "nothing but a proof before the Welcome",
        "protocols/session_rules.py",
        "    Stage.PROVING: frozenset({f.Proof, f.Goodbye, f.Error}),\n",
        "    Stage.PROVING: frozenset({f.Proof, f.Heartbeat, f.Answer, f.Goodbye, f.Error}),\n",
        (HANDSHAKE, "without_its_proof"),
    ),
    Guard(
        "an older stream stands until the proof",
        "coordinator/session_desk.py",
        "        return self._admission.admit(hello, stream.peer)\n",
        "        verifier = self._admission.admit(hello, stream.peer)\n"
        "        if hello.provider in self._streams:\n"
        "            self._streams[hello.provider].replace()\n"
        "        return verifier\n",
        (HANDSHAKE, "stolen_together"),
    ),
    Guard(
        "the roster in force, not that of the start",
        "coordinator/authority/current_roster.py",
        "            if paths != self._seen:\n",
        "            if False:\n",
        ("tests/integration/test_renewal.py", "revoked_in_the_middle"),
    ),
    Guard(
        "those who were let in are looked at again",
        "coordinator/session_desk.py",
        "                stream.expel(denied)\n",
        "                pass\n",
        (HANDSHAKE, "that_stays"),
    ),
    Guard(
        "a roster that the authority signed",
        "coordinator/authority/current_roster.py",
        "        accepted = accept_chain(new, authority=self._folder.public, current=before)\n",
        "        accepted = [Roster.decode(link.body) for link in new]\n",
        ("tests/coordinator/authority/test_current_roster.py", "did_not_sign"),
    ),
    Guard(
        "a node that wants a challenge",
        "protocols/session_rules.py",
        "    Stage.GREETING: frozenset({f.Challenge, f.Goodbye, f.Error}),\n",
        "    Stage.GREETING: frozenset({f.Challenge, f.Welcome, f.Goodbye, f.Error}),\n",
        (NODE, "posed_once"),
    ),
    Guard(
        "one version at both ends",
        "protocols/framing.py",
        "    if version != f.VERSION:\n",
        "    if False:\n",
        (NODE, "another_version"),
    ),
    Guard(
        "certificates of clients",
        "coordinator/tls.py",
        "            require_client_auth=self.client_authority is not None,\n",
        "            require_client_auth=False,\n",
        (HANDSHAKE, "member_without_a_certificate"),
    ),
    Guard(
        "a key that is the certificate's",
        "coordinator/tls.py",
        "            check_pair(texts.certificate, texts.key)\n",
        "",
        ("tests/coordinator/test_tls.py", "half_a_renewal"),
    ),
    Guard(
        "no plaintext where there is a ca",
        "provider/connections.py",
        "    if tls is None:\n",
        "    if tls is None or True:\n",
        (HANDSHAKE, "by_who_listens"),
    ),
    Guard(
        "a stream goes to the job it names",
        "coordinator/session_port.py",
        "self._jobs.get(job), job in self._expected",
        "next(iter(self._jobs.values()), None), job in self._expected",
        (ATTACKS, "token_of_one_job"),
    ),
    Guard(
        "files are those of the job",
        "coordinator/session_port.py",
        "admission, blobs, self.limits",
        "admission, next(iter(self._jobs.values())).desk.blobs if self._jobs else blobs, "
        "self.limits",
        (ATTACKS, "file_of_another_job"),
    ),
    Guard(
        "every stream is admitted",
        "coordinator/session_desk.py",
        "        return self._admission.admit(hello, stream.peer)\n",
        "        return None\n",
        (ATTACKS, "token_of_one_job"),
    ),
    Guard(
        "one Hello on a stream",
        "protocols/session_rules.py",
        "{f.Answer, f.Refusal, f.Pending, f.BlobRequest,",
        "{f.Hello, f.Answer, f.Refusal, f.Pending, f.BlobRequest,",
        (ATTACKS, "second_hello"),
    ),
    Guard(
        "an answer is to a question of its stream",
        "protocols/session_rules.py",
        "        if frame.query not in self.open:\n",
        "        if False:\n",
        (ATTACKS, "question_of_another_job"),
    ),
)


if __name__ == "__main__":
    sys.exit(try_all(SESSION_GUARDS, ("protocols", "coordinator", "provider")))
